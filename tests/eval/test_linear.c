/* Linear probes against scikit-learn's minimum, and the minimiser under them. */
#include "support.h"

#include "eval/lbfgs.h"
#include "eval/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The Rosenbrock function of n variables (Nocedal and Wright, exercise 2.1, summed over pairs); context counts the
 * calls. */
static ss_status rosenbrock(void *context, const double *x, double *value, double *gradient, ss_error *error) {
  (void)error;
  ++*(int *)context;
  *value = 0.0;
  for (int i = 0; i < 6; i += 2) {
    const double a = x[i + 1] - x[i] * x[i], b = 1.0 - x[i];
    *value += 100.0 * a * a + b * b;
    gradient[i] = -400.0 * a * x[i] - 2.0 * b;
    gradient[i + 1] = 200.0 * a;
  }
  return SS_OK;
}

static void finds_the_end_of_a_curved_valley(void **unused) {
  (void)unused;
  double x[6] = {-1.2, 1.0, 2.0, -1.0, 0.0, 3.0}, value = 0.0;
  int calls = 0;
  const ss_lbfgs_options options = {.iterations = 200, .change_tolerance = 1e-14};
  ss_error error = {""};
  support_ok(ss_lbfgs(rosenbrock, &calls, x, 6, &options, &value, &error), &error);
  assert_true(value < 1e-12);
  for (int i = 0; i < 6; i++) {
    assert_true(fabs(x[i] - 1.0) < 1e-5);
  }
  assert_in_range(calls, 10, 200);
}

static void remembers_few_steps_as_well(void **unused) {
  (void)unused;
  double x[6] = {-1.2, 1.0, 2.0, -1.0, 0.0, 3.0}, value = 0.0;
  int calls = 0;
  const ss_lbfgs_options options = {.iterations = 400, .history = 3, .change_tolerance = 1e-14};
  ss_error error = {""};
  support_ok(ss_lbfgs(rosenbrock, &calls, x, 6, &options, &value, &error), &error);
  assert_true(value < 1e-12);
}

static ss_status fails_later(void *context, const double *x, double *value, double *gradient, ss_error *error) {
  SS_TRY(rosenbrock(context, x, value, gradient, error));
  return *(int *)context < 5 ? SS_OK : ss_fail(error, SS_NO_MEMORY, "the fifth");
}

static void hands_on_failures(void **unused) {
  (void)unused;
  double x[6] = {0}, value = 0.0;
  int calls = 0;
  const ss_lbfgs_options options = {0};
  ss_error error = {""};
  assert_int_equal(ss_lbfgs(fails_later, &calls, x, 6, &options, &value, &error), SS_NO_MEMORY);
  assert_string_equal(error.message, "the fifth");
  assert_int_equal(calls, 5);
}

static void equals_scikit_learn(void **unused) {
  (void)unused;
  ss_features train = support_golden_features("train"), test = support_golden_features("test");
  int64_t rows, columns, count, one;
  float *golden = support_golden("linear", &rows, &columns), *figures = support_golden("figures", &count, &one);
  const ss_probe_options options = {.protocol = SS_PROBE_LBFGS, .seed = 5};
  ss_probe_result result;
  ss_error error = {""};
  support_ok(ss_probe_linear(&train, &test, 7, &options, &result, &error), &error);
  assert_true(fabs(result.loss / figures[3] - 1.0) < 1e-4);
  assert_true(fabs(result.top1 - figures[1]) < 1e-4);
  assert_true(fabs(result.top5 - figures[2]) < 1e-4);
  ss_features_free(&train);
  ss_features_free(&test);

  /* The predicted classes as labels, near ties left out: all right. */
  train = support_golden_features("train");
  test = support_golden_features("test");
  int64_t kept = 0;
  for (int64_t i = 0; i < rows; i++) {
    if (golden[i * columns + 1] > 0.02f) {
      memmove(test.values + kept * test.dim, test.values + i * test.dim, (size_t)test.dim * sizeof(float));
      test.labels[kept++] = (int32_t)golden[i * columns];
    }
  }
  assert_in_range(kept, rows - 5, rows);
  test.count = kept;
  support_ok(ss_probe_linear(&train, &test, 7, &options, &result, &error), &error);
  assert_true(result.top1 == 100.0);
  ss_features_free(&train);
  ss_features_free(&test);
  free(golden);
  free(figures);
}

