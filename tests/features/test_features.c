/* Features of a frozen backbone: order, pooling, threads, pictures that do not decode. */
#include "../eval/support.h"

#include "engine/plan.h"
#include "features/pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 13 pictures of two classes, of another shape than the network's. */
static void make_data(char folder[256]) {
  support_make_folder(folder);
  support_pictures(folder, "cat", 7, 24, 18);
  support_pictures(folder, "dog", 6, 18, 30);
}

static ss_features extract(const ss_model *model, const ss_source *source, const ss_feature_options *options) {
  ss_subset all = {0};
  ss_features features = {0};
  ss_error error = {""};
  support_ok(ss_subset_everything(source, &all, &error), &error);
  support_ok(ss_features_extract(model, source, &all, options, &features, &error), &error);
  ss_subset_free(&all);
  return features;
}

static double largest_difference(const ss_features *a, const ss_features *b) {
  double most = 0.0;
  assert_int_equal(a->count, b->count);
  assert_int_equal(a->dim, b->dim);
  for (int64_t i = 0; i < a->count * a->dim; i++) {
    most = fmax(most, fabs((double)a->values[i] - b->values[i]));
  }
  return most;
}

/* All pictures of the folder as the network reads them, one batch. */
static float *read_pictures(const ss_model *model, const ss_source *source, int threads) {
  const int size = model->backbone.size, count = (int)ss_source_count(source);
  const ss_picture_options options = {.size = size, .batch = count, .threads = threads};
  float *images = malloc((size_t)(count * size * size * 3) * sizeof *images);
  ss_subset all = {0};
  ss_pictures *pictures = NULL;
  const uint32_t *samples = NULL;
  int64_t got = 0;
  ss_error error = {""};
  support_ok(ss_subset_everything(source, &all, &error), &error);
  support_ok(ss_pictures_open(model, source, &all, &options, &pictures, &error), &error);
  support_ok(ss_pictures_next(pictures, images, &samples, &got, &error), &error);
  assert_int_equal(got, count);
  ss_pictures_close(pictures);
  ss_subset_free(&all);
  return images;
}

static void does_not_depend_on_threads_or_batches(void **unused) {
  (void)unused;
  char folder[256];
  make_data(folder);
  ss_source *source = support_open(folder);
  ss_model *model = support_model("random:resnet18?width=4&size=16");
  float *one = read_pictures(model, source, 1), *three = read_pictures(model, source, 3);
  assert_memory_equal(one, three, 13 * 16 * 16 * 3 * sizeof(float));

  const ss_feature_options options[] = {{.layer = SS_LAST_LAYER, .threads = 1},
                                        {.layer = SS_LAST_LAYER, .threads = 3},
                                        {.layer = SS_LAST_LAYER, .threads = 1, .batch = 4},
                                        {.layer = SS_LAST_LAYER, .threads = 2, .batch = 1}};
  const ss_features first = extract(model, source, &options[0]);
  assert_int_equal(first.count, 13);
  assert_int_equal(first.dim, 32);
  for (int i = 0; i < 13; i++) {
    assert_int_equal(first.labels[i], i >= 7);
  }
  for (int i = 1; i < 4; i++) {
    ss_features other = extract(model, source, &options[i]);
    assert_true(largest_difference(&first, &other) < 1e-5);
    assert_memory_equal(first.labels, other.labels, 13 * sizeof(int32_t));
    ss_features_free(&other);
  }
  for (int i = 1; i < 13; i++) { /* no two rows are the same */
    assert_memory_not_equal(first.values, first.values + i * 32, 32 * sizeof(float));
  }
  ss_features_free((ss_features *)&first);
  free(one);
  free(three);
  ss_model_free(model);
  ss_source_close(source);
  support_remove_folder(folder);
}

enum { crop_batch = 5, crop_batches = 4, crop_size = 16, crop_numbers = crop_size * crop_size * 3 };

typedef struct shown {
  int known; /* by the caller */
  uint32_t sample;
  ss_view_draw draw;
} shown;

