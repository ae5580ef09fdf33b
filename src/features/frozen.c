#include "features/frozen.h"

#include <string.h>

enum { usual_batch = 256 };

/* The largest k for which k x k x channels numbers stay within the limit and k within the map. */
static int pooled_side(int64_t side, int64_t channels) {
  int k = 1;
  while (k + 1 <= side && (int64_t)(k + 1) * (k + 1) * channels <= SS_LAYER_NUMBERS) {
    k++;
  }
  return k;
}

/* (batch, D) of a layer, float32. */
static ss_tensor *output_of(ss_graph *graph, const ss_backbone_layers *layers, int layer, bool whole, int sides[2]) {
  if (layer == SS_LAST_LAYER) {
    sides[0] = sides[1] = 1;
    return ss_cast(graph, layers->output, SS_F32);
  }
  ss_tensor *map = layers->tensors[layer];
  const int64_t channels = ss_tensor_dim(map, 3);
  sides[0] = (int)ss_tensor_dim(map, 1);
  sides[1] = (int)ss_tensor_dim(map, 2);
  if (!whole) {
    sides[0] = sides[1] = pooled_side(ss_tensor_dim(map, 1), channels);
    map = ss_adaptive_average_pool(graph, map, sides[0], sides[1]);
  }
  const ss_shape flat = ss_shape_of(ss_tensor_dim(map, 0), (int64_t)sides[0] * sides[1] * channels);
  return ss_cast(graph, ss_reshape(graph, map, flat), SS_F32);
}

static ss_status record(ss_frozen *frozen, const ss_model *model, const ss_frozen_options *options, ss_error *error) {
  ss_graph *graph = frozen->graph;
  const ss_shape shape = ss_shape_of(options->batch, options->size, options->size, 3);
  frozen->images = ss_graph_input(graph, "images", SS_F32, shape);
  ss_graph_push_scope(graph, "backbone");
  const ss_backbone_layers layers = ss_backbone_build(graph, frozen->images, &model->backbone);
  ss_graph_pop_scope(graph);
  SS_TRY(ss_graph_status(graph, error));
  for (int i = 0; i < frozen->count; i++) {
    const int layer = options->layers[i];
    if (layer != SS_LAST_LAYER && (layer < 0 || layer >= layers.count)) {
      return ss_fail(error, SS_USAGE, "%s has %d layers; there is no layer %d", model->arch, layers.count, layer + 1);
    }
    ss_tensor *output = output_of(graph, &layers, layer, options->whole, frozen->sides[i]);
    frozen->outputs[i] = ss_graph_keep(graph, output);
  }
  return ss_graph_status(graph, error);
}

static ss_status start(const ss_model *model, const ss_frozen_options *options, bool planned, ss_frozen *frozen,
                       ss_error *error) {
  frozen->count = options->count;
  frozen->graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32});
  if (!frozen->graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  SS_TRY(record(frozen, model, options, error));
  const ss_plan_options planning = {.device = options->device, .threads = options->threads, .ways = options->ways};
  return planned ? ss_plan_new(frozen->graph, &planning, &frozen->plan, error) : SS_OK;
}

static ss_status make(const ss_model *model, const ss_frozen_options *options, bool planned, ss_frozen *frozen,
                      ss_error *error) {
  *frozen = (ss_frozen){0};
  const ss_status status = start(model, options, planned, frozen, error);
  if (status != SS_OK) {
    ss_frozen_close(frozen);
  }
  return status;
}

ss_status ss_frozen_open(const ss_model *model, const ss_frozen_options *options, ss_frozen *frozen, ss_error *error) {
  return make(model, options, true, frozen, error);
}

ss_status ss_frozen_record(const ss_model *model, const ss_frozen_options *options, ss_frozen *frozen,
                           ss_error *error) {
  return make(model, options, false, frozen, error);
}

void ss_frozen_close(ss_frozen *frozen) {
  ss_plan_free(frozen->plan);
  ss_graph_free(frozen->graph);
  *frozen = (ss_frozen){0};
}

int ss_frozen_batch(int batch, size_t count) {
  batch = batch > 0 ? batch : usual_batch;
  while (batch > 1 && (size_t)(batch / 2) >= count) {
    batch /= 2;
  }
  return batch;
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
