/* t-SNE against scikit-learn's: the affinities, the divergence that is left, and how far neighbours stay neighbours. */
#include "support.h"

#include "cluster/tsne.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void affinities_equal_scikit_learn(void **unused) {
  (void)unused;
  int64_t rows, d, n, columns;
  float *x = support_table("points", &rows, &d), *golden = support_table("affinities", &n, &columns);
  assert_true(n == 40 && columns == 40 && rows >= n);
  float *p = malloc((size_t)(n * n) * sizeof *p);
  ss_error error = {""};
  support_ok(ss_tsne_affinities(x, n, d, 10.0, 2, p, &error), &error);
  double sum = 0.0;
  for (int64_t i = 0; i < n * n; i++) {
    sum += (double)p[i];
    assert_true(fabs((double)p[i] - (double)golden[i]) < 2e-7 + 1e-4 * (double)golden[i]);
  }
  assert_true(fabs(sum - 1.0) < 1e-5);
  free(x);
  free(golden);
  free(p);
}

static double square_distance(const float *x, int64_t d, int64_t a, int64_t b) {
  double sum = 0.0;
  for (int64_t k = 0; k < d; k++) {
    const double difference = (double)x[a * d + k] - (double)x[b * d + k];
    sum += difference * difference;
  }
  return sum;
}

/* How many points are nearer to i than j is. */
static int64_t rank_of(const float *x, int64_t n, int64_t d, int64_t i, int64_t j) {
  const double own = square_distance(x, d, i, j);
  int64_t rank = 0;
  for (int64_t k = 0; k < n; k++) {
    rank += k != i && k != j && square_distance(x, d, i, k) < own;
  }
  return rank;
}

/* Venna and Kaski 2001: 1 less what the k neighbours on the map lie too far away in x. */
static double trustworthiness(const float *x, const float *y, int64_t n, int64_t d, int64_t k) {
  double wrong = 0.0;
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < n; j++) {
      if (j != i && rank_of(y, n, 2, i, j) < k) {
        const int64_t rank = rank_of(x, n, d, i, j);
        wrong += rank >= k ? (double)(rank - k + 1) : 0.0;
      }
    }
  }
  return 1.0 - 2.0 * wrong / ((double)n * (double)k * (double)(2 * n - 3 * k - 1));
}

static void the_map_is_as_good_as_scikit_learns(void **unused) {
  (void)unused;
  int64_t n, d, rows, one;
  float *x = support_table("points", &n, &d), *golden = support_table("tsne", &one, &rows);
  float *y = malloc((size_t)n * 2 * sizeof *y), *again = malloc((size_t)n * 2 * sizeof *again);
  ss_tsne_options options = SS_TSNE_DEFAULTS;
  ss_error error = {""};
  double divergence = NAN;
  options.threads = 2;
  support_ok(ss_tsne(x, n, d, &options, y, &divergence, &error), &error);
  options.threads = 3;
  support_ok(ss_tsne(x, n, d, &options, again, NULL, &error), &error);
  support_same(y, again, sizeof *y * 2 * (size_t)n);
  /* the means of scikit-learn from eight starts that hardly differ; the worst leaves 5 per cent more */
  assert_true(divergence > 0.0 && divergence < 1.03 * (double)golden[0]);
  assert_true(trustworthiness(x, y, n, d, 10) > (double)golden[1] - 0.01);
  free(x);
  free(golden);
  free(y);
  free(again);
}

static void the_plane_equals_scikit_learns(void **unused) {
  (void)unused;
  int64_t n, d, rows, two;
  float *x = support_table("points", &n, &d), *golden = support_table("plane", &rows, &two);
  float *y = malloc((size_t)n * 2 * sizeof *y);
  ss_error error = {""};
  support_ok(ss_principal_plane(x, n, d, y, &error), &error);
  for (int c = 0; c < 2; c++) {
    const double sign = y[c] * golden[c] < 0.0f ? -1.0 : 1.0; /* an axis has no direction of its own */
    for (int64_t i = 0; i < n; i++) {
      assert_true(fabs((double)y[2 * i + c] - sign * (double)golden[2 * i + c]) < 1e-4);
    }
  }
  free(x);
  free(golden);
  free(y);
}

/* Points that are all the same, or in pairs, have a map too; far fewer of them than the perplexity as well. */
static void degenerate_points(void **unused) {
  (void)unused;
  enum { n = 12 };
  float x[n * 3], y[n * 2];
  ss_error error = {""};
  ss_tsne_options options = SS_TSNE_DEFAULTS;
  options.iterations = 300;
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < n * 3; i++) {
      x[i] = pass ? (float)(i / 6) : 0.5f;
    }
    support_ok(ss_tsne(x, n, 3, &options, y, NULL, &error), &error);
    for (int i = 0; i < n * 2; i++) {
      assert_true(isfinite(y[i]));
    }
  }
  support_ok(ss_principal_plane(x, n, 1, y, &error), &error);
  assert_true(y[0] != 0.0f && y[1] == 0.0f && y[3] == 0.0f);
}

static void wrong_numbers_are_told(void **unused) {
  (void)unused;
  float x[12] = {0.0f, 1.0f, 2.0f, 3.0f, 4.0f, NAN}, y[12], p[36];
  const ss_tsne_options options = SS_TSNE_DEFAULTS;
  ss_error error = {""};
  assert_int_equal(ss_tsne(x, 3, 2, &options, y, NULL, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "4 to 10000 points, not 3"));
  assert_int_equal(ss_tsne_affinities(x, 6, 2, 0.5, 1, p, &error), SS_USAGE);
  assert_int_not_equal(ss_tsne(x, 6, 2, &options, y, NULL, &error), SS_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(affinities_equal_scikit_learn),
                                     cmocka_unit_test(the_map_is_as_good_as_scikit_learns),
                                     cmocka_unit_test(the_plane_equals_scikit_learns),
                                     cmocka_unit_test(degenerate_points), cmocka_unit_test(wrong_numbers_are_told)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
