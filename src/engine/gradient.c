/* Reverse-mode differentiation: the backward pass is recorded as nodes, behind the forward ones. */
#include "engine/node.h"

#include <stdlib.h>
#include <string.h>

/* Adds `gradient` to what has already reached `tensor`. */
static void accumulate(ss_graph *graph, ss_tensor *tensor, ss_tensor *gradient) {
  if (!gradient) {
    return;
  }
  if (!ss_shape_equal(tensor->shape, gradient->shape)) {
    char is[80], wants[80];
    ss_graph_mistake(graph, "a gradient of shape %s for a tensor of shape %s", ss_shape_text(gradient->shape, is),
                     ss_shape_text(tensor->shape, wants));
    return;
  }
  if (gradient->dtype != tensor->dtype) {
    gradient = ss_cast(graph, gradient, tensor->dtype);
  }
  tensor->gradient = tensor->gradient ? ss_add(graph, tensor->gradient, gradient) : gradient;
}

static bool add_gradient(ss_graph *graph, ss_parameter *parameter, ss_tensor *gradient) {
  if (graph->gradient_count == graph->gradient_capacity) {
    const size_t capacity = graph->gradient_capacity ? 2 * graph->gradient_capacity : 64;
    ss_parameter **parameters = realloc(graph->gradient_parameters, capacity * sizeof(ss_parameter *));
    if (!parameters) {
      return false;
    }
    graph->gradient_parameters = parameters;
    ss_tensor **tensors = realloc(graph->gradient_tensors, capacity * sizeof(ss_tensor *));
    if (!tensors) {
      return false;
    }
    graph->gradient_tensors = tensors;
    graph->gradient_capacity = capacity;
  }
  graph->gradient_parameters[graph->gradient_count] = parameter;
  graph->gradient_tensors[graph->gradient_count++] = gradient;
  gradient->kept = true;
  return true;
}

/* Marks what a wanted gradient has to pass through: tensors on which a parameter of the prefixes or a wanted input
 * acts.
 */
static bool *mark_path(const ss_graph *graph, const char *prefixes) {
  bool *on_path = calloc(graph->tensor_count + 1, sizeof *on_path);
  if (!on_path) {
    return NULL;
  }
  for (size_t i = 0; i < graph->tensor_count; i++) {
    const ss_tensor *tensor = graph->tensors[i];
    if (tensor->requires_gradient) {
      on_path[i] =
          tensor->kind == SS_TENSOR_INPUT || (tensor->parameter && ss_parameter_matches(tensor->parameter, prefixes));
    }
  }
  for (size_t i = 0; i < graph->node_count; i++) {
    const ss_node *node = graph->nodes[i];
    bool reached = false;
    for (int k = 0; k < node->input_count; k++) {
      reached |= node->inputs[k] && on_path[node->inputs[k]->id];
    }
    for (int k = 0; k < node->output_count; k++) {
      if (node->outputs[k]) {
        on_path[node->outputs[k]->id] |= reached && node->outputs[k]->requires_gradient;
      }
    }
  }
  return on_path;
}

void ss_graph_backward(ss_graph *graph, ss_tensor *loss, const char *prefixes) {
  if (!ss_graph_ready(graph, &loss, 1)) {
    if (graph->status == SS_OK) { /* a constant of the recording could not be made */
      ss_graph_mistake(graph, "there is no loss to be differentiated");
    }
    return;
  }
  if (ss_shape_count(loss->shape) != 1 || loss->dtype != SS_F32) {
    char text[80];
    ss_graph_mistake(graph, "only a float32 scalar can be differentiated, not %s %s", ss_dtype_name(loss->dtype),
                     ss_shape_text(loss->shape, text));
    return;
  }
  loss->kept = true;
  ss_pass_fuse_norms(graph);
  bool *on_path = mark_path(graph, prefixes);
  if (!on_path) {
    graph->status = ss_fail_memory(&graph->error, graph->tensor_count, "the backward pass");
    return;
  }
  if (graph->backward_id == 0) {
    graph->backward_id = graph->next_node_id;
  }
  const size_t forward_nodes = graph->node_count, forward_tensors = graph->tensor_count;
  for (size_t i = 0; i < forward_tensors; i++) {
    graph->tensors[i]->gradient = NULL;
  }
  /* During the sweep a tensor off the path does not want a gradient, so that rules record nothing for it. */
  bool *wanted = calloc(forward_tensors + 1, sizeof *wanted); /* never of nothing */
  if (!wanted) {
    free(on_path);
    graph->status = ss_fail_memory(&graph->error, forward_tensors, "the backward pass");
    return;
  }
  for (size_t i = 0; i < forward_tensors; i++) {
    wanted[i] = graph->tensors[i]->requires_gradient;
    graph->tensors[i]->requires_gradient = wanted[i] && on_path[i];
  }
  const float one = 1.0f;
  loss->gradient = ss_graph_constant(graph, loss->shape, &one);
  for (size_t i = forward_nodes; i-- > 0 && graph->status == SS_OK;) {
    const ss_node *node = graph->nodes[i];
    ss_tensor *output_gradients[SS_MAX_OUTPUTS] = {NULL};
    ss_tensor *input_gradients[SS_MAX_INPUTS] = {NULL};
    bool reached = false;
    for (int k = 0; k < node->output_count; k++) {
      output_gradients[k] = node->outputs[k] ? node->outputs[k]->gradient : NULL;
      reached |= output_gradients[k] != NULL;
    }
    const ss_operation_definition *definition = ss_operation_define(node->operation);
    if (!reached || !definition->gradient) {
      continue;
    }
    definition->gradient(graph, node, output_gradients, input_gradients);
    for (int k = 0; k < node->input_count; k++) {
      if (node->inputs[k] && node->inputs[k]->requires_gradient) {
        accumulate(graph, node->inputs[k], input_gradients[k]);
      }
    }
  }
  for (size_t i = 0; i < forward_tensors; i++) {
    ss_tensor *tensor = graph->tensors[i];
    const bool reached = tensor->requires_gradient && tensor->gradient;
    tensor->requires_gradient = wanted[i];
    if (reached && tensor->parameter && graph->status == SS_OK &&
        !add_gradient(graph, tensor->parameter, tensor->gradient)) {
      graph->status = ss_fail_memory(&graph->error, graph->gradient_capacity, "the backward pass");
    } else if (reached && tensor->kind == SS_TENSOR_INPUT) {
      tensor->gradient->kept = true;
    }
  }
  free(wanted);
  free(on_path);
}

ss_tensor *ss_graph_gradient_of(ss_graph *graph, const ss_tensor *tensor) {
  return graph->status == SS_OK && tensor ? tensor->gradient : NULL;
}

size_t ss_graph_gradient_count(const ss_graph *graph) {
  return graph->gradient_count;
}

ss_parameter *ss_graph_gradient_parameter(const ss_graph *graph, size_t index) {
  return graph->gradient_parameters[index];
}

ss_tensor *ss_graph_gradient_tensor(const ss_graph *graph, size_t index) {
  return graph->gradient_tensors[index];
}
