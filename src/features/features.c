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

/* The largest k for which k x k x channels numbers stay within the limit and k within the map. */
static int pooled_side(int64_t side, int64_t channels) {
  int k = 1;
  while (k + 1 <= side && (int64_t)(k + 1) * (k + 1) * channels <= SS_LAYER_NUMBERS) {
    k++;
  }
  return k;
}

/* A frozen backbone, planned for a batch. */
typedef struct frozen {
  const int *layers; /* (count) what is read of it */
  int count;
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *images, *outputs[SS_MAX_LAYERS + 1];
} frozen;

/* (batch, D) of a layer, float32. */
static ss_tensor *output_of(ss_graph *graph, const ss_backbone_layers *layers, int layer) {
  if (layer == SS_LAST_LAYER) {
    return ss_cast(graph, layers->output, SS_F32);
  }
  ss_tensor *map = layers->tensors[layer];
  const int side = pooled_side(ss_tensor_dim(map, 1), ss_tensor_dim(map, 3));
  const ss_shape flat = ss_shape_of(ss_tensor_dim(map, 0), side * side * ss_tensor_dim(map, 3));
  return ss_cast(graph, ss_reshape(graph, ss_adaptive_average_pool(graph, map, side, side), flat), SS_F32);
}

static ss_status record(frozen *network, const ss_model *model, int batch, int size, ss_error *error) {
  ss_graph *graph = network->graph;
  network->images = ss_graph_input(graph, "images", SS_F32, ss_shape_of(batch, size, size, 3));
  ss_graph_push_scope(graph, "backbone");
  const ss_backbone_layers layers = ss_backbone_build(graph, network->images, &model->backbone);
  ss_graph_pop_scope(graph);
  SS_TRY(ss_graph_status(graph, error));
  for (int i = 0; i < network->count; i++) {
    const int layer = network->layers[i];
    if (layer != SS_LAST_LAYER && (layer < 0 || layer >= layers.count)) {
      return ss_fail(error, SS_USAGE, "%s has %d layers; there is no layer %d", model->arch, layers.count, layer + 1);
    }
    network->outputs[i] = ss_graph_keep(graph, output_of(graph, &layers, layer));
  }
  return ss_graph_status(graph, error);
}

static ss_status open_network(frozen *network, const ss_model *model, const ss_feature_options *options, int batch,
                              int size, ss_error *error) {
  network->graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32});
  if (!network->graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  SS_TRY(record(network, model, batch, size, error));
  return ss_plan_new(network->graph, &(ss_plan_options){.threads = options->threads, .ways = options->ways},
                     &network->plan, error);
}

/* Takes `count` rows of each output of the network. */
typedef ss_status (*batch_sink)(void *context, const frozen *network, const uint32_t *samples, int64_t count,
                                ss_error *error);

static ss_status run_batches(const frozen *network, ss_pictures *pictures, batch_sink sink, void *context,
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
                                .batch = options->batch ? options->batch : 256,
                                .threads = options->threads ? options->threads : ss_system_processors(),
                                .max_bad = options->max_bad,
                                .bad = options->bad};
  ss_backbone_options backbone = model->backbone;
  backbone.size = reading.size;
  SS_TRY(ss_backbone_check(&backbone, error));
  while (reading.batch > 1 && reading.batch / 2 >= (int64_t)subset->count) {
    reading.batch /= 2;
  }
  frozen network = {.layers = layers, .count = layer_count};
  ss_pictures *pictures = NULL;
  ss_status status = open_network(&network, model, options, reading.batch, reading.size, error);
  if (status == SS_OK) {
    status = ss_pictures_open(model, source, subset, &reading, &pictures, error);
  }
  if (status == SS_OK) {
    status = run_batches(&network, pictures, sink, context, error);
  }
  ss_pictures_close(pictures);
  ss_plan_free(network.plan);
  ss_graph_free(network.graph);
  return status;
}

typedef struct handed_on {
  ss_feature_sink sink;
  void *context;
} handed_on;

static ss_status hand_on(void *context, const frozen *network, const uint32_t *samples, int64_t count,
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

static ss_status keep(void *context, const frozen *network, const uint32_t *samples, int64_t count, ss_error *error) {
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

ss_status ss_feature_layers(const ss_model *model, int *count, const char *names[SS_MAX_LAYERS], ss_error *error) {
  ss_graph *graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32});
  if (!graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  const int size = model->backbone.size;
  ss_tensor *images = ss_graph_input(graph, "images", SS_F32, ss_shape_of(1, size, size, 3));
  ss_graph_push_scope(graph, "backbone");
  const ss_backbone_layers layers = ss_backbone_build(graph, images, &model->backbone);
  *count = layers.count;
  memcpy(names, layers.names, sizeof layers.names);
  const ss_status status = ss_graph_status(graph, error);
  ss_graph_free(graph);
  return status;
}
