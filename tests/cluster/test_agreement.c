/* Agreement of labelings against scikit-learn's. */
#include "support.h"

#include "cluster/agreement.h"

#include <math.h>
#include <stdlib.h>

static void equals_scikit_learn(void **unused) {
  (void)unused;
  int64_t labelings, n, pairs, two;
  float *table = support_table("labels", &labelings, &n), *golden = support_table("agreement", &pairs, &two);
  int32_t *labels = malloc((size_t)(labelings * n) * sizeof *labels);
  for (int64_t i = 0; i < labelings * n; i++) {
    labels[i] = (int32_t)table[i];
  }
  static const int pair[3][2] = {{0, 1}, {0, 2}, {1, 2}};
  for (int p = 0; p < 3; p++) {
    ss_agreement found;
    ss_error error = {""};
    support_ok(ss_agreement_measure(labels + pair[p][0] * n, labels + pair[p][1] * n, n, &found, &error), &error);
    assert_true(fabs(found.nmi - (double)golden[p * 2]) < 1e-7);
    assert_true(fabs(found.ari - (double)golden[p * 2 + 1]) < 1e-7);
  }
  free(table);
  free(golden);
  free(labels);
}

static void expect(const int32_t *a, const int32_t *b, int64_t n, double nmi, double ari) {
  ss_agreement found;
  ss_error error = {""};
  support_ok(ss_agreement_measure(a, b, n, &found, &error), &error);
  assert_true(fabs(found.nmi - nmi) < 1e-12 && fabs(found.ari - ari) < 1e-12);
}

static void closed_forms(void **unused) {
  (void)unused;
  const int32_t a[] = {0, 0, 1, 1, 2, 2}, renamed[] = {-7, -7, 900, 900, 3, 3}, one[] = {4, 4, 4, 4, 4, 4};
  const int32_t each[] = {5, 4, 3, 2, 1, 0}, halves[] = {0, 1, 0, 1, 0, 1};
  expect(a, renamed, 6, 1.0, 1.0);
  expect(one, one, 6, 1.0, 1.0);
  expect(each, each, 6, 1.0, 1.0);
  expect(one, each, 6, 0.0, 0.0);
  expect(a, halves, 6, 0.0, -4.0 / 11.0);                          /* independent */
  expect(a, each, 6, 2.0 * log(3.0) / (log(3.0) + log(6.0)), 0.0); /* one refines the other */
  expect(a, a, 1, 1.0, 1.0);
  ss_agreement found;
  ss_error error = {""};
  assert_int_equal(ss_agreement_measure(a, a, 0, &found, &error), SS_USAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_scikit_learn),
      cmocka_unit_test(closed_forms),
  };
  return cmocka_run_group_tests_name("agreement", tests, NULL, NULL);
}
