#include "nets/onnx.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/batch_norm.h"
#include "engine/elementwise.h"
#include "engine/pooling.h"
#include "engine/reduction.h"
#include "nets/model_file.h"
#include "nets/onnx_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ir_version = 8, operator_set = 17 };

/* Whether the parameter is stored as float16; running statistics are not. */
static bool is_half(const ss_onnx_writer *w, const ss_parameter *parameter) {
  return w->half && parameter->dtype == SS_F32 && (parameter->flags & SS_TRAINABLE) != 0;
}

/* The parameter's name without "backbone.". */
static const char *parameter_name(const ss_parameter *parameter) {
  static const char prefix[] = "backbone.";
  return strncmp(parameter->name, prefix, strlen(prefix)) == 0 ? parameter->name + strlen(prefix) : parameter->name;
}

/* What a tensor of the graph is called: images, the parameter's name (with _f32 behind it what it was cast to), tN. */
static char *name_of(ss_onnx_writer *w, const ss_tensor *tensor) {
  char name[512];
  if (tensor->kind == SS_TENSOR_INPUT) {
    return ss_onnx_text(w, "images");
  }
  if (tensor->kind == SS_TENSOR_PARAMETER && tensor->parameter) {
    snprintf(name, sizeof name, "%s%s", parameter_name(tensor->parameter), is_half(w, tensor->parameter) ? "_f32" : "");
    return ss_onnx_text(w, name);
  }
  snprintf(name, sizeof name, "t%d", tensor->id);
  return ss_onnx_text(w, name);
}

/* The axis of (N, C, H, W) that axis `axis` of the engine's (N, H, W, C) is. */
static int64_t axis_of(ss_shape shape, int axis) {
  return axis == 0 ? 0 : axis == shape.rank - 1 ? 1 : axis + 1;
}

/* Kernel, stride and padding of two spatial axes, which begin at `first` of the attributes. */
static void set_window(ss_onnx_writer *w, Onnx__Node *node, const ss_attributes *a, int first) {
  const int y = first, x = first + 1;
  ss_onnx_set_ints(w, node, "kernel_shape", 2, (int64_t[]){a->kernel[y], a->kernel[x]});
  ss_onnx_set_ints(w, node, "strides", 2, (int64_t[]){a->stride[y], a->stride[x]});
  ss_onnx_set_ints(w, node, "pads", 4, (int64_t[]){a->padding[y], a->padding[x], a->padding[y], a->padding[x]});
}

static void write_convolution(ss_onnx_writer *w, const ss_node *node, char **in, char *out) {
  Onnx__Node *made = ss_onnx_add_node(w, "Conv", node->input_count > 2 && node->inputs[2] ? 3 : 2, in, out);
  set_window(w, made, &node->attributes, 0);
  ss_onnx_set_ints(w, made, "dilations", 2, (int64_t[]){node->attributes.dilation[0], node->attributes.dilation[1]});
  ss_onnx_set_int(w, made, "group", node->attributes.groups);
}

static void write_batch_norm(ss_onnx_writer *w, const ss_node *node, char **in, char *out) {
  char *const names[] = {in[SS_BN_X], in[SS_BN_WEIGHT], in[SS_BN_BIAS], in[SS_BN_RUNNING_MEAN], in[SS_BN_RUNNING_VAR]};
  ss_onnx_set_float(w, ss_onnx_add_node(w, "BatchNormalization", 5, names, out), "epsilon", node->attributes.alpha);
}

/* Over the channels, which ONNX norms where they are last. */
static void write_layer_norm(ss_onnx_writer *w, const ss_node *node, char **in, char *out) {
  char text[48];
  snprintf(text, sizeof text, "%s_last", out);
  char *last = ss_onnx_text(w, text);
  snprintf(text, sizeof text, "%s_normed", out);
  char *normed = ss_onnx_text(w, text);
  ss_onnx_set_ints(w, ss_onnx_add_node(w, "Transpose", 1, in, last), "perm", 4, (int64_t[]){0, 2, 3, 1});
  Onnx__Node *norm = ss_onnx_add_node(w, "LayerNormalization", 3, (char *[]){last, in[1], in[2]}, normed);
  ss_onnx_set_int(w, norm, "axis", -1);
  ss_onnx_set_float(w, norm, "epsilon", node->attributes.alpha);
  ss_onnx_set_ints(w, ss_onnx_add_node(w, "Transpose", 1, &normed, out), "perm", 4, (int64_t[]){0, 3, 1, 2});
}

