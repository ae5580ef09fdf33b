/* Making batch norms' outputs again for the backward pass instead of keeping them (Chen et al. 2016, "Training deep
 * nets with sublinear memory cost", section 3: recompute what is cheap). The norm's input and statistics are kept
 * anyway, for its own backward pass, so one more sweep gives the output that the weight gradients of the layers behind
 * it read. */
#include "engine/batch_norm.h"

#include <stdlib.h>

/* A node to be put before another. */
typedef struct insertion {
  ss_node *added;
  const ss_node *before;
} insertion;

static bool is_backward(const ss_graph *graph, const ss_node *node) {
  return node->id >= graph->backward_id;
}

/* The first node of the backward pass that reads the tensor; NULL: none. */
static const ss_node *first_backward_reader(const ss_graph *graph, const ss_tensor *tensor, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const ss_node *node = graph->nodes[i];
    for (int k = 0; k < node->input_count && is_backward(graph, node); k++) {
      if (node->inputs[k] == tensor) {
        return node;
      }
    }
  }
  return NULL;
}

/* Whether y can be made again from what is kept anyway: a residual that is itself made again would have to be there
 * first, so every other one of a chain of residual norms is kept. */
static bool can_recompute(const ss_node *norm, const bool *made_again) {
  const ss_tensor *y = norm->outputs[SS_BN_Y], *residual = norm->inputs[SS_BN_RESIDUAL];
  return norm->operation == SS_OP_BATCH_NORM && (norm->attributes.flags & SS_BATCH_NORM_TRAINING) && y && !y->kept &&
         norm->outputs[SS_BN_MEAN] && norm->outputs[SS_BN_INVERSE] && !made_again[norm->inputs[SS_BN_X]->id] &&
         !(residual && made_again[residual->id]);
}

/* A node that makes the norm's y once more. NULL after a mistake. */
static ss_node *make_again(ss_graph *graph, const ss_node *norm) {
  ss_tensor *inputs[SS_BN_INPUTS] = {[SS_BN_X] = norm->inputs[SS_BN_X],
                                     [SS_BN_WEIGHT] = norm->inputs[SS_BN_WEIGHT],
                                     [SS_BN_BIAS] = norm->inputs[SS_BN_BIAS],
                                     [SS_BN_RUNNING_MEAN] = norm->outputs[SS_BN_MEAN],
                                     [SS_BN_RUNNING_VAR] = norm->outputs[SS_BN_INVERSE],
                                     [SS_BN_RESIDUAL] = norm->inputs[SS_BN_RESIDUAL]};
  ss_attributes attributes = norm->attributes;
  attributes.flags = (attributes.flags & ~(unsigned)SS_BATCH_NORM_TRAINING) | SS_BATCH_NORM_SAVED;
  ss_node *node = ss_graph_node(graph, SS_OP_BATCH_NORM, &attributes, inputs, SS_BN_INPUTS);
  const ss_tensor *y = norm->outputs[SS_BN_Y];
  if (!ss_node_output(graph, node, y->dtype, y->shape)) {
    return NULL;
  }
  ss_node_no_output(node);
  ss_node_no_output(node);
  ss_node_no_output(node);
  return node;
}

static void read_instead(ss_graph *graph, const ss_tensor *tensor, ss_tensor *instead, size_t count) {
  for (size_t i = 0; i < count; i++) {
    ss_node *node = graph->nodes[i];
    for (int k = 0; k < node->input_count && is_backward(graph, node); k++) {
      if (node->inputs[k] == tensor) {
        node->inputs[k] = instead;
      }
    }
  }
}

/* The nodes behind the first `count` go to their places among those. */
static bool insert(ss_graph *graph, const insertion *insertions, size_t insertion_count, size_t count) {
  ss_node **order = calloc(graph->node_count ? graph->node_count : 1, sizeof(ss_node *));
  if (!order) {
    return false;
  }
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < insertion_count; k++) {
      if (insertions[k].before == graph->nodes[i]) {
        order[at++] = insertions[k].added;
      }
    }
    order[at++] = graph->nodes[i];
  }
  for (size_t i = 0; i < at; i++) {
    graph->nodes[i] = order[i];
  }
  free(order);
  return true;
}

void ss_pass_recompute(ss_graph *graph) {
  const size_t count = graph->node_count, tensors = graph->tensor_count;
  insertion *insertions = calloc(count ? count : 1, sizeof *insertions);
  bool *made_again = calloc(tensors ? tensors : 1, sizeof *made_again);
  bool complete = insertions && made_again;
  size_t insertion_count = 0;
  for (size_t i = 0; complete && graph->status == SS_OK && graph->backward_id > 0 && i < count; i++) {
    const ss_node *norm = graph->nodes[i];
    if (is_backward(graph, norm) || !can_recompute(norm, made_again)) {
      continue;
    }
    ss_tensor *y = norm->outputs[SS_BN_Y];
    const ss_node *reader = first_backward_reader(graph, y, count);
    ss_node *again = reader ? make_again(graph, norm) : NULL;
    if (again) {
      made_again[y->id] = true;
      read_instead(graph, y, again->outputs[SS_BN_Y], count);
      insertions[insertion_count++] = (insertion){again, reader};
    }
  }
  complete = complete && insert(graph, insertions, insertion_count, count);
  if (!complete && graph->status == SS_OK) {
    graph->status = ss_fail_memory(&graph->error, count * sizeof *insertions, "the passes");
  }
  free(insertions);
  free(made_again);
}