static ss_status note_draw(const void *context, uint32_t sample, const ss_image *image, const ss_view_draw *draw,
                           void *targets, ss_error *error) {
  (void)image;
  (void)error;
  const shown note = {.known = *(const int *)context, .sample = sample, .draw = *draw};
  memcpy(targets, &note, sizeof note);
  return SS_OK;
}

/* Random parts of the pictures of two epochs and which parts they are. */
static void read_crops(const ss_model *model, const ss_source *source, int threads, float *images, shown *notes) {
  const int known = 7;
  const ss_picture_options options = {.size = crop_size,
                                      .batch = crop_batch,
                                      .threads = threads,
                                      .view = SS_PICTURE_CROP,
                                      .min_scale = 0.4f,
                                      .seed = 3,
                                      .targets = {.bytes = sizeof(shown), .fill = note_draw, .context = &known}};
  ss_subset all = {0};
  ss_pictures *pictures = NULL;
  ss_error error = {""};
  support_ok(ss_subset_everything(source, &all, &error), &error);
  support_ok(ss_pictures_open(model, source, &all, &options, &pictures, &error), &error);
  for (size_t batch = 0; batch < crop_batches; batch++) { /* of 13 pictures two batches an epoch */
    const uint32_t *samples = NULL;
    int64_t got = 0;
    support_ok(ss_pictures_next(pictures, images + batch * crop_batch * crop_numbers, &samples, &got, &error), &error);
    assert_int_equal(got, crop_batch);
    for (int64_t i = 0; i < got; i++) {
      shown *note = &notes[batch * crop_batch + (size_t)i];
      memcpy(note, ss_pictures_targets(pictures, i), sizeof *note);
      assert_int_equal(note->known, known);
      assert_int_equal(note->sample, samples[i]);
    }
  }
  ss_pictures_close(pictures);
  ss_subset_free(&all);
}

/* Targets are told of the part that is shown, whatever the number of threads. */
static void crops_are_those_of_their_targets(void **unused) {
  (void)unused;
  enum { count = crop_batch * crop_batches };
  static float one[count * crop_numbers], three[count * crop_numbers], again[crop_numbers];
  shown notes[count], others[count];
  char folder[256];
  make_data(folder);
  ss_source *source = support_open(folder);
  ss_model *model = support_model("random:resnet18?width=4&size=16");
  read_crops(model, source, 1, one, notes);
  read_crops(model, source, 3, three, others);
  assert_memory_equal(one, three, sizeof one);
  const ss_view_options view = ss_view_options_crop(crop_size, 1.0f);
  ss_view_scratch scratch = {0};
  ss_image picture = {0}, seen = {0};
  ss_decoder *decoder = NULL;
  ss_error error = {""};
  support_ok(ss_decoder_create(&decoder, &error), &error);
  int flips = 0, parts = 0;
  for (int i = 0; i < count; i++) {
    support_ok(ss_source_read(source, notes[i].sample, decoder, NULL, &picture, &error), &error);
    support_ok(ss_view_make(&picture, &view, &notes[i].draw, &scratch, &seen, &error), &error);
    ss_picture_for_model(model, &seen, again);
    assert_memory_equal(again, one + (size_t)i * crop_numbers, sizeof again);
    flips += notes[i].draw.flip;
    parts += notes[i].draw.crop.width < picture.width || notes[i].draw.crop.height < picture.height;
  }
  assert_true(flips > 0 && flips < count && parts > count / 2);
  ss_decoder_free(decoder);
  ss_scratch_free(&scratch);
  ss_image_free(&picture);
  ss_image_free(&seen);
  ss_model_free(model);
  ss_source_close(source);
  support_remove_folder(folder);
}

