#include "engine/elementwise.h"

static bool is_float(const ss_tensor *x) {
  return x->dtype == SS_F32 || x->dtype == SS_BF16;
}

/* ---- one operand ---- */

/* Whether the derivative is computed from y rather than x. */
static bool reads_output(int kind) {
  return kind != SS_UNARY_LOG && kind != SS_UNARY_SQUARE && kind != SS_UNARY_ABS;
}

static ss_tensor *unary(ss_graph *graph, ss_tensor *x, ss_unary_kind kind, float alpha, float beta) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  if (!is_float(x)) {
    char text[80];
    return ss_graph_mistake(graph, "an element-wise function wants f32 or bf16, not %s %s", ss_dtype_name(x->dtype),
                            ss_shape_text(x->shape, text));
  }
  const ss_attributes attributes = {.kind = kind, .alpha = alpha, .beta = beta};
  return ss_graph_operation(graph, SS_OP_UNARY, &attributes, &x, 1, x->dtype, x->shape);
}

static void unary_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                           ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0];
  if (!x->requires_gradient) {
    return;
  }
  const int kind = node->attributes.kind;
  if (kind == SS_UNARY_AFFINE) {
    const float scale = node->attributes.alpha;
    input_gradients[0] = scale == 1.0f ? output_gradients[0] : ss_affine(graph, output_gradients[0], scale, 0.0f);
    return;
  }
  ss_tensor *inputs[] = {output_gradients[0], reads_output(kind) ? node->outputs[0] : x};
  input_gradients[0] =
      ss_graph_operation(graph, SS_OP_UNARY_BACKWARD, &node->attributes, inputs, 2, x->dtype, x->shape);
}

const ss_operation_definition ss_operation_unary = {"unary", unary_gradient, SS_ANY_LAYOUT | SS_IN_PLACE};
const ss_operation_definition ss_operation_unary_backward = {"unary backward", NULL, SS_ANY_LAYOUT | SS_IN_PLACE};

ss_tensor *ss_relu(ss_graph *graph, ss_tensor *x) {
  return unary(graph, x, SS_UNARY_RELU, 0.0f, 0.0f);
}

ss_tensor *ss_leaky_relu(ss_graph *graph, ss_tensor *x, float slope) {
  if (!(slope >= 0.0f)) { /* the derivative is told from the sign of the result */
    return ss_graph_mistake(graph, "leaky ReLU wants a slope of at least 0, not %g", (double)slope);
  }
  return unary(graph, x, SS_UNARY_LEAKY_RELU, slope, 0.0f);
}

ss_tensor *ss_sigmoid(ss_graph *graph, ss_tensor *x) {
  return unary(graph, x, SS_UNARY_SIGMOID, 0.0f, 0.0f);
}

ss_tensor *ss_tanh(ss_graph *graph, ss_tensor *x) {
  return unary(graph, x, SS_UNARY_TANH, 0.0f, 0.0f);
}

ss_tensor *ss_exp(ss_graph *graph, ss_tensor *x) {
  return unary(graph, x, SS_UNARY_EXP, 0.0f, 0.0f);
}

ss_tensor *ss_log(ss_graph *graph, ss_tensor *x) {
  return unary(graph, x, SS_UNARY_LOG, 0.0f, 0.0f);
}

ss_tensor *ss_sqrt(ss_graph *graph, ss_tensor *x) {
  return unary(graph, x, SS_UNARY_SQRT, 0.0f, 0.0f);
}

ss_tensor *ss_square(ss_graph *graph, ss_tensor *x) {
  return unary(graph, x, SS_UNARY_SQUARE, 0.0f, 0.0f);
}

ss_tensor *ss_abs(ss_graph *graph, ss_tensor *x) {
  return unary(graph, x, SS_UNARY_ABS, 0.0f, 0.0f);
}

ss_tensor *ss_affine(ss_graph *graph, ss_tensor *x, float scale, float offset) {
  return unary(graph, x, SS_UNARY_AFFINE, scale, offset);
}

/* ---- two operands ---- */

/* The shape that a and b broadcast to, last axes aligned; false if they do not. */
static bool broadcast_shape(ss_shape a, ss_shape b, ss_shape *out) {
  out->rank = a.rank > b.rank ? a.rank : b.rank;
  for (int i = 1; i <= out->rank; i++) {
    const int64_t of_a = i <= a.rank ? a.dims[a.rank - i] : 1;
    const int64_t of_b = i <= b.rank ? b.dims[b.rank - i] : 1;
    if (of_a != of_b && of_a != 1 && of_b != 1) {
      return false;
    }
    out->dims[out->rank - i] = of_a == 1 ? of_b : of_a;
  }
  return true;
}

ss_tensor *ss_sum_to_shape(ss_graph *graph, ss_tensor *x, ss_shape shape) {
  if (!ss_graph_ready(graph, &x, 1) || ss_shape_equal(x->shape, shape)) {
    return x;
  }
  const int leading = x->shape.rank - shape.rank;
  unsigned axes = 0;
  for (int i = 0; i < x->shape.rank; i++) {
    if (x->shape.dims[i] != 1 && (i < leading || shape.dims[i - leading] == 1)) {
      axes |= 1u << i;
    }
  }
  return ss_reshape(graph, axes ? ss_reduce_sum(graph, x, axes, true) : x, shape);
}

