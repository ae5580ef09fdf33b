#include "eval/rescale.h"

#include "base/memory.h"
#include "base/system.h"
#include "engine/plan.h"
#include "features/pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_pictures = 256 };

/* In training, batch norm normalises each convolution's output by the statistics of the batch, and leaves a tenth of
 * them in running statistics that start from zero. So one pass over a batch rescales every layer after those before it:
 * what the algorithm does step by step. A network without batch norms is run as its form with them. */
static const float kept_share = 0.1f;

static bool ends_with(const char *name, const char *end) {
  const size_t length = strlen(name), end_length = strlen(end);
  return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* The next convolution from *index on, and what follows it: its bias, the running statistics of its norm (NULL: none).
 */
typedef struct layer {
  ss_parameter *weight, *bias, *mean, *variance, *count;
} layer;

static bool next_layer(const ss_parameters *parameters, size_t *index, layer *out) {
  memset(out, 0, sizeof *out);
  for (; *index < ss_parameters_count(parameters); ++*index) {
    ss_parameter *parameter = ss_parameters_at(parameters, *index);
    if (parameter->shape.rank == 4) {
      if (out->weight) {
        return true;
      }
      out->weight = parameter;
    } else if (out->weight && ends_with(parameter->name, ".running_mean")) {
      out->mean = parameter;
    } else if (out->weight && ends_with(parameter->name, ".running_var")) {
      out->variance = parameter;
    } else if (out->weight && ends_with(parameter->name, ".num_batches_tracked")) {
      out->count = parameter;
    } else if (out->weight && !out->bias && ends_with(parameter->name, ".bias") &&
               strncmp(parameter->name, out->weight->name, strlen(out->weight->name) - strlen("weight")) == 0) {
      out->bias = parameter;
    }
  }
  return out->weight != NULL;
}

static void fill(const ss_parameter *parameter, float value) {
  for (int64_t i = 0; parameter && i < parameter->count; i++) {
    ((float *)parameter->value)[i] = value;
  }
}

/* Copies the convolutions' weights, in order; biases and running statistics become zero. */
static ss_status copy_weights(const ss_parameters *from, const ss_parameters *to, ss_error *error) {
  size_t from_index = 0, to_index = 0;
  layer source, target;
  while (next_layer(from, &from_index, &source)) {
    if (!next_layer(to, &to_index, &target) || !target.mean || !target.variance ||
        target.weight->count != source.weight->count) {
      return ss_fail(error, SS_FAILED, "cannot rescale %s: no batch norm follows it", source.weight->name);
    }
    memcpy(target.weight->value, source.weight->value, (size_t)source.weight->count * sizeof(float));
    fill(target.bias, 0.0f);
    fill(target.mean, 0.0f);
    fill(target.variance, 0.0f);
  }
  return SS_OK;
}

/* The network's form with batch norms: itself, ARCH_bn, or with them in place of layer norms. */
static ss_status make_normed(const ss_model *model, ss_model **out, ss_error *error) {
  size_t index = 0;
  layer first;
  ss_model form = *model;
  form.backbone.arch = form.arch;
  form.backbone.norm = SS_BACKBONE_BATCH_NORM;
  if (model->backbone.norm == SS_BACKBONE_BATCH_NORM && next_layer(model->parameters, &index, &first) && !first.mean) {
    snprintf(form.arch, sizeof form.arch, "%.*s_bn", (int)sizeof form.arch - 4, model->arch);
  }
  SS_TRY(ss_model_untrained(&form, 0, out, error));
  return copy_weights(model->parameters, (*out)->parameters, error);
}

/* One training pass over the pictures: the norms' running statistics become kept_share x the batch's. */
static ss_status gather(const ss_model *normed, const ss_source *source, const ss_subset *subset,
                        const ss_feature_options *options, ss_error *error) {
  const int size = options->size ? options->size : normed->backbone.size, batch = (int)subset->count;
  ss_picture_options reading = {.size = size,
                                .batch = batch,
                                .threads = options->threads ? options->threads : ss_system_processors(),
                                .max_bad = options->max_bad};
  ss_graph *graph = ss_graph_new(normed->parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  if (!graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  ss_tensor *images = ss_graph_input(graph, "images", SS_F32, ss_shape_of(batch, size, size, 3));
  ss_graph_push_scope(graph, "backbone");
  ss_graph_keep(graph, ss_backbone_build(graph, images, &normed->backbone).output);
  ss_graph_pop_scope(graph);
  ss_plan *plan = NULL;
  ss_pictures *pictures = NULL;
  ss_status status =
      ss_plan_new(graph, &(ss_plan_options){.threads = options->threads, .ways = options->ways}, &plan, error);
  if (status == SS_OK) {
    status = ss_pictures_open(normed, source, subset, &reading, &pictures, error);
  }
  if (status == SS_OK) {
    const uint32_t *samples = NULL;
    int64_t count = 0;
    status = ss_pictures_next(pictures, ss_plan_data(plan, images), &samples, &count, error);
  }
  if (status == SS_OK) {
    status = ss_plan_run(plan, 0, error);
  }
  ss_pictures_close(pictures);
  ss_plan_free(plan);
  ss_graph_free(graph);
  return status;
}

/* Sets a layer of the result from the statistics of its convolution's output. */
static void rescale(const layer *to, const layer *normed) {
  const float *means = normed->mean->value, *variances = normed->variance->value;
  const int64_t channels = normed->mean->count, each = to->weight->count / channels;
  float *weight = to->weight->value;
  fill(to->bias, 0.0f);
  for (int64_t c = 0; c < channels; c++) {
    const float variance = variances[c] / kept_share;
    const float scale = variance > 1e-12f ? 1.0f / sqrtf(variance) : 1.0f;
    const float mean = means[c] / kept_share * scale;
    for (int64_t i = 0; i < each; i++) {
      weight[c * each + i] *= scale;
    }
    if (to->mean) {
      ((float *)to->mean->value)[c] = mean;
    } else if (to->bias) {
      ((float *)to->bias->value)[c] = -mean;
    }
  }
  fill(to->variance, 1.0f);
}

static ss_status make_rescaled(const ss_model *untrained, const ss_model *normed, ss_model **out, ss_error *error) {
  SS_TRY(ss_model_untrained(untrained, 0, out, error));
  size_t from_index = 0, to_index = 0, normed_index = 0;
  layer from, to, statistics;
  while (next_layer(untrained->parameters, &from_index, &from) && next_layer((*out)->parameters, &to_index, &to) &&
         next_layer(normed->parameters, &normed_index, &statistics) && statistics.mean && statistics.variance) {
    memcpy(to.weight->value, from.weight->value, (size_t)from.weight->count * sizeof(float));
    rescale(&to, &statistics);
  }
  return SS_OK;
}

ss_status ss_rescaled_model(const ss_model *untrained, const ss_source *source, const ss_subset *subset,
                            const ss_feature_options *options, ss_model **out, ss_error *error) {
  *out = NULL;
  ss_model *normed = NULL;
  ss_subset few = {.count = subset->count};
  SS_TRY(ss_alloc((void **)&few.samples, subset->count, sizeof *few.samples, "a list of samples", error));
  memcpy(few.samples, subset->samples, subset->count * sizeof *few.samples);
  ss_status status = ss_subset_limit(source, &few, most_pictures, error);
  if (status == SS_OK) {
    status = make_normed(untrained, &normed, error);
  }
  if (status == SS_OK) {
    status = gather(normed, source, &few, options, error);
  }
  if (status == SS_OK) {
    status = make_rescaled(untrained, normed, out, error);
  }
  if (status != SS_OK) {
    ss_model_free(*out);
    *out = NULL;
  }
  ss_model_free(normed);
  ss_subset_free(&few);
  return status;
}
