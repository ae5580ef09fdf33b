#include "engine/loss.h"

#include <math.h>
#include <stdlib.h>

static bool is_float(const ss_tensor *x) {
  return x->dtype == SS_F32 || x->dtype == SS_BF16;
}

/* ---- cross-entropy ---- */

static void cross_entropy_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                                   ss_tensor **input_gradients) {
  ss_tensor *inputs[SS_CE_BACKWARD_INPUTS];
  for (int i = 0; i < SS_CE_INPUTS; i++) {
    inputs[i] = node->inputs[i];
  }
  inputs[SS_CE_NORMALIZERS] = node->outputs[1];
  inputs[SS_CE_GRADIENT] = output_gradients[0];
  ss_node *backward =
      ss_graph_node(graph, SS_OP_CROSS_ENTROPY_BACKWARD, &node->attributes, inputs, SS_CE_BACKWARD_INPUTS);
  const int differentiable[] = {SS_CE_LOGITS, SS_CE_TARGETS};
  for (int i = 0; i < 2; i++) {
    const ss_tensor *x = node->inputs[differentiable[i]];
    if (x && x->requires_gradient) {
      input_gradients[differentiable[i]] = ss_node_output(graph, backward, x->dtype, x->shape);
    } else {
      ss_node_no_output(backward);
    }
  }
}

const ss_operation_definition ss_operation_cross_entropy = {"cross-entropy", cross_entropy_gradient, 0};
const ss_operation_definition ss_operation_cross_entropy_backward = {"cross-entropy backward", NULL, 0};

static ss_tensor *cross_entropy(ss_graph *graph, ss_tensor *logits, ss_tensor *labels, ss_tensor *targets,
                                ss_tensor *weights, unsigned flags) {
  char of_logits[80], text[80];
  ss_shape_text(logits->shape, of_logits);
  if (logits->shape.rank != 2 || !is_float(logits)) {
    return ss_graph_mistake(graph, "cross-entropy wants logits (N, K) in f32 or bf16, not %s %s",
                            ss_dtype_name(logits->dtype), of_logits);
  }
  const int64_t rows = logits->shape.dims[0];
  if (!labels && !targets) {
    return ss_graph_mistake(graph, "cross-entropy of logits %s wants labels or targets", of_logits);
  }
  if (labels && targets) {
    if (labels->dtype != SS_I32 || targets->dtype != SS_F32 || targets->requires_gradient || labels->shape.rank != 2 ||
        labels->shape.dims[0] != rows || !ss_shape_equal(labels->shape, targets->shape)) {
      char of_labels[80];
      return ss_graph_mistake(graph,
                              "cross-entropy of logits %s wants i32 labels and f32 targets (%lld, M) without a "
                              "gradient, not %s %s and %s %s",
                              of_logits, (long long)rows, ss_dtype_name(labels->dtype),
                              ss_shape_text(labels->shape, of_labels), ss_dtype_name(targets->dtype),
                              ss_shape_text(targets->shape, text));
    }
  } else if (labels && (labels->dtype != SS_I32 || !ss_shape_equal(labels->shape, ss_shape_of(rows)))) {
    return ss_graph_mistake(graph, "cross-entropy of logits %s wants i32 labels (%lld), not %s %s", of_logits,
                            (long long)rows, ss_dtype_name(labels->dtype), ss_shape_text(labels->shape, text));
  }
  if (targets && !labels && (!is_float(targets) || !ss_shape_equal(targets->shape, logits->shape))) {
    return ss_graph_mistake(graph, "cross-entropy of logits %s wants targets of that shape, not %s %s", of_logits,
                            ss_dtype_name(targets->dtype), ss_shape_text(targets->shape, text));
  }
  if (weights &&
      (weights->dtype != SS_F32 || weights->requires_gradient || !ss_shape_equal(weights->shape, ss_shape_of(rows)))) {
    return ss_graph_mistake(graph, "cross-entropy of logits %s wants f32 weights (%lld) without a gradient, not %s %s",
                            of_logits, (long long)rows, ss_dtype_name(weights->dtype),
                            ss_shape_text(weights->shape, text));
  }
  const ss_attributes attributes = {.flags = flags};
  ss_node *node = ss_graph_node(graph, SS_OP_CROSS_ENTROPY, &attributes,
                                (ss_tensor *[]){logits, labels, targets, weights}, SS_CE_INPUTS);
  ss_tensor *loss = ss_node_output(graph, node, SS_F32, ss_shape_of(1));
  ss_node_output(graph, node, SS_F32, ss_shape_of(rows, 2));
  return loss;
}

