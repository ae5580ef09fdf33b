/* The public API: pictures in, features out. */
#include "support.h"

#include "engine/ways_cache.h"
#include "io/jpeg.h"

#include <selfsup/selfsup.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const small = "random:resnet18?width=4&size=16";

static uint8_t *make_pixels(int width, int height, unsigned seed) {
  uint8_t *pixels = malloc((size_t)width * (size_t)height * 3);
  assert_non_null(pixels);
  for (int i = 0; i < width * height * 3; i++) {
    seed = seed * 1664525u + 1013904223u;
    pixels[i] = (uint8_t)(seed >> 24);
  }
  return pixels;
}

static void test_features_do_not_depend_on_the_batch(void **state) {
  (void)state;
  ss_error error = {""};
  uint8_t *pixels[5];
  ss_picture pictures[5];
  for (int i = 0; i < 5; i++) {
    pixels[i] = make_pixels(20 + i, 30 - i, (unsigned)i);
    pictures[i] = (ss_picture){20 + i, 30 - i, pixels[i]};
  }
  ss_encoder *one = NULL, *many = NULL;
  assert_int_equal(ss_encoder_open(small, &(ss_encoder_options){.batch = 1, .threads = 1}, &one, &error), SS_OK);
  assert_int_equal(ss_encoder_open(small, &(ss_encoder_options){.batch = 3, .threads = 1}, &many, &error), SS_OK);
  assert_int_equal(ss_encoder_dim(one), 32);
  assert_int_equal(ss_encoder_size(one), 16);
  float a[5 * 32], b[5 * 32];
  assert_int_equal(ss_encoder_run(one, pictures, 5, a, &error), SS_OK);
  assert_int_equal(ss_encoder_run(many, pictures, 5, b, &error), SS_OK);
  double most = 0.0, size = 0.0;
  for (int i = 0; i < 5 * 32; i++) {
    most = fmax(most, fabs((double)a[i] - b[i]));
    size = fmax(size, fabs((double)a[i]));
  }
  assert_true(size > 0.0 && most <= 1e-5 * size);         /* another batch may take another kernel */
  assert_memory_not_equal(a, a + 32, 32 * sizeof(float)); /* other pictures, other features */
  float again[5 * 32];
  assert_int_equal(ss_encoder_run(one, pictures, 5, again, &error), SS_OK);
  assert_memory_equal(a, again, sizeof a);
  ss_encoder_free(one);
  ss_encoder_free(many);
  for (int i = 0; i < 5; i++) {
    free(pixels[i]);
  }
}

static void test_mistakes_are_told(void **state) {
  (void)state;
  ss_error error = {""};
  ss_encoder *encoder = NULL;
  assert_int_not_equal(ss_encoder_open("no/such/run", NULL, &encoder, &error), SS_OK);
  assert_null(encoder);
  assert_non_null(strstr(error.message, "no/such/run"));
  assert_int_equal(ss_encoder_open("random:resnet19", NULL, &encoder, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "resnet18"));
  assert_int_equal(ss_encoder_open(small, &(ss_encoder_options){.batch = -1}, &encoder, &error), SS_USAGE);
  assert_int_equal(ss_encoder_open(small, NULL, &encoder, &error), SS_OK);
  float features[32];
  const ss_picture empty = {.width = 3, .height = 3};
  assert_int_equal(ss_encoder_run(encoder, &empty, 1, features, &error), SS_USAGE);
  ss_encoder_free(encoder);
  ss_encoder_free(NULL);
}

/* The public encoder makes the same of the first picture as it lies in the data. */
static void expect_encoded(const char *model, const ss_source *source, const ss_features *features) {
  ss_error error = {""};
  ss_decoder *decoder = NULL;
  ss_image picture = {0};
  ss_encoder *encoder = NULL;
  float values[64];
  support_ok(ss_decoder_create(&decoder, &error), &error);
  support_ok(ss_source_read(source, 0, decoder, &(ss_decode_options){0}, &picture, &error), &error);
  support_ok(ss_encoder_open(model, &(ss_encoder_options){.threads = 1}, &encoder, &error), &error);
  assert_int_equal(ss_encoder_dim(encoder), features->dim);
  const ss_picture shown = {picture.width, picture.height, picture.pixels};
  support_ok(ss_encoder_run(encoder, &shown, 1, values, &error), &error);
  for (int64_t i = 0; i < features->dim; i++) {
    assert_true(fabsf(values[i] - features->values[i]) < 1e-4f);
  }
  ss_encoder_free(encoder);
  ss_image_free(&picture);
  ss_decoder_free(decoder);
}

/* The features of a picture as it lies in the data are those that measuring sees, whatever the model is shown. */
static void test_features_are_those_of_measuring(void **state) {
  (void)state;
  static const char *const names[] = {"random:resnet18?width=8&size=16&input=lightness",
                                      "random:resnet18?width=8&size=16&input=lab&split=1",
                                      "random:resnet18?width=8&size=16"};
  char folder[256];
  support_make_folder(folder);
  support_pictures(folder, "cat", 2, 24, 18);
  ss_source *source = support_open(folder);
  ss_subset all = {0};
  ss_error error = {""};
  support_ok(ss_subset_everything(source, &all, &error), &error);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    ss_model *model = support_model(names[i]);
    const ss_feature_options options = {.threads = 1, .layer = SS_LAST_LAYER};
    ss_features features = {0};
    support_ok(ss_features_extract(model, source, &all, &options, &features, &error), &error);
    expect_encoded(names[i], source, &features);
    ss_features_free(&features);
    ss_model_free(model);
  }
  ss_subset_free(&all);
  ss_source_close(source);
  support_remove_folder(folder);
}

