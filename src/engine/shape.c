/* Operations that move elements and compute nothing.
 *
 * SLICE: attributes.axis, begin, end. CONCATENATE: axis. TRANSPOSE: order. GATHER: (x, indices). GATHER_BACKWARD:
 * (gradient, indices) -> x's shape. PAD and PAD_BACKWARD: before, after, kind (ss_pad_mode). PIXEL_SHUFFLE and its
 * inverse: groups is the factor. */
#include "engine/node.h"

static bool has_axis(const ss_tensor *x, int axis) {
  return axis >= 0 && axis < x->shape.rank;
}

/* ---- reshape ---- */

static void reshape_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                             ss_tensor **input_gradients) {
  if (node->inputs[0]->requires_gradient) {
    input_gradients[0] = ss_reshape(graph, output_gradients[0], node->inputs[0]->shape);
  }
}

const ss_operation_definition ss_operation_reshape = {"reshape", reshape_gradient, SS_IS_VIEW};

ss_tensor *ss_reshape(ss_graph *graph, ss_tensor *x, ss_shape shape) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  char from[80], to[80];
  ss_shape_text(x->shape, from);
  ss_shape_text(shape, to);
  const int64_t count = ss_shape_count(x->shape);
  int64_t known = 1;
  int unknown = -1, unknowns = 0;
  for (int i = 0; i < shape.rank; i++) {
    if (shape.dims[i] == -1) {
      unknown = i;
      unknowns++;
    } else {
      known *= shape.dims[i];
    }
  }
  if (unknowns == 1 && known > 0 && count % known == 0) {
    shape.dims[unknown] = count / known;
    known = count;
  } else if (unknowns > 0) {
    known = -1;
  }
  if (shape.rank < 1 || shape.rank > SS_MAX_RANK || known != count) {
    return ss_graph_mistake(graph, "%s cannot be reshaped to %s", from, to);
  }
  if (ss_shape_equal(x->shape, shape)) {
    return x;
  }
  return ss_graph_operation(graph, SS_OP_RESHAPE, NULL, &x, 1, x->dtype, shape);
}

/* ---- slice and concatenate ---- */

static void slice_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                           ss_tensor **input_gradients) {
  const ss_tensor *x = node->inputs[0];
  if (!x->requires_gradient) {
    return;
  }
  int before[SS_MAX_RANK] = {0}, after[SS_MAX_RANK] = {0};
  const int axis = node->attributes.axis;
  before[axis] = (int)node->attributes.begin;
  after[axis] = (int)(x->shape.dims[axis] - node->attributes.end);
  input_gradients[0] = ss_pad(graph, output_gradients[0], before, after, SS_PAD_ZERO);
}

const ss_operation_definition ss_operation_slice = {"slice", slice_gradient, 0};

ss_tensor *ss_slice(ss_graph *graph, ss_tensor *x, int axis, int64_t begin, int64_t end) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  if (!has_axis(x, axis) || begin < 0 || begin >= end || end > x->shape.dims[axis]) {
    char text[80];
    return ss_graph_mistake(graph, "no slice %lld to %lld of axis %d of %s", (long long)begin, (long long)end, axis,
                            ss_shape_text(x->shape, text));
  }
  ss_shape shape = x->shape;
  shape.dims[axis] = end - begin;
  if (ss_shape_equal(x->shape, shape)) {
    return x;
  }
  const ss_attributes attributes = {.axis = axis, .begin = begin, .end = end};
  return ss_graph_operation(graph, SS_OP_SLICE, &attributes, &x, 1, x->dtype, shape);
}

static void concatenate_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                                 ss_tensor **input_gradients) {
  const int axis = node->attributes.axis;
  int64_t begin = 0;
  for (int i = 0; i < node->input_count; i++) {
    const int64_t end = begin + node->inputs[i]->shape.dims[axis];
    if (node->inputs[i]->requires_gradient) {
      input_gradients[i] = ss_slice(graph, output_gradients[0], axis, begin, end);
    }
    begin = end;
  }
}

