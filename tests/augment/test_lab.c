/* CIE Lab against scikit-image's, the way there and back, and what networks are given. */
#include "augment/lab.h"
#include "support.h"

#include <math.h>
#include <stdio.h>

static void *read_part(FILE *file, size_t bytes) {
  void *values = malloc(bytes);
  assert_non_null(values);
  assert_int_equal(fread(values, 1, bytes, file), bytes);
  return values;
}

static void as_scikit_image(void **state) {
  (void)state;
  FILE *file = fopen(SS_GOLDEN "/lab.bin", "rb");
  assert_non_null(file);
  int32_t count;
  assert_int_equal(fread(&count, sizeof count, 1, file), 1);
  assert_true(count > 2000);
  size_t n = (size_t)count;
  uint8_t *rgb = read_part(file, 3 * n);
  float *lab = read_part(file, 3 * n * sizeof *lab), *got = malloc(3 * n * sizeof *got);
  assert_non_null(got);
  ss_lab_from_rgb(rgb, n, got);
  for (size_t i = 0; i < 3 * n; i++) {
    if (fabsf(got[i] - lab[i]) > 2e-4f) {
      fail_msg("colour %zu, part %zu: %.6f, not %.6f", i / 3, i % 3, (double)got[i], (double)lab[i]);
    }
  }
  free(rgb);
  free(lab);
  free(got);

  assert_int_equal(fread(&count, sizeof count, 1, file), 1);
  assert_true(count >= 2000);
  n = (size_t)count;
  lab = read_part(file, 3 * n * sizeof *lab);
  float *exact = read_part(file, 3 * n * sizeof *exact);
  rgb = malloc(3 * n);
  assert_non_null(rgb);
  ss_rgb_from_lab(lab, n, rgb);
  for (size_t i = 0; i < 3 * n; i++) {
    if (fabsf((float)rgb[i] - exact[i]) > 0.5f + 1e-3f) {
      fail_msg("colour %zu, channel %zu: %d, not %.4f", i / 3, i % 3, rgb[i], (double)exact[i]);
    }
  }
  free(rgb);
  free(lab);
  free(exact);
  fclose(file);
}

/* Every third level of every channel comes back as it was. */
static void round_trip(void **state) {
  (void)state;
  enum { LEVELS = 86 };
  uint8_t rgb[3 * LEVELS], back[3 * LEVELS];
  float lab[3 * LEVELS];
  for (int r = 0; r < LEVELS; r++) {
    for (int g = 0; g < LEVELS; g++) {
      for (int b = 0; b < LEVELS; b++) {
        rgb[3 * b] = (uint8_t)(3 * r);
        rgb[3 * b + 1] = (uint8_t)(3 * g);
        rgb[3 * b + 2] = (uint8_t)(3 * b);
      }
      ss_lab_from_rgb(rgb, LEVELS, lab);
      ss_rgb_from_lab(lab, LEVELS, back);
      assert_memory_equal(rgb, back, sizeof rgb);
    }
  }
}

static void impossible_colours(void **state) {
  (void)state;
  const float lab[] = {NAN, 0, 0, 100, NAN, 0, 1e6f, 0, 0, -1e30f, 1e30f, 1e30f, INFINITY, -INFINITY, INFINITY};
  uint8_t rgb[15];
  ss_rgb_from_lab(lab, 5, rgb); /* no undefined conversion, whatever comes */
  assert_true(rgb[6] == 255 && rgb[7] == 255 && rgb[8] == 255);
}

/* A picture as networks take it: the same numbers, scaled; lightness alone three times; grey without colour. */
static void for_networks(void **state) {
  (void)state;
  ss_image image = {0};
  for (int channels = 1; channels <= 3; channels += 2) {
    assert_int_equal(ss_image_resize_buffer(&image, 37, 23, channels, NULL), SS_OK);
    const size_t n = 37 * 23;
    uint8_t rgb[37 * 23 * 3];
    for (size_t i = 0; i < n * (size_t)channels; i++) {
      image.pixels[i] = (uint8_t)(i * 77 + i / 13);
    }
    for (size_t i = 0; i < 3 * n; i++) {
      rgb[i] = image.pixels[channels == 1 ? i / 3 : i];
    }
    static float lab[37 * 23 * 3], scaled[37 * 23 * 3], lightness[37 * 23 * 3];
    ss_lab_from_rgb(rgb, n, lab);
    ss_image_to_lab(&image, scaled);
    ss_image_to_lightness(&image, lightness);
    for (size_t i = 0; i < n; i++) {
      assert_float_equal(scaled[3 * i], (lab[3 * i] - 50) / 50, 1e-5);
      for (size_t k = 0; k < 3; k++) {
        assert_float_equal(lightness[3 * i + k], (lab[3 * i] - 50) / 50, 1e-5);
        assert_true(fabsf(scaled[3 * i + k]) <= 1);
      }
      for (size_t k = 1; k < 3; k++) {
        assert_float_equal(scaled[3 * i + k], channels == 1 ? 0 : lab[3 * i + k] / 110, channels == 1 ? 0 : 1e-6);
      }
    }
  }
  ss_image_free(&image);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_scikit_image), cmocka_unit_test(round_trip),
                                     cmocka_unit_test(impossible_colours), cmocka_unit_test(for_networks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