/* The map of the first layer, by a graph of its own. */
static float *first_map(const ss_model *model, float *images, int count, int64_t *side, int64_t *channels) {
  const int size = model->backbone.size;
  ss_graph *graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *input = ss_graph_input(graph, "images", SS_F32, ss_shape_of(count, size, size, 3));
  ss_graph_push_scope(graph, "backbone");
  ss_tensor *map = ss_graph_keep(graph, ss_backbone_build(graph, input, &model->backbone).tensors[0]);
  ss_plan *plan = NULL;
  ss_error error = {""};
  support_ok(ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error), &error);
  memcpy(ss_plan_data(plan, input), images, (size_t)(count * size * size * 3) * sizeof(float));
  support_ok(ss_plan_run(plan, 0, &error), &error);
  *side = ss_tensor_dim(map, 1);
  *channels = ss_tensor_dim(map, 3);
  const size_t bytes = (size_t)(count * *side * *side * *channels) * sizeof(float);
  float *values = malloc(bytes);
  memcpy(values, ss_plan_data(plan, map), bytes);
  ss_plan_free(plan);
  ss_graph_free(graph);
  return values;
}

/* 64 x 64 x 4 numbers are averaged to 48 x 48 x 4 = 9216: windows from floor(i 64 / 48) to ceil((i + 1) 64 / 48). */
static void pools_layers(void **unused) {
  (void)unused;
  char folder[256];
  make_data(folder);
  ss_source *source = support_open(folder);
  ss_model *model = support_model("random:resnet18?width=4&size=64");
  int layer_count = 0;
  const char *names[SS_MAX_LAYERS];
  ss_error error = {""};
  support_ok(ss_feature_layers(model, &layer_count, names, &error), &error);
  assert_int_equal(layer_count, 5);
  assert_string_equal(names[0], "conv1");
  assert_string_equal(names[4], "layer4");

  ss_feature_options options = {.threads = 1, .layer = 0};
  ss_features pooled = extract(model, source, &options);
  assert_int_equal(pooled.dim, SS_LAYER_NUMBERS);
  float *images = read_pictures(model, source, 1);
  int64_t side, channels;
  float *map = first_map(model, images, 13, &side, &channels);
  assert_int_equal(side, 64);
  for (int64_t n = 0; n < 13; n += 6) {
    for (int64_t y = 0; y < 48; y++) {
      for (int64_t x = 0; x < 48; x++) {
        const int64_t y0 = y * 64 / 48, y1 = ((y + 1) * 64 + 47) / 48, x0 = x * 64 / 48, x1 = ((x + 1) * 64 + 47) / 48;
        for (int64_t c = 0; c < channels; c++) {
          double sum = 0.0;
          for (int64_t i = y0; i < y1; i++) {
            for (int64_t j = x0; j < x1; j++) {
              sum += map[((n * 64 + i) * 64 + j) * channels + c];
            }
          }
          const double mean = sum / (double)((y1 - y0) * (x1 - x0));
          assert_true(fabs(mean - pooled.values[n * pooled.dim + (y * 48 + x) * channels + c]) < 1e-4);
        }
      }
    }
  }
  ss_features_free(&pooled);

  options.layer = 4; /* 8 x 8 x 32 numbers: as they are; their mean is the backbone's output */
  ss_features deep = extract(model, source, &options);
  options.layer = SS_LAST_LAYER;
  ss_features last = extract(model, source, &options);
  assert_int_equal(deep.dim, 8 * 8 * 32);
  for (int64_t n = 0; n < 13; n++) {
    for (int64_t c = 0; c < 32; c++) {
      double sum = 0.0;
      for (int64_t i = 0; i < 64; i++) {
        sum += deep.values[n * deep.dim + i * 32 + c];
      }
      assert_true(fabs(sum / 64.0 - last.values[n * 32 + c]) < 1e-4);
    }
  }
  options.layer = 5;
  ss_subset all = {0};
  support_ok(ss_subset_everything(source, &all, &error), &error);
  assert_int_equal(ss_features_extract(model, source, &all, &options, &pooled, &error), SS_USAGE);
  options.layer = 0;
  options.size = 4; /* too small for the network */
  assert_int_equal(ss_features_extract(model, source, &all, &options, &pooled, &error), SS_USAGE);
  ss_subset_free(&all);
  ss_features_free(&deep);
  ss_features_free(&last);
  free(images);
  free(map);
  ss_model_free(model);
  ss_source_close(source);
  support_remove_folder(folder);
}