const ss_operation_definition ss_operation_concatenate = {"concatenate", concatenate_gradient, 0};

ss_tensor *ss_concatenate(ss_graph *graph, ss_tensor *const *parts, int count, int axis) {
  if (count < 1 || count > SS_MAX_INPUTS) {
    return ss_graph_mistake(graph, "concatenate takes 1 to %d parts, not %d", SS_MAX_INPUTS, count);
  }
  if (!ss_graph_ready(graph, parts, count)) {
    return NULL;
  }
  char text[80], first[80];
  ss_shape_text(parts[0]->shape, first);
  if (!has_axis(parts[0], axis)) {
    return ss_graph_mistake(graph, "concatenate along axis %d, which %s has not", axis, first);
  }
  ss_shape shape = parts[0]->shape;
  for (int i = 1; i < count; i++) {
    ss_shape like = parts[i]->shape;
    const int64_t length = has_axis(parts[i], axis) ? like.dims[axis] : 0;
    like.dims[axis] = shape.dims[axis];
    if (!ss_shape_equal(like, shape) || parts[i]->dtype != parts[0]->dtype) {
      return ss_graph_mistake(graph, "concatenate along axis %d: %s %s does not fit %s %s", axis,
                              ss_dtype_name(parts[i]->dtype), ss_shape_text(parts[i]->shape, text),
                              ss_dtype_name(parts[0]->dtype), first);
    }
    shape.dims[axis] += length;
  }
  const ss_attributes attributes = {.axis = axis};
  return ss_graph_operation(graph, SS_OP_CONCATENATE, &attributes, parts, count, parts[0]->dtype, shape);
}

/* ---- transpose ---- */

static void transpose_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                               ss_tensor **input_gradients) {
  if (node->inputs[0]->requires_gradient) {
    int inverse[SS_MAX_RANK] = {0};
    for (int i = 0; i < node->inputs[0]->shape.rank; i++) {
      inverse[node->attributes.order[i]] = i;
    }
    input_gradients[0] = ss_transpose(graph, output_gradients[0], inverse);
  }
}

const ss_operation_definition ss_operation_transpose = {"transpose", transpose_gradient, 0};

ss_tensor *ss_transpose(ss_graph *graph, ss_tensor *x, const int *order) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  ss_attributes attributes = {0};
  ss_shape shape = x->shape;
  unsigned seen = 0;
  for (int i = 0; i < x->shape.rank; i++) {
    if (!has_axis(x, order[i]) || (seen >> order[i] & 1u) != 0) {
      char text[80];
      return ss_graph_mistake(graph, "transpose of %s: axis %d is not there or named twice",
                              ss_shape_text(x->shape, text), order[i]);
    }
    seen |= 1u << order[i];
    attributes.order[i] = order[i];
    shape.dims[i] = x->shape.dims[order[i]];
  }
  return ss_graph_operation(graph, SS_OP_TRANSPOSE, &attributes, &x, 1, x->dtype, shape);
}

/* ---- gather ---- */

static void gather_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                            ss_tensor **input_gradients) {
  const ss_tensor *x = node->inputs[0];
  if (x->requires_gradient) {
    ss_tensor *inputs[] = {output_gradients[0], node->inputs[1]};
    input_gradients[0] = ss_graph_operation(graph, SS_OP_GATHER_BACKWARD, NULL, inputs, 2, x->dtype, x->shape);
  }
}

const ss_operation_definition ss_operation_gather = {"gather", gather_gradient, 0};
const ss_operation_definition ss_operation_gather_backward = {"gather backward", NULL, 0};

