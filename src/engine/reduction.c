#include "engine/reduction.h"

static bool is_float(const ss_tensor *x) {
  return x->dtype == SS_F32 || x->dtype == SS_BF16;
}

ss_shape ss_reduced_shape(ss_shape shape, unsigned axes) {
  for (int i = 0; i < shape.rank; i++) {
    if ((axes >> i & 1u) != 0) {
      shape.dims[i] = 1;
    }
  }
  return shape;
}

static ss_tensor *reduce(ss_graph *graph, ss_tensor *x, unsigned axes, bool keep, ss_reduce_kind kind, ss_dtype dtype) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  char text[80];
  ss_shape_text(x->shape, text);
  if (!is_float(x)) {
    return ss_graph_mistake(graph, "a reduction wants f32 or bf16, not %s %s", ss_dtype_name(x->dtype), text);
  }
  if (axes == 0 || axes >> x->shape.rank != 0) {
    return ss_graph_mistake(graph, "a reduction of %s over axes that it has not (mask 0x%x)", text, axes);
  }
  ss_shape shape = ss_reduced_shape(x->shape, axes);
  if (!keep) {
    int rank = 0;
    for (int i = 0; i < x->shape.rank; i++) {
      if ((axes >> i & 1u) == 0) {
        shape.dims[rank++] = x->shape.dims[i];
      }
    }
    shape = rank > 0 ? ss_shape_make(rank, shape.dims) : ss_shape_of(1);
  }
  const ss_attributes attributes = {.kind = kind, .axes = axes};
  return ss_graph_operation(graph, SS_OP_REDUCE, &attributes, &x, 1, dtype, shape);
}

static ss_tensor *broadcast(ss_graph *graph, ss_tensor *x, ss_shape shape, float scale, ss_dtype dtype) {
  const ss_attributes attributes = {.alpha = scale};
  return x ? ss_graph_operation(graph, SS_OP_BROADCAST, &attributes, &x, 1, dtype, shape) : NULL;
}

static void reduce_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                            ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0];
  if (!x->requires_gradient) {
    return;
  }
  const ss_shape kept = ss_reduced_shape(x->shape, node->attributes.axes);
  ss_tensor *gradient = ss_reshape(graph, output_gradients[0], kept);
  if (node->attributes.kind == SS_REDUCE_MAX) {
    ss_tensor *inputs[] = {x, ss_reshape(graph, node->outputs[0], kept), gradient};
    if (ss_graph_ready(graph, inputs, 3)) {
      input_gradients[0] =
          ss_graph_operation(graph, SS_OP_REDUCE_MAX_BACKWARD, &node->attributes, inputs, 3, x->dtype, x->shape);
    }
    return;
  }
  const double count = (double)ss_shape_count(x->shape) / (double)ss_shape_count(kept);
  const float scale = node->attributes.kind == SS_REDUCE_MEAN ? (float)(1.0 / count) : 1.0f;
  input_gradients[0] = broadcast(graph, gradient, x->shape, scale, x->dtype);
}

const ss_operation_definition ss_operation_reduce = {"reduce", reduce_gradient, SS_BOTH_LAYOUTS};
const ss_operation_definition ss_operation_reduce_max_backward = {"reduce max backward", NULL, SS_BOTH_LAYOUTS};

static void broadcast_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                               ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0];
  if (!x->requires_gradient) {
    return;
  }
  const ss_shape shape = node->outputs[0]->shape;
  unsigned axes = 0;
  for (int i = 0; i < shape.rank; i++) {
    const int own = i - (shape.rank - x->shape.rank);
    if (shape.dims[i] != 1 && (own < 0 || x->shape.dims[own] == 1)) {
      axes |= 1u << i;
    }
  }
  ss_tensor *gradient = output_gradients[0];
  if (axes != 0) {
    gradient = reduce(graph, gradient, axes, true, SS_REDUCE_SUM, SS_F32);
  }
  const float scale = node->attributes.alpha;
  gradient = scale == 1.0f ? gradient : ss_affine(graph, gradient, scale, 0.0f);
  input_gradients[0] = ss_reshape(graph, gradient, x->shape);
}

const ss_operation_definition ss_operation_broadcast = {"broadcast", broadcast_gradient, SS_BOTH_LAYOUTS};

ss_tensor *ss_reduce_sum(ss_graph *graph, ss_tensor *x, unsigned axes, bool keep) {
  return reduce(graph, x, axes, keep, SS_REDUCE_SUM, SS_F32);
}

ss_tensor *ss_reduce_mean(ss_graph *graph, ss_tensor *x, unsigned axes, bool keep) {
  return reduce(graph, x, axes, keep, SS_REDUCE_MEAN, SS_F32);
}

ss_tensor *ss_reduce_max(ss_graph *graph, ss_tensor *x, unsigned axes, bool keep) {
  return reduce(graph, x, axes, keep, SS_REDUCE_MAX, SS_F32);
}

ss_tensor *ss_global_average_pool(ss_graph *graph, ss_tensor *x) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  if (x->shape.rank < 3) {
    char text[80];
    return ss_graph_mistake(graph, "global average pooling wants (N, ..., C) with places between, not %s",
                            ss_shape_text(x->shape, text));
  }
  const unsigned places = (1u << (x->shape.rank - 1)) - 2;
  return reduce(graph, x, places, false, SS_REDUCE_MEAN, x->dtype);
}

ss_tensor *ss_broadcast(ss_graph *graph, ss_tensor *x, ss_shape shape) {
  if (!ss_graph_ready(graph, &x, 1) || ss_shape_equal(x->shape, shape)) {
    return x;
  }
  char from[80], to[80];
  bool fits = is_float(x) && x->shape.rank <= shape.rank;
  for (int i = 1; fits && i <= x->shape.rank; i++) {
    const int64_t length = x->shape.dims[x->shape.rank - i];
    fits = length == 1 || length == shape.dims[shape.rank - i];
  }
  if (!fits) {
    return ss_graph_mistake(graph, "%s %s does not broadcast to %s", ss_dtype_name(x->dtype),
                            ss_shape_text(x->shape, from), ss_shape_text(shape, to));
  }
  return broadcast(graph, x, shape, 1.0f, x->dtype);
}
