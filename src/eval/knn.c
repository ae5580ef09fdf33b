#include "eval/knn.h"

#include "base/memory.h"
#include "eval/cosines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

typedef struct search {
  const ss_features *train, *test;
  const ss_knn_options *options;
  int k, classes;
  double *votes;    /* (block, classes) */
  int32_t *nearest; /* (block, k) */
  int64_t right;
} search;

static ss_status take_block(void *taker, const float *cosines, int64_t first, int64_t count, ss_error *error) {
  (void)error;
  search *state = taker;
  const int64_t all = state->train->count;
  int64_t right = 0;
#pragma omp parallel for schedule(static) reduction(+ : right)
  for (int64_t i = 0; i < count; i++) {
    int32_t *nearest = state->nearest + i * state->k;
    ss_most_similar(cosines + i * all, all, state->k, nearest);
    const int label = vote(cosines + i * all, nearest, state->k, state->train->labels, state->options->temperature,
                           state->votes + i * state->classes, state->classes);
    right += label == state->test->labels[first + i];
  }
  state->right += right;
  return SS_OK;
}

ss_status ss_knn(const ss_features *train, const ss_features *test, int classes, const ss_knn_options *options,
                 double *top1, ss_error *error) {
  if (classes < 1) {
    return ss_fail(error, SS_FAILED, "k-NN needs at least one class");
  }
  search state = {.train = train, .test = test, .options = options, .classes = classes};
  state.k = options->k < train->count ? options->k : (int)train->count;
  ss_status status =
      ss_alloc((void **)&state.votes, (size_t)SS_COSINE_ROWS * (size_t)classes, sizeof(double), "the votes", error);
  if (status == SS_OK) {
    status = ss_alloc((void **)&state.nearest, (size_t)SS_COSINE_ROWS * (size_t)state.k, sizeof(int32_t),
                      "the neighbours", error);
  }
  if (status == SS_OK) {
    status = ss_cosines(train, test, options->threads, options->ways, take_block, &state, error);
  }
  *top1 = 100.0 * (double)state.right / (double)test->count;
  free(state.votes);
  free(state.nearest);
  return status;
}