ss_tensor *ss_cross_entropy(ss_graph *graph, ss_tensor *logits, ss_tensor *labels, ss_tensor *targets,
                            ss_tensor *weights) {
  return ss_graph_ready(graph, &logits, 1) ? cross_entropy(graph, logits, labels, targets, weights, 0) : NULL;
}

/* ---- losses of elements ---- */

static void element_loss_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                                  ss_tensor **input_gradients) {
  ss_tensor *inputs[] = {node->inputs[0], node->inputs[1], node->inputs[2], output_gradients[0]};
  ss_node *backward = ss_graph_node(graph, SS_OP_ELEMENT_LOSS_BACKWARD, &node->attributes, inputs, 4);
  for (int i = 0; i < 2; i++) {
    const ss_tensor *x = node->inputs[i];
    if (x->requires_gradient) {
      input_gradients[i] = ss_node_output(graph, backward, x->dtype, x->shape);
    } else {
      ss_node_no_output(backward);
    }
  }
}

const ss_operation_definition ss_operation_element_loss = {"element loss", element_loss_gradient, SS_ANY_LAYOUT};
const ss_operation_definition ss_operation_element_loss_backward = {"element loss backward", NULL, SS_ANY_LAYOUT};

static ss_tensor *element_loss(ss_graph *graph, ss_tensor *prediction, ss_tensor *target, ss_tensor *weights,
                               ss_element_loss_kind kind, float alpha) {
  static const char *const names[] = {"binary cross-entropy", "L1 loss", "L2 loss", "smooth L1 loss", "hinge loss"};
  if (!ss_graph_ready(graph, (ss_tensor *[]){prediction, target}, 2)) {
    return NULL;
  }
  char a[80], b[80];
  ss_shape_text(prediction->shape, a);
  if (!is_float(prediction) || !is_float(target) || !ss_shape_equal(prediction->shape, target->shape)) {
    return ss_graph_mistake(graph, "%s wants prediction and target of one shape in f32 or bf16, not %s %s and %s %s",
                            names[kind], ss_dtype_name(prediction->dtype), a, ss_dtype_name(target->dtype),
                            ss_shape_text(target->shape, b));
  }
  if (weights &&
      (!is_float(weights) || weights->requires_gradient || !ss_shape_equal(weights->shape, prediction->shape))) {
    return ss_graph_mistake(graph, "%s of %s wants weights of that shape without a gradient, not %s %s", names[kind], a,
                            ss_dtype_name(weights->dtype), ss_shape_text(weights->shape, b));
  }
  const ss_attributes attributes = {.kind = kind, .alpha = alpha};
  return ss_graph_operation(graph, SS_OP_ELEMENT_LOSS, &attributes, (ss_tensor *[]){prediction, target, weights}, 3,
                            SS_F32, ss_shape_of(1));
}

ss_tensor *ss_binary_cross_entropy(ss_graph *graph, ss_tensor *logits, ss_tensor *targets, ss_tensor *weights) {
  return element_loss(graph, logits, targets, weights, SS_LOSS_BINARY_CROSS_ENTROPY, 0.0f);
}

ss_tensor *ss_l1_loss(ss_graph *graph, ss_tensor *prediction, ss_tensor *target, ss_tensor *weights) {
  return element_loss(graph, prediction, target, weights, SS_LOSS_L1, 0.0f);
}

ss_tensor *ss_l2_loss(ss_graph *graph, ss_tensor *prediction, ss_tensor *target, ss_tensor *weights) {
  return element_loss(graph, prediction, target, weights, SS_LOSS_L2, 0.0f);
}

