/* Fusing what follows a batch norm into it: relu(batch_norm(x)) and relu(batch_norm(x) + residual) become one node,
 * which sweeps over memory once each way. And folding a sum of gradients into the batch norm's backward pass that reads
 * it. */
#include "engine/batch_norm.h"
#include "engine/elementwise.h"
#include "engine/node.h"

#include <stdlib.h>
#include <string.h>

static void fail(ss_graph *graph) {
  graph->status = ss_fail_memory(&graph->error, graph->tensor_count * sizeof(int), "the passes");
}

static bool is_only_read_here(const ss_tensor *tensor, const int *readers) {
  return tensor && !tensor->kept && readers[tensor->id] == 1;
}

/* The plain batch norm that alone makes `tensor`, if it can take in what follows. */
static ss_node *fusable_norm(const ss_tensor *tensor, const int *readers) {
  if (!is_only_read_here(tensor, readers) || !tensor->producer) {
    return NULL;
  }
  ss_node *norm = tensor->producer;
  const bool plain =
      norm->operation == SS_OP_BATCH_NORM && !(norm->attributes.flags & (SS_BATCH_NORM_RELU | SS_BATCH_NORM_RESIDUAL));
  return plain ? norm : NULL;
}

/* Puts `norm` in the place of the ReLU at `index`, with the residual if there is one. */
static void fuse(ss_graph *graph, size_t index, ss_node *norm, ss_tensor *residual) {
  ss_node *relu = graph->nodes[index];
  ss_node *fused = calloc(1, sizeof *fused);
  if (!fused) {
    fail(graph);
    return;
  }
  *fused = *norm;
  fused->attributes.flags |= SS_BATCH_NORM_RELU;
  if (residual) {
    fused->attributes.flags |= SS_BATCH_NORM_RESIDUAL;
    fused->inputs[SS_BN_RESIDUAL] = residual;
    fused->input_count = SS_BN_INPUTS;
  }
  ss_tensor *y = relu->outputs[0];
  fused->outputs[SS_BN_Y] = y;
  fused->output_count = SS_BN_MASK;
  if (y->requires_gradient) {
    ss_node_output(graph, fused, SS_U8, ss_batch_norm_mask_shape(y->shape, fused->attributes.groups));
    if (fused->outputs[SS_BN_MASK]) {
      fused->outputs[SS_BN_MASK]->requires_gradient = false;
    }
  } else {
    ss_node_no_output(fused);
  }
  for (int k = 0; k < fused->output_count; k++) {
    if (fused->outputs[k]) {
      fused->outputs[k]->producer = fused;
    }
  }
  norm->removed = true;
  relu->removed = true;
  graph->nodes[index] = fused;
  free(relu);
}

void ss_pass_fuse_norms(ss_graph *graph) {
  int *readers = ss_graph_count_readers(graph);
  if (!readers) {
    fail(graph);
    return;
  }
  const size_t tensors = graph->tensor_count; /* fusing makes masks, which nobody reads yet */
  for (size_t i = 0; i < graph->node_count && graph->status == SS_OK; i++) {
    ss_node *node = graph->nodes[i];
    if (node->removed || node->operation != SS_OP_UNARY || node->attributes.kind != SS_UNARY_RELU ||
        (size_t)node->inputs[0]->id >= tensors) {
      continue;
    }
    ss_tensor *before = node->inputs[0];
    ss_node *norm = fusable_norm(before, readers);
    if (norm) {
      fuse(graph, i, norm, NULL);
      continue;
    }
    ss_node *sum = before->producer;
    if (!is_only_read_here(before, readers) || !sum || sum->operation != SS_OP_BINARY ||
        sum->attributes.kind != SS_BINARY_ADD || !ss_shape_equal(sum->inputs[0]->shape, sum->inputs[1]->shape) ||
        sum->inputs[0]->dtype != sum->inputs[1]->dtype) {
      continue;
    }
    for (int k = 0; k < 2; k++) {
      norm = fusable_norm(sum->inputs[k], readers);
      if (norm) {
        ss_tensor *residual = sum->inputs[1 - k];
        sum->removed = true;
        fuse(graph, i, norm, residual);
        break;
      }
    }
  }
  free(readers);
  ss_graph_drop_removed(graph);
}

void ss_pass_fold_sums(ss_graph *graph) {
  int *readers = ss_graph_count_readers(graph);
  if (!readers) {
    fail(graph);
    return;
  }
  for (size_t i = 0; i < graph->node_count; i++) {
    ss_node *node = graph->nodes[i];
    if (node->operation != SS_OP_BATCH_NORM_BACKWARD || node->inputs[SS_BNB_DY2]) {
      continue;
    }
    ss_tensor *dy = node->inputs[SS_BNB_DY];
    ss_node *sum = dy->producer;
    if (is_only_read_here(dy, readers) && sum && sum->operation == SS_OP_BINARY &&
        sum->attributes.kind == SS_BINARY_ADD && ss_shape_equal(sum->inputs[0]->shape, sum->inputs[1]->shape) &&
        sum->inputs[0]->dtype == dy->dtype && sum->inputs[1]->dtype == dy->dtype) {
      node->inputs[SS_BNB_DY] = sum->inputs[0];
      node->inputs[SS_BNB_DY2] = sum->inputs[1];
      sum->removed = true;
    }
  }
  free(readers);
  ss_graph_drop_removed(graph);
}
