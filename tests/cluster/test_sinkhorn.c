/* Sinkhorn-Knopp against SwAV's formula in NumPy. */
#include "support.h"

#include "cluster/sinkhorn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void equals_numpy(void **unused) {
  (void)unused;
  int64_t n, k, rows, columns;
  float *scores = support_table("scores", &n, &k);
  float *three = support_table("codes_3", &rows, &columns), *one = support_table("codes_1", &rows, &columns);
  float *codes = malloc((size_t)(n * k) * sizeof *codes);
  ss_error error = {""};
  support_ok(ss_sinkhorn(scores, n, k, SS_SINKHORN_EPSILON, SS_SINKHORN_ITERATIONS, 1, codes, &error), &error);
  support_near(codes, three, n * k, 1e-6);
  support_ok(ss_sinkhorn(scores, n, k, 0.5, 1, 2, scores, &error), &error); /* in place */
  support_near(scores, one, n * k, 1e-6);
  free(scores);
  free(three);
  free(one);
  free(codes);
}

static void both_sums_in_the_limit(void **unused) {
  (void)unused;
  enum { n = 90, k = 70 };
  float *scores = support_mixture(n, k, 3, 1.0f, 1);
  float *codes = malloc(sizeof(float) * n * k), *again = malloc(sizeof(float) * n * k);
  ss_error error = {""};
  support_ok(ss_sinkhorn(scores, n, k, 0.5, 200, 1, codes, &error), &error);
  support_ok(ss_sinkhorn(scores, n, k, 0.5, 200, 2, again, &error), &error);
  support_same(codes, again, sizeof(float) * n * k);
  double column[k] = {0.0};
  for (int i = 0; i < n; i++) {
    double row = 0.0;
    for (int j = 0; j < k; j++) {
      row += (double)codes[i * k + j];
      column[j] += (double)codes[i * k + j];
    }
    assert_true(fabs(row - 1.0) < 1e-5);
  }
  for (int j = 0; j < k; j++) {
    assert_true(fabs(column[j] - (double)n / k) < 1e-4);
  }
  free(scores);
  free(codes);
  free(again);
}

/* exp(+-2e5) is neither; a sample that scores low everywhere still has codes that sum to one. */
static void large_scores(void **unused) {
  (void)unused;
  float scores[3][2] = {{1e4f, 1e4f - 0.05f}, {-1e4f, -1e4f}, {0.0f, -1e4f}};
  float codes[3][2];
  ss_error error = {""};
  support_ok(ss_sinkhorn(&scores[0][0], 3, 2, 0.05, 50, 1, &codes[0][0], &error), &error);
  for (int i = 0; i < 3; i++) {
    assert_true(codes[i][0] >= 0.0f && codes[i][1] >= 0.0f && fabsf(codes[i][0] + codes[i][1] - 1.0f) < 1e-5f);
  }
  assert_true(codes[2][0] > 0.999f && codes[0][1] > 0.5f && codes[1][1] > 0.5f);
}

static void wrong_input(void **unused) {
  (void)unused;
  float scores[4] = {0.0f, 1.0f, NAN, 2.0f}, codes[4];
  ss_error error = {""};
  assert_int_equal(ss_sinkhorn(scores, 2, 2, 0.05, 3, 1, codes, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "row 1"));
  assert_int_equal(ss_sinkhorn(scores, 1, 2, 0.0, 3, 1, codes, &error), SS_USAGE);
  assert_int_equal(ss_sinkhorn(scores, 1, 2, 0.05, 0, 1, codes, &error), SS_USAGE);
  assert_int_equal(ss_sinkhorn(scores, 0, 2, 0.05, 3, 1, codes, &error), SS_USAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_numpy),
      cmocka_unit_test(both_sums_in_the_limit),
      cmocka_unit_test(large_scores),
      cmocka_unit_test(wrong_input),
  };
  return cmocka_run_group_tests_name("sinkhorn", tests, NULL, NULL);
}
