#include "eval/map.h"

#include "base/memory.h"
#include "base/system.h"
#include "cluster/tsne.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ss_embedding_map_free(ss_embedding_map *map) {
  free(map->plane);
  free(map->tsne);
  ss_neighbours_free(&map->neighbours);
  memset(map, 0, sizeof *map);
}

void ss_neighbours_leave_out_self(ss_neighbours *neighbours) {
  const int before = neighbours->k, after = before - 1;
  for (int64_t q = 0; q < neighbours->queries; q++) {
    const int32_t *indices = neighbours->indices + q * before;
    const float *cosines = neighbours->cosines + q * before;
    int self = after; /* of many equal ones it may not be there: then the last goes */
    for (int i = 0; i < before; i++) {
      self = indices[i] == q ? i : self;
    }
    for (int i = 0, to = 0; i < before; i++) {
      if (i != self) { /* rows move to the front, never past what is still to be read */
        neighbours->indices[q * after + to] = indices[i];
        neighbours->cosines[q * after + to++] = cosines[i];
      }
    }
  }
  neighbours->k = after;
}

ss_status ss_neighbours_vote(const ss_neighbours *neighbours, const int32_t *labels, int classes, double *top1,
                             ss_error *error) {
  const double temperature = 0.07;
  double *votes = NULL;
  int64_t labelled = 0, right = 0;
  SS_TRY(ss_alloc((void **)&votes, (size_t)(classes > 0 ? classes : 1), sizeof *votes, "the votes", error));
  for (int64_t q = 0; q < neighbours->queries; q++) {
    int winner = -1;
    memset(votes, 0, (size_t)classes * sizeof *votes);
    for (int i = 0; i < neighbours->k; i++) {
      const int32_t label = labels[neighbours->indices[q * neighbours->k + i]];
      if (label >= 0 && label < classes) {
        votes[label] += exp((double)neighbours->cosines[q * neighbours->k + i] / temperature);
        winner = winner < 0 || votes[label] > votes[winner] ? label : winner;
      }
    }
    labelled += labels[q] >= 0;
    right += labels[q] >= 0 && winner == labels[q];
  }
  free(votes);
  *top1 = labelled > 0 ? 100.0 * (double)right / (double)labelled : NAN;
  return SS_OK;
}

static ss_status find_neighbours(const ss_features *features, int threads, ss_neighbours *out, ss_error *error) {
  SS_TRY(ss_retrieve(features, features, SS_MAP_NEIGHBOURS + 1, threads, out, NULL, error));
  ss_neighbours_leave_out_self(out);
  return SS_OK;
}

/* As k-NN and retrieval see them, whose measure is the angle. */
static void scale_to_one(ss_features *features) {
  for (int64_t i = 0; i < features->count; i++) {
    float *row = features->values + i * features->dim;
    double square = 0.0;
    for (int64_t j = 0; j < features->dim; j++) {
      square += (double)row[j] * (double)row[j];
    }
    const double scale = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
    for (int64_t j = 0; j < features->dim; j++) {
      row[j] = (float)((double)row[j] * scale);
    }
  }
}

static ss_status place(ss_features *features, int threads, ss_embedding_map *out, ss_error *error) {
  const size_t count = (size_t)features->count;
  scale_to_one(features);
  out->count = features->count;
  SS_TRY(ss_alloc((void **)&out->plane, 2 * count, sizeof(float), "the map", error));
  SS_TRY(ss_principal_plane(features->values, features->count, features->dim, out->plane, error));
  if (features->count < 4) {
    return SS_OK;
  }
  ss_tsne_options how = SS_TSNE_DEFAULTS;
  how.threads = threads;
  SS_TRY(ss_alloc((void **)&out->tsne, 2 * count, sizeof(float), "the map", error));
  return ss_tsne(features->values, features->count, features->dim, &how, out->tsne, NULL, error);
}

static ss_status measure_untrained(const ss_model *model, const ss_source *source, const ss_subset *subset,
                                   const ss_feature_options *options, uint64_t seed, double *top1, ss_error *error) {
  ss_model *untrained = NULL;
  ss_features features = {0};
  ss_neighbours neighbours = {0};
  ss_status status = ss_model_untrained(model, seed, &untrained, error);
  status = status ? status : ss_features_extract(untrained, source, subset, options, &features, error);
  status = status ? status : find_neighbours(&features, options->threads, &neighbours, error);
  status =
      status ? status : ss_neighbours_vote(&neighbours, features.labels, ss_source_class_count(source), top1, error);
  ss_neighbours_free(&neighbours);
  ss_features_free(&features);
  ss_model_free(untrained);
  return status;
}

static ss_status make(const ss_model *model, const ss_source *source, const ss_subset *subset,
                      const ss_feature_options *options, uint64_t seed, ss_features *features, ss_embedding_map *out,
                      ss_error *error) {
  const int threads = options->threads > 0 ? options->threads : ss_system_processors();
  SS_TRY(ss_features_extract(model, source, subset, options, features, error));
  SS_TRY(find_neighbours(features, threads, &out->neighbours, error));
  out->knn = out->knn_untrained = NAN;
  const int classes = ss_source_class_count(source);
  if (classes > 0) {
    SS_TRY(ss_neighbours_vote(&out->neighbours, features->labels, classes, &out->knn, error));
    SS_TRY(measure_untrained(model, source, subset, options, seed, &out->knn_untrained, error));
  }
  return place(features, threads, out, error);
}

ss_status ss_embedding_map_make(const ss_model *model, const ss_source *source, const ss_subset *subset,
                                const ss_feature_options *options, uint64_t seed, ss_embedding_map *out,
                                ss_error *error) {
  ss_features features = {0};
  memset(out, 0, sizeof *out);
  if (subset->count < 2) {
    return ss_fail(error, SS_FAILED, "a map takes two pictures or more: %s", ss_source_path(source));
  }
  const ss_status status = make(model, source, subset, options, seed, &features, out, error);
  ss_features_free(&features);
  if (status != SS_OK) {
    ss_embedding_map_free(out);
  }
  return status;
}
