/* Convolution and transposed convolution: shapes, parameters, gradients.
 *
 * Three nodes, each about the convolution y = w * x with x (N, ..., I), y (N, ..., O), w (O, I/groups, ...):
 *   CONVOLUTION                  x, w, bias (O) or none   -> y
 *   CONVOLUTION_BACKWARD_DATA    y, w, bias (I) or none   -> x
 *   CONVOLUTION_BACKWARD_WEIGHT  x, y                     -> w, float32
 * The gradients of each are the other two; a transposed convolution is the second, recorded forward. */
#include "engine/node.h"

#include <math.h>
#include <stdio.h>

static const char *const axis_names[3] = {"depth", "height", "width"};

/* The options as a node keeps them: `spatial` axes, the unused ones neutral. */
static ss_attributes attributes_of(const ss_convolution_options *options, int spatial) {
  ss_attributes attributes = {.groups = options->groups > 0 ? options->groups : 1};
  for (int i = 0; i < 3; i++) {
    const bool used = i < spatial;
    attributes.kernel[i] = used ? options->kernel[i] : 1;
    attributes.stride[i] = used && options->stride[i] != 0 ? options->stride[i] : 1;
    attributes.padding[i] = used ? options->padding[i] : 0;
    attributes.dilation[i] = used && options->dilation[i] != 0 ? options->dilation[i] : 1;
  }
  return attributes;
}

static bool options_make_sense(ss_graph *graph, const ss_attributes *attributes, int spatial, const char *name) {
  for (int i = 0; i < spatial; i++) {
    const char *axis = axis_names[3 - spatial + i];
    if (attributes->kernel[i] < 1) {
      ss_graph_mistake(graph, "%s: the kernel's %s must be at least 1, not %d", name, axis, attributes->kernel[i]);
      return false;
    }
    if (attributes->stride[i] < 1 || attributes->dilation[i] < 1 || attributes->padding[i] < 0) {
      ss_graph_mistake(graph, "%s: stride %d, dilation %d and padding %d of the %s must not be negative", name,
                       attributes->stride[i], attributes->dilation[i], attributes->padding[i], axis);
      return false;
    }
  }
  return true;
}

/* x (N, ..., I) -> y (N, ..., O); false after a mistake. */
static bool output_shape(ss_graph *graph, const ss_attributes *attributes, ss_shape x, int64_t output_channels,
                         const char *name, ss_shape *y) {
  *y = x;
  const int spatial = x.rank - 2;
  for (int i = 0; i < spatial; i++) {
    const int64_t reach = (int64_t)attributes->dilation[i] * (attributes->kernel[i] - 1) + 1;
    const int64_t padded = x.dims[1 + i] + 2 * (int64_t)attributes->padding[i];
    if (padded < reach) {
      char text[80];
      ss_graph_mistake(graph, "%s: a kernel that reaches over %lld does not fit the padded %s %lld of %s", name,
                       (long long)reach, axis_names[3 - spatial + i], (long long)padded, ss_shape_text(x, text));
      return false;
    }
    y->dims[1 + i] = (padded - reach) / attributes->stride[i] + 1;
  }
  y->dims[x.rank - 1] = output_channels;
  return true;
}

/* Makes scope.name.weight of the shape (first, second, kernel...) and, if wanted, scope.name.bias (bias_channels). */
static bool make_parameters(ss_graph *graph, const ss_convolution_options *options, int spatial, int64_t first,
                            int64_t second, int64_t bias_channels, const char *name, ss_tensor **weight,
                            ss_tensor **bias) {
  ss_shape shape = {.rank = 2 + spatial, .dims = {first, second}};
  int64_t fan_in = second;
  for (int i = 0; i < spatial; i++) {
    shape.dims[2 + i] = options->kernel[i];
    fan_in *= options->kernel[i];
  }
  ss_initializer initializer = options->initializer;
  if (initializer.kind == SS_INIT_CONSTANT && initializer.scale == 0.0f) {
    initializer = (ss_initializer){SS_INIT_KAIMING_UNIFORM, 0.0f};
  }
  char full[1100]; /* longer than ss_graph_parameter takes: a name that is cut here is refused there */
  snprintf(full, sizeof full, "%s.weight", name);
  *weight = ss_graph_parameter(graph, full, SS_F32, shape, initializer, SS_TRAINABLE);
  *bias = NULL;
  if (options->bias) {
    snprintf(full, sizeof full, "%s.bias", name);
    const ss_initializer uniform = {SS_INIT_UNIFORM, options->zero_bias ? 0.0f : (float)(1.0 / sqrt((double)fan_in))};
    *bias =
        ss_graph_parameter(graph, full, SS_F32, ss_shape_of(bias_channels), uniform, SS_TRAINABLE | SS_NORM_OR_BIAS);
    return *weight && *bias;
  }
  return *weight != NULL;
}

