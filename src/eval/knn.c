#include "eval/knn.h"

#include "base/memory.h"
#include "base/system.h"
#include "engine/operations.h"
#include "engine/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { block_rows = 256 }; /* test features compared at a time */

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

/* Keeps the k largest of `similarities` in descending order; of equals the lower index first. */
static void find_nearest(const float *similarities, int64_t count, int k, int32_t *nearest) {
  int found = 0;
  for (int64_t i = 0; i < count; i++) {
    if (found == k && similarities[i] <= similarities[nearest[k - 1]]) {
      continue;
    }
    int at = found < k ? found++ : k - 1;
    while (at > 0 && similarities[nearest[at - 1]] < similarities[i]) {
      nearest[at] = nearest[at - 1];
      at--;
    }
    nearest[at] = (int32_t)i;
  }
}

static int vote(const float *similarities, const int32_t *nearest, int k, const int32_t *labels, float temperature,
                double *votes, int classes) {
  memset(votes, 0, sizeof *votes * (size_t)classes);
  for (int i = 0; i < k; i++) {
    const int label = labels[nearest[i]];
    if (label >= 0 && label < classes) {
      votes[label] += exp((double)similarities[nearest[i]] / temperature);
    }
  }
  int best = 0;
  for (int c = 1; c < classes; c++) {
    best = votes[c] > votes[best] ? c : best;
  }
  return best;
}

/* The cosines of a block of test rows with all training rows: one matrix product, planned once. */
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
    return ss_fail_memory(error, 1, "the neighbours");
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

typedef struct search {
  const ss_features *train, *test;
  const ss_knn_options *options;
  int k, classes;
  double *votes;    /* (block, classes) */
  int32_t *nearest; /* (block, k) */
  int64_t right;
} search;

static ss_status search_block(search *state, comparer *compare, const float *rows, int64_t first, int64_t count,
                              int32_t *neighbours, ss_error *error) {
  const int64_t dim = state->test->dim, all = state->train->count;
  memcpy(ss_plan_data(compare->plan, compare->rows), rows + first * dim, (size_t)(count * dim) * sizeof(float));
  SS_TRY(ss_plan_run(compare->plan, 0, error));
  const float *cosines = ss_plan_data(compare->plan, compare->cosines);
  int64_t right = 0;
#pragma omp parallel for schedule(static) reduction(+ : right)
  for (int64_t i = 0; i < count; i++) {
    int32_t *nearest = state->nearest + i * state->k;
    find_nearest(cosines + i * all, all, state->k, nearest);
    const int label = vote(cosines + i * all, nearest, state->k, state->train->labels, state->options->temperature,
                           state->votes + i * state->classes, state->classes);
    right += label == state->test->labels[first + i];
  }
  state->right += right;
  if (neighbours) {
    memcpy(neighbours + first * state->k, state->nearest, (size_t)(count * state->k) * sizeof(int32_t));
  }
  return SS_OK;
}

ss_status ss_knn(const ss_features *train, const ss_features *test, int classes, const ss_knn_options *options,
                 double *top1, int32_t *neighbours, ss_error *error) {
  if (train->dim != test->dim || train->count < 1 || test->count < 1 || classes < 1) {
    return ss_fail(error, SS_FAILED, "cannot compare %lld features of %lld numbers with %lld of %lld",
                   (long long)test->count, (long long)test->dim, (long long)train->count, (long long)train->dim);
  }
  const int threads = options->threads ? options->threads : ss_system_processors();
  const int64_t block = test->count < block_rows ? test->count : block_rows;
  search state = {.train = train, .test = test, .options = options, .classes = classes};
  state.k = options->k < train->count ? options->k : (int)train->count;
  comparer compare = {0};
  float *train_rows = NULL, *test_rows = NULL;
  ss_status status = open_comparer(&compare, block, train->count, train->dim, threads, options->ways, error);
  if (status == SS_OK) {
    status = normalized(train, &train_rows, error);
  }
  if (status == SS_OK) {
    status = normalized(test, &test_rows, error);
  }
  if (status == SS_OK) {
    status = ss_alloc((void **)&state.votes, (size_t)(block * classes), sizeof(double), "the votes", error);
  }
  if (status == SS_OK) {
    status = ss_alloc((void **)&state.nearest, (size_t)(block * state.k), sizeof(int32_t), "the neighbours", error);
  }
  if (status == SS_OK) {
    memcpy(ss_plan_data(compare.plan, compare.all), train_rows, (size_t)(train->count * train->dim) * sizeof(float));
  }
  for (int64_t first = 0; first < test->count && status == SS_OK; first += block) {
    const int64_t count = test->count - first < block ? test->count - first : block;
    status = search_block(&state, &compare, test_rows, first, count, neighbours, error);
  }
  *top1 = 100.0 * (double)state.right / (double)test->count;
  close_comparer(&compare);
  free(train_rows);
  free(test_rows);
  free(state.votes);
  free(state.nearest);
  return status;
}
