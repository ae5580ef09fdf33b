#include "cluster/whitening.h"

#include "base/memory.h"
#include "cluster/check.h"

#include <dnnl.h>
#include <lapacke.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 32 << 20 /* of centred rows at a time */ };

/* What fitting works with. */
typedef struct fit {
  const float *x;
  int64_t n, d, components;
  int threads;
  float *rows;         /* a block's, centred */
  float *products;     /* (d, d) of a block */
  double *covariance;  /* (d, d) */
  double *values;      /* (d) eigenvalues, ascending */
  double *vectors;     /* (components, d) */
  lapack_int *support; /* (2 components) for LAPACK */
} fit;

static int64_t block_rows(int64_t d) {
  const int64_t rows = BLOCK_BYTES / (d * (int64_t)sizeof(float));
  return rows < 16 ? 16 : rows;
}

/* c (rows, columns) = a b, row-major, on `threads` threads; `transpose_a`: a is (inner, rows), else b is (columns,
 * inner). */
static ss_status multiply(bool transpose_a, int64_t rows, int64_t columns, int64_t inner, const float *a,
                          const float *b, float *c, int threads, ss_error *error) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  const dnnl_status_t status =
      dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_a ? 'N' : 'T', rows, columns, inner, 1.0f, a,
                 transpose_a ? rows : inner, b, transpose_a ? columns : inner, 0.0f, c, columns);
  omp_set_num_threads(before);
  return status == dnnl_success ? SS_OK : ss_fail(error, SS_FAILED, "oneDNN's sgemm failed (status %d)", (int)status);
}

static void centre(const float *x, const float *mean, int64_t n, int64_t d, int threads, float *rows) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < d; j++) {
      rows[i * d + j] = x[i * d + j] - mean[j];
    }
  }
}

static ss_status find_mean(const fit *f, float *mean, ss_error *error) {
  double *sums = NULL;
  SS_TRY(ss_alloc((void **)&sums, (size_t)f->d, sizeof *sums, "the mean of the features", error));
  for (int64_t i = 0; i < f->n; i++) {
    for (int64_t j = 0; j < f->d; j++) {
      sums[j] += (double)f->x[i * f->d + j];
    }
  }
  for (int64_t j = 0; j < f->d; j++) {
    mean[j] = (float)(sums[j] / (double)f->n);
  }
  free(sums);
  return SS_OK;
}

/* Block by block in float32, the blocks summed in float64. */
static ss_status find_covariance(const fit *f, const float *mean, ss_error *error) {
  const int64_t block = block_rows(f->d), d = f->d;
  for (int64_t first = 0; first < f->n; first += block) {
    const int64_t rows = f->n - first < block ? f->n - first : block;
    centre(f->x + first * d, mean, rows, d, f->threads, f->rows);
    SS_TRY(multiply(true, d, d, rows, f->rows, f->rows, f->products, f->threads, error));
#pragma omp parallel for num_threads(f->threads) schedule(static)
    for (int64_t i = 0; i < d * d; i++) {
      f->covariance[i] += (double)f->products[i] / (double)(f->n - 1);
    }
  }
  return SS_OK;
}

static ss_status find_axes(const fit *f, ss_error *error) {
  lapack_int found = 0;
  const lapack_int d = (lapack_int)f->d;
  const lapack_int info =
      LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'U', d, f->covariance, d, 0.0, 0.0,
                     (lapack_int)(f->d - f->components + 1), d, 0.0, &found, f->values, f->vectors, d, f->support);
  if (info == LAPACK_WORK_MEMORY_ERROR) {
    return ss_fail_memory(error, (size_t)(f->d * f->d) * sizeof(double), "the principal axes");
  }
  if (info != 0 || found != (lapack_int)f->components) {
    return ss_fail(error, SS_FAILED, "LAPACK's dsyevr found %d of %lld principal axes (info %d)", (int)found,
                   (long long)f->components, (int)info);
  }
  return SS_OK;
}

/* The axes, found in ascending order, with their signs and scales. */
static void take_axes(const fit *f, double epsilon, ss_whitening *out) {
  const double least = epsilon * f->values[f->components - 1];
  for (int64_t c = 0; c < f->components; c++) {
    const double *axis = f->vectors + (f->components - 1 - c) * f->d;
    const double value = f->values[f->components - 1 - c] > 0.0 ? f->values[f->components - 1 - c] : 0.0;
    int64_t greatest = 0;
    for (int64_t j = 1; j < f->d; j++) {
      greatest = fabs(axis[j]) > fabs(axis[greatest]) ? j : greatest;
    }
    const double floor = value > least ? value : least;
    double scale = floor > 0.0 ? 1.0 / sqrt(floor) : 0.0;
    scale = axis[greatest] < 0.0 ? -scale : scale;
    for (int64_t j = 0; j < f->d; j++) {
      out->matrix[c * f->d + j] = (float)(axis[j] * scale);
    }
    out->variances[c] = value;
  }
}