/* A model is shown what its input says, and the features of a run folder are those of its file. */
static void shows_a_model_its_input(void **unused) {
  (void)unused;
  char folder[256], run[256], path[300];
  make_data(folder);
  support_make_folder(run);
  snprintf(path, sizeof path, "%s/backbone.safetensors", run);
  ss_source *source = support_open(folder);
  ss_error error = {""};
  static const char *const names[] = {"random:resnet18?width=8&size=16&input=lightness",
                                      "random:resnet18?width=8&size=16&input=lab&split=1",
                                      "random:resnet18?width=8&size=16", "random:resnet18?width=8&size=16&norm=layer"};
  const ss_feature_options options = {.threads = 2, .layer = SS_LAST_LAYER};
  for (int i = 0; i < 4; i++) {
    ss_model *model = support_model(names[i]);
    float *images = read_pictures(model, source, 2);
    for (int p = 0; p < 13 * 16 * 16; p++) {
      const float *pixel = images + 3 * (ptrdiff_t)p;
      assert_int_equal(i == 0, pixel[0] == pixel[1] && pixel[1] == pixel[2]);
      assert_true(i >= 2 || (fabsf(pixel[0]) < 1.001f && fabsf(pixel[1]) < 1.001f && fabsf(pixel[2]) < 1.001f));
    }
    ss_features features = extract(model, source, &options);
    support_ok(ss_model_write(path, model->parameters, "backbone.", &model->backbone, SS_STORED_F32, &error), &error);
    ss_model *of_run = support_model(run), *of_file = support_model(path);
    ss_features from_run = extract(of_run, source, &options), from_file = extract(of_file, source, &options);
    assert_true(largest_difference(&features, &from_run) < 1e-4); /* kernels may be others */
    assert_true(largest_difference(&features, &from_file) < 1e-4);
    ss_features_free(&features);
    ss_features_free(&from_run);
    ss_features_free(&from_file);
    ss_model_free(of_run);
    ss_model_free(of_file);
    ss_model_free(model);
    free(images);
  }
  ss_source_close(source);
  support_remove_folder(folder);
  support_remove_folder(run);
}

static int bad_told;

static void count_bad(void *context, uint32_t sample, const char *message) {
  (void)context;
  (void)sample;
  bad_told += strstr(message, "dog/03x.ppm") != NULL;
}

static void stands_in_for_broken_pictures(void **unused) {
  (void)unused;
  char folder[256];
  make_data(folder);
  support_file(folder, "dog/03x.ppm", "P6 8 8 255\nshort", 16);
  ss_source *source = support_open(folder);
  ss_model *model = support_model("random:resnet18?width=4&size=16");
  ss_subset all = {0};
  ss_features features = {0};
  ss_error error = {""};
  ss_feature_options options = {.threads = 2, .layer = SS_LAST_LAYER, .bad = count_bad};
  support_ok(ss_subset_everything(source, &all, &error), &error);
  assert_int_equal(ss_features_extract(model, source, &all, &options, &features, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "dog/03x.ppm"));
  assert_null(features.values);
  options.max_bad = 0.2;
  bad_told = 0;
  support_ok(ss_features_extract(model, source, &all, &options, &features, &error), &error);
  assert_int_equal(bad_told, 1);
  assert_int_equal(features.count, 14);
  assert_memory_equal(features.values + 11 * 32, features.values + 12 * 32, 32 * sizeof(float));
  ss_features_free(&features);
  ss_subset_free(&all);
  ss_model_free(model);
  ss_source_close(source);
  support_remove_folder(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(does_not_depend_on_threads_or_batches),
                                     cmocka_unit_test(crops_are_those_of_their_targets), cmocka_unit_test(pools_layers),
                                     cmocka_unit_test(shows_a_model_its_input),
                                     cmocka_unit_test(stands_in_for_broken_pictures)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
