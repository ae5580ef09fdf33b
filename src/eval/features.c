#include "eval/features.h"

#include "augment/view.h"
#include "base/memory.h"
#include "base/system.h"
#include "engine/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ss_features_free(ss_features *features) {
  free(features->values);
  free(features->labels);
  memset(features, 0, sizeof *features);
}

/* What the loader's threads need. */
typedef struct viewer {
  const ss_model *model;
  int size;
  ss_view_scratch *scratch; /* one a thread */
  ss_image *views;
  ss_loader_bad bad;
} viewer;

static ss_status make_view(void *context, int worker, uint32_t epoch, uint32_t position, uint32_t sample,
                           const ss_image *image, void *slot, ss_error *error) {
  viewer *all = context;
  (void)epoch;
  (void)position;
  (void)sample;
  ss_image *view = &all->views[worker];
  SS_TRY(ss_view_test(image, all->size, all->size, &all->scratch[worker], view, error));
  ss_image_to_float(view, 3, all->model->mean, all->model->deviation, false, slot);
  return SS_OK;
}

static void tell_bad(void *context, uint32_t sample, const char *message) {
  const viewer *all = context;
  if (all->bad) {
    all->bad(NULL, sample, message);
  }
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

static void record(frozen *network, const ss_model *model, const ss_feature_options *options, int batch, int size) {
  ss_graph *graph = network->graph;
  network->images = ss_graph_input(graph, "images", SS_F32, ss_shape_of(batch, size, size, 3));
  ss_graph_push_scope(graph, "backbone");
  const ss_backbone_layers layers = ss_backbone_build(graph, network->images, &model->backbone);
  ss_graph_pop_scope(graph);
  ss_tensor *output = layers.output;
  if (options->layer != SS_LAST_LAYER) {
    ss_tensor *map = layers.tensors[options->layer];
    const int side = pooled_side(ss_tensor_dim(map, 1), ss_tensor_dim(map, 3));
    const ss_shape flat = ss_shape_of(batch, side * side * ss_tensor_dim(map, 3));
    output = ss_reshape(graph, ss_adaptive_average_pool(graph, map, side, side), flat);
  }
  network->output = ss_graph_keep(graph, ss_cast(graph, output, SS_F32));
}

static ss_status open_network(frozen *network, const ss_model *model, const ss_feature_options *options, int batch,
                              int size, ss_error *error) {
  network->graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32});
  if (!network->graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  record(network, model, options, batch, size);
  return ss_plan_new(network->graph, &(ss_plan_options){.threads = options->threads, .ways = options->ways},
                     &network->plan, error);
}

static ss_status run_batches(frozen *network, ss_loader *loader, int size, ss_feature_sink sink, void *context,
                             ss_error *error) {
  const size_t bytes = (size_t)size * (size_t)size * 3 * sizeof(float), slot_bytes = (bytes + 63) / 64 * 64;
  char *images = ss_plan_data(network->plan, network->images);
  ss_batch batch = {0};
  for (;;) {
    SS_TRY(ss_loader_next(loader, &batch, error));
    if (batch.count == 0) {
      return SS_OK;
    }
    for (uint32_t i = 0; i < batch.count; i++) { /* rows beyond an incomplete batch keep old pictures, unread */
      memcpy(images + i * bytes, (char *)batch.slots + i * slot_bytes, bytes);
    }
    SS_TRY(ss_plan_run(network->plan, 0, error));
    SS_TRY(sink(context, ss_plan_data(network->plan, network->output), batch.samples, batch.count,
                ss_tensor_dim(network->output, 1), error));
  }
}

static ss_status make_viewer(viewer *all, int threads, ss_error *error) {
  SS_TRY(ss_alloc((void **)&all->scratch, (size_t)threads, sizeof *all->scratch, "the views", error));
  return ss_alloc((void **)&all->views, (size_t)threads, sizeof *all->views, "the views", error);
}

static void free_viewer(viewer *all, int threads) {
  for (int i = 0; i < threads; i++) {
    if (all->scratch) {
      ss_scratch_free(&all->scratch[i]);
    }
    if (all->views) {
      ss_image_free(&all->views[i]);
    }
  }
  free(all->scratch);
  free(all->views);
}

ss_status ss_features_stream(const ss_model *model, const ss_source *source, const ss_subset *subset,
                             const ss_feature_options *options, ss_feature_sink sink, void *context, ss_error *error) {
  const int size = options->size ? options->size : model->backbone.size;
  const int threads = options->threads ? options->threads : ss_system_processors();
  int batch = options->batch ? options->batch : 256;
  while (batch > 1 && batch / 2 >= (int)subset->count) {
    batch /= 2;
  }
  viewer all = {.model = model, .size = size, .bad = options->bad};
  frozen network = {0};
  ss_loader *loader = NULL;
  ss_loader_options loading = SS_LOADER_DEFAULTS;
  loading.source = source;
  loading.samples = subset->samples;
  loading.count = subset->count;
  loading.batch = (uint32_t)batch;
  loading.slot_bytes = ((size_t)size * (size_t)size * 3 * sizeof(float) + 63) / 64 * 64;
  loading.make = make_view;
  loading.bad = tell_bad;
  loading.context = &all;
  loading.threads = threads;
  loading.end_epoch = 1;
  loading.cache_bytes = 0;
  loading.max_bad = options->max_bad;
  loading.decode.smallest_side = size; /* resized down from there, as from the whole picture */
  ss_status status = make_viewer(&all, threads, error);
  if (status == SS_OK) {
    status = open_network(&network, model, options, batch, size, error);
  }
  if (status == SS_OK) {
    status = ss_loader_create(&loading, &loader, error);
  }
  if (status == SS_OK) {
    status = run_batches(&network, loader, size, sink, context, error);
  }
  ss_loader_free(loader);
  ss_plan_free(network.plan);
  ss_graph_free(network.graph);
  free_viewer(&all, threads);
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
