#include "eval/retrieve.h"

#include "base/memory.h"
#include "base/system.h"
#include "eval/average_precision.h"
#include "eval/cosines.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

void ss_neighbours_free(ss_neighbours *neighbours) {
  free(neighbours->indices);
  free(neighbours->cosines);
  memset(neighbours, 0, sizeof *neighbours);
}

static float cosine(const float *a, const float *b, int64_t dim) {
  double product = 0.0, square_a = 0.0, square_b = 0.0;
  for (int64_t d = 0; d < dim; d++) {
    product += (double)a[d] * b[d];
    square_a += (double)a[d] * a[d];
    square_b += (double)b[d] * b[d];
  }
  return (float)(product / fmax(sqrt(square_a) * sqrt(square_b), 1e-12));
}

typedef struct search {
  const ss_features *gallery, *queries;
  int threads;
  ss_neighbours *found;
  double *precision; /* (queries): NaN for those that are left out; NULL: not asked for */
  ss_ranked *order;  /* (threads, gallery count) */
} search;

/* Both from one look at the cosines. */
static ss_status take_block(void *taker, const float *cosines, int64_t first, int64_t count, ss_error *error) {
  (void)error;
  const search *of = taker;
  const int64_t all = of->gallery->count, k = of->found->k;
#pragma omp parallel for schedule(dynamic) num_threads(of->threads)
  for (int64_t i = 0; i < count; i++) {
    const int64_t query = first + i;
    ss_most_similar(cosines + i * all, all, of->found->k, of->found->indices + query * k);
    if (of->precision) {
      const int32_t label = of->queries->labels[query];
      ss_ranked *order = of->order + omp_get_thread_num() * all;
      of->precision[query] =
          label >= 0 ? ss_average_precision(cosines + i * all, of->gallery->labels, all, label, order) : (double)NAN;
    }
  }
  return SS_OK;
}

/* In per cent, of those that are not NaN; NaN without any. */
static double mean_of(const double *precision, int64_t count) {
  int64_t counted = 0;
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) {
    if (!isnan(precision[i])) {
      sum += precision[i];
      counted++;
    }
  }
  return counted > 0 ? 100.0 * sum / (double)counted : NAN;
}

static void measure_cosines(const search *of) {
  ss_neighbours *found = of->found;
  const int64_t dim = of->gallery->dim;
  for (int64_t i = 0; i < found->queries * found->k; i++) {
    found->cosines[i] =
        cosine(of->queries->values + i / found->k * dim, of->gallery->values + found->indices[i] * dim, dim);
  }
}

ss_status ss_retrieve(const ss_features *gallery, const ss_features *queries, int k, int threads, ss_neighbours *out,
                      double *mean_precision, ss_error *error) {
  *out = (ss_neighbours){.queries = queries->count, .k = k < gallery->count ? k : (int)gallery->count};
  search of = {
      .gallery = gallery, .queries = queries, .threads = threads ? threads : ss_system_processors(), .found = out};
  const size_t size = (size_t)queries->count * (size_t)out->k;
  ss_status status = ss_alloc((void **)&out->indices, size, sizeof *out->indices, "the neighbours", error);
  status = status ? status : ss_alloc((void **)&out->cosines, size, sizeof *out->cosines, "the neighbours", error);
  if (mean_precision) {
    const size_t ranked = (size_t)of.threads * (size_t)gallery->count;
    status = status ? status : ss_alloc((void **)&of.order, ranked, sizeof *of.order, "the ranking", error);
    status = status
                 ? status
                 : ss_alloc((void **)&of.precision, (size_t)queries->count, sizeof *of.precision, "the ranking", error);
  }
  status = status ? status : ss_cosines(gallery, queries, of.threads, NULL, take_block, &of, error);
  if (status == SS_OK) {
    measure_cosines(&of);
  } else {
    ss_neighbours_free(out);
  }
  if (mean_precision) {
    *mean_precision = status == SS_OK ? mean_of(of.precision, queries->count) : (double)NAN;
  }
  free(of.order);
  free(of.precision);
  return status;
}

double ss_recall(const ss_neighbours *neighbours, const int32_t *gallery_labels, int64_t gallery_count,
                 const int32_t *query_labels, int at) {
  bool known = false;
  for (int64_t i = 0; i < gallery_count && !known; i++) {
    known = gallery_labels[i] >= 0;
  }
  const int nearest = at < neighbours->k ? at : neighbours->k;
  int64_t labelled = 0, found = 0;
  for (int64_t q = 0; q < neighbours->queries; q++) {
    if (query_labels[q] < 0) {
      continue;
    }
    labelled++;
    for (int i = 0; i < nearest; i++) {
      if (gallery_labels[neighbours->indices[q * neighbours->k + i]] == query_labels[q]) {
        found++;
        break;
      }
    }
  }
  return known && labelled > 0 ? 100.0 * (double)found / (double)labelled : NAN;
}