static bool fits_groups(ss_graph *graph, int64_t input_channels, int64_t output_channels, int groups,
                        const char *name) {
  if (output_channels < 1 || input_channels % groups != 0 || output_channels % groups != 0) {
    ss_graph_mistake(graph, "%s: %lld input and %lld output channels cannot be split into %d groups", name,
                     (long long)input_channels, (long long)output_channels, groups);
    return false;
  }
  return true;
}

/* The node; shapes are known to fit but for the weight's. */
static ss_tensor *record(ss_graph *graph, ss_tensor *x, ss_tensor *weight, ss_tensor *bias,
                         const ss_attributes *attributes, const char *name) {
  ss_shape wants = {.rank = x->shape.rank, .dims = {weight->shape.dims[0], x->shape.dims[x->shape.rank - 1]}};
  wants.dims[1] /= attributes->groups;
  for (int i = 0; i < x->shape.rank - 2; i++) {
    wants.dims[2 + i] = attributes->kernel[i];
  }
  char is[80], wanted[80];
  if (!ss_shape_equal(weight->shape, wants) || weight->dtype != SS_F32) {
    return ss_graph_mistake(graph, "%s: the weight is %s %s, it must be f32 %s", name, ss_dtype_name(weight->dtype),
                            ss_shape_text(weight->shape, is), ss_shape_text(wants, wanted));
  }
  if (bias && (!ss_shape_equal(bias->shape, ss_shape_of(weight->shape.dims[0])) || bias->dtype != SS_F32)) {
    return ss_graph_mistake(graph, "%s: the bias is %s %s, it must be f32 (%lld)", name, ss_dtype_name(bias->dtype),
                            ss_shape_text(bias->shape, is), (long long)weight->shape.dims[0]);
  }
  ss_shape y;
  if (!output_shape(graph, attributes, x->shape, weight->shape.dims[0], name, &y)) {
    return NULL;
  }
  const ss_dtype compute = ss_graph_compute_dtype(graph);
  ss_tensor *inputs[] = {ss_cast(graph, x, compute), weight, bias};
  if (!ss_graph_ready(graph, inputs, 2)) {
    return NULL;
  }
  return ss_graph_operation(graph, SS_OP_CONVOLUTION, attributes, inputs, 3, compute, y);
}

ss_tensor *ss_convolution_with(ss_graph *graph, ss_tensor *x, ss_tensor *weight, ss_tensor *bias,
                               const ss_convolution_options *options) {
  ss_tensor *const needed[] = {x, weight};
  if (!ss_graph_ready(graph, needed, 2)) {
    return NULL;
  }
  char text[80];
  const char *name = weight->parameter ? weight->parameter->name : "convolution";
  const int spatial = x->shape.rank - 2;
  if (spatial != 2 && spatial != 3) {
    return ss_graph_mistake(graph, "%s: the input must be (N, H, W, C) or (N, D, H, W, C), not %s", name,
                            ss_shape_text(x->shape, text));
  }
  const ss_attributes attributes = attributes_of(options, spatial);
  if (!options_make_sense(graph, &attributes, spatial, name) ||
      !fits_groups(graph, x->shape.dims[x->shape.rank - 1], weight->shape.dims[0], attributes.groups, name)) {
    return NULL;
  }
  return record(graph, x, weight, bias, &attributes, name);
}

