#include "eval/tuned_network.h"

#include <math.h>
#include <string.h>

ss_tensor *ss_classifier_build(ss_graph *graph, ss_tensor *images, const ss_backbone_options *backbone, int classes) {
  ss_graph_push_scope(graph, "backbone");
  ss_tensor *h = ss_backbone_build(graph, images, backbone).output;
  ss_graph_pop_scope(graph);
  return ss_cast(graph, ss_linear(graph, h, classes, true, "fc"), SS_F32);
}

static ss_status record(ss_tuned_network *network, const ss_tuning_options *options, ss_error *error) {
  ss_graph *graph = ss_graph_new(
      network->model->parameters,
      &(ss_graph_options){
          .compute = options->bf16 ? SS_BF16 : SS_F32, .tf32 = options->tf32, .training = true, .seed = options->seed});
  if (!graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  network->graph = graph;
  network->images =
      ss_graph_input(graph, "images", SS_F32, ss_shape_of(options->batch, options->size, options->size, 3));
  network->labels = ss_graph_input(graph, "labels", SS_I32, ss_shape_of(options->batch));
  ss_backbone_options backbone = network->model->backbone;
  backbone.frozen_layers = options->frozen_layers;
  ss_tensor *logits = ss_classifier_build(graph, network->images, &backbone, options->classes);
  network->loss = ss_graph_keep(graph, ss_cross_entropy(graph, logits, network->labels, NULL, NULL));
  ss_graph_backward(graph, network->loss, "");
  return ss_graph_status(graph, error);
}

/* Whether training changes the parameter: one of its module, the same name up to the last dot, has a gradient (the
 * running statistics of a norm change where its weight does). */
static bool is_trained(const ss_graph *graph, const ss_parameter *parameter) {
  const size_t module = (size_t)(strrchr(parameter->name, '.') - parameter->name) + 1;
  for (size_t i = 0; i < ss_graph_gradient_count(graph); i++) {
    const char *name = ss_graph_gradient_parameter(graph, i)->name;
    if (strncmp(name, parameter->name, module) == 0 && !strchr(name + module, '.')) {
      return true;
    }
  }
  return false;
}

/* What training does not change is that of `start`. */
static void keep_frozen(const ss_tuned_network *network, const ss_model *start) {
  for (size_t i = 0; i < ss_parameters_count(start->parameters); i++) {
    const ss_parameter *from = ss_parameters_at(start->parameters, i);
    const ss_parameter *to = ss_parameters_find(network->model->parameters, from->name);
    if (to && !is_trained(network->graph, to)) {
      memcpy(to->value, from->value, (size_t)from->count * ss_dtype_size(from->dtype));
    }
  }
}

ss_status ss_tuned_network_open(const ss_model *start, const ss_tuning_options *options, ss_tuned_network *network,
                                ss_error *error) {
  memset(network, 0, sizeof *network);
  ss_backbone_options backbone = start->backbone;
  backbone.size = options->size;
  SS_TRY(ss_backbone_check(&backbone, error));
  if (options->classes < 2) {
    return ss_fail(error, SS_FAILED, "a classifier needs at least two classes, not %d", options->classes);
  }
  SS_TRY(options->reinitialise ? ss_model_untrained(start, options->seed, &network->model, error)
                               : ss_model_copy(start, options->seed, &network->model, error));
  network->model->backbone.stem = ss_backbone_stem(&start->backbone); /* as it is, whatever the size */
  network->model->backbone.size = options->size;
  SS_TRY(record(network, options, error));
  if (options->reinitialise) {
    keep_frozen(network, start);
  }
  const ss_optimizer_options sgd = {
      .kind = SS_SGD, .momentum = options->momentum, .weight_decay = options->weight_decay};
  SS_TRY(ss_optimizer_new(&sgd, network->graph, "", &network->optimizer, error));
  return ss_plan_new(network->graph,
                     &(ss_plan_options){.device = options->device, .threads = options->threads, .ways = options->ways},
                     &network->plan, error);
}

void ss_tuned_network_close(ss_tuned_network *network) {
  ss_optimizer_free(network->optimizer);
  ss_plan_free(network->plan);
  ss_graph_free(network->graph);
  ss_model_free(network->model);
  memset(network, 0, sizeof *network);
}

float *ss_tuned_network_images(const ss_tuned_network *network) {
  return ss_plan_data(network->plan, network->images);
}

int32_t *ss_tuned_network_labels(const ss_tuned_network *network) {
  return ss_plan_data(network->plan, network->labels);
}

ss_status ss_tuned_network_step(ss_tuned_network *network, float rate, double *loss, ss_error *error) {
  SS_TRY(ss_plan_run(network->plan, 0, error));
  *loss = (double)*(const float *)ss_plan_data(network->plan, network->loss);
  if (!isfinite(*loss)) {
    return ss_fail(error, SS_FAILED, "the loss became %f in fine-tuning; try a smaller --lr", *loss);
  }
  SS_TRY(ss_optimizer_step(network->optimizer, network->plan, rate, 1, error));
  return SS_OK;
}
