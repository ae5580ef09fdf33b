/* The autoencoders' views: the clean picture is the target, and the noise is as it is defined. */
#include "support.h"

#include "augment/normalise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 64, PIXELS = SIZE * SIZE };

/* Pixels of 0 to 1 of one of the two inputs. */
static float pixel(const float *view, int i) {
  return view[i] * ss_imagenet_deviation[i % 3] + ss_imagenet_mean[i % 3];
}

typedef void (*check)(const float *corrupted, const float *clean, double level);

static void with_noise(const char *pairs, double level, check compare) {
  support_task task;
  support_configure(&task, "denoising", SIZE, 4, pairs);
  ss_image picture = support_picture(80, 70, 3);
  void *slot = support_views(&task, &picture, 1, 0, 0, -1);
  compare(ss_view_slot(&task.task, slot, 0, 0), ss_view_slot(&task.task, slot, 1, 0), level);
  free(slot);
  ss_image_free(&picture);
  support_release(&task);
}

/* Normal with the deviation, apart for each number: mean, variance, fourth moment and neighbours. */
static void is_gaussian(const float *corrupted, const float *clean, double level) {
  double sum = 0.0, squares = 0.0, fourth = 0.0, neighbours = 0.0, before = 0.0;
  const int count = 3 * PIXELS;
  for (int i = 0; i < count; i++) {
    const double noise = ((double)pixel(corrupted, i) - (double)pixel(clean, i)) / level;
    sum += noise;
    squares += noise * noise;
    fourth += noise * noise * noise * noise;
    neighbours += noise * before;
    before = noise;
  }
  assert_true(fabs(sum / count) < 0.04);
  assert_true(fabs(squares / count - 1.0) < 0.06);
  assert_true(fabs(fourth / count - 3.0) < 0.5);
  assert_true(fabs(neighbours / count) < 0.04);
}

static void gaussian_noise_is_gaussian(void **state) {
  (void)state;
  with_noise("noise=gaussian noise_level=0.1", 0.1, is_gaussian);
  with_noise("noise=gaussian noise_level=0.5", 0.5, is_gaussian);
}

static bool pixel_differs(const float *a, const float *b) {
  return a[0] != b[0] || a[1] != b[1] || a[2] != b[2];
}

/* How many whole pixels have the value; all others are as they were. */
static double share_of(const float *corrupted, const float *clean, float value) {
  int found = 0;
  for (int i = 0; i < PIXELS; i++) {
    bool is_value = true;
    for (int c = 0; c < 3; c++) {
      is_value &= fabsf(pixel(corrupted, 3 * i + c) - value) < 1e-5f;
    }
    found += is_value && pixel_differs(corrupted + 3 * i, clean + 3 * i);
  }
  return (double)found / PIXELS;
}

static int changed(const float *corrupted, const float *clean) {
  int count = 0;
  for (int i = 0; i < PIXELS; i++) {
    count += pixel_differs(corrupted + 3 * i, clean + 3 * i);
  }
  return count;
}

static void is_masked(const float *corrupted, const float *clean, double level) {
  assert_true(fabs(share_of(corrupted, clean, 0.0f) - level) < 0.03); /* four deviations of 4096 draws */
  assert_true(fabs(changed(corrupted, clean) - share_of(corrupted, clean, 0.0f) * PIXELS) < 0.5);
}

static void is_peppered(const float *corrupted, const float *clean, double level) {
  const double black = share_of(corrupted, clean, 0.0f), white = share_of(corrupted, clean, 1.0f);
  assert_true(fabs(black - level / 2) < 0.03);
  assert_true(fabs(white - level / 2) < 0.03);
  assert_true(fabs(changed(corrupted, clean) - (black + white) * PIXELS) < 0.5);
}

static void shares_of_pixels_are_destroyed(void **state) {
  (void)state;
  with_noise("noise=masking noise_level=0.25", 0.25, is_masked);
  with_noise("noise=masking noise_level=1", 1.0, is_masked);
  with_noise("noise=salt-and-pepper noise_level=0.4", 0.4, is_peppered);
}

static void is_unchanged(const float *corrupted, const float *clean, double level) {
  (void)level;
  assert_memory_equal(corrupted, clean, 3 * PIXELS * sizeof(float));
}

static void no_noise_changes_nothing(void **state) {
  (void)state;
  with_noise("noise=gaussian noise_level=0", 0.0, is_unchanged);
  with_noise("noise=masking noise_level=0", 0.0, is_unchanged);
  with_noise("noise=salt-and-pepper noise_level=0", 0.0, is_unchanged);
}

/* The three noises, and the autoencoder, draw the same crop: what differs is the noise alone; it is another one the
 * next time the picture comes. */
static void crops_do_not_depend_on_the_noise(void **state) {
  (void)state;
  static const char *const noises[] = {"noise=gaussian", "noise=masking", "noise=salt-and-pepper"};
  ss_image picture = support_picture(80, 70, 3);
  support_task plain;
  support_configure(&plain, "autoencoder", SIZE, 4, "");
  void *expected = support_views(&plain, &picture, 1, 5, 2, -1);
  for (int k = 0; k < 3; k++) {
    support_task task;
    support_configure(&task, "denoising", SIZE, 4, noises[k]);
    void *slot = support_views(&task, &picture, 1, 5, 2, -1), *next = support_views(&task, &picture, 1, 6, 2, -1);
    assert_memory_equal(ss_view_slot(&task.task, slot, 1, 0), expected, 3 * PIXELS * sizeof(float));
    assert_memory_not_equal(ss_view_slot(&task.task, slot, 0, 0), ss_view_slot(&task.task, next, 0, 0),
                            3 * PIXELS * sizeof(float));
    free(slot);
    free(next);
    support_release(&task);
  }
  free(expected);
  ss_image_free(&picture);
  support_release(&plain);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gaussian_noise_is_gaussian), cmocka_unit_test(shares_of_pixels_are_destroyed),
      cmocka_unit_test(no_noise_changes_nothing), cmocka_unit_test(crops_do_not_depend_on_the_noise)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
