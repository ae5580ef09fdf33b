#include "engine/pooling.h"

static bool is_max(int kind) {
  return kind == SS_POOL_MAX || kind == SS_POOL_ADAPTIVE_MAX;
}

static int64_t spatial_dim(ss_shape shape, int axis) {
  const int at = axis + 1 - (5 - shape.rank);
  return at < 1 ? 1 : shape.dims[at];
}

ss_pool_axis ss_pool_axis_of(const ss_attributes *attributes, ss_shape x, ss_shape y, int axis) {
  ss_pool_axis out = {
      .in = spatial_dim(x, axis),
      .out = spatial_dim(y, axis),
      .kernel = attributes->kernel[axis],
      .stride = attributes->stride[axis],
      .padding = attributes->padding[axis],
      .adaptive = attributes->kind == SS_POOL_ADAPTIVE_MAX || attributes->kind == SS_POOL_ADAPTIVE_AVERAGE,
  };
  if (out.adaptive) {
    out.kernel = (out.in + out.out - 1) / out.out + (out.in % out.out != 0);
  }
  return out;
}

void ss_pool_window(const ss_pool_axis *axis, int64_t place, int64_t *begin, int64_t *end) {
  if (axis->adaptive) {
    *begin = place * axis->in / axis->out;
    *end = ((place + 1) * axis->in + axis->out - 1) / axis->out;
    return;
  }
  const int64_t first = place * axis->stride - axis->padding;
  *begin = first > 0 ? first : 0;
  *end = first + axis->kernel < axis->in ? first + axis->kernel : axis->in;
}

void ss_pool_readers(const ss_pool_axis *axis, int64_t place, int64_t *begin, int64_t *end) {
  if (axis->adaptive) {
    *begin = place * axis->out / axis->in;
    *end = ((place + 1) * axis->out + axis->in - 1) / axis->in;
    return;
  }
  const int64_t padded = place + axis->padding;
  *begin = padded < axis->kernel ? 0 : (padded - axis->kernel) / axis->stride + 1;
  const int64_t last = padded / axis->stride;
  *end = last < axis->out ? last + 1 : axis->out;
}

static bool is_picture(ss_graph *graph, const ss_tensor *x, int least_rank, int most_rank, const char *what) {
  char text[80];
  if (x->shape.rank >= least_rank && x->shape.rank <= most_rank && (x->dtype == SS_F32 || x->dtype == SS_BF16)) {
    return true;
  }
  ss_graph_mistake(graph, "%s wants (N, %sH, W, C) in f32 or bf16, not %s %s", what, most_rank == 5 ? "[D,] " : "",
                   ss_dtype_name(x->dtype), ss_shape_text(x->shape, text));
  return false;
}

/* The node; y has x's shape but for its places. */
static ss_tensor *pool(ss_graph *graph, ss_tensor *x, const ss_attributes *attributes, ss_shape shape) {
  ss_node *node = ss_graph_node(graph, SS_OP_POOL, attributes, &x, 1);
  ss_tensor *y = ss_node_output(graph, node, x->dtype, shape);
  if (y && is_max(attributes->kind) && y->requires_gradient) {
    int64_t window = 1;
    for (int i = 0; i < 3; i++) {
      window *= ss_pool_axis_of(attributes, x->shape, shape, i).kernel;
    }
    ss_tensor *winners = ss_node_output(graph, node, window <= 256 ? SS_U8 : SS_I32, shape);
    if (winners) {
      winners->requires_gradient = false;
    }
  }
  return y;
}

