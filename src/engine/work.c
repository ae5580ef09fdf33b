#include "engine/work.h"

#include "engine/matmul.h"

#include <stdio.h>

static double count(const ss_tensor *tensor) {
  return (double)ss_shape_count(tensor->shape);
}

static double bytes_of(ss_tensor *const *tensors, int length) {
  double bytes = 0.0;
  for (int k = 0; k < length; k++) {
    if (tensors[k]) {
      bytes += count(tensors[k]) * (double)ss_dtype_size(tensors[k]->dtype);
    }
  }
  return bytes;
}

/* The three tensors of a convolution y = w * x, whichever of them the node computes (convolution.c); x is NULL for
 * other nodes. */
typedef struct convolution_tensors {
  const ss_tensor *x, *w, *y;
} convolution_tensors;

static convolution_tensors tensors_of(const ss_node *node) {
  ss_tensor *const *in = node->inputs, *out = node->outputs[0];
  switch (node->operation) {
    case SS_OP_CONVOLUTION:
      return (convolution_tensors){in[0], in[1], out};
    case SS_OP_CONVOLUTION_BACKWARD_DATA:
      return (convolution_tensors){out, in[1], in[0]};
    case SS_OP_CONVOLUTION_BACKWARD_WEIGHT:
      return (convolution_tensors){in[0], out, in[1]};
    default:
      return (convolution_tensors){NULL, NULL, NULL};
  }
}

/* A matrix product's tensors and the length of its sums; a is NULL for other nodes. */
typedef struct product_tensors {
  const ss_tensor *a, *b, *y;
  double depth;
} product_tensors;

static product_tensors product_of(const ss_node *node) {
  product_tensors p = {NULL, NULL, NULL, 0.0};
  if (node->operation == SS_OP_LINEAR || node->operation == SS_OP_MATMUL) {
    p = (product_tensors){node->inputs[0], node->inputs[1], node->outputs[0], 0.0};
  }
  if (node->operation == SS_OP_GRU || node->operation == SS_OP_GRU_BACKWARD) { /* (3H, H), at each time */
    const bool forward = node->operation == SS_OP_GRU;
    const ss_tensor *weight = node->inputs[forward ? 1 : 3], *gates = forward ? node->inputs[0] : node->outputs[0];
    return (product_tensors){gates, weight, gates, (double)weight->shape.dims[1]};
  }
  if (p.a) {
    const bool transposed = node->operation == SS_OP_MATMUL && (node->attributes.flags & SS_MATMUL_TRANSPOSE_A);
    p.depth = (double)p.a->shape.dims[p.a->shape.rank - (transposed ? 2 : 1)];
  }
  return p;
}

ss_work ss_node_work(const ss_node *node) {
  ss_work work = {.bytes = bytes_of(node->inputs, node->input_count) + bytes_of(node->outputs, node->output_count)};
  const convolution_tensors tensors = tensors_of(node);
  const product_tensors product = product_of(node);
  if (tensors.x && tensors.w && tensors.y) {
    work.flops = 2.0 * count(tensors.y) * count(tensors.w) / (double)tensors.w->shape.dims[0];
    work.bf16 = tensors.x->dtype == SS_BF16 || tensors.y->dtype == SS_BF16;
  } else if (product.a && product.b && product.y) {
    work.flops = 2.0 * count(product.y) * product.depth;
    work.bf16 = product.a->dtype == SS_BF16 || product.b->dtype == SS_BF16;
  }
  return work;
}

static int append_sizes(char *text, size_t size, const ss_tensor *tensor) {
  int used = 0;
  for (int i = 0; i < tensor->shape.rank && used >= 0 && (size_t)used < size; i++) {
    used += snprintf(text + used, size - (size_t)used, i ? "x%lld" : "%lld", (long long)tensor->shape.dims[i]);
  }
  return used;
}

/* "3x3" or "3x3/2": the kernel and, unless 1, the stride; without depth in two dimensions. */
static int append_window(char *text, size_t size, const ss_node *node, int spatial) {
  const ss_attributes *a = &node->attributes;
  int used = 0;
  for (int i = 0; i < spatial && (size_t)used < size; i++) {
    used += snprintf(text + used, size - (size_t)used, i ? "x%d" : "%d", a->kernel[i]);
  }
  if (a->stride[0] > 1 && (size_t)used < size) {
    used += snprintf(text + used, size - (size_t)used, "/%d", a->stride[0]);
  }
  return used;
}

const char *ss_node_sizes(const ss_node *node, char text[160]) {
  enum { size = 160 };
  const convolution_tensors tensors = tensors_of(node);
  const product_tensors product = product_of(node);
  int used = 0;
  text[0] = '\0';
  if (tensors.x && tensors.y) {
    used = append_sizes(text, 64, tensors.x);
    used += snprintf(text + used, size - (size_t)used, ", ");
    used += append_window(text + used, size - (size_t)used, node, tensors.x->shape.rank - 2);
    snprintf(text + used, size - (size_t)used, ", %lld", (long long)tensors.y->shape.dims[tensors.y->shape.rank - 1]);
  } else if (product.a && product.y) {
    used = append_sizes(text, 64, product.y);
    snprintf(text + used, size - (size_t)used, ", sums of %.0f", product.depth);
  } else {
    for (int k = 0; k < node->output_count; k++) {
      if (node->outputs[k]) {
        append_sizes(text, size, node->outputs[k]);
        break;
      }
    }
  }
  return text;
}
