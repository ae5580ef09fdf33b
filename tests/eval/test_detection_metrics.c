/* Average precision against pycocotools' and the VOC devkit's definition, and on boxes counted by hand. */
#include "support.h"

#include "eval/detection_metrics.h"

#include <math.h>
#include <stdlib.h>

enum { golden_classes = 5, golden_pictures = 23 };

static void equals_the_references(void **unused) {
  (void)unused;
  int64_t truths, founds, rows, columns, seven;
  float *truth = support_golden("true_boxes", &truths, &seven);
  assert_int_equal(seven, 7);
  float *found = support_golden("found_boxes", &founds, &seven);
  float *golden = support_golden("detection", &rows, &columns);
  assert_int_equal(columns, 5 + golden_classes);
  ss_true_box *there = malloc((size_t)truths * sizeof *there);
  ss_found_box *boxes = malloc((size_t)founds * sizeof *boxes);
  for (int64_t i = 0; i < truths; i++) {
    const float *t = truth + 7 * i;
    there[i] = (ss_true_box){(int32_t)t[0], (int32_t)t[1], {t[2], t[3], t[4], t[5]}, t[6] != 0.0f};
  }
  for (int64_t i = 0; i < founds; i++) {
    const float *f = found + 7 * i;
    boxes[i] = (ss_found_box){(int32_t)f[0], (int32_t)f[1], f[6], {f[2], f[3], f[4], f[5]}};
  }
  ss_detection_score score;
  double per_class[golden_classes];
  ss_error error = {""};
  const ss_boxes all = {there, (size_t)truths, boxes, (size_t)founds, golden_pictures, golden_classes};
  support_ok(ss_detection_measure(&all, &score, per_class, &error), &error);
  const double mine[] = {score.voc_ap50, score.voc07_ap50, score.ap, score.ap50, score.ap75};
  for (int i = 0; i < 5; i++) {
    assert_float_equal(mine[i], golden[i], 1e-4);
  }
  for (int c = 0; c < golden_classes - 1; c++) {
    assert_float_equal(per_class[c], golden[5 + c], 1e-4);
  }
  assert_true(isnan(per_class[golden_classes - 1]) && isnan(golden[5 + golden_classes - 1]));
  free(there);
  free(boxes);
  free(truth);
  free(found);
  free(golden);
}

static ss_detection_score measured(const ss_true_box *truth, size_t truths, const ss_found_box *found, size_t founds) {
  ss_detection_score score;
  ss_error error = {""};
  const ss_boxes all = {truth, truths, found, founds, 2, 1};
  support_ok(ss_detection_measure(&all, &score, NULL, &error), &error);
  return score;
}

/* Two boxes in two pictures; what is found and what follows by hand. */
static void counts_as_by_hand(void **unused) {
  (void)unused;
  const ss_true_box truth[] = {{0, 0, {0, 0, 10, 10}, false}, {1, 0, {0, 0, 10, 10}, false}};
  const ss_found_box both[] = {{1, 0, 0.4f, {0, 0, 10, 10}}, {0, 0, 0.9f, {0, 0, 10, 10}}};
  ss_detection_score score = measured(truth, 2, both, 2);
  assert_float_equal(score.voc_ap50, 100.0, 1e-9);
  assert_float_equal(score.ap, 100.0, 1e-9);

  /* Found twice: the second is wrong, and stands before the other picture's. Precision 1, 1/2, 2/3 at recall 1/2, 1/2,
   * 1: the area is 1/2 x 1 + 1/2 x 2/3. */
  const ss_found_box twice[] = {
      {0, 0, 0.9f, {0, 0, 10, 10}}, {0, 0, 0.8f, {0, 0, 10, 9}}, {1, 0, 0.4f, {0, 0, 10, 10}}};
  score = measured(truth, 2, twice, 3);
  assert_float_equal(score.voc_ap50, 100.0 * 5 / 6, 1e-9);
  assert_float_equal(score.voc07_ap50, 100.0 * (6 + 5 * 2.0 / 3) / 11, 1e-9);

  /* IoU 0.6: right at 0.5, 0.55 and 0.6 (three of ten thresholds). */
  const ss_found_box rough[] = {{0, 0, 0.9f, {0, 0, 10, 6}}, {1, 0, 0.8f, {0, 0, 6, 10}}};
  score = measured(truth, 2, rough, 2);
  assert_float_equal(score.ap50, 100.0, 1e-9);
  assert_float_equal(score.ap75, 0.0, 1e-9);
  assert_float_equal(score.ap, 30.0, 1e-9);

  score = measured(truth, 2, NULL, 0);
  assert_float_equal(score.voc_ap50, 0.0, 1e-9);
  assert_float_equal(score.ap, 0.0, 1e-9);
}

static void ignored_boxes_count_neither_way(void **unused) {
  (void)unused;
  const ss_true_box truth[] = {{0, 0, {0, 0, 10, 10}, true}, {1, 0, {0, 0, 10, 10}, false}};
  const ss_found_box found[] = {{0, 0, 0.9f, {0, 0, 10, 10}}, {1, 0, 0.4f, {0, 0, 10, 10}}};
  ss_detection_score score = measured(truth, 2, found, 2);
  assert_float_equal(score.voc_ap50, 100.0, 1e-9);
  assert_float_equal(score.ap, 100.0, 1e-9);
  score = measured(truth, 1, found, 2); /* nothing is asked for */
  assert_true(isnan(score.voc_ap50) && isnan(score.ap));
}

static void refuses_what_is_out_of_range(void **unused) {
  (void)unused;
  const ss_true_box truth = {0, 0, {0, 0, 10, 10}, false};
  const ss_found_box wrong[] = {
      {2, 0, 0.5f, {0, 0, 1, 1}}, {-1, 0, 0.5f, {0, 0, 1, 1}}, {0, 1, 0.5f, {0, 0, 1, 1}}, {0, 0, NAN, {0, 0, 1, 1}}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    ss_detection_score score;
    ss_error error = {""};
    const ss_boxes all = {&truth, 1, &wrong[i], 1, 2, 1};
    assert_int_equal(ss_detection_measure(&all, &score, NULL, &error), SS_FAILED);
    assert_true(error.message[0]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(equals_the_references), cmocka_unit_test(counts_as_by_hand),
                                     cmocka_unit_test(ignored_boxes_count_neither_way),
                                     cmocka_unit_test(refuses_what_is_out_of_range)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