static ss_tensor *convolution(ss_graph *graph, ss_tensor *x, int output_channels, const ss_convolution_options *options,
                              const char *name, int spatial) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  char text[80];
  if (x->shape.rank != 2 + spatial) {
    return ss_graph_mistake(graph, "%s%s: the input must be %s, not %s", graph->scope, name,
                            spatial == 2 ? "(N, H, W, C)" : "(N, D, H, W, C)", ss_shape_text(x->shape, text));
  }
  const ss_attributes attributes = attributes_of(options, spatial);
  const int64_t input_channels = x->shape.dims[1 + spatial];
  ss_tensor *weight, *bias;
  if (!options_make_sense(graph, &attributes, spatial, name) ||
      !fits_groups(graph, input_channels, output_channels, attributes.groups, name) ||
      !make_parameters(graph, options, spatial, output_channels, input_channels / attributes.groups, output_channels,
                       name, &weight, &bias)) {
    return NULL;
  }
  return record(graph, x, weight, bias, &attributes, name);
}

/* As the two-dimensional one over a single row: x (N, 1, L, I), the weight (O, I/groups, 1, k). */
ss_tensor *ss_convolution1d(ss_graph *graph, ss_tensor *x, int output_channels, const ss_convolution_options *options,
                            const char *name) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  char text[80];
  if (x->shape.rank != 3) {
    return ss_graph_mistake(graph, "%s%s: the input must be (N, L, C), not %s", graph->scope, name,
                            ss_shape_text(x->shape, text));
  }
  const ss_convolution_options row = {.kernel = {1, options->kernel[0]},
                                      .stride = {1, options->stride[0]},
                                      .padding = {0, options->padding[0]},
                                      .dilation = {1, options->dilation[0]},
                                      .groups = options->groups};
  const ss_attributes attributes = attributes_of(&row, 2);
  const int64_t samples = x->shape.dims[0], length = x->shape.dims[1], channels = x->shape.dims[2];
  ss_tensor *weight, *bias;
  if (!options_make_sense(graph, &attributes, 2, name) ||
      !fits_groups(graph, channels, output_channels, attributes.groups, name) ||
      !make_parameters(graph, options, 1, output_channels, channels / attributes.groups, output_channels, name, &weight,
                       &bias)) {
    return NULL;
  }
  weight = ss_reshape(graph, weight, ss_shape_of(output_channels, channels / attributes.groups, 1, row.kernel[1]));
  x = ss_reshape(graph, x, ss_shape_of(samples, 1, length, channels));
  ss_tensor *needed[] = {x, weight};
  ss_tensor *y = ss_graph_ready(graph, needed, 2) ? record(graph, x, weight, bias, &attributes, name) : NULL;
  return ss_reshape(graph, y, ss_shape_of(samples, ss_tensor_dim(y, 2), output_channels));
}

ss_tensor *ss_convolution2d(ss_graph *graph, ss_tensor *x, int output_channels, const ss_convolution_options *options,
                            const char *name) {
  return convolution(graph, x, output_channels, options, name, 2);
}

ss_tensor *ss_convolution3d(ss_graph *graph, ss_tensor *x, int output_channels, const ss_convolution_options *options,
                            const char *name) {
  return convolution(graph, x, output_channels, options, name, 3);
}

static ss_tensor *transposed_convolution(ss_graph *graph, ss_tensor *x, int output_channels,
                                         const ss_convolution_options *options, const int *output_padding,
                                         const char *name, int spatial) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  char text[80];
  if (x->shape.rank != 2 + spatial) {
    return ss_graph_mistake(graph, "%s%s: the input must be %s, not %s", graph->scope, name,
                            spatial == 2 ? "(N, H, W, C)" : "(N, D, H, W, C)", ss_shape_text(x->shape, text));
  }
  const ss_attributes attributes = attributes_of(options, spatial);
  const int64_t input_channels = x->shape.dims[1 + spatial];
  if (!options_make_sense(graph, &attributes, spatial, name) ||
      !fits_groups(graph, input_channels, output_channels, attributes.groups, name)) {
    return NULL;
  }
  ss_shape y = x->shape;
  y.dims[1 + spatial] = output_channels;
  for (int i = 0; i < spatial; i++) {
    const int extra = output_padding ? output_padding[i] : 0;
    if (extra < 0 || (extra >= attributes.stride[i] && extra >= attributes.dilation[i])) {
      return ss_graph_mistake(graph, "%s: output padding %d must be less than stride %d or dilation %d", name, extra,
                              attributes.stride[i], attributes.dilation[i]);
    }
    y.dims[1 + i] = (x->shape.dims[1 + i] - 1) * attributes.stride[i] - 2 * (int64_t)attributes.padding[i] +
                    (int64_t)attributes.dilation[i] * (attributes.kernel[i] - 1) + extra + 1;
    if (y.dims[1 + i] < 1) {
      return ss_graph_mistake(graph, "%s: padding %d leaves nothing of the %s of %s", name, attributes.padding[i],
                              axis_names[3 - spatial + i], ss_shape_text(x->shape, text));
    }
  }
  ss_tensor *weight, *bias;
  if (!make_parameters(graph, options, spatial, input_channels, output_channels / attributes.groups, output_channels,
                       name, &weight, &bias)) {
    return NULL;
  }
  const ss_dtype compute = ss_graph_compute_dtype(graph);
  ss_tensor *inputs[] = {ss_cast(graph, x, compute), weight, bias};
  if (!ss_graph_ready(graph, inputs, 2)) {
    return NULL;
  }
  return ss_graph_operation(graph, SS_OP_CONVOLUTION_BACKWARD_DATA, &attributes, inputs, 3, compute, y);
}

