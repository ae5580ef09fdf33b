#include "cluster/sinkhorn.h"

#include "base/memory.h"
#include "cluster/check.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS = 64 /* prototypes summed at a time: a row's share of a few cache lines */ };

/* Q[i][j] = exp(scores[i][j] * inverse + sample[i] + prototype[j]) */
typedef struct problem {
  const float *scores;
  int64_t n, k;
  double inverse; /* 1 / epsilon */
  double *sample, *prototype;
  int threads;
} problem;

/* Makes columns [first, last) sum to 1 / k each. */
static void balance_columns(const problem *p, int64_t first, int64_t last) {
  double most[COLUMNS], sum[COLUMNS] = {0.0};
  for (int64_t j = 0; j < last - first; j++) {
    most[j] = -INFINITY;
  }
  for (int64_t i = 0; i < p->n; i++) {
    for (int64_t j = first; j < last; j++) {
      const double exponent = (double)p->scores[i * p->k + j] * p->inverse + p->sample[i];
      most[j - first] = exponent > most[j - first] ? exponent : most[j - first];
    }
  }
  for (int64_t i = 0; i < p->n; i++) {
    for (int64_t j = first; j < last; j++) {
      sum[j - first] += exp((double)p->scores[i * p->k + j] * p->inverse + p->sample[i] - most[j - first]);
    }
  }
  for (int64_t j = first; j < last; j++) {
    p->prototype[j] = -(most[j - first] + log(sum[j - first])) - log((double)p->k);
  }
}

/* Makes a row sum to 1 / n. */
static void balance_row(const problem *p, int64_t row) {
  const float *scores = p->scores + row * p->k;
  double most = -INFINITY, sum = 0.0;
  for (int64_t j = 0; j < p->k; j++) {
    const double exponent = (double)scores[j] * p->inverse + p->prototype[j];
    most = exponent > most ? exponent : most;
  }
  for (int64_t j = 0; j < p->k; j++) {
    sum += exp((double)scores[j] * p->inverse + p->prototype[j] - most);
  }
  p->sample[row] = -(most + log(sum)) - log((double)p->n);
}

static void balance(const problem *p, int iterations) {
  for (int iteration = 0; iteration < iterations; iteration++) {
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int64_t first = 0; first < p->k; first += COLUMNS) {
      balance_columns(p, first, first + COLUMNS < p->k ? first + COLUMNS : p->k);
    }
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int64_t row = 0; row < p->n; row++) {
      balance_row(p, row);
    }
  }
}

ss_status ss_sinkhorn(const float *scores, int64_t n, int64_t k, double epsilon, int iterations, int threads,
                      float *codes, ss_error *error) {
  threads = threads > 0 ? threads : 1;
  if (n < 1 || k < 1 || iterations < 1 || !(epsilon >= 1e-6 && epsilon <= 1e6)) {
    return ss_fail(
        error, SS_USAGE,
        "Sinkhorn-Knopp of %lld samples and %lld prototypes, epsilon %g, %d iterations: at least one of each, "
        "and epsilon from 1e-6 to 1e6",
        (long long)n, (long long)k, epsilon, iterations);
  }
  SS_TRY(ss_cluster_check_numbers("scores", scores, n, k, threads, error));
  double *memory = NULL;
  SS_TRY(ss_alloc((void **)&memory, (size_t)(n + k), sizeof *memory, "the codes", error));
  const problem p = {.scores = scores,
                     .n = n,
                     .k = k,
                     .inverse = 1.0 / epsilon,
                     .sample = memory,
                     .prototype = memory + n,
                     .threads = threads};
  balance(&p, iterations);
  const double samples = log((double)n);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < k; j++) {
      codes[i * k + j] = (float)exp((double)scores[i * k + j] * p.inverse + p.sample[i] + p.prototype[j] + samples);
    }
  }
  free(memory);
  return SS_OK;
}
