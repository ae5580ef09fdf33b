/* Removing nodes whose outputs nobody reads. */
#include "engine/node.h"

#include <stdlib.h>

void ss_pass_remove_unused(ss_graph *graph) {
  bool *needed = calloc(graph->tensor_count ? graph->tensor_count : 1, sizeof *needed);
  if (!needed) {
    graph->status = ss_fail_memory(&graph->error, graph->tensor_count, "the passes");
    return;
  }
  for (size_t i = 0; i < graph->tensor_count; i++) {
    needed[i] = graph->tensors[i]->kept;
  }
  for (size_t i = graph->node_count; i-- > 0;) {
    ss_node *node = graph->nodes[i];
    bool wanted = false; /* a batch norm that only its running statistics would need belongs to the other player */
    for (int k = 0; k < node->output_count; k++) {
      wanted |= node->outputs[k] && needed[node->outputs[k]->id];
    }
    node->removed = !wanted;
    for (int k = 0; wanted && k < node->input_count; k++) {
      if (node->inputs[k]) {
        needed[node->inputs[k]->id] = true;
      }
    }
  }
  free(needed);
  ss_graph_drop_removed(graph);
}
