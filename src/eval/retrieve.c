#include "eval/retrieve.h"

#include "base/memory.h"
#include "eval/knn.h"

#include <math.h>
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

ss_status ss_retrieve(const ss_features *gallery, const ss_features *queries, int k, int threads, ss_neighbours *out,
                      ss_error *error) {
  memset(out, 0, sizeof *out);
  out->k = k < gallery->count ? k : (int)gallery->count;
  const size_t size = (size_t)queries->count * (size_t)out->k;
  ss_knn_options options = SS_KNN_DEFAULTS;
  options.k = out->k;
  options.threads = threads;
  double top1 = 0.0; /* of the vote, which nobody asked for */
  ss_status status = ss_alloc((void **)&out->indices, size, sizeof *out->indices, "the neighbours", error);
  status = status ? status : ss_alloc((void **)&out->cosines, size, sizeof *out->cosines, "the neighbours", error);
  status = status ? status : ss_knn(gallery, queries, 1, &options, &top1, out->indices, error);
  if (status != SS_OK) {
    ss_neighbours_free(out);
    return status;
  }
  out->queries = queries->count;
  const int64_t dim = gallery->dim;
  for (size_t i = 0; i < size; i++) {
    out->cosines[i] =
        cosine(queries->values + (int64_t)(i / (size_t)out->k) * dim, gallery->values + out->indices[i] * dim, dim);
  }
  return SS_OK;
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