ss_tensor *ss_smooth_l1_loss(ss_graph *graph, ss_tensor *prediction, ss_tensor *target, float beta,
                             ss_tensor *weights) {
  return element_loss(graph, prediction, target, weights, SS_LOSS_SMOOTH_L1, beta);
}

ss_tensor *ss_hinge_loss(ss_graph *graph, ss_tensor *prediction, ss_tensor *sign, float margin) {
  return element_loss(graph, prediction, sign, NULL, SS_LOSS_HINGE, margin);
}

/* ---- composed ---- */

/* (N, D) with the distance of each row to the other's, (N). */
static ss_tensor *distance(ss_graph *graph, ss_tensor *a, ss_tensor *b) {
  ss_tensor *difference = ss_affine(graph, ss_subtract(graph, a, b), 1.0f, 1e-6f);
  return ss_sqrt(graph, ss_reduce_sum(graph, ss_square(graph, difference), 1u << 1, false));
}

/* Whether both are (N, D) of the same N if `same_rows`, and the same D. */
static bool rows_fit(ss_graph *graph, const char *what, const ss_tensor *a, const ss_tensor *b, bool same_rows) {
  if (a->shape.rank == 2 && b->shape.rank == 2 && a->shape.dims[1] == b->shape.dims[1] &&
      (!same_rows || a->shape.dims[0] == b->shape.dims[0])) {
    return true;
  }
  char of_a[80], of_b[80];
  ss_graph_mistake(graph, "%s wants (N, D) and (%s, D), not %s and %s", what, same_rows ? "N" : "M",
                   ss_shape_text(a->shape, of_a), ss_shape_text(b->shape, of_b));
  return false;
}

ss_tensor *ss_triplet_loss(ss_graph *graph, ss_tensor *anchor, ss_tensor *positive, ss_tensor *negative, float margin) {
  if (!ss_graph_ready(graph, (ss_tensor *[]){anchor, positive, negative}, 3) ||
      !rows_fit(graph, "triplet loss", anchor, positive, true) ||
      !rows_fit(graph, "triplet loss", anchor, negative, true)) {
    return NULL;
  }
  ss_tensor *a = ss_cast(graph, anchor, SS_F32);
  ss_tensor *near = distance(graph, a, ss_cast(graph, positive, SS_F32));
  ss_tensor *far = distance(graph, a, ss_cast(graph, negative, SS_F32));
  ss_tensor *violation = ss_affine(graph, ss_subtract(graph, near, far), 1.0f, margin);
  return ss_reduce_mean(graph, ss_relu(graph, violation), 1u, false);
}

static ss_tensor *normalized(ss_graph *graph, ss_tensor *x) {
  return ss_l2_normalize(graph, ss_cast(graph, x, SS_F32));
}

/* Labels (first + step i) mod n for the n rows i. */
static ss_tensor *row_labels(ss_graph *graph, int64_t rows, int64_t first, int64_t step) {
  int32_t *values = calloc((size_t)rows, sizeof *values);
  if (!values) {
    graph->status = ss_fail_memory(&graph->error, (size_t)rows * sizeof *values, "labels");
    return NULL;
  }
  for (int64_t i = 0; i < rows; i++) {
    values[i] = (int32_t)((first + step * i) % rows);
  }
  ss_tensor *labels = ss_graph_constant_i32(graph, ss_shape_of(rows), values);
  free(values);
  return labels;
}

static bool is_temperature(ss_graph *graph, const char *what, float temperature) {
  if (temperature > 0.0f && isfinite(temperature)) {
    return true;
  }
  ss_graph_mistake(graph, "%s wants a temperature above 0, not %g", what, (double)temperature);
  return false;
}

