#include "engine/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ss_graph *ss_graph_new(ss_parameters *parameters, const ss_graph_options *options) {
  ss_graph *graph = calloc(1, sizeof *graph);
  if (graph) {
    graph->parameters = parameters;
    graph->options = *options;
  }
  return graph;
}

void ss_graph_free(ss_graph *graph) {
  if (!graph) {
    return;
  }
  for (size_t i = 0; i < graph->node_count; i++) {
    free(graph->nodes[i]);
  }
  for (size_t i = 0; i < graph->tensor_count; i++) {
    free(graph->tensors[i]->constant);
    free(graph->tensors[i]->name);
    free(graph->tensors[i]);
  }
  free(graph->nodes);
  free(graph->tensors);
  free(graph->gradient_parameters);
  free(graph->gradient_tensors);
  free(graph);
}

ss_status ss_graph_status(const ss_graph *graph, ss_error *error) {
  if (graph->status != SS_OK && error) {
    *error = graph->error;
  }
  return graph->status;
}

bool ss_graph_is_training(const ss_graph *graph) {
  return graph->options.training;
}

ss_dtype ss_graph_compute_dtype(const ss_graph *graph) {
  return graph->options.compute;
}

ss_parameters *ss_graph_parameters(const ss_graph *graph) {
  return graph->parameters;
}

ss_tensor *ss_graph_mistake(ss_graph *graph, const char *format, ...) {
  if (graph->status == SS_OK) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(graph->error.message, sizeof graph->error.message, format, arguments);
    va_end(arguments);
    graph->status = SS_FAILED;
  }
  return NULL;
}

static void out_of_memory(ss_graph *graph) {
  if (graph->status == SS_OK) {
    graph->status = ss_fail(&graph->error, SS_NO_MEMORY, "not enough memory to record the graph");
  }
}

bool ss_graph_ready(const ss_graph *graph, ss_tensor *const *tensors, int count) {
  if (graph->status != SS_OK) {
    return false;
  }
  for (int i = 0; i < count; i++) {
    if (!tensors[i]) {
      return false;
    }
  }
  return true;
}

/* Makes room for one more pointer in a list. */
static bool grow(void *list, size_t count, size_t *capacity) {
  if (count < *capacity) {
    return true;
  }
  const size_t wanted = *capacity ? 2 * *capacity : 64;
  void *bigger = realloc(*(void **)list, wanted * sizeof(void *));
  if (!bigger) {
    return false;
  }
  *(void **)list = bigger;
  *capacity = wanted;
  return true;
}

static ss_tensor *new_tensor(ss_graph *graph, ss_tensor_kind kind, ss_dtype dtype, ss_shape shape) {
  if (graph->status != SS_OK) {
    return NULL;
  }
  for (int i = 0; i < shape.rank; i++) {
    if (shape.dims[i] < 1) {
      char text[80];
      return ss_graph_mistake(graph, "a tensor cannot have the shape %s", ss_shape_text(shape, text));
    }
  }
  ss_tensor *tensor = calloc(1, sizeof *tensor);
  if (!tensor || !grow(&graph->tensors, graph->tensor_count, &graph->tensor_capacity)) {
    free(tensor);
    out_of_memory(graph);
    return NULL;
  }
  tensor->id = (int)graph->tensor_count;
  tensor->kind = kind;
  tensor->dtype = dtype;
  tensor->shape = shape;
  graph->tensors[graph->tensor_count++] = tensor;
  return tensor;
}

ss_tensor *ss_graph_input(ss_graph *graph, const char *name, ss_dtype dtype, ss_shape shape) {
  ss_tensor *tensor = new_tensor(graph, SS_TENSOR_INPUT, dtype, shape);
  if (tensor) {
    tensor->name = strdup(name);
    if (!tensor->name) {
      out_of_memory(graph);
    }
  }
  return tensor;
}

static ss_tensor *constant(ss_graph *graph, ss_dtype dtype, ss_shape shape, const void *values) {
  ss_tensor *tensor = new_tensor(graph, SS_TENSOR_CONSTANT, dtype, shape);
  if (tensor) {
    const size_t bytes = (size_t)ss_shape_count(shape) * ss_dtype_size(dtype);
    tensor->constant = malloc(bytes);
    if (!tensor->constant) {
      out_of_memory(graph);
      return NULL;
    }
    memcpy(tensor->constant, values, bytes);
  }
  return tensor;
}

ss_tensor *ss_graph_constant(ss_graph *graph, ss_shape shape, const float *values) {
  return constant(graph, SS_F32, shape, values);
}

ss_tensor *ss_graph_constant_i32(ss_graph *graph, ss_shape shape, const int32_t *values) {
  return constant(graph, SS_I32, shape, values);
}

void ss_graph_push_scope(ss_graph *graph, const char *name) {
  const size_t used = strlen(graph->scope);
  const int written = snprintf(graph->scope + used, sizeof graph->scope - used, "%s.", name);
  if (written < 0 || (size_t)written >= sizeof graph->scope - used) {
    graph->scope[used] = '\0';
    ss_graph_mistake(graph, "the scope of parameter names is too long: %s%s", graph->scope, name);
  }
}

void ss_graph_pop_scope(ss_graph *graph) {
  size_t used = strlen(graph->scope);
  if (used > 0) {
    used--; /* the scope's own dot */
  }
  while (used > 0 && graph->scope[used - 1] != '.') {
    used--;
  }
  graph->scope[used] = '\0';
}