ss_tensor *ss_gather(ss_graph *graph, ss_tensor *x, ss_tensor *indices) {
  if (!ss_graph_ready(graph, (ss_tensor *[]){x, indices}, 2)) {
    return NULL;
  }
  if (indices->dtype != SS_I32 || indices->shape.rank != 1) {
    char text[80];
    return ss_graph_mistake(graph, "gather wants i32 indices (M), not %s %s", ss_dtype_name(indices->dtype),
                            ss_shape_text(indices->shape, text));
  }
  ss_shape shape = x->shape;
  shape.dims[0] = indices->shape.dims[0];
  return ss_graph_operation(graph, SS_OP_GATHER, NULL, (ss_tensor *[]){x, indices}, 2, x->dtype, shape);
}

/* ---- pad ---- */

static void pad_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                         ss_tensor **input_gradients) {
  const ss_tensor *x = node->inputs[0];
  if (x->requires_gradient) {
    input_gradients[0] =
        ss_graph_operation(graph, SS_OP_PAD_BACKWARD, &node->attributes, output_gradients, 1, x->dtype, x->shape);
  }
}

const ss_operation_definition ss_operation_pad = {"pad", pad_gradient, 0};
const ss_operation_definition ss_operation_pad_backward = {"pad backward", NULL, 0};

ss_tensor *ss_pad(ss_graph *graph, ss_tensor *x, const int *before, const int *after, ss_pad_mode mode) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  ss_attributes attributes = {.kind = mode};
  ss_shape shape = x->shape;
  for (int i = 0; i < x->shape.rank; i++) {
    const int64_t length = x->shape.dims[i];
    if (before[i] < 0 || after[i] < 0 || (mode == SS_PAD_REFLECT && (before[i] >= length || after[i] >= length))) {
      char text[80];
      return ss_graph_mistake(graph, "axis %d of %s cannot be padded by %d and %d%s", i, ss_shape_text(x->shape, text),
                              before[i], after[i],
                              mode == SS_PAD_REFLECT ? ": a reflection must be shorter than the axis" : "");
    }
    attributes.before[i] = before[i];
    attributes.after[i] = after[i];
    shape.dims[i] += before[i] + after[i];
  }
  if (ss_shape_equal(x->shape, shape)) {
    return x;
  }
  return ss_graph_operation(graph, SS_OP_PAD, &attributes, &x, 1, x->dtype, shape);
}

/* ---- pixel shuffle ---- */

static void pixel_shuffle_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                                   ss_tensor **input_gradients) {
  const ss_tensor *x = node->inputs[0];
  if (x->requires_gradient) {
    const ss_operation inverse = node->operation == SS_OP_PIXEL_SHUFFLE ? SS_OP_PIXEL_UNSHUFFLE : SS_OP_PIXEL_SHUFFLE;
    input_gradients[0] = ss_graph_operation(graph, inverse, &node->attributes, output_gradients, 1, x->dtype, x->shape);
  }
}

const ss_operation_definition ss_operation_pixel_shuffle = {"pixel shuffle", pixel_shuffle_gradient, 0};
const ss_operation_definition ss_operation_pixel_unshuffle = {"pixel unshuffle", pixel_shuffle_gradient, 0};

ss_tensor *ss_pixel_shuffle(ss_graph *graph, ss_tensor *x, int factor) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  if (factor < 1 || x->shape.rank != 4 || x->shape.dims[3] % ((int64_t)factor * factor) != 0) {
    char text[80];
    return ss_graph_mistake(graph, "pixel shuffle by %d wants (N, H, W, C x %d x %d), not %s", factor, factor, factor,
                            ss_shape_text(x->shape, text));
  }
  const ss_shape shape = ss_shape_of(x->shape.dims[0], x->shape.dims[1] * factor, x->shape.dims[2] * factor,
                                     x->shape.dims[3] / ((int64_t)factor * factor));
  const ss_attributes attributes = {.groups = factor};
  return ss_graph_operation(graph, SS_OP_PIXEL_SHUFFLE, &attributes, &x, 1, x->dtype, shape);
}