ss_tensor *ss_info_nce(ss_graph *graph, ss_tensor *queries, ss_tensor *positives, ss_tensor *negatives,
                       float temperature) {
  if (!ss_graph_ready(graph, (ss_tensor *[]){queries, positives}, 2) ||
      !is_temperature(graph, "InfoNCE", temperature) || !rows_fit(graph, "InfoNCE", queries, positives, true) ||
      (negatives && !rows_fit(graph, "InfoNCE", queries, negatives, false))) {
    return NULL;
  }
  const int64_t rows = queries->shape.dims[0];
  ss_tensor *q = normalized(graph, queries);
  ss_tensor *k = normalized(graph, positives);
  ss_tensor *logits = NULL;
  ss_tensor *labels = NULL;
  if (negatives) { /* the positive's column first, as MoCo's algorithm 1 */
    ss_tensor *own =
        ss_affine(graph, ss_reduce_sum(graph, ss_multiply(graph, q, k), 1u << 1, true), 1.0f / temperature, 0.0f);
    ss_tensor *other = ss_matmul(graph, q, false, normalized(graph, negatives), true, 1.0f / temperature);
    logits = ss_concatenate(graph, (ss_tensor *[]){own, other}, 2, 1);
    labels = row_labels(graph, rows, 0, 0);
  } else {
    logits = ss_matmul(graph, q, false, k, true, 1.0f / temperature);
    labels = row_labels(graph, rows, 0, 1);
  }
  return labels ? ss_cross_entropy(graph, logits, labels, NULL, NULL) : NULL;
}

ss_tensor *ss_nt_xent(ss_graph *graph, ss_tensor *embeddings, float temperature) {
  if (!ss_graph_ready(graph, &embeddings, 1) || !is_temperature(graph, "NT-Xent", temperature)) {
    return NULL;
  }
  const int64_t rows = embeddings->shape.dims[0];
  if (embeddings->shape.rank != 2 || rows % 2 != 0 || rows < 4) {
    char text[80];
    return ss_graph_mistake(graph, "NT-Xent wants (2N, D) with N of at least 2, not %s",
                            ss_shape_text(embeddings->shape, text));
  }
  ss_tensor *z = normalized(graph, embeddings);
  ss_tensor *similarity = ss_matmul(graph, z, false, z, true, 1.0f / temperature);
  ss_tensor *labels = row_labels(graph, rows, rows / 2, 1);
  if (!ss_graph_ready(graph, (ss_tensor *[]){similarity, labels}, 2)) {
    return NULL;
  }
  return cross_entropy(graph, similarity, labels, NULL, NULL, SS_CROSS_ENTROPY_WITHOUT_SELF);
}

ss_tensor *ss_negative_cosine_similarity(ss_graph *graph, ss_tensor *predictions, ss_tensor *targets) {
  if (!ss_graph_ready(graph, (ss_tensor *[]){predictions, targets}, 2) ||
      !rows_fit(graph, "cosine similarity", predictions, targets, true)) {
    return NULL;
  }
  ss_tensor *cosines = ss_multiply(graph, normalized(graph, predictions), normalized(graph, targets));
  const float mean = -1.0f / (float)predictions->shape.dims[0];
  ss_tensor *sum = ss_reduce_sum(graph, cosines, 1u << 0 | 1u << 1, false);
  return ss_reshape(graph, ss_affine(graph, sum, mean, 0.0f), ss_shape_of(1));
}

/* ---- accuracy ---- */

const ss_operation_definition ss_operation_accuracy = {"accuracy", NULL, 0};

ss_tensor *ss_accuracy(ss_graph *graph, ss_tensor *logits, ss_tensor *labels) {
  if (!ss_graph_ready(graph, (ss_tensor *[]){logits, labels}, 2)) {
    return NULL;
  }
  if (logits->shape.rank != 2 || !is_float(logits) || labels->dtype != SS_I32 ||
      !ss_shape_equal(labels->shape, ss_shape_of(logits->shape.dims[0]))) {
    char a[80], b[80];
    return ss_graph_mistake(graph, "accuracy wants logits (N, K) and i32 labels (N), not %s %s and %s %s",
                            ss_dtype_name(logits->dtype), ss_shape_text(logits->shape, a), ss_dtype_name(labels->dtype),
                            ss_shape_text(labels->shape, b));
  }
  return ss_graph_operation(graph, SS_OP_ACCURACY, NULL, (ss_tensor *[]){logits, labels}, 2, SS_F32, ss_shape_of(1));
}
