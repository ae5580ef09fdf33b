#include "eval/cosines.h"

#include "base/memory.h"
#include "base/system.h"
#include "engine/operations.h"
#include "engine/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of unit length. */
static ss_status normalized(const ss_features *features, float **out, ss_error *error) {
  SS_TRY(ss_alloc((void **)out, (size_t)(features->count * features->dim), sizeof(float), "the features", error));
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < features->count; i++) {
    const float *row = features->values + i * features->dim;
    double square = 0.0;
    for (int64_t d = 0; d < features->dim; d++) {
      square += (double)row[d] * row[d];
    }
    const float scale = (float)(1.0 / fmax(sqrt(square), 1e-12));
    for (int64_t d = 0; d < features->dim; d++) {
      (*out)[i * features->dim + d] = row[d] * scale;
    }
  }
  return SS_OK;
}

/* The cosines of a block with all: one matrix product, planned once. */
typedef struct comparer {
  ss_parameters *parameters;
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *rows, *all, *cosines;
} comparer;

static ss_status open_comparer(comparer *compare, int64_t block, int64_t count, int64_t dim, int threads, ss_ways *ways,
                               ss_error *error) {
  compare->parameters = ss_parameters_new(0);
  compare->graph =
      compare->parameters ? ss_graph_new(compare->parameters, &(ss_graph_options){.compute = SS_F32}) : NULL;
  if (!compare->graph) {
    return ss_fail_memory(error, 1, "the cosines");
  }
  compare->rows = ss_graph_input(compare->graph, "rows", SS_F32, ss_shape_of(block, dim));
  compare->all = ss_graph_input(compare->graph, "all", SS_F32, ss_shape_of(count, dim));
  compare->cosines =
      ss_graph_keep(compare->graph, ss_matmul(compare->graph, compare->rows, false, compare->all, true, 1.0f));
  return ss_plan_new(compare->graph, &(ss_plan_options){.threads = threads, .ways = ways}, &compare->plan, error);
}

static void close_comparer(comparer *compare) {
  ss_plan_free(compare->plan);
  ss_graph_free(compare->graph);
  ss_parameters_free(compare->parameters);
}

static ss_status compare_blocks(comparer *compare, const float *all_rows, const float *rows, int64_t all, int64_t count,
                                int64_t dim, int64_t block, ss_cosine_taker take, void *taker, ss_error *error) {
  memcpy(ss_plan_data(compare->plan, compare->all), all_rows, (size_t)(all * dim) * sizeof(float));
  for (int64_t first = 0; first < count; first += block) {
    const int64_t now = count - first < block ? count - first : block;
    memcpy(ss_plan_data(compare->plan, compare->rows), rows + first * dim, (size_t)(now * dim) * sizeof(float));
    SS_TRY(ss_plan_run(compare->plan, 0, error));
    SS_TRY(take(taker, ss_plan_data(compare->plan, compare->cosines), first, now, error));
  }
  return SS_OK;
}

ss_status ss_cosines(const ss_features *all, const ss_features *rows, int threads, ss_ways *ways, ss_cosine_taker take,
                     void *taker, ss_error *error) {
  if (all->dim != rows->dim || all->count < 1 || rows->count < 1) {
    return ss_fail(error, SS_FAILED, "cannot compare %lld features of %lld numbers with %lld of %lld",
                   (long long)rows->count, (long long)rows->dim, (long long)all->count, (long long)all->dim);
  }
  const int64_t block = rows->count < SS_COSINE_ROWS ? rows->count : SS_COSINE_ROWS;
  comparer compare = {0};
  float *all_rows = NULL, *own_rows = NULL;
  ss_status status =
      open_comparer(&compare, block, all->count, all->dim, threads ? threads : ss_system_processors(), ways, error);
  status = status ? status : normalized(all, &all_rows, error);
  status = status ? status : normalized(rows, &own_rows, error);
  status = status ? status
                  : compare_blocks(&compare, all_rows, own_rows, all->count, rows->count, all->dim, block, take, taker,
                                   error);
  close_comparer(&compare);
  free(all_rows);
  free(own_rows);
  return status;
}

void ss_most_similar(const float *cosines, int64_t count, int k, int32_t *nearest) {
  int found = 0;
  for (int64_t i = 0; i < count; i++) {
    if (found == k && cosines[i] <= cosines[nearest[k - 1]]) {
      continue;
    }
    int at = found < k ? found++ : k - 1;
    while (at > 0 && cosines[nearest[at - 1]] < cosines[i]) {
      nearest[at] = nearest[at - 1];
      at--;
    }
    nearest[at] = (int32_t)i;
  }
}
