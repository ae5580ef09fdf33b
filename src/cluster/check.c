#include "cluster/check.h"

#include <math.h>

static const float most_value = 1e15f;

/* The first row of x with a number that is not finite or too large, or -1. */
static int64_t find_bad_row(const float *x, int64_t n, int64_t d, int threads) {
  int64_t bad = n;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(min : bad)
  for (int64_t i = 0; i < n; i++) {
    int count = 0;
    for (int64_t j = 0; j < d; j++) {
      count += !(fabsf(x[i * d + j]) <= most_value);
    }
    bad = count && i < bad ? i : bad;
  }
  return bad < n ? bad : -1;
}

ss_status ss_cluster_check_numbers(const char *what, const float *x, int64_t n, int64_t d, int threads,
                                   ss_error *error) {
  const int64_t row = find_bad_row(x, n, d, threads);
  if (row < 0) {
    return SS_OK;
  }
  int64_t column = 0;
  while (fabsf(x[row * d + column]) <= most_value) {
    column++;
  }
  return ss_fail(error, SS_FAILED,
                 "%s: number %lld of row %lld is %g; they must be finite and at most 1e15 in magnitude", what,
                 (long long)column, (long long)row, (double)x[row * d + column]);
}
