/* Whitening against scikit-learn's PCA(whiten=True) and by what it is for. */
#include "support.h"

#include "cluster/whitening.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void equals_scikit_learn(void **unused) {
  (void)unused;
  int64_t n, d, rows, components, one, count;
  float *x = support_table("features", &n, &d), *golden = support_table("whitened", &rows, &components);
  float *variances = support_table("variances", &one, &count);
  float *y = malloc((size_t)(n * components) * sizeof *y);
  ss_whitening w;
  ss_error error = {""};
  support_ok(ss_whitening_fit(x, n, d, components, 1e-6, 2, &w, &error), &error);
  support_ok(ss_whitening_apply(&w, x, n, false, 2, y, &error), &error);
  support_near(y, golden, n * components, 2e-4);
  for (int64_t c = 0; c < components; c++) {
    assert_true(fabs(w.variances[c] - (double)variances[c]) < 1e-5 * w.variances[c]);
  }
  ss_whitening_free(&w);
  free(x);
  free(golden);
  free(variances);
  free(y);
}

/* The covariance of two columns of y (n, d). */
static double covariance(const float *y, int64_t n, int64_t d, int64_t a, int64_t b) {
  double mean_a = 0.0, mean_b = 0.0, sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    mean_a += (double)y[i * d + a] / (double)n;
    mean_b += (double)y[i * d + b] / (double)n;
  }
  for (int64_t i = 0; i < n; i++) {
    sum += ((double)y[i * d + a] - mean_a) * ((double)y[i * d + b] - mean_b);
  }
  return sum / (double)(n - 1);
}

static void components_are_independent(void **unused) {
  (void)unused;
  enum { n = 1000, d = 40, components = 25 };
  float *x = support_mixture(n, d, 5, 0.5f, 1), *y = malloc(sizeof(float) * n * components);
  ss_whitening w, again;
  ss_error error = {""};
  for (int i = 0; i < n * d; i++) {
    x[i] = 100.0f + x[i] * (float)(1 + i % d); /* far from the origin, axes of all scales */
  }
  support_ok(ss_whitening_fit(x, n, d, components, 1e-6, 1, &w, &error), &error);
  support_ok(ss_whitening_fit(x, n, d, components, 1e-6, 1, &again, &error), &error);
  support_same(w.matrix, again.matrix, sizeof(float) * d * components);
  support_ok(ss_whitening_apply(&w, x, n, false, 1, y, &error), &error);
  for (int a = 0; a < components; a++) {
    for (int b = 0; b <= a; b++) {
      assert_true(fabs(covariance(y, n, components, a, b) - (a == b)) < 1e-3);
    }
    assert_true(a == 0 || w.variances[a] <= w.variances[a - 1]);
  }
  support_ok(ss_whitening_apply(&w, x, n, true, 1, y, &error), &error);
  for (int i = 0; i < n; i++) {
    double square = 0.0;
    for (int c = 0; c < components; c++) {
      square += (double)y[i * components + c] * (double)y[i * components + c];
    }
    assert_true(fabs(square - 1.0) < 1e-5);
  }
  ss_whitening_free(&w);
  ss_whitening_free(&again);
  free(x);
  free(y);
}

/* Fewer directions than components: those without variance come out small, not as noise. */
static void directions_without_variance(void **unused) {
  (void)unused;
  enum { n = 200, d = 12 };
  float *x = support_mixture(n, d, 4, 1.0f, 2), *y = malloc(sizeof(float) * n * d);
  ss_whitening w;
  ss_error error = {""};
  for (int i = 0; i < n; i++) {
    for (int j = 3; j < d; j++) {
      x[i * d + j] = x[i * d + j % 3];
    }
  }
  support_ok(ss_whitening_fit(x, n, d, d, 1e-4, 1, &w, &error), &error);
  support_ok(ss_whitening_apply(&w, x, n, false, 1, y, &error), &error);
  for (int c = 0; c < d; c++) {
    assert_true(c < 3 ? fabs(covariance(y, n, d, c, c) - 1.0) < 1e-3 : covariance(y, n, d, c, c) < 1e-3);
  }
  ss_whitening_free(&w);
  for (int i = 0; i < n * d; i++) {
    x[i] = (float)(i % d); /* collapsed: all rows are the same */
  }
  support_ok(ss_whitening_fit(x, n, d, 5, 1e-4, 1, &w, &error), &error);
  support_ok(ss_whitening_apply(&w, x, n, true, 1, y, &error), &error);
  for (int i = 0; i < n * 5; i++) {
    assert_true(y[i] == 0.0f);
  }
  ss_whitening_free(&w);
  free(x);
  free(y);
}

static void wrong_input(void **unused) {
  (void)unused;
  float x[6] = {0.0f, 1.0f, 2.0f, 3.0f, INFINITY, 5.0f};
  ss_whitening w;
  ss_error error = {""};
  assert_int_equal(ss_whitening_fit(x, 3, 2, 2, 1e-6, 1, &w, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "row 2"));
  assert_null(w.matrix);
  assert_int_equal(ss_whitening_fit(x, 2, 2, 3, 1e-6, 1, &w, &error), SS_USAGE);
  assert_int_equal(ss_whitening_fit(x, 1, 2, 2, 1e-6, 1, &w, &error), SS_USAGE);
  assert_int_equal(ss_whitening_fit(x, 2, 2, 2, (double)NAN, 1, &w, &error), SS_USAGE);
  support_ok(ss_whitening_fit(x, 2, 2, 2, 1e-6, 1, &w, &error), &error); /* two points, one direction */
  ss_whitening_free(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_scikit_learn),
      cmocka_unit_test(components_are_independent),
      cmocka_unit_test(directions_without_variance),
      cmocka_unit_test(wrong_input),
  };
  return cmocka_run_group_tests_name("whitening", tests, NULL, NULL);
}
