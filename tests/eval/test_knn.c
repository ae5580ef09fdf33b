/* k-NN against PyTorch's and against the definition, written out; the ranking of all against scikit-learn's. */
#include "support.h"

#include "base/random.h"
#include "eval/knn.h"
#include "eval/retrieve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void equals_pytorch(void **unused) {
  (void)unused;
  ss_features train = support_golden_features("train"), test = support_golden_features("test");
  int64_t rows, columns, figures_rows, one;
  float *golden = support_golden("knn", &rows, &columns), *figures = support_golden("figures", &figures_rows, &one);
  assert_int_equal(rows, test.count);
  const int k = (int)columns - 1;
  ss_neighbours found;
  ss_knn_options options = SS_KNN_DEFAULTS;
  double top1 = 0.0;
  ss_error error = {""};
  assert_int_equal(options.k, k);
  support_ok(ss_knn(&train, &test, 7, &options, &top1, &error), &error);
  support_ok(ss_retrieve(&train, &test, k, 1, &found, NULL, &error), &error);
  for (int64_t i = 0; i < rows; i++) {
    for (int n = 0; n < k; n++) {
      assert_int_equal(found.indices[i * k + n], (int32_t)golden[i * columns + n]);
    }
  }
  assert_true(fabs(top1 - figures[0]) < 1e-4);
  for (int64_t i = 0; i < rows; i++) { /* the winning classes as labels: all right */
    test.labels[i] = (int32_t)golden[i * columns + k];
  }
  support_ok(ss_knn(&train, &test, 7, &options, &top1, &error), &error);
  assert_true(top1 == 100.0);
  ss_neighbours_free(&found);
  free(golden);
  free(figures);
  ss_features_free(&train);
  ss_features_free(&test);
}

static void ranks_as_scikit_learn_does(void **unused) {
  (void)unused;
  ss_features train = support_golden_features("train"), test = support_golden_features("test");
  int64_t rows, one;
  float *figures = support_golden("figures", &rows, &one);
  assert_int_equal(rows, 5);
  double mean = 0.0;
  ss_neighbours found;
  ss_error error = {""};
  support_ok(ss_retrieve(&train, &test, 3, 2, &found, &mean, &error), &error);
  ss_neighbours_free(&found);
  assert_float_equal(mean, figures[4], 1e-4);
  for (int64_t i = 0; i < train.count; i++) { /* what has no label is of no class */
    train.labels[i] = train.labels[i] == 3 ? -1 : train.labels[i];
  }
  support_ok(ss_retrieve(&train, &test, 3, 1, &found, &mean, &error), &error);
  ss_neighbours_free(&found);
  assert_true(isfinite(mean));
  for (int64_t i = 0; i < test.count; i++) {
    test.labels[i] = 3;
  }
  support_ok(ss_retrieve(&train, &test, 3, 1, &found, &mean, &error), &error);
  ss_neighbours_free(&found);
  assert_true(isnan(mean));
  free(figures);
  ss_features_free(&train);
  ss_features_free(&test);
}

static ss_features draw(int64_t count, int64_t dim, int classes, uint64_t seed) {
  ss_features features = {.count = count, .dim = dim};
  features.values = malloc((size_t)(count * dim) * sizeof(float));
  features.labels = malloc((size_t)count * sizeof(int32_t));
  ss_random random = ss_random_stream(seed, SS_RANDOM_METHOD, 0, 0, 0);
  for (int64_t i = 0; i < count * dim; i++) {
    features.values[i] = ss_random_normal(&random);
  }
  for (int64_t i = 0; i < count; i++) {
    features.labels[i] = (int32_t)ss_random_below(&random, (uint32_t)classes);
  }
  return features;
}

static double cosine(const float *a, const float *b, int64_t dim) {
  double product = 0.0, aa = 0.0, bb = 0.0;
  for (int64_t d = 0; d < dim; d++) {
    product += (double)a[d] * b[d];
    aa += (double)a[d] * a[d];
    bb += (double)b[d] * b[d];
  }
  return product / sqrt(aa * bb);
}

