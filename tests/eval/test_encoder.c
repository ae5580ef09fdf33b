/* The public API: pictures in, features out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <selfsup/selfsup.h>

#include <math.h>
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

static void test_version(void **state) {
  (void)state;
  assert_true(strlen(ss_version()) >= 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_features_do_not_depend_on_the_batch),
                                     cmocka_unit_test(test_mistakes_are_told), cmocka_unit_test(test_version)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