static bool write_unary(ss_onnx_writer *w, const ss_node *node, char **in, char *out) {
  if (node->attributes.kind == SS_UNARY_RELU) {
    ss_onnx_add_node(w, "Relu", 1, in, out);
    return true;
  }
  if (node->attributes.kind != SS_UNARY_AFFINE) {
    return false;
  }
  char text[48];
  snprintf(text, sizeof text, "%s_scaled", out);
  char *scaled = ss_onnx_text(w, text);
  ss_onnx_add_node(w, "Mul", 2, (char *[]){in[0], ss_onnx_add_scalar(w, node->attributes.alpha)}, scaled);
  ss_onnx_add_node(w, "Add", 2, (char *[]){scaled, ss_onnx_add_scalar(w, node->attributes.beta)}, out);
  return true;
}

static bool write_pool(ss_onnx_writer *w, const ss_node *node, char **in, char *out) {
  if (node->attributes.kind != SS_POOL_MAX) {
    return false;
  }
  set_window(w, ss_onnx_add_node(w, "MaxPool", 1, in, out), &node->attributes, 1);
  return true;
}

/* The mean over all places. */
static bool write_reduce(ss_onnx_writer *w, const ss_node *node, char **in, char *out) {
  if (node->attributes.kind != SS_REDUCE_MEAN || node->attributes.axes != 6u || !node->inputs[0] ||
      node->inputs[0]->shape.rank != 4) {
    return false;
  }
  Onnx__Node *made = ss_onnx_add_node(w, "ReduceMean", 1, in, out);
  ss_onnx_set_ints(w, made, "axes", 2, (int64_t[]){2, 3});
  ss_onnx_set_int(w, made, "keepdims", 0);
  return true;
}

static void write_slice(ss_onnx_writer *w, const ss_node *node, char **in, char *out) {
  const int64_t axis = axis_of(node->outputs[0]->shape, node->attributes.axis);
  char *const names[] = {in[0], ss_onnx_add_numbers(w, 1, &node->attributes.begin),
                         ss_onnx_add_numbers(w, 1, &node->attributes.end), ss_onnx_add_numbers(w, 1, &axis)};
  ss_onnx_add_node(w, "Slice", 4, names, out);
}

/* One node of the engine; false where there is no such operator here. */
static bool write_node(ss_onnx_writer *w, const ss_node *node) {
  char *in[SS_MAX_INPUTS] = {NULL}, *out = name_of(w, node->outputs[0]);
  for (int i = 0; i < node->input_count; i++) {
    in[i] = node->inputs[i] ? name_of(w, node->inputs[i]) : NULL;
  }
  switch (node->operation) {
    case SS_OP_CONVOLUTION:
      write_convolution(w, node, in, out);
      return true;
    case SS_OP_BATCH_NORM:
      write_batch_norm(w, node, in, out);
      return true;
    case SS_OP_LAYER_NORM:
      write_layer_norm(w, node, in, out);
      return true;
    case SS_OP_UNARY:
      return write_unary(w, node, in, out);
    case SS_OP_BINARY:
      ss_onnx_add_node(w, "Add", 2, in, out);
      return node->attributes.kind == SS_BINARY_ADD;
    case SS_OP_POOL:
      return write_pool(w, node, in, out);
    case SS_OP_REDUCE:
      return write_reduce(w, node, in, out);
    case SS_OP_SLICE:
      write_slice(w, node, in, out);
      return true;
    case SS_OP_CONCATENATE:
      ss_onnx_set_int(w, ss_onnx_add_node(w, "Concat", node->input_count, in, out), "axis",
                      axis_of(node->outputs[0]->shape, node->attributes.axis));
      return true;
    default:
      return false;
  }
}

/* ---- the model ---- */

/* The weight in float16, and a node that casts it. */
static void write_half(ss_onnx_writer *w, const ss_tensor *tensor) {
  const ss_parameter *parameter = tensor->parameter;
  const size_t bytes = (size_t)parameter->count * sizeof(uint16_t);
  uint16_t *half = ss_onnx_take(w, bytes);
  if (!half) {
    return;
  }
  w->status = ss_weights_round(parameter, SS_STORED_F16, half, w->error);
  char *name = ss_onnx_text(w, parameter_name(parameter));
  if (name) {
    ss_onnx_add_tensor(w, name, ss_onnx_float16, tensor->shape.rank, tensor->shape.dims, half, bytes);
    ss_onnx_set_int(w, ss_onnx_add_node(w, "Cast", 1, &name, name_of(w, tensor)), "to", ss_onnx_float);
  }
}

static void write_parameters(ss_onnx_writer *w, const ss_graph *graph) {
  for (size_t i = 0; i < graph->tensor_count && w->status == SS_OK; i++) {
    const ss_tensor *tensor = graph->tensors[i];
    if (tensor->parameter && is_half(w, tensor->parameter)) {
      write_half(w, tensor);
    } else if (tensor->parameter && tensor->dtype == SS_F32) { /* counters are no operator's */
      ss_onnx_add_tensor(w, name_of(w, tensor), ss_onnx_float, tensor->shape.rank, tensor->shape.dims,
                         tensor->parameter->value, (size_t)tensor->parameter->count * sizeof(float));
    }
  }
}