/* Pictures in files, of a layer and of the output: the numbers that measuring sees, to the bit. */
static void test_files_give_the_bits_of_measuring(void **state) {
  (void)state;
  enum { count = 5 };
  char folder[256], paths[count][300];
  const char *given[count + 1];
  support_make_folder(folder);
  support_pictures(folder, "cat", count - 1, 40, 34);
  for (int i = 0; i < count; i++) {
    snprintf(paths[i], sizeof paths[i], "%s/cat/%02d.ppm", folder, i);
    given[i] = paths[i];
  }
  snprintf(paths[count - 1], sizeof paths[0], "%s/cat/99.jpg", folder); /* decoded at a reduced scale */
  uint8_t *pixels = make_pixels(150, 130, 9);
  ss_error error = {""};
  support_ok(ss_jpeg_write(paths[count - 1], &(ss_image){150, 130, 3, pixels, 0}, 90, &error), &error);
  free(pixels);
  ss_source *source = support_open(folder);
  ss_model *model = support_model(small);
  ss_subset all = {0};
  support_ok(ss_subset_everything(source, &all, &error), &error);
  static const char *const layers[] = {NULL, "conv1", "layer3"};
  for (int k = 0; k < 3; k++) {
    ss_encoder *encoder = NULL;
    const ss_encoder_options options = {.threads = 1, .layer = layers[k]};
    support_ok(ss_encoder_open(small, &options, &encoder, &error), &error);
    const size_t dim = ss_encoder_dim(encoder);
    float *values = calloc(count, dim * sizeof(float));
    assert_non_null(values);
    support_ok(ss_encoder_run_files(encoder, given, count, values, &error), &error);
    int layer = SS_LAST_LAYER;
    for (int i = 0; layers[k] && ss_encoder_layer(encoder, (size_t)i); i++) {
      layer = strcmp(ss_encoder_layer(encoder, (size_t)i), layers[k]) == 0 ? i : layer;
    }
    ss_ways *ways = ss_ways_new(); /* those that the encoder has chosen */
    support_ok(ss_ways_cache_load(ways, &error), &error);
    const ss_feature_options measuring = {.threads = 1, .layer = layer, .ways = ways};
    ss_features features = {0};
    support_ok(ss_features_extract(model, source, &all, &measuring, &features, &error), &error);
    assert_int_equal(features.dim, dim);
    assert_true(features.values[0] != 0.0f || features.values[dim - 1] != 0.0f);
    assert_memory_equal(features.values, values, count * dim * sizeof(float));
    ss_features_free(&features);
    ss_ways_free(ways);
    free(values);
    ss_encoder_free(encoder);
  }
  support_file(folder, "cat/02.ppm", "P6 no", 5);
  ss_encoder *encoder = NULL;
  float values[count * 32];
  support_ok(ss_encoder_open(small, &(ss_encoder_options){.threads = 1}, &encoder, &error), &error);
  assert_int_equal(ss_encoder_run_files(encoder, given, count, values, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "cat/02.ppm"));
  ss_encoder_free(encoder);
  ss_subset_free(&all);
  ss_model_free(model);
  ss_source_close(source);
  support_remove_folder(folder);
}

static void test_layers(void **state) {
  (void)state;
  ss_error error = {""};
  ss_encoder *encoder = NULL;
  ss_encoder_info info;
  const ss_encoder_options whole = {.threads = 1, .layer = "layer2", .whole_map = 1};
  support_ok(ss_encoder_open(small, &whole, &encoder, &error), &error);
  ss_encoder_describe(encoder, &info);
  assert_string_equal(info.arch, "resnet18");
  assert_string_equal(info.input, "rgb");
  assert_int_equal(info.width, 4);
  assert_int_equal(info.size, 16);
  assert_int_equal(info.layers, 5);
  assert_int_equal(info.rows, 8); /* a small stem, then half in layer2 */
  assert_int_equal(info.columns, 8);
  assert_int_equal(info.channels, 8);
  assert_int_equal(ss_encoder_dim(encoder), 8 * 8 * 8);
  assert_true(fabsf(info.mean[0] - 0.485f) < 1e-6f && fabsf(info.deviation[2] - 0.225f) < 1e-6f);
  assert_null(ss_encoder_layer(encoder, info.layers));
  ss_encoder_free(encoder);
  assert_int_equal(ss_encoder_open(small, &(ss_encoder_options){.layer = "layer5"}, &encoder, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "did you mean layer"));
}

static void test_version(void **state) {
  (void)state;
  assert_true(strlen(ss_version()) >= 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_features_do_not_depend_on_the_batch),
                                     cmocka_unit_test(test_features_are_those_of_measuring),
                                     cmocka_unit_test(test_files_give_the_bits_of_measuring),
                                     cmocka_unit_test(test_layers),
                                     cmocka_unit_test(test_mistakes_are_told),
                                     cmocka_unit_test(test_version)};
  return cmocka_run_group_tests(tests, support_own_cache, support_drop_cache);
}