static ss_status run_fit(fit *f, double epsilon, ss_whitening *out, ss_error *error) {
  const size_t d = (size_t)f->d, components = (size_t)f->components;
  const char *what = "the principal axes";
  SS_TRY(ss_alloc((void **)&f->rows, (size_t)block_rows(f->d) * d, sizeof(float), what, error));
  SS_TRY(ss_alloc((void **)&f->products, d * d, sizeof(float), what, error));
  SS_TRY(ss_alloc((void **)&f->covariance, d * d, sizeof(double), what, error));
  SS_TRY(ss_alloc((void **)&f->values, d, sizeof(double), what, error));
  SS_TRY(ss_alloc((void **)&f->vectors, components * d, sizeof(double), what, error));
  SS_TRY(ss_alloc((void **)&f->support, 2 * components, sizeof(lapack_int), what, error));
  SS_TRY(ss_alloc((void **)&out->mean, d, sizeof(float), what, error));
  SS_TRY(ss_alloc((void **)&out->matrix, components * d, sizeof(float), what, error));
  SS_TRY(ss_alloc((void **)&out->variances, components, sizeof(double), what, error));
  SS_TRY(find_mean(f, out->mean, error));
  SS_TRY(find_covariance(f, out->mean, error));
  SS_TRY(find_axes(f, error));
  take_axes(f, epsilon, out);
  return SS_OK;
}

ss_status ss_whitening_fit(const float *x, int64_t n, int64_t d, int64_t components, double epsilon, int threads,
                           ss_whitening *out, ss_error *error) {
  memset(out, 0, sizeof *out);
  if (n < 2 || d < 1 || d > 32768 || components < 1 || components > d || !(epsilon >= 0.0 && epsilon <= 1.0)) {
    return ss_fail(
        error, SS_USAGE,
        "whitening %lld rows of %lld dimensions to %lld with epsilon %g: it takes 2 rows or more, 1 to 32768 "
        "dimensions, no more of them after than before, and an epsilon from 0 to 1",
        (long long)n, (long long)d, (long long)components, epsilon);
  }
  fit f = {.x = x, .n = n, .d = d, .components = components, .threads = threads > 0 ? threads : 1};
  SS_TRY(ss_cluster_check_numbers("features to whiten", x, n, d, f.threads, error));
  out->d = d;
  out->components = components;
  const ss_status status = run_fit(&f, epsilon, out, error);
  free(f.rows);
  free(f.products);
  free(f.covariance);
  free(f.values);
  free(f.vectors);
  free(f.support);
  if (status != SS_OK) {
    ss_whitening_free(out);
  }
  return status;
}

void ss_whitening_free(ss_whitening *whitening) {
  free(whitening->mean);
  free(whitening->matrix);
  free(whitening->variances);
  memset(whitening, 0, sizeof *whitening);
}

static void normalise_rows(float *y, int64_t n, int64_t d, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < n; i++) {
    double square = 0.0;
    for (int64_t j = 0; j < d; j++) {
      square += (double)y[i * d + j] * (double)y[i * d + j];
    }
    const double scale = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
    for (int64_t j = 0; j < d; j++) {
      y[i * d + j] = (float)((double)y[i * d + j] * scale);
    }
  }
}

ss_status ss_whitening_apply(const ss_whitening *whitening, const float *x, int64_t n, bool normalise, int threads,
                             float *y, ss_error *error) {
  const int64_t d = whitening->d, components = whitening->components, block = block_rows(d);
  const int64_t most = n < block ? n : block;
  threads = threads > 0 ? threads : 1;
  SS_TRY(ss_cluster_check_numbers("features to whiten", x, n, d, threads, error));
  float *rows = NULL;
  SS_TRY(ss_alloc((void **)&rows, (size_t)(most * d), sizeof *rows, "the features", error));
  ss_status status = SS_OK;
  for (int64_t first = 0; first < n && status == SS_OK; first += block) {
    const int64_t count = n - first < block ? n - first : block;
    centre(x + first * d, whitening->mean, count, d, threads, rows);
    status = multiply(false, count, components, d, rows, whitening->matrix, y + first * components, threads, error);
  }
  if (status == SS_OK && normalise) {
    normalise_rows(y, n, components, threads);
  }
  free(rows);
  return status;
}
