/* Confusion matrices and what is made of them, against scikit-learn and torchmetrics. */
#include "support.h"

#include "eval/segmentation_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { classes = 6 };

/* The golden pixels' confusion matrix, made in pieces of `piece` pixels. */
static void count(int64_t *confusion, int64_t piece) {
  int64_t pixels, columns;
  float *pairs = support_golden("segmentation", &pixels, &columns);
  assert_int_equal(columns, 2);
  int32_t truth[64], predicted[64];
  memset(confusion, 0, classes * classes * sizeof *confusion);
  for (int64_t first = 0; first < pixels; first += piece) {
    const int64_t some = pixels - first < piece ? pixels - first : piece;
    for (int64_t i = 0; i < some; i++) {
      truth[i] = (int32_t)pairs[2 * (first + i)];
      predicted[i] = (int32_t)pairs[2 * (first + i) + 1];
    }
    ss_confusion_add(confusion, classes, truth, predicted, some);
  }
  free(pairs);
}

static void test_figures_are_those_of_scikit_learn(void **state) {
  (void)state;
  int64_t confusion[classes * classes], rows, columns;
  double iou[classes];
  count(confusion, 64);
  const ss_segmentation_metrics metrics = ss_segmentation_measure(confusion, classes, iou);
  float *golden = support_golden("segmentation_figures", &rows, &columns);
  assert_true(rows == 2 && columns == classes);
  for (int c = 0; c < classes; c++) {
    if (golden[c] < 0.0f) {
      assert_true(isnan(iou[c]));
    } else {
      assert_float_equal(iou[c], golden[c], 1e-4);
    }
  }
  const double figures[] = {metrics.pixel_accuracy, metrics.mean_accuracy, metrics.mean_iou, metrics.weighted_iou};
  for (int i = 0; i < 4; i++) {
    assert_float_equal(figures[i], golden[classes + i], 1e-4);
  }
  free(golden);
}

static void test_pieces_add_up(void **state) {
  (void)state;
  int64_t whole[classes * classes], pieces[classes * classes];
  count(whole, 64);
  count(pieces, 7);
  for (int i = 0; i < classes * classes; i++) {
    assert_int_equal(whole[i], pieces[i]);
  }
}

/* Two of three pixels right: 1 of 2 of class 0, all of class 1, which has one predicted wrongly. */
static void test_by_hand(void **state) {
  (void)state;
  int64_t confusion[4] = {0};
  double iou[2];
  const int32_t truth[] = {0, 0, 1, -1, 255}, predicted[] = {0, 1, 1, 0, 1};
  ss_confusion_add(confusion, 2, truth, predicted, 5);
  const ss_segmentation_metrics metrics = ss_segmentation_measure(confusion, 2, iou);
  assert_float_equal(metrics.pixel_accuracy, 200.0 / 3.0, 1e-12);
  assert_float_equal(metrics.mean_accuracy, 75.0, 1e-12);
  assert_float_equal(iou[0], 50.0, 1e-12);
  assert_float_equal(iou[1], 50.0, 1e-12);
}

static void test_without_pixels(void **state) {
  (void)state;
  const int64_t confusion[4] = {0};
  double iou[2];
  const ss_segmentation_metrics metrics = ss_segmentation_measure(confusion, 2, iou);
  assert_true(isnan(metrics.mean_iou) && isnan(metrics.pixel_accuracy) && isnan(iou[0]) && isnan(iou[1]));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_figures_are_those_of_scikit_learn),
                                     cmocka_unit_test(test_pieces_add_up), cmocka_unit_test(test_by_hand),
                                     cmocka_unit_test(test_without_pixels)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
