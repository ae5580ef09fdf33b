/* Linear layers and matrix products.
 *
 *   LINEAR  x (N, I), weight (O, I), bias (O) or none -> (N, O)
 *   MATMUL  a, b -> alpha op(a) op(b); flags say which operand is transposed
 * Of a bfloat16 and a float32 operand the second is rounded to bfloat16; sums are float32. */
#include "engine/matmul.h"

#include <math.h>
#include <stdio.h>

ss_tensor *ss_linear_with(ss_graph *graph, ss_tensor *x, ss_tensor *weight, ss_tensor *bias) {
  ss_tensor *const needed[] = {x, weight};
  if (!ss_graph_ready(graph, needed, 2)) {
    return NULL;
  }
  char is[80], has[80];
  const char *name = weight->parameter ? weight->parameter->name : "linear";
  if (x->shape.rank != 2 || weight->shape.rank != 2 || weight->dtype != SS_F32 ||
      x->shape.dims[1] != weight->shape.dims[1]) {
    return ss_graph_mistake(graph, "%s: an input %s does not fit the weight %s %s: they must be (N, I) and f32 (O, I)",
                            name, ss_shape_text(x->shape, is), ss_dtype_name(weight->dtype),
                            ss_shape_text(weight->shape, has));
  }
  const int64_t outputs = weight->shape.dims[0];
  if (bias && (!ss_shape_equal(bias->shape, ss_shape_of(outputs)) || bias->dtype != SS_F32)) {
    return ss_graph_mistake(graph, "%s: the bias is %s %s, it must be f32 (%lld)", name, ss_dtype_name(bias->dtype),
                            ss_shape_text(bias->shape, is), (long long)outputs);
  }
  const ss_dtype compute = ss_graph_compute_dtype(graph);
  ss_tensor *inputs[] = {ss_cast(graph, x, compute), weight, bias};
  if (!ss_graph_ready(graph, inputs, 2)) {
    return NULL;
  }
  return ss_graph_operation(graph, SS_OP_LINEAR, &(ss_attributes){.alpha = 1.0f}, inputs, 3, compute,
                            ss_shape_of(x->shape.dims[0], outputs));
}

ss_tensor *ss_linear(ss_graph *graph, ss_tensor *x, int outputs, bool bias, const char *name) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  char text[1100]; /* longer than ss_graph_parameter takes: a name that is cut here is refused there */
  if (x->shape.rank != 2) {
    return ss_graph_mistake(graph, "%s%s: the input must be (N, I), not %s", graph->scope, name,
                            ss_shape_text(x->shape, text));
  }
  if (outputs < 1) {
    return ss_graph_mistake(graph, "%s%s: a linear layer needs at least 1 output, not %d", graph->scope, name, outputs);
  }
  const int64_t width = x->shape.dims[1];
  snprintf(text, sizeof text, "%s.weight", name);
  ss_tensor *weight = ss_graph_parameter(graph, text, SS_F32, ss_shape_of(outputs, width),
                                         (ss_initializer){SS_INIT_KAIMING_UNIFORM, 0.0f}, SS_TRAINABLE);
  ss_tensor *offset = NULL;
  if (bias) {
    snprintf(text, sizeof text, "%s.bias", name);
    const ss_initializer uniform = {SS_INIT_UNIFORM, (float)(1.0 / sqrt((double)width))};
    offset = ss_graph_parameter(graph, text, SS_F32, ss_shape_of(outputs), uniform, SS_TRAINABLE | SS_NORM_OR_BIAS);
  }
  return ss_linear_with(graph, x, weight, offset);
}

/* alpha op(a) op(b) as `dtype`; the shapes are known to fit. */
static ss_tensor *product(ss_graph *graph, ss_tensor *a, bool transpose_a, ss_tensor *b, bool transpose_b, float alpha,
                          ss_dtype dtype) {
  const int last = a->shape.rank - 1;
  ss_shape shape = a->shape;
  shape.dims[last - 1] = a->shape.dims[transpose_a ? last : last - 1];
  shape.dims[last] = b->shape.dims[transpose_b ? last - 1 : last];
  const ss_attributes attributes = {
      .alpha = alpha, .flags = (transpose_a ? SS_MATMUL_TRANSPOSE_A : 0u) | (transpose_b ? SS_MATMUL_TRANSPOSE_B : 0u)};
  ss_tensor *inputs[] = {a, b};
  return ss_graph_operation(graph, SS_OP_MATMUL, &attributes, inputs, 2, dtype, shape);
}

static bool is_float(const ss_tensor *tensor) {
  return tensor->dtype == SS_F32 || tensor->dtype == SS_BF16;
}