static ss_tensor *pool_windows(ss_graph *graph, ss_tensor *x, const ss_pool_options *options, ss_pool_kind kind) {
  if (!ss_graph_ready(graph, &x, 1) || !is_picture(graph, x, 4, 5, "pooling")) {
    return NULL;
  }
  ss_attributes attributes = {.kind = (int)kind, .kernel = {1, 1, 1}, .stride = {1, 1, 1}};
  attributes.flags = options->count_padding ? SS_POOL_COUNT_PADDING : 0;
  ss_shape shape = x->shape;
  const int missing = 5 - x->shape.rank;
  for (int axis = missing; axis < 3; axis++) {
    const int given = axis - missing;
    const int kernel = options->kernel[given], padding = options->padding[given];
    const int stride = options->stride[given] ? options->stride[given] : kernel;
    if (kernel < 1 || stride < 1 || padding < 0 || padding > kernel / 2) {
      return ss_graph_mistake(graph, "pooling: kernel %d, stride %d, padding %d; padding is at most half the kernel",
                              kernel, stride, padding);
    }
    int64_t *length = &shape.dims[given + 1];
    if (*length + 2 * padding < kernel) {
      char text[80];
      return ss_graph_mistake(graph, "pooling: a window of %d does not fit into %s; use a larger picture", kernel,
                              ss_shape_text(x->shape, text));
    }
    *length = (*length + 2 * padding - kernel) / stride + 1;
    attributes.kernel[axis] = kernel;
    attributes.stride[axis] = stride;
    attributes.padding[axis] = padding;
  }
  return pool(graph, x, &attributes, shape);
}

ss_tensor *ss_max_pool(ss_graph *graph, ss_tensor *x, const ss_pool_options *options) {
  return pool_windows(graph, x, options, SS_POOL_MAX);
}

ss_tensor *ss_average_pool(ss_graph *graph, ss_tensor *x, const ss_pool_options *options) {
  return pool_windows(graph, x, options, SS_POOL_AVERAGE);
}

static ss_tensor *pool_adaptively(ss_graph *graph, ss_tensor *x, int height, int width, ss_pool_kind kind) {
  if (!ss_graph_ready(graph, &x, 1) || !is_picture(graph, x, 4, 4, "adaptive pooling")) {
    return NULL;
  }
  if (height < 1 || width < 1) {
    return ss_graph_mistake(graph, "adaptive pooling to %d x %d; both must be at least 1", height, width);
  }
  const ss_attributes attributes = {.kind = (int)kind, .kernel = {1, 1, 1}, .stride = {1, 1, 1}};
  const int64_t *dims = x->shape.dims;
  return pool(graph, x, &attributes, ss_shape_of(dims[0], height, width, dims[3]));
}

ss_tensor *ss_adaptive_average_pool(ss_graph *graph, ss_tensor *x, int height, int width) {
  return pool_adaptively(graph, x, height, width, SS_POOL_ADAPTIVE_AVERAGE);
}

ss_tensor *ss_adaptive_max_pool(ss_graph *graph, ss_tensor *x, int height, int width) {
  return pool_adaptively(graph, x, height, width, SS_POOL_ADAPTIVE_MAX);
}

static void pool_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                          ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0];
  if (x->requires_gradient) {
    ss_tensor *inputs[] = {output_gradients[0], node->outputs[1]};
    input_gradients[0] =
        ss_graph_operation(graph, SS_OP_POOL_BACKWARD, &node->attributes, inputs, 2, x->dtype, x->shape);
  }
}

ss_tensor *ss_resize_bilinear(ss_graph *graph, ss_tensor *x, int height, int width) {
  if (!ss_graph_ready(graph, &x, 1) || !is_picture(graph, x, 4, 4, "resizing")) {
    return NULL;
  }
  if (height < 1 || width < 1) {
    return ss_graph_mistake(graph, "resizing to %d x %d; both must be at least 1", height, width);
  }
  const int64_t *dims = x->shape.dims;
  return ss_graph_operation(graph, SS_OP_RESIZE, NULL, &x, 1, x->dtype, ss_shape_of(dims[0], height, width, dims[3]));
}

static void resize_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                            ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0];
  if (x->requires_gradient) {
    input_gradients[0] =
        ss_graph_operation(graph, SS_OP_RESIZE_BACKWARD, NULL, &output_gradients[0], 1, x->dtype, x->shape);
  }
}

const ss_operation_definition ss_operation_pool = {"pool", pool_gradient, SS_BOTH_LAYOUTS};
const ss_operation_definition ss_operation_pool_backward = {"pool backward", NULL, SS_BOTH_LAYOUTS};
const ss_operation_definition ss_operation_resize = {"resize", resize_gradient, 0};
const ss_operation_definition ss_operation_resize_backward = {"resize backward", NULL, 0};