static ss_tensor *binary(ss_graph *graph, ss_tensor *a, ss_tensor *b, ss_binary_kind kind) {
  static const char *const verbs[] = {"add", "subtract", "multiply", "divide"};
  if (!ss_graph_ready(graph, (ss_tensor *[]){a, b}, 2)) {
    return NULL;
  }
  char text_a[80], text_b[80];
  ss_shape_text(a->shape, text_a);
  ss_shape_text(b->shape, text_b);
  if (!is_float(a) || !is_float(b)) {
    return ss_graph_mistake(graph, "%s wants f32 or bf16, not %s %s and %s %s", verbs[kind], ss_dtype_name(a->dtype),
                            text_a, ss_dtype_name(b->dtype), text_b);
  }
  ss_shape shape = {0};
  if (!broadcast_shape(a->shape, b->shape, &shape)) {
    return ss_graph_mistake(graph, "%s: the shapes %s and %s do not broadcast", verbs[kind], text_a, text_b);
  }
  const ss_dtype dtype = a->dtype == SS_F32 || b->dtype == SS_F32 ? SS_F32 : SS_BF16;
  const ss_attributes attributes = {.kind = kind};
  return ss_graph_operation(graph, SS_OP_BINARY, &attributes, (ss_tensor *[]){a, b}, 2, dtype, shape);
}

static void binary_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                            ss_tensor **input_gradients) {
  ss_tensor *a = node->inputs[0];
  ss_tensor *b = node->inputs[1];
  ss_tensor *gradient = output_gradients[0];
  ss_tensor *of_a = gradient;
  ss_tensor *of_b = gradient;
  switch ((ss_binary_kind)node->attributes.kind) {
    case SS_BINARY_ADD:
    case SS_BINARY_SUBTRACT:
      break;
    case SS_BINARY_MULTIPLY:
      of_a = a->requires_gradient ? ss_multiply(graph, gradient, b) : NULL;
      of_b = b->requires_gradient ? ss_multiply(graph, gradient, a) : NULL;
      break;
    case SS_BINARY_DIVIDE: /* d(a / b) = da / b - (a / b) db / b */
      of_a = ss_divide(graph, gradient, b);
      of_b = b->requires_gradient ? ss_multiply(graph, of_a, node->outputs[0]) : NULL;
      break;
  }
  if (a->requires_gradient) {
    input_gradients[0] = ss_sum_to_shape(graph, of_a, a->shape);
  }
  if (b->requires_gradient) {
    const bool negative = node->attributes.kind == SS_BINARY_SUBTRACT || node->attributes.kind == SS_BINARY_DIVIDE;
    ss_tensor *summed = ss_sum_to_shape(graph, of_b, b->shape);
    input_gradients[1] = negative ? ss_affine(graph, summed, -1.0f, 0.0f) : summed;
  }
}

const ss_operation_definition ss_operation_binary = {"binary", binary_gradient, SS_ANY_LAYOUT | SS_IN_PLACE};

ss_tensor *ss_add(ss_graph *graph, ss_tensor *a, ss_tensor *b) {
  return binary(graph, a, b, SS_BINARY_ADD);
}

ss_tensor *ss_subtract(ss_graph *graph, ss_tensor *a, ss_tensor *b) {
  return binary(graph, a, b, SS_BINARY_SUBTRACT);
}

ss_tensor *ss_multiply(ss_graph *graph, ss_tensor *a, ss_tensor *b) {
  return binary(graph, a, b, SS_BINARY_MULTIPLY);
}

ss_tensor *ss_divide(ss_graph *graph, ss_tensor *a, ss_tensor *b) {
  return binary(graph, a, b, SS_BINARY_DIVIDE);
}

/* ---- types and gradients ---- */

static void cast_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                          ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0];
  if (x->requires_gradient) {
    input_gradients[0] = ss_cast(graph, output_gradients[0], x->dtype);
  }
}

const ss_operation_definition ss_operation_cast = {"cast", cast_gradient, SS_ANY_LAYOUT};

ss_tensor *ss_cast(ss_graph *graph, ss_tensor *x, ss_dtype dtype) {
  if (!ss_graph_ready(graph, &x, 1) || x->dtype == dtype) {
    return x;
  }
  if ((dtype != SS_F32 && dtype != SS_BF16) || x->dtype == SS_I64) {
    char text[80];
    return ss_graph_mistake(graph, "no cast of %s %s to %s", ss_dtype_name(x->dtype), ss_shape_text(x->shape, text),
                            ss_dtype_name(dtype));
  }
  return ss_graph_operation(graph, SS_OP_CAST, NULL, &x, 1, dtype, x->shape);
}

const ss_operation_definition ss_operation_stop_gradient = {"stop gradient", NULL, SS_ANY_LAYOUT | SS_IS_VIEW};

ss_tensor *ss_stop_gradient(ss_graph *graph, ss_tensor *x) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  return ss_graph_operation(graph, SS_OP_STOP_GRADIENT, NULL, &x, 1, x->dtype, x->shape);
}
