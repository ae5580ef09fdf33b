/* What predicted depths are worth, against NumPy. */
#include "support.h"

#include "eval/depth_metrics.h"
#include "eval/depth_task.h"

#include <math.h>
#include <stdlib.h>

static void expect(const ss_depth_metrics *metrics, const float *golden) {
  const double figures[] = {metrics->abs_rel,  metrics->rmse,     metrics->rmse_log, metrics->log10,
                            metrics->delta[0], metrics->delta[1], metrics->delta[2], metrics->scale_invariant};
  for (int i = 0; i < 8; i++) {
    assert_float_equal(figures[i], golden[i], 1e-5 * fmax(1.0, golden[i]));
  }
}

static void test_figures_are_those_of_numpy(void **state) {
  (void)state;
  int64_t rows, pixels, figures, one;
  float *pictures = support_golden("depth", &rows, &pixels), *golden = support_golden("depth_figures", &figures, &one);
  assert_int_equal(figures, 8);
  ss_depth_sums sums = {0};
  for (int64_t row = 0; row < rows; row += 2) {
    ss_depth_add(&sums, pictures + row * pixels, pictures + (row + 1) * pixels, pixels);
  }
  const ss_depth_metrics metrics = ss_depth_measure(&sums);
  expect(&metrics, golden);
  assert_int_equal(sums.pictures, rows / 2 - 1); /* nothing was measured in one of them */
  free(pictures);
  free(golden);
}

static void test_by_hand(void **state) {
  (void)state;
  const float truth[] = {2.0f, 0.0f, 4.0f, 1.0f}, predicted[] = {4.0f, 9.0f, 8.0f, 2.0f};
  ss_depth_sums sums = {0};
  ss_depth_add(&sums, truth, predicted, 4);
  const ss_depth_metrics metrics = ss_depth_measure(&sums);
  assert_float_equal(metrics.abs_rel, 1.0, 1e-12);
  assert_float_equal(metrics.rmse, sqrt(21.0 / 3.0), 1e-12);
  assert_float_equal(metrics.log10, log10(2.0), 1e-12);
  assert_float_equal(metrics.scale_invariant, 0.0, 1e-7); /* twice as far everywhere: the shape is right */
  assert_float_equal(metrics.delta[2], 0.0, 1e-12);       /* 2 > 1.25^3 */
}

static void test_without_pixels(void **state) {
  (void)state;
  const ss_depth_sums sums = {0};
  const ss_depth_metrics metrics = ss_depth_measure(&sums);
  assert_true(isnan(metrics.abs_rel) && isnan(metrics.rmse) && isnan(metrics.scale_invariant));
}

/* The median of the counts, measured on other counts. */
static void test_constant(void **state) {
  (void)state;
  uint64_t *train = calloc(SS_MAP_VALUES, sizeof *train), *test = calloc(SS_MAP_VALUES, sizeof *test);
  assert_true(train && test);
  ss_error error = {""};
  ss_depth depth;
  train[0] = 1000; /* not measured */
  assert_int_equal(ss_depth_start(&depth, 1000.0, train, &error), SS_FAILED);
  train[1000] = 10;
  train[2000] = 11;
  train[3000] = 9;
  support_ok(ss_depth_start(&depth, 1000.0, train, &error), &error);
  assert_float_equal(depth.middle, 2.0f, 1e-6);
  test[0] = 50;
  test[1000] = 1;
  test[4000] = 3;
  const ss_depth_metrics metrics = ss_depth_constant(&depth, test);
  assert_float_equal(metrics.abs_rel, (1.0 + 3 * 0.5) / 4.0, 1e-6);
  assert_float_equal(metrics.rmse, sqrt((1.0 + 3 * 4.0) / 4.0), 1e-6);
  ss_depth_free(&depth);
  free(train);
  free(test);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_figures_are_those_of_numpy), cmocka_unit_test(test_by_hand),
                                     cmocka_unit_test(test_without_pixels), cmocka_unit_test(test_constant)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
