/* Edges: Sobel's filters against their definition, on a ramp, a step and noise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "augment/sobel.h"
#include "base/random.h"

#include <math.h>

enum { width = 9, height = 7 };

static ss_image make(int channels) {
  ss_image image = {0};
  ss_error error = {""};
  assert_int_equal(ss_image_resize_buffer(&image, width, height, channels, &error), SS_OK);
  return image;
}

static void a_ramp_has_its_slope(void **state) {
  (void)state;
  ss_image image = make(1);
  for (int i = 0; i < width * height; i++) {
    image.pixels[i] = (uint8_t)(10 * (i % width) + 3 * (i / width));
  }
  float out[width * height * 3];
  ss_image_to_sobel(&image, out);
  for (int y = 1; y < height - 1; y++) {
    for (int x = 1; x < width - 1; x++) {
      const float *pixel = out + 3 * (y * width + x);
      assert_true(fabsf(pixel[0] - 20.0f / 255.0f) < 1e-6f); /* two steps of ten between the neighbours */
      assert_true(fabsf(pixel[1] - 6.0f / 255.0f) < 1e-6f);
      assert_true(fabsf(pixel[2]) < 1e-9f);
    }
  }
  ss_image_free(&image);
}

/* The largest edge is one; the picture's border is none. */
static void a_step_is_one_and_a_border_none(void **state) {
  (void)state;
  ss_image image = make(3);
  for (int i = 0; i < width * height * 3; i++) {
    image.pixels[i] = i / 3 % width < 4 ? 0 : 255;
  }
  float out[width * height * 3];
  ss_image_to_sobel(&image, out);
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      const float expected = x == 3 || x == 4 ? 1.0f : 0.0f;
      assert_true(fabsf(out[3 * (y * width + x)] - expected) < 1e-6f);
      assert_true(fabsf(out[3 * (y * width + x) + 1]) < 1e-6f);
    }
  }
  ss_image_free(&image);
}

static void noise_against_the_filters(void **state) {
  (void)state;
  static const float filter[3][3] = {{-1, 0, 1}, {-2, 0, 2}, {-1, 0, 1}};
  ss_image image = make(3);
  ss_random random = ss_random_stream(3, SS_RANDOM_METHOD, 0, 0, 0);
  for (int i = 0; i < width * height * 3; i++) {
    image.pixels[i] = (uint8_t)ss_random_below(&random, 256);
  }
  float out[width * height * 3];
  ss_image_to_sobel(&image, out);
  for (int y = 1; y < height - 1; y++) {
    for (int x = 1; x < width - 1; x++) {
      float across = 0.0f, down = 0.0f;
      for (int j = -1; j <= 1; j++) {
        for (int i = -1; i <= 1; i++) {
          const uint8_t *pixel = image.pixels + (ptrdiff_t)3 * ((y + j) * width + x + i);
          const float grey = (float)(pixel[0] + pixel[1] + pixel[2]) / 765.0f;
          across += filter[j + 1][i + 1] * grey / 4.0f;
          down += filter[i + 1][j + 1] * grey / 4.0f;
        }
      }
      assert_true(fabsf(out[3 * (y * width + x)] - across) < 1e-5f);
      assert_true(fabsf(out[3 * (y * width + x) + 1] - down) < 1e-5f);
    }
  }
  ss_image_free(&image);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_ramp_has_its_slope),
                                     cmocka_unit_test(a_step_is_one_and_a_border_none),
                                     cmocka_unit_test(noise_against_the_filters)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