static void write_graph(ss_onnx_writer *w, const ss_graph *graph, const ss_model *model, const ss_tensor *output) {
  write_parameters(w, graph);
  for (size_t i = 0; i < graph->node_count && w->status == SS_OK; i++) {
    const ss_operation operation = graph->nodes[i]->operation;
    if (!write_node(w, graph->nodes[i]) && w->status == SS_OK) {
      w->status = ss_fail(w->error, SS_FAILED, "%s cannot be written as ONNX: it has the operation %s", model->arch,
                          ss_operation_define(operation)->name);
    }
  }
  char *last = name_of(w, output);
  ss_onnx_add_node(w, "Identity", 1, &last, ss_onnx_text(w, "features"));
  const int64_t size = model->backbone.size;
  Onnx__ValueInfo **in = ss_onnx_take(w, sizeof *in), **out = ss_onnx_take(w, sizeof *out);
  if (in && out) {
    *in = ss_onnx_describe(w, "images", 4, (int64_t[]){1, 3, size, size});
    *out = ss_onnx_describe(w, "features", 2, (int64_t[]){1, ss_tensor_dim(output, 1)});
    w->graph.n_input = w->graph.n_output = 1;
    w->graph.input = in;
    w->graph.output = out;
  }
  w->graph.name = ss_onnx_text(w, model->arch);
}

static Onnx__Property *property(ss_onnx_writer *w, const char *key, const char *value) {
  Onnx__Property *made = ss_onnx_take(w, sizeof *made);
  if (made) {
    onnx__property__init(made);
    made->key = ss_onnx_text(w, key);
    made->value = ss_onnx_text(w, value);
  }
  return made;
}

static ss_status save(ss_onnx_writer *w, const char *path, const ss_model *model) {
  char size[16], mean[SS_MODEL_TRIPLE], deviation[SS_MODEL_TRIPLE];
  snprintf(size, sizeof size, "%d", model->backbone.size);
  ss_model_write_triple(model->mean, mean);
  ss_model_write_triple(model->deviation, deviation);
  Onnx__Property *properties[] = {property(w, "selfsup.arch", model->arch), property(w, "selfsup.size", size),
                                  property(w, "selfsup.input", ss_backbone_input_name(model->backbone.input)),
                                  property(w, "selfsup.mean", mean), property(w, "selfsup.std", deviation)};
  char empty[] = "", producer[] = "selfsup", version[] = SS_VERSION;
  Onnx__OperatorSet set = ONNX__OPERATOR_SET__INIT, *sets = &set;
  set.domain = empty;
  set.version = operator_set;
  Onnx__Model file = ONNX__MODEL__INIT;
  file.ir_version = ir_version;
  file.producer_name = producer;
  file.producer_version = version;
  file.graph = &w->graph;
  file.n_opset_import = 1;
  file.opset_import = &sets;
  file.n_metadata_props = sizeof properties / sizeof *properties;
  file.metadata_props = properties;
  SS_TRY(w->status);
  const size_t bytes = onnx__model__get_packed_size(&file);
  uint8_t *packed = NULL;
  SS_TRY(ss_alloc((void **)&packed, bytes, 1, "the ONNX model", w->error));
  onnx__model__pack(&file, packed);
  const ss_status status = ss_file_write(path, packed, bytes, SS_FILE_SYNCED, w->error);
  free(packed);
  return status;
}

ss_status ss_onnx_write(const char *path, const ss_model *model, bool half, ss_error *error) {
  const int size = model->backbone.size;
  const ss_graph_options options = {.compute = SS_F32, .training = false, .seed = 0};
  ss_graph *graph = ss_graph_new(model->parameters, &options);
  if (!graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  ss_tensor *images = ss_graph_input(graph, "images", SS_F32, ss_shape_of(1, size, size, 3));
  ss_graph_push_scope(graph, "backbone");
  const ss_tensor *output = ss_backbone_build(graph, images, &model->backbone).output;
  ss_graph_pop_scope(graph);
  ss_status status = ss_graph_status(graph, error);
  ss_onnx_writer w = {.graph = ONNX__GRAPH__INIT, .half = half, .status = SS_OK, .error = error};
  if (status == SS_OK) {
    write_graph(&w, graph, model, output);
    status = save(&w, path, model);
  }
  ss_onnx_writer_free(&w);
  ss_graph_free(graph);
  return status;
}
