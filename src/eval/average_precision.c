/* Mean average precision of retrieval. */
#include "base/memory.h"
#include "base/system.h"
#include "eval/cosines.h"
#include "eval/retrieve.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

/* A picture of the gallery for one query. */
typedef struct ranked {
  float cosine;
  int32_t row;
} ranked;

static int by_cosine(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->cosine != y->cosine) {
    return x->cosine > y->cosine ? -1 : 1;
  }
  return x->row < y->row ? -1 : 1;
}

typedef struct ranking {
  const ss_features *gallery, *queries;
  ranked *order; /* (threads, gallery count) */
  int threads;
  double *precision; /* (queries): NaN for those that are left out */
} ranking;

/* NaN without a picture of the class. */
static double average_precision(const ranking *of, const float *cosines, int32_t label, ranked *order) {
  const int64_t count = of->gallery->count;
  for (int64_t i = 0; i < count; i++) {
    order[i] = (ranked){.cosine = cosines[i], .row = (int32_t)i};
  }
  qsort(order, (size_t)count, sizeof *order, by_cosine);
  int64_t right = 0;
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) {
    if (of->gallery->labels[order[i].row] == label) {
      right++;
      sum += (double)right / (double)(i + 1);
    }
  }
  return right > 0 ? sum / (double)right : NAN;
}

static ss_status take_block(void *taker, const float *cosines, int64_t first, int64_t count, ss_error *error) {
  (void)error;
  const ranking *of = taker;
  const int64_t all = of->gallery->count;
#pragma omp parallel for schedule(dynamic) num_threads(of->threads)
  for (int64_t i = 0; i < count; i++) {
    const int32_t label = of->queries->labels[first + i];
    ranked *order = of->order + omp_get_thread_num() * all;
    of->precision[first + i] = label >= 0 ? average_precision(of, cosines + i * all, label, order) : (double)NAN;
  }
  return SS_OK;
}

ss_status ss_mean_average_precision(const ss_features *gallery, const ss_features *queries, int threads, double *mean,
                                    ss_error *error) {
  ranking of = {.gallery = gallery, .queries = queries, .threads = threads ? threads : ss_system_processors()};
  *mean = NAN;
  ss_status status =
      ss_alloc((void **)&of.order, (size_t)of.threads * (size_t)gallery->count, sizeof *of.order, "the ranking", error);
  status =
      status ? status : ss_alloc((void **)&of.precision, (size_t)queries->count, sizeof(double), "the ranking", error);
  status = status ? status : ss_cosines(gallery, queries, of.threads, NULL, take_block, &of, error);
  int64_t counted = 0;
  double sum = 0.0;
  for (int64_t q = 0; q < queries->count && status == SS_OK; q++) {
    if (!isnan(of.precision[q])) {
      sum += of.precision[q];
      counted++;
    }
  }
  *mean = counted > 0 ? 100.0 * sum / (double)counted : NAN;
  free(of.order);
  free(of.precision);
  return status;
}