ss_tensor *ss_transposed_convolution2d(ss_graph *graph, ss_tensor *x, int output_channels,
                                       const ss_convolution_options *options, const int output_padding[2],
                                       const char *name) {
  return transposed_convolution(graph, x, output_channels, options, output_padding, name, 2);
}

ss_tensor *ss_transposed_convolution3d(ss_graph *graph, ss_tensor *x, int output_channels,
                                       const ss_convolution_options *options, const int output_padding[3],
                                       const char *name) {
  return transposed_convolution(graph, x, output_channels, options, output_padding, name, 3);
}

static bool wants_gradient(const ss_node *node, int input) {
  return input < node->input_count && node->inputs[input] && node->inputs[input]->requires_gradient;
}

/* The bias's: the sum over all places. */
static ss_tensor *sum_places(ss_graph *graph, ss_tensor *gradient) {
  const unsigned all_but_channels = (1u << (gradient->shape.rank - 1)) - 1u;
  return ss_reduce_sum(graph, gradient, all_but_channels, false);
}

static ss_tensor *weight_gradient(ss_graph *graph, const ss_node *node, ss_tensor *x, ss_tensor *y) {
  ss_tensor *inputs[] = {x, y};
  return ss_graph_operation(graph, SS_OP_CONVOLUTION_BACKWARD_WEIGHT, &node->attributes, inputs, 2, SS_F32,
                            node->inputs[1]->shape);
}

static void convolution_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                                 ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0], *dy = output_gradients[0];
  if (wants_gradient(node, 0)) {
    ss_tensor *inputs[] = {dy, node->inputs[1], NULL};
    input_gradients[0] =
        ss_graph_operation(graph, SS_OP_CONVOLUTION_BACKWARD_DATA, &node->attributes, inputs, 3, x->dtype, x->shape);
  }
  if (wants_gradient(node, 1)) {
    input_gradients[1] = weight_gradient(graph, node, x, dy);
  }
  if (wants_gradient(node, 2)) {
    input_gradients[2] = sum_places(graph, dy);
  }
}

static void convolution_backward_data_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                                               ss_tensor **input_gradients) {
  ss_tensor *y = node->inputs[0], *dx = output_gradients[0];
  if (wants_gradient(node, 0)) {
    ss_tensor *inputs[] = {dx, node->inputs[1], NULL};
    input_gradients[0] = ss_graph_operation(graph, SS_OP_CONVOLUTION, &node->attributes, inputs, 3, y->dtype, y->shape);
  }
  if (wants_gradient(node, 1)) {
    input_gradients[1] = weight_gradient(graph, node, dx, y);
  }
  if (wants_gradient(node, 2)) {
    input_gradients[2] = sum_places(graph, dx);
  }
}

const ss_operation_definition ss_operation_convolution = {"convolution", convolution_gradient, SS_BOTH_LAYOUTS};
const ss_operation_definition ss_operation_convolution_backward_data = {
    "convolution_backward_data", convolution_backward_data_gradient, SS_BOTH_LAYOUTS};
const ss_operation_definition ss_operation_convolution_backward_weight = {"convolution_backward_weight", NULL,
                                                                          SS_BOTH_LAYOUTS};