ss_tensor *ss_matmul(ss_graph *graph, ss_tensor *a, bool transpose_a, ss_tensor *b, bool transpose_b, float alpha) {
  ss_tensor *const needed[] = {a, b};
  if (!ss_graph_ready(graph, needed, 2)) {
    return NULL;
  }
  const int rank = a->shape.rank;
  bool fits = (rank == 2 || rank == 3) && b->shape.rank == rank && is_float(a) && is_float(b);
  if (fits) {
    fits = a->shape.dims[transpose_a ? rank - 2 : rank - 1] == b->shape.dims[transpose_b ? rank - 1 : rank - 2] &&
           (rank == 2 || a->shape.dims[0] == b->shape.dims[0]);
  }
  if (!fits) {
    char left[80], right[80];
    return ss_graph_mistake(graph, "a matrix product of %s %s%s and %s %s%s does not fit", ss_dtype_name(a->dtype),
                            ss_shape_text(a->shape, left), transpose_a ? " transposed" : "", ss_dtype_name(b->dtype),
                            ss_shape_text(b->shape, right), transpose_b ? " transposed" : "");
  }
  const bool exact = a->dtype == SS_F32 && b->dtype == SS_F32;
  return product(graph, a, transpose_a, b, transpose_b, alpha, exact ? SS_F32 : ss_graph_compute_dtype(graph));
}

static bool wants_gradient(const ss_node *node, int input) {
  return input < node->input_count && node->inputs[input] && node->inputs[input]->requires_gradient;
}

/* y = x w^T + b: dx = dy w, dw = dy^T x, db = the sum of dy's rows. */
static void linear_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                            ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0], *weight = node->inputs[1], *dy = output_gradients[0];
  if (wants_gradient(node, 0)) {
    input_gradients[0] = product(graph, dy, false, weight, false, 1.0f, x->dtype);
  }
  if (wants_gradient(node, 1)) {
    input_gradients[1] = product(graph, dy, true, x, false, 1.0f, SS_F32);
  }
  if (wants_gradient(node, 2)) {
    input_gradients[2] = ss_reduce_sum(graph, dy, 1u, false);
  }
}

/* C = alpha A B: dA = alpha dC B^T, dB = alpha A^T dC, each transposed as its operand is. */
static void matmul_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                            ss_tensor **input_gradients) {
  ss_tensor *a = node->inputs[0], *b = node->inputs[1], *dc = output_gradients[0];
  const bool ta = node->attributes.flags & SS_MATMUL_TRANSPOSE_A, tb = node->attributes.flags & SS_MATMUL_TRANSPOSE_B;
  const float alpha = node->attributes.alpha;
  if (wants_gradient(node, 0)) {
    input_gradients[0] =
        ta ? product(graph, b, tb, dc, true, alpha, a->dtype) : product(graph, dc, false, b, !tb, alpha, a->dtype);
  }
  if (wants_gradient(node, 1)) {
    input_gradients[1] =
        tb ? product(graph, dc, true, a, ta, alpha, b->dtype) : product(graph, a, !ta, dc, false, alpha, b->dtype);
  }
}

const ss_operation_definition ss_operation_linear = {"linear", linear_gradient, 0};
const ss_operation_definition ss_operation_matmul = {"matmul", matmul_gradient, 0};

/* ---- what a node multiplies ---- */

/* The tensor's last two axes, exchanged if `transposed`. */
static ss_product_operand operand_of(const ss_tensor *tensor, bool transposed) {
  const int last = tensor->shape.rank - 1;
  const int64_t rows = tensor->shape.dims[last - 1], columns = tensor->shape.dims[last];
  return transposed ? (ss_product_operand){tensor, columns, rows, 1, columns}
                    : (ss_product_operand){tensor, rows, columns, columns, 1};
}

ss_product ss_product_of(const ss_node *node) {
  const bool linear = node->operation == SS_OP_LINEAR;
  const unsigned flags = linear ? SS_MATMUL_TRANSPOSE_B : node->attributes.flags;
  const ss_tensor *a = node->inputs[0], *b = node->inputs[1];
  return (ss_product){.a = operand_of(a, (flags & SS_MATMUL_TRANSPOSE_A) != 0),
                      .b = operand_of(b, (flags & SS_MATMUL_TRANSPOSE_B) != 0),
                      .c = operand_of(node->outputs[0], false),
                      .batch = a->shape.rank == 3 ? a->shape.dims[0] : 1,
                      .scale = linear ? 1.0f : node->attributes.alpha,
                      .bias = linear && node->input_count > 2 && node->inputs[2],
                      .relu = (node->attributes.flags & SS_MATMUL_RELU) != 0,
                      .inside = a->dtype == SS_BF16 || b->dtype == SS_BF16 ? SS_BF16 : SS_F32};
}
