#include "methods/visual_words.h"

#include "base/memory.h"
#include "cluster/kmeans.h"
#include "nets/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { points_a_word = 64 /* that the vocabulary is made from, at most */ };

ss_word_bags ss_build_word_bags(ss_build *build, ss_tensor *ranks) {
  ss_graph *graph = build->graph;
  const ss_shape bags = ss_shape_of((int64_t)build->task->samples, SS_WORD_PLACES), one = ss_shape_of(1);
  ss_graph_push_scope(graph, "words");
  ss_tensor *words = ss_graph_parameter(graph, "bags", SS_I32, bags, (ss_initializer){SS_INIT_CONSTANT, -1.0f}, 0);
  ss_tensor *shares = ss_graph_parameter(graph, "shares", SS_F32, ss_shape_of(1, SS_WORD_PLACES), SS_INIT_ZEROS, 0);
  ss_tensor *entropy = ss_graph_parameter(graph, "entropy", SS_F32, one, SS_INIT_ZEROS, 0);
  ss_graph_pop_scope(graph);
  ss_tensor *found = ss_gather(graph, words, ranks);
  return (ss_word_bags){.words = found,
                        .shares = ss_broadcast(graph, shares, ss_shape_of(ss_tensor_dim(ranks, 0), SS_WORD_PLACES)),
                        .chance = ss_affine(graph, entropy, 1.0f, 0.0f)};
}

/* One pass over the maps: first some places of each picture are collected, then all places are spelled. */
typedef struct reader {
  const ss_task *task;
  int64_t channels, places;
  int64_t from_each; /* places of a picture that are collected */
  float *points;
  int64_t count;
  const float *vocabulary; /* (words, channels) */
  int64_t words;
  int32_t *bags; /* (samples, SS_WORD_PLACES) */
} reader;

static ss_status check_places(reader *to, int64_t dim, ss_error *error) {
  to->places = dim / to->channels;
  if (to->places > SS_WORD_PLACES) {
    return ss_fail(error, SS_FAILED,
                   "the words' network has maps of %lld places, %d at most are taken: use a smaller --size",
                   (long long)to->places, SS_WORD_PLACES);
  }
  return SS_OK;
}

static ss_status collect(void *taker, const float *rows, int64_t first, int64_t count, int64_t dim, ss_error *error) {
  reader *to = taker;
  SS_TRY(check_places(to, dim, error));
  for (int64_t i = 0; i < count; i++) {
    ss_random random = ss_random_stream(to->task->seed, SS_RANDOM_METHOD, 0, (uint64_t)(first + i), 0);
    uint32_t order[SS_WORD_PLACES];
    for (uint32_t p = 0; p < (uint32_t)to->places; p++) {
      order[p] = p;
    }
    ss_random_shuffle(&random, order, (size_t)to->places);
    for (int64_t k = 0; k < to->from_each && k < to->places; k++) {
      memcpy(to->points + to->count++ * to->channels, rows + i * dim + order[k] * to->channels,
             (size_t)to->channels * sizeof *rows);
    }
  }
  return SS_OK;
}

static ss_status spell(void *taker, const float *rows, int64_t first, int64_t count, int64_t dim, ss_error *error) {
  reader *to = taker;
  SS_TRY(check_places(to, dim, error));
  int32_t *found = NULL;
  SS_TRY(ss_alloc((void **)&found, (size_t)(count * to->places), sizeof *found, "the words", error));
  const ss_status status = ss_kmeans_assign(rows, count * to->places, to->channels, to->vocabulary, to->words,
                                            to->task->threads, found, NULL, error);
  for (int64_t i = 0; i < count && status == SS_OK; i++) {
    memcpy(to->bags + (first + i) * SS_WORD_PLACES, found + i * to->places, (size_t)to->places * sizeof *found);
  }
  free(found);
  return status;
}

static ss_status learn_vocabulary(reader *to, const char *model, ss_kmeans *clusters, ss_error *error) {
  const int64_t samples = (int64_t)to->task->samples, wanted = points_a_word * to->words;
  to->from_each = (wanted + samples - 1) / samples;
  to->from_each = to->from_each < SS_WORD_PLACES ? to->from_each : SS_WORD_PLACES;
  SS_TRY(ss_alloc((void **)&to->points, (size_t)(samples * to->from_each * to->channels), sizeof *to->points,
                  "the words", error));
  const ss_feature_request request = {.model = model, .map = true, .take = collect, .taker = to};
  SS_TRY(to->task->features(to->task->features_context, &request, error));
  if (to->count < to->words) {
    return ss_fail(error, SS_FAILED, "%lld places of pictures make no %lld words; set a smaller vocabulary",
                   (long long)to->count, (long long)to->words);
  }
  ss_kmeans_options how = SS_KMEANS_DEFAULTS;
  how.clusters = to->words;
  how.seed = to->task->seed;
  how.threads = to->task->threads;
  return ss_kmeans_run(to->points, to->count, to->channels, &how, clusters, error);
}

/* The entropy of the mean of all bags, in nats. */
static ss_status entropy_of(const reader *of, float *entropy, ss_error *error) {
  int64_t *uses = NULL;
  SS_TRY(ss_alloc((void **)&uses, (size_t)of->words, sizeof *uses, "the words", error));
  const int64_t samples = (int64_t)of->task->samples;
  for (int64_t i = 0; i < samples; i++) {
    for (int64_t p = 0; p < of->places; p++) {
      uses[of->bags[i * SS_WORD_PLACES + p]]++;
    }
  }
  double sum = 0.0;
  for (int64_t w = 0; w < of->words; w++) {
    const double share = (double)uses[w] / (double)(samples * of->places);
    sum -= share > 0.0 ? share * log(share) : 0.0;
  }
  *entropy = (float)sum;
  free(uses);
  return SS_OK;
}

static ss_status make(reader *to, ss_parameters *parameters, const char *model, ss_error *error) {
  const ss_parameter *bags = ss_parameters_find(parameters, "words.bags");
  const ss_parameter *shares = ss_parameters_find(parameters, "words.shares");
  const ss_parameter *entropy = ss_parameters_find(parameters, "words.entropy");
  if (!bags || !shares || !entropy) {
    return ss_fail(error, SS_FAILED, "%s has no words to make", to->task->method->name);
  }
  to->bags = bags->value;
  ss_kmeans clusters = {.n = 0};
  ss_status status = learn_vocabulary(to, model, &clusters, error);
  free(to->points);
  to->points = NULL;
  if (status == SS_OK) {
    to->vocabulary = clusters.centroids;
    const ss_feature_request request = {.model = model, .map = true, .take = spell, .taker = to};
    status = to->task->features(to->task->features_context, &request, error);
  }
  ss_kmeans_free(&clusters);
  SS_TRY(status);
  for (int64_t p = 0; p < SS_WORD_PLACES; p++) {
    ((float *)shares->value)[p] = p < to->places ? 1.0f / (float)to->places : 0.0f;
  }
  return entropy_of(to, entropy->value, error);
}

ss_status ss_visual_words_make(ss_task *task, ss_parameters *parameters, const char *model, int64_t count,
                               ss_error *error) {
  ss_model *network = NULL;
  if (!*model) {
    return ss_fail(error, SS_USAGE, "%s has no network to make words with: --set words=RUN", task->method->name);
  }
  SS_TRY(ss_model_open(model, task->size, task->seed, &network, error));
  reader to = {.task = task, .channels = ss_backbone_dim(&network->backbone), .words = count};
  ss_model_free(network);
  return make(&to, parameters, model, error);
}
