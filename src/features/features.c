#include "features/features.h"

#include "base/memory.h"
#include "base/system.h"
#include "engine/plan.h"
#include "features/pictures.h"

#include <stdlib.h>
#include <string.h>

void ss_features_free(ss_features *features) {
  free(features->values);
  free(features->labels);
  memset(features, 0, sizeof *features);
}

/* Takes `count` rows of each output of the network. */
typedef ss_status (*batch_sink)(void *context, const ss_frozen *network, const uint32_t *samples, int64_t count,
                                ss_error *error);

static ss_status run_batches(const ss_frozen *network, ss_pictures *pictures, batch_sink sink, void *context,
                             ss_error *error) {
  float *images = ss_plan_data(network->plan, network->images);
  const uint32_t *samples = NULL;
  int64_t count = 0;
  for (;;) {
    SS_TRY(ss_pictures_next(pictures, images, &samples, &count, error));
    if (count == 0) {
      return SS_OK;
    }
    SS_TRY(ss_plan_run(network->plan, 0, error)); /* beyond an incomplete batch: old pictures, not read below */
    SS_TRY(sink(context, network, samples, count, error));
  }
}

static ss_status stream(const ss_model *model, const ss_source *source, const ss_subset *subset,
                        const ss_feature_options *options, const int *layers, int layer_count, batch_sink sink,
                        void *context, ss_error *error) {
  ss_picture_options reading = {.size = options->size ? options->size : model->backbone.size,
                                .batch = ss_frozen_batch(options->batch, subset->count),
                                .first = options->first,
                                .threads = options->threads ? options->threads : ss_system_processors(),
                                .max_bad = options->max_bad,
                                .bad = options->bad};
  ss_backbone_options backbone = model->backbone;
  backbone.size = reading.size;
  SS_TRY(ss_backbone_check(&backbone, error));
  if (reading.first < 0 || reading.first % reading.batch != 0 ||
      (reading.first > 0 && reading.first >= (int64_t)subset->count)) {
    return ss_fail(error, SS_FAILED, "features cannot begin at row %lld of %u in batches of %d",
                   (long long)reading.first, subset->count, reading.batch);
  }
  const ss_frozen_options planning = {.layers = layers,
                                      .count = layer_count,
                                      .batch = reading.batch,
                                      .size = reading.size,
                                      .threads = options->threads,
                                      .ways = options->ways,
                                      .device = options->device};
  ss_frozen network;
  ss_pictures *pictures = NULL;
  ss_status status = ss_frozen_open(model, &planning, &network, error);
  if (status == SS_OK) {
    status = ss_pictures_open(model, source, subset, &reading, &pictures, error);
  }
  if (status == SS_OK) {
    status = run_batches(&network, pictures, sink, context, error);
  }
  ss_pictures_close(pictures);
  ss_frozen_close(&network);
  return status;
}

typedef struct handed_on {
  ss_feature_sink sink;
  void *context;
} handed_on;

static ss_status hand_on(void *context, const ss_frozen *network, const uint32_t *samples, int64_t count,
                         ss_error *error) {
  const handed_on *to = context;
  return to->sink(to->context, ss_plan_data(network->plan, network->outputs[0]), samples, count,
                  ss_tensor_dim(network->outputs[0], 1), error);
}

ss_status ss_features_stream(const ss_model *model, const ss_source *source, const ss_subset *subset,
                             const ss_feature_options *options, ss_feature_sink sink, void *context, ss_error *error) {
  handed_on to = {sink, context};
  return stream(model, source, subset, options, &options->layer, 1, hand_on, &to, error);
}

typedef struct keeper {
  ss_features *features; /* one a layer */
  const ss_source *source;
  int64_t filled;
} keeper;

static ss_status keep(void *context, const ss_frozen *network, const uint32_t *samples, int64_t count,
                      ss_error *error) {
  keeper *to = context;
  for (int k = 0; k < network->count; k++) {
    ss_features *features = &to->features[k];
    const int64_t dim = ss_tensor_dim(network->outputs[k], 1);
    if (!features->values) {
      features->dim = dim;
      SS_TRY(
          ss_alloc((void **)&features->values, (size_t)(features->count * dim), sizeof(float), "the features", error));
    }
    memcpy(features->values + to->filled * dim, ss_plan_data(network->plan, network->outputs[k]),
           (size_t)(count * dim) * sizeof(float));
    for (int64_t i = 0; i < count; i++) {
      features->labels[to->filled + i] = ss_source_label(to->source, samples[i]);
    }
  }
  to->filled += count;
  return SS_OK;
}

int ss_features_layers_at_once(uint64_t rows) {
  const uint64_t fits = ss_system_available_memory() / 4 / (rows * SS_LAYER_NUMBERS * sizeof(float) + 1);
  return fits < 1 ? 1 : fits < SS_MAX_LAYERS ? (int)fits : SS_MAX_LAYERS;
}

ss_status ss_features_extract_layers(const ss_model *model, const ss_source *source, const ss_subset *subset,
                                     const ss_feature_options *options, const int *layers, int count,
                                     ss_features *features, ss_error *error) {
  ss_status status = SS_OK;
  memset(features, 0, (size_t)count * sizeof *features);
  for (int k = 0; k < count && status == SS_OK; k++) {
    features[k].count = subset->count;
    status = ss_alloc((void **)&features[k].labels, subset->count, sizeof(int32_t), "the features", error);
  }
  keeper to = {.features = features, .source = source};
  if (status == SS_OK) {
    status = stream(model, source, subset, options, layers, count, keep, &to, error);
  }
  for (int k = 0; k < count && status != SS_OK; k++) {
    ss_features_free(&features[k]);
  }
  return status;
}

ss_status ss_features_extract(const ss_model *model, const ss_source *source, const ss_subset *subset,
                              const ss_feature_options *options, ss_features *features, ss_error *error) {
  return ss_features_extract_layers(model, source, subset, options, &options->layer, 1, features, error);
}