/* The features, each `times` times. */
static ss_features repeated(const char *name, int64_t times) {
  ss_features once = support_golden_features(name);
  ss_features all = {.count = once.count * times, .dim = once.dim};
  const size_t values = (size_t)(once.count * once.dim);
  all.values = malloc(values * (size_t)times * sizeof(float));
  all.labels = malloc((size_t)all.count * sizeof(int32_t));
  assert_non_null(all.values);
  assert_non_null(all.labels);
  for (int64_t i = 0; i < times; i++) {
    memcpy(all.values + (size_t)i * values, once.values, values * sizeof(float));
    memcpy(all.labels + i * once.count, once.labels, (size_t)once.count * sizeof(int32_t));
  }
  ss_features_free(&once);
  return all;
}

/* The papers' protocol, given enough updates, ends near the minimum; and at the same place each time. */
static void descends_as_the_papers_do(void **unused) {
  (void)unused;
  int64_t count, one;
  float *figures = support_golden("figures", &count, &one);
  ss_probe_result results[3];
  for (int i = 0; i < 3; i++) {
    ss_features train = repeated("train", 20), test = support_golden_features("test");
    const ss_probe_options options = {.protocol = SS_PROBE_SGD, .threads = 1, .seed = i == 2 ? 1 : 0};
    ss_error error = {""};
    support_ok(ss_probe_linear(&train, &test, 7, &options, &results[i], &error), &error);
    ss_features_free(&train);
    ss_features_free(&test);
  }
  assert_true(results[0].loss == results[1].loss && results[0].top1 == results[1].top1);
  assert_true(results[0].loss != results[2].loss);
  for (int i = 1; i < 3; i++) {
    assert_true(fabs(results[i].top1 - figures[1]) < 8.0 && fabs(results[i].top5 - figures[2]) < 4.0);
  }
  free(figures);
}

static void needs_two_classes(void **unused) {
  (void)unused;
  ss_features train = support_golden_features("train"), test = support_golden_features("test");
  const ss_probe_options options = {.protocol = SS_PROBE_LBFGS};
  ss_probe_result result;
  ss_error error = {""};
  assert_int_equal(ss_probe_linear(&train, &test, 1, &options, &result, &error), SS_FAILED);
  train.dim--;
  assert_int_equal(ss_probe_linear(&train, &test, 7, &options, &result, &error), SS_FAILED);
  ss_features_free(&train);
  ss_features_free(&test);
}

/* A logistic regression for each class, as scikit-learn's (make_goldens.py has what each sample shows). */
static void sets_of_labels_equal_scikit_learn(void **unused) {
  (void)unused;
  enum { classes = 7 };
  ss_features train = support_golden_features("train"), test = support_golden_features("test");
  int64_t rows, columns;
  float *golden = support_golden("label_sets", &rows, &columns);
  assert_int_equal(rows, test.count);
  assert_int_equal(columns, classes);
  float *targets = malloc((size_t)train.count * classes * sizeof *targets);
  float *weights = malloc((size_t)train.count * classes * sizeof *weights);
  float *scores = malloc((size_t)test.count * classes * sizeof *scores);
  for (int64_t i = 0; i < train.count; i++) {
    for (int c = 0; c < classes; c++) {
      const int32_t label = train.labels[i];
      targets[i * classes + c] = label == c || (label + 1) % classes == c ? 1.0f : 0.0f;
      weights[i * classes + c] = c == 2 && i % 9 == 0 ? 0.0f : 1.0f;
    }
  }
  const ss_label_sets sets = {.targets = targets, .weights = weights, .classes = classes};
  ss_error error = {""};
  support_ok(ss_probe_label_sets(&train, &test, &sets, &(ss_probe_options){.threads = 2}, scores, &error), &error);
  double most = 0.0, largest = 0.0;
  for (int64_t i = 0; i < rows * columns; i++) {
    most = fmax(most, fabs((double)scores[i] - golden[i]));
    largest = fmax(largest, fabs((double)golden[i]));
  }
  if (!(most < 1e-3 * largest)) {
    fail_msg("logits differ by %g of %g", most, largest);
  }
  free(targets);
  free(weights);
  free(scores);
  free(golden);
  ss_features_free(&train);
  ss_features_free(&test);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(finds_the_end_of_a_curved_valley),
                                     cmocka_unit_test(remembers_few_steps_as_well),
                                     cmocka_unit_test(hands_on_failures),
                                     cmocka_unit_test(equals_scikit_learn),
                                     cmocka_unit_test(descends_as_the_papers_do),
                                     cmocka_unit_test(needs_two_classes),
                                     cmocka_unit_test(sets_of_labels_equal_scikit_learn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
