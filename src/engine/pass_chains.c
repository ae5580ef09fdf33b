/* Element-wise nodes whose results only the next one reads become one CHAIN node, so that those results are never
 * written to memory. The bits stay the same: a chain rounds as its nodes did.
 *
 * Merged are only nodes with nothing but element-wise nodes and views between them. So what a chain reads lives
 * hardly longer than before (a sum of gradients that come one after the other would have to wait for the last with all
 * of them in memory), and no node writes in between what an earlier one was to read (a batch norm its running
 * statistics). */
#include "engine/chain.h"
#include "engine/walk.h"

#include <stdlib.h>

const ss_operation_definition ss_operation_chain = {"chain", NULL, 0};

static bool is_element_wise(const ss_node *node) {
  switch (node->operation) {
    case SS_OP_UNARY:
    case SS_OP_UNARY_BACKWARD:
    case SS_OP_BINARY:
    case SS_OP_CAST:
      return true;
    default:
      return false;
  }
}

/* A chain that is being put together from two nodes. */
typedef struct draft {
  ss_chain chain;
  ss_tensor *inputs[SS_MAX_INPUTS];
  int input_count;
  bool fits;
} draft;

/* The operand that reads `tensor` from memory. */
static int read_input(draft *made, ss_tensor *tensor) {
  int at = 0;
  while (at < made->input_count && made->inputs[at] != tensor) {
    at++;
  }
  if (at == SS_MAX_INPUTS) {
    made->fits = false;
    return 0;
  }
  made->inputs[at] = tensor;
  made->input_count = at == made->input_count ? at + 1 : made->input_count;
  return at;
}

/* Adds the node's instructions. Where they read `merged` they take the last result so far. */
static void append(draft *made, const ss_node *node, const ss_tensor *merged) {
  const ss_attributes *a = &node->attributes;
  const ss_chain alone = {
      {{node->operation, a->kind, a->alpha, a->beta, {0, node->input_count - 1}, node->outputs[0]->dtype}}, 1};
  const ss_chain *chain = node->chain ? node->chain : &alone;
  const int before = made->chain.length;
  if (before + chain->length > SS_CHAIN_LENGTH) {
    made->fits = false;
    return;
  }
  for (int i = 0; i < chain->length; i++) {
    ss_chain_instruction *instruction = &made->chain.instructions[before + i];
    *instruction = chain->instructions[i];
    for (int k = 0; k < 2; k++) {
      const int operand = instruction->operands[k];
      if (operand >= SS_MAX_INPUTS) {
        instruction->operands[k] = operand + before;
      } else if (node->inputs[operand] == merged) {
        instruction->operands[k] = SS_MAX_INPUTS + before - 1;
      } else {
        instruction->operands[k] = read_input(made, node->inputs[operand]);
      }
    }
  }
  made->chain.length += chain->length;
}

static int count_broadcast(const draft *made, int64_t elements) {
  int count = 0;
  for (int k = 0; k < made->input_count; k++) {
    count += ss_shape_count(made->inputs[k]->shape) != elements;
  }
  return count;
}

static void count_reading(const ss_node *node, int times, int *readers) {
  for (int k = 0; k < node->input_count; k++) {
    readers[node->inputs[k]->id] += times;
  }
}

static bool is_only_read_by(const ss_node *node, const ss_tensor *tensor, const int *readers) {
  int times = 0;
  for (int k = 0; k < node->input_count; k++) {
    times += node->inputs[k] == tensor;
  }
  return !tensor->kept && readers[tensor->id] == times;
}

/* Whether the node took in the one that makes its input `k`. */
static bool merge(ss_graph *graph, ss_node *node, int k, int *readers) {
  ss_tensor *between = node->inputs[k];
  const int64_t elements = ss_shape_count(node->outputs[0]->shape);
  if (!is_only_read_by(node, between, readers) || ss_shape_count(between->shape) != elements) {
    return false;
  }
  draft made = {.fits = true};
  append(&made, between->producer, NULL);
  append(&made, node, between);
  if (!made.fits || count_broadcast(&made, elements) > SS_WALK_FOLLOWERS) {
    return false;
  }
  if (!node->chain) {
    node->chain = calloc(1, sizeof *node->chain);
  }
  if (!node->chain) {
    graph->status = ss_fail_memory(&graph->error, sizeof *node->chain, "the passes");
    return false;
  }
  between->producer->removed = true;
  count_reading(between->producer, -1, readers);
  count_reading(node, -1, readers);
  node->operation = SS_OP_CHAIN;
  node->attributes = (ss_attributes){0};
  *node->chain = made.chain;
  node->input_count = made.input_count;
  for (int i = 0; i < SS_MAX_INPUTS; i++) {
    node->inputs[i] = made.inputs[i];
  }
  count_reading(node, 1, readers);
  return true;
}

void ss_pass_chains(ss_graph *graph) {
  int *readers = ss_graph_count_readers(graph);
  int *run_of = calloc(graph->tensor_count ? graph->tensor_count : 1, sizeof *run_of); /* by tensor; 0: of none */
  if (!readers || !run_of) {
    graph->status = ss_fail_memory(&graph->error, graph->tensor_count * sizeof(int), "the passes");
  }
  int run = 1;
  for (size_t i = 0; i < graph->node_count && graph->status == SS_OK; i++) {
    ss_node *node = graph->nodes[i];
    if (ss_operation_define(node->operation)->flags & SS_IS_VIEW) {
      continue;
    }
    if (!is_element_wise(node)) {
      run++;
      continue;
    }
    run_of[node->outputs[0]->id] = run;
    for (int k = 0; k < node->input_count;) {
      const bool merged = run_of[node->inputs[k]->id] == run && merge(graph, node, k, readers);
      k = merged ? 0 : k + 1; /* the inputs are others then */
    }
  }
  free(readers);
  free(run_of);
  ss_graph_drop_removed(graph);
}