/* The definition: the class of the heaviest vote, the k nearest found by looking k times for the nearest left. */
static double naive(const ss_features *train, const ss_features *test, int classes, int k) {
  int64_t right = 0;
  double *similar = calloc((size_t)train->count + 1, sizeof *similar), *votes = malloc((size_t)classes * sizeof *votes);
  for (int64_t i = 0; i < test->count; i++) {
    for (int64_t j = 0; j < train->count; j++) {
      similar[j] = cosine(test->values + i * test->dim, train->values + j * train->dim, test->dim);
    }
    memset(votes, 0, (size_t)classes * sizeof *votes);
    for (int n = 0; n < k; n++) {
      int64_t best = 0;
      for (int64_t j = 1; j < train->count; j++) {
        best = similar[j] > similar[best] ? j : best;
      }
      votes[train->labels[best]] += exp(similar[best] / 0.07);
      similar[best] = -2.0;
    }
    int winner = 0;
    for (int c = 1; c < classes; c++) {
      winner = votes[c] > votes[winner] ? c : winner;
    }
    right += winner == test->labels[i];
  }
  free(similar);
  free(votes);
  return 100.0 * (double)right / (double)test->count;
}

/* More test rows than are compared at a time, so that the last block is an incomplete one. */
static void equals_the_definition(void **unused) {
  (void)unused;
  ss_features train = draw(190, 5, 6, 1), test = draw(300, 5, 6, 2);
  for (int k = 1; k <= 33; k += 8) {
    ss_knn_options options = SS_KNN_DEFAULTS;
    options.k = k;
    double top1 = 0.0;
    ss_error error = {""};
    support_ok(ss_knn(&train, &test, 6, &options, &top1, &error), &error);
    assert_true(fabs(top1 - naive(&train, &test, 6, k)) < 1e-9);
  }
  ss_features_free(&train);
  ss_features_free(&test);
}

/* Of equal similarities the earlier counts; k beyond the training features means all of them. */
static void keeps_the_order_of_equals(void **unused) {
  (void)unused;
  float train_values[] = {1, 0, 0, 1, 1, 0, 2, 0}, test_values[] = {3, 0};
  int32_t train_labels[] = {2, 1, 1, 0}, test_labels[] = {2};
  const ss_features train = {train_values, train_labels, 4, 2}, test = {test_values, test_labels, 1, 2};
  ss_knn_options options = SS_KNN_DEFAULTS;
  ss_neighbours found;
  double top1 = 0.0;
  ss_error error = {""};
  options.k = 1;
  support_ok(ss_knn(&train, &test, 3, &options, &top1, &error), &error);
  assert_true(top1 == 100.0);
  support_ok(ss_retrieve(&train, &test, 20, 1, &found, NULL, &error), &error);
  assert_int_equal(found.k, 4);
  const int32_t expected[] = {0, 2, 3, 1};
  assert_memory_equal(found.indices, expected, sizeof expected);
  ss_neighbours_free(&found);
  options.k = 20;
  support_ok(ss_knn(&train, &test, 3, &options, &top1, &error), &error);
  assert_true(top1 == 0.0); /* class 1 has two votes, of which one weighs as much as that of class 2 */
}

static void refuses_other_dimensions(void **unused) {
  (void)unused;
  ss_features train = draw(4, 3, 2, 1), test = draw(4, 2, 2, 1);
  const ss_knn_options options = SS_KNN_DEFAULTS;
  double top1 = 0.0;
  ss_error error = {""};
  assert_int_equal(ss_knn(&train, &test, 2, &options, &top1, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "3"));
  ss_features_free(&train);
  ss_features_free(&test);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(equals_pytorch), cmocka_unit_test(ranks_as_scikit_learn_does),
                                     cmocka_unit_test(equals_the_definition),
                                     cmocka_unit_test(keeps_the_order_of_equals),
                                     cmocka_unit_test(refuses_other_dimensions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
