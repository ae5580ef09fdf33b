#include "eval/features.h"

#include "base/memory.h"
#include "base/system.h"
#include "engine/plan.h"
#include "eval/pictures.h"

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
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *images, *output;
} frozen;

static ss_status record(frozen *network, const ss_model *model, const ss_feature_options *options, int batch, int size,
                        ss_error *error) {
  ss_graph *graph = network->graph;
  network->images = ss_graph_input(graph, "images", SS_F32, ss_shape_of(batch, size, size, 3));
  ss_graph_push_scope(graph, "backbone");
  const ss_backbone_layers layers = ss_backbone_build(graph, network->images, &model->backbone);
  ss_graph_pop_scope(graph);
  SS_TRY(ss_graph_status(graph, error));
  ss_tensor *output = layers.output;
  if (options->layer != SS_LAST_LAYER) {
    if (options->layer < 0 || options->layer >= layers.count) {
      return ss_fail(error, SS_USAGE, "%s has %d layers; there is no layer %d", model->arch, layers.count,
                     options->layer + 1);
    }
    ss_tensor *map = layers.tensors[options->layer];
    const int side = pooled_side(ss_tensor_dim(map, 1), ss_tensor_dim(map, 3));
    const ss_shape flat = ss_shape_of(batch, side * side * ss_tensor_dim(map, 3));
    output = ss_reshape(graph, ss_adaptive_average_pool(graph, map, side, side), flat);
  }
  network->output = ss_graph_keep(graph, ss_cast(graph, output, SS_F32));
  return ss_graph_status(graph, error);
}

static ss_status open_network(frozen *network, const ss_model *model, const ss_feature_options *options, int batch,
                              int size, ss_error *error) {
  network->graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32});
  if (!network->graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  SS_TRY(record(network, model, options, batch, size, error));
  return ss_plan_new(network->graph, &(ss_plan_options){.threads = options->threads, .ways = options->ways},
                     &network->plan, error);
}

static ss_status run_batches(const frozen *network, ss_pictures *pictures, ss_feature_sink sink, void *context,
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
    SS_TRY(sink(context, ss_plan_data(network->plan, network->output), samples, count,
                ss_tensor_dim(network->output, 1), error));
  }
}

ss_status ss_features_stream(const ss_model *model, const ss_source *source, const ss_subset *subset,
                             const ss_feature_options *options, ss_feature_sink sink, void *context, ss_error *error) {
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
  frozen network = {0};
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

typedef struct keeper {
  ss_features *features;
  const ss_source *source;
  int64_t filled;
} keeper;

static ss_status keep(void *context, const float *values, const uint32_t *samples, int64_t count, int64_t dim,
                      ss_error *error) {
  keeper *to = context;
  ss_features *features = to->features;
  if (!features->values) {
    features->dim = dim;
    SS_TRY(ss_alloc((void **)&features->values, (size_t)(features->count * dim), sizeof(float), "the features", error));
  }
  memcpy(features->values + to->filled * dim, values, (size_t)(count * dim) * sizeof(float));
  for (int64_t i = 0; i < count; i++) {
    features->labels[to->filled + i] = ss_source_label(to->source, samples[i]);
  }
  to->filled += count;
  return SS_OK;
}

ss_status ss_features_extract(const ss_model *model, const ss_source *source, const ss_subset *subset,
                              const ss_feature_options *options, ss_features *features, ss_error *error) {
  *features = (ss_features){.count = subset->count};
  SS_TRY(ss_alloc((void **)&features->labels, subset->count, sizeof(int32_t), "the features", error));
  keeper to = {.features = features, .source = source};
  const ss_status status = ss_features_stream(model, source, subset, options, keep, &to, error);
  if (status != SS_OK) {
    ss_features_free(features);
  }
  return status;
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
