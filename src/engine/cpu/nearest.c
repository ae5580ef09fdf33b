/* Nearest rows: the common shift and scale, and the way by sgemm. */
#include "engine/cpu/nearest.h"

#include "base/compiler.h"
#include "base/memory.h"
#include "engine/nearest.h"

#include <dnnl.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

/* ---- by sgemm ---- */

enum {
  LANES = 16,     /* of the running maximum */
  ROWS = 256,     /* of x at a time */
  COLUMNS = 1024, /* of c at a time, a multiple of LANES: their products (1 MB) stay in the second-level cache */
};

/* What one thread works with. */
typedef struct worker {
  float *rows;     /* (ROWS, d) moved and scaled */
  float *products; /* (ROWS, COLUMNS) */
  float *best;     /* (ROWS, LANES) */
  int32_t *index;  /* (ROWS, LANES) */
} worker;

SS_MULTIVERSION static void move(const float *from, const float *shift, float scale, int64_t count, int64_t d,
                                 float *to) {
  for (int64_t i = 0; i < count; i++) {
    for (int64_t j = 0; j < d; j++) {
      to[i * d + j] = (from[i * d + j] - shift[j]) * scale;
    }
  }
}

/* Enters `count` products (padded to LANES) plus bias into a row's running maxima. */
SS_MULTIVERSION static void enter(const float *products, const float *bias, int32_t first, int count, float *best,
                                  int32_t *index) {
  for (int j = 0; j < count; j += LANES) {
    for (int lane = 0; lane < LANES; lane++) {
      const float score = products[j + lane] + bias[j + lane];
      const int32_t number = first + j + lane;
      index[lane] = score > best[lane] ? number : index[lane];
      best[lane] = score > best[lane] ? score : best[lane];
    }
  }
}

static int32_t winner(const float *best, const int32_t *index) {
  float most = -INFINITY;
  int32_t at = 0;
  for (int lane = 0; lane < LANES; lane++) {
    if (best[lane] > most || (best[lane] == most && index[lane] < at)) {
      most = best[lane];
      at = index[lane];
    }
  }
  return at;
}

static int run_block(const ss_nearest_job *job, const float *c, const float *bias, int64_t first, const worker *w) {
  const int64_t d = job->d, rows = job->n - first < ROWS ? job->n - first : ROWS;
  move(job->x + first * d, job->shift, job->scale, rows, d, w->rows);
  for (int64_t i = 0; i < rows * LANES; i++) {
    w->best[i] = -INFINITY;
    w->index[i] = 0;
  }
  for (int64_t column = 0; column < job->k; column += COLUMNS) {
    const int64_t columns = job->k - column < COLUMNS ? job->k - column : COLUMNS;
    const int64_t padded = (columns + LANES - 1) / LANES * LANES; /* whose bias is -INFINITY and whose rows are zero */
    if (dnnl_sgemm('N', 'T', rows, padded, d, 1.0f, w->rows, d, c + column * d, d, 0.0f, w->products, COLUMNS) !=
        dnnl_success) {
      return 1;
    }
    for (int64_t i = 0; i < rows; i++) {
      enter(w->products + i * COLUMNS, bias + column, (int32_t)column, (int)padded, w->best + i * LANES,
            w->index + i * LANES);
    }
  }
  for (int64_t i = 0; i < rows; i++) {
    job->nearest[first + i] = winner(w->best + i * LANES, w->index + i * LANES);
  }
  return 0;
}

ss_status ss_nearest_sgemm(const ss_nearest_job *job, ss_error *error) {
  const int64_t d = job->d, padded = (job->k + LANES - 1) / LANES * LANES, blocks = (job->n + ROWS - 1) / ROWS;
  const size_t table = (size_t)(padded * (d + 1)) * sizeof(float);
  const size_t own = ((size_t)ROWS * ((size_t)d + COLUMNS + 2 * (size_t)LANES)) * sizeof(float);
  float *c = ss_alloc_aligned(table);
  char *memory = ss_alloc_aligned(own * (size_t)job->threads);
  int failed = 0;
  if (c && memory) {
    float *bias = c + padded * d;
    move(job->c, job->shift, job->scale, job->k, d, c);
    for (int64_t i = 0; i < padded; i++) {
      double sum = 0.0;
      for (int64_t j = 0; j < d; j++) {
        sum += (double)c[i * d + j] * (double)c[i * d + j];
      }
      bias[i] = i < job->k ? (float)(-0.5 * sum) : -INFINITY;
    }
#pragma omp parallel num_threads(job->threads) reduction(+ : failed)
    {
      omp_set_num_threads(1); /* oneDNN's, inside this thread alone */
      worker w = {.rows = (float *)(memory + own * (size_t)omp_get_thread_num())};
      w.products = w.rows + (int64_t)ROWS * d;
      w.best = w.products + (int64_t)ROWS * COLUMNS;
      w.index = (int32_t *)(w.best + (int64_t)ROWS * LANES);
#pragma omp for schedule(dynamic)
      for (int64_t block = 0; block < blocks; block++) {
        failed += run_block(job, c, bias, block * ROWS, &w);
      }
    }
  }
  const bool no_memory = !c || !memory || failed;
  ss_free_aligned(memory, own * (size_t)job->threads);
  ss_free_aligned(c, table);
  return no_memory ? ss_fail_memory(error, table + own * (size_t)job->threads, "the products with centroids") : SS_OK;
}

/* ---- the common part ---- */

/* shift = the mean of c; returns the scale that brings the largest distance from it to between one and two. */
static float find_shift(const float *c, int64_t k, int64_t d, double *sums, float *shift) {
  for (int64_t i = 0; i < k; i++) {
    for (int64_t j = 0; j < d; j++) {
      sums[j] += (double)c[i * d + j];
    }
  }
  for (int64_t j = 0; j < d; j++) {
    shift[j] = (float)(sums[j] / (double)k);
  }
  double most = 0.0;
  for (int64_t i = 0; i < k; i++) {
    double square = 0.0;
    for (int64_t j = 0; j < d; j++) {
      const double off = (double)c[i * d + j] - (double)shift[j];
      square += off * off;
    }
    most = square > most ? square : most;
  }
  return most > 0.0 ? (float)ldexp(1.0, -ilogb(sqrt(most))) : 1.0f;
}

ss_status ss_nearest(const float *x, int64_t n, const float *c, int64_t k, int64_t d, int threads, int32_t *nearest,
                     ss_error *error) {
  double *sums = NULL;
  SS_TRY(ss_alloc((void **)&sums, (size_t)d, sizeof(double) + sizeof(float), "the mean of the centroids", error));
  float *shift = (float *)(sums + d);
  const float scale = find_shift(c, k, d, sums, shift);
  const ss_nearest_job job = {.x = x,
                              .c = c,
                              .n = n,
                              .k = k,
                              .d = d,
                              .shift = shift,
                              .scale = scale,
                              .threads = threads > 0 ? threads : 1,
                              .nearest = nearest};
  const ss_status status = ss_nearest_amx_supports(&job) ? ss_nearest_amx(&job, error) : ss_nearest_sgemm(&job, error);
  free(sums);
  return status;
}
