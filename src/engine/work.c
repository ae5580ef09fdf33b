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

/* The three tensors of a convolution y = w * x, whichever of them the node computes (convolution.c). */
typedef struct convolution_tensors {
  const ss_tensor *x, *w, *y;
} convolution_tensors;

static bool is_convolution(const ss_node *node, convolution_tensors *tensors) {
  ss_tensor *const *in = node->inputs, *out = node->outputs[0];
  *tensors = (convolution_tensors){NULL, NULL, NULL};
  switch (node->operation) {
    case SS_OP_CONVOLUTION:
      *tensors = (convolution_tensors){in[0], in[1], out};
      break;
    case SS_OP_CONVOLUTION_BACKWARD_DATA:
      *tensors = (convolution_tensors){out, in[1], in[0]};
      break;
    case SS_OP_CONVOLUTION_BACKWARD_WEIGHT:
      *tensors = (convolution_tensors){in[0], out, in[1]};
      break;
    default:
      break;
  }
  return tensors->x && tensors->w && tensors->y;
}

/* The length of the sums of a matrix product, 0 for other nodes. */
static double product_depth(const ss_node *node) {
  const ss_shape a = node->inputs[0] ? node->inputs[0]->shape : (ss_shape){0};
  if (node->operation == SS_OP_LINEAR) {
    return (double)a.dims[1];
  }
  if (node->operation == SS_OP_MATMUL) {
    return (double)a.dims[a.rank - (node->attributes.flags & SS_MATMUL_TRANSPOSE_A ? 2 : 1)];
  }
  return 0.0;
}

ss_work ss_node_work(const ss_node *node) {
  ss_work work = {.bytes = bytes_of(node->inputs, node->input_count) + bytes_of(node->outputs, node->output_count)};
  convolution_tensors tensors;
  if (is_convolution(node, &tensors)) {
    work.flops = 2.0 * count(tensors.y) * count(tensors.w) / (double)tensors.w->shape.dims[0];
    work.bf16 = tensors.x->dtype == SS_BF16 || tensors.y->dtype == SS_BF16;
  } else if (product_depth(node) > 0.0) {
    work.flops = 2.0 * count(node->outputs[0]) * product_depth(node);
    work.bf16 = node->inputs[0]->dtype == SS_BF16 || node->inputs[1]->dtype == SS_BF16;
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
  convolution_tensors tensors;
  int used = 0;
  text[0] = '\0';
  if (is_convolution(node, &tensors)) {
    used = append_sizes(text, 64, tensors.x);
    used += snprintf(text + used, size - (size_t)used, ", ");
    used += append_window(text + used, size - (size_t)used, node, tensors.x->shape.rank - 2);
    snprintf(text + used, size - (size_t)used, ", %lld", (long long)tensors.y->shape.dims[tensors.y->shape.rank - 1]);
  } else if (product_depth(node) > 0.0) {
    used = append_sizes(text, 64, node->outputs[0]);
    snprintf(text + used, size - (size_t)used, ", sums of %.0f", product_depth(node));
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