ss_tensor *ss_graph_parameter(ss_graph *graph, const char *name, ss_dtype dtype, ss_shape shape,
                              ss_initializer initializer, unsigned flags) {
  if (graph->status != SS_OK) {
    return NULL;
  }
  char full[1024];
  if (snprintf(full, sizeof full, "%s%s", graph->scope, name) >= (int)sizeof full) {
    return ss_graph_mistake(graph, "the parameter name is too long: %s", full);
  }
  ss_parameter *parameter = NULL;
  graph->status =
      ss_parameters_get(graph->parameters, full, dtype, shape, initializer, flags, &parameter, &graph->error);
  if (graph->status != SS_OK) {
    return NULL;
  }
  const bool trainable = (parameter->flags & SS_TRAINABLE) != 0 && !graph->frozen;
  for (size_t i = 0; i < graph->tensor_count; i++) {
    if (graph->tensors[i]->parameter == parameter && graph->tensors[i]->requires_gradient == trainable) {
      return graph->tensors[i];
    }
  }
  ss_tensor *tensor = new_tensor(graph, SS_TENSOR_PARAMETER, dtype, shape);
  if (tensor) {
    tensor->parameter = parameter;
    tensor->requires_gradient = trainable;
  }
  return tensor;
}

void ss_graph_freeze(ss_graph *graph, bool frozen) {
  graph->frozen = frozen;
}

void ss_graph_hold_statistics(ss_graph *graph, bool held) {
  graph->statistics_held = held;
}

void ss_graph_norm_parts(ss_graph *graph, int parts) {
  graph->norm_parts = parts;
}

void ss_graph_set_training(ss_graph *graph, bool training) {
  graph->options.training = training;
}

ss_tensor *ss_graph_keep(ss_graph *graph, ss_tensor *tensor) {
  if (ss_graph_ready(graph, &tensor, 1)) {
    tensor->kept = true;
  }
  return tensor;
}

void ss_graph_want_gradient(ss_graph *graph, ss_tensor *tensor) {
  if (ss_graph_ready(graph, &tensor, 1)) {
    tensor->requires_gradient = true;
  }
}

const ss_operation_definition *ss_operation_define(ss_operation operation) {
  static const ss_operation_definition *const table[SS_OP_COUNT] = {
#define SS_X(upper, lower) &ss_operation_##lower,
      SS_OPERATIONS(SS_X)
#undef SS_X
  };
  return table[operation];
}

ss_node *ss_graph_node(ss_graph *graph, ss_operation operation, const ss_attributes *attributes,
                       ss_tensor *const *inputs, int input_count) {
  if (graph->status != SS_OK) {
    return NULL;
  }
  ss_node *node = calloc(1, sizeof *node);
  if (!node || !grow(&graph->nodes, graph->node_count, &graph->node_capacity)) {
    free(node);
    out_of_memory(graph);
    return NULL;
  }
  node->operation = operation;
  if (attributes) {
    node->attributes = *attributes;
  }
  for (int i = 0; i < input_count; i++) {
    node->inputs[i] = inputs[i];
  }
  node->input_count = input_count;
  node->id = graph->next_node_id++;
  graph->nodes[graph->node_count++] = node;
  return node;
}

void ss_graph_drop_removed(ss_graph *graph) {
  size_t kept = 0;
  for (size_t i = 0; i < graph->node_count; i++) {
    ss_node *node = graph->nodes[i];
    if (!node->removed) {
      graph->nodes[kept++] = node;
      continue;
    }
    for (int k = 0; k < node->output_count; k++) {
      if (node->outputs[k] && node->outputs[k]->producer == node) {
        node->outputs[k]->producer = NULL;
      }
    }
    free(node);
  }
  graph->node_count = kept;
}

int *ss_graph_count_readers(const ss_graph *graph) {
  int *readers = calloc(graph->tensor_count ? graph->tensor_count : 1, sizeof *readers);
  for (size_t i = 0; readers && i < graph->node_count; i++) {
    const ss_node *node = graph->nodes[i];
    for (int k = 0; k < node->input_count; k++) {
      if (node->inputs[k]) {
        readers[node->inputs[k]->id]++;
      }
    }
  }
  return readers;
}

ss_tensor *ss_node_output(ss_graph *graph, ss_node *node, ss_dtype dtype, ss_shape shape) {
  if (!node) {
    return NULL;
  }
  ss_tensor *tensor = new_tensor(graph, SS_TENSOR_ACTIVATION, dtype, shape);
  if (!tensor) {
    return NULL;
  }
  tensor->producer = node;
  if (ss_operation_define(node->operation)->gradient) {
    for (int i = 0; i < node->input_count; i++) {
      tensor->requires_gradient |= node->inputs[i] && node->inputs[i]->requires_gradient;
    }
  }
  node->outputs[node->output_count++] = tensor;
  return tensor;
}

void ss_node_no_output(ss_node *node) {
  if (node) {
    node->outputs[node->output_count++] = NULL;
  }
}

ss_tensor *ss_node_gradient_output(ss_graph *graph, ss_node *node, const ss_tensor *of) {
  if (of && of->requires_gradient) {
    return ss_node_output(graph, node, of->dtype, of->shape);
  }
  ss_node_no_output(node);
  return NULL;
}

ss_tensor *ss_graph_operation(ss_graph *graph, ss_operation operation, const ss_attributes *attributes,
                              ss_tensor *const *inputs, int input_count, ss_dtype dtype, ss_shape shape) {
  return ss_node_output(graph, ss_graph_node(graph, operation, attributes, inputs, input_count), dtype, shape);
}
