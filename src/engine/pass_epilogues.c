/* Fusing what follows a convolution or product into it: relu(w * x + bias) becomes one node, which writes once what two
 * nodes write, read and write again. The ReLU's gradient is told from its own result (elementwise.c), so that the
 * backward pass does not miss what was before it. */
#include "engine/convolution_geometry.h"
#include "engine/elementwise.h"
#include "engine/matmul.h"

#include <stdlib.h>

/* The flag of nodes that can do a ReLU; 0: of no other. */
static unsigned relu_flag(const ss_node *node) {
  switch (node->operation) {
    case SS_OP_CONVOLUTION:
      return SS_CONVOLUTION_RELU;
    case SS_OP_LINEAR:
    case SS_OP_MATMUL:
      return SS_MATMUL_RELU;
    default:
      return 0;
  }
}

static bool is_relu(const ss_node *node) {
  return node->operation == SS_OP_UNARY && node->attributes.kind == SS_UNARY_RELU;
}

void ss_pass_epilogues(ss_graph *graph) {
  int *readers = ss_graph_count_readers(graph);
  if (!readers) {
    graph->status = ss_fail_memory(&graph->error, graph->tensor_count * sizeof *readers, "the passes");
    return;
  }
  for (size_t i = 0; i < graph->node_count; i++) {
    ss_node *relu = graph->nodes[i];
    if (!is_relu(relu)) {
      continue;
    }
    const ss_tensor *before = relu->inputs[0];
    ss_node *producer = before->producer;
    const unsigned flag = producer ? relu_flag(producer) : 0;
    if (flag && !before->kept && readers[before->id] == 1) {
      producer->attributes.flags |= flag;
      producer->outputs[0] = relu->outputs[0];
      producer->outputs[0]->producer = producer;
      relu->removed = true;
    }
  }
  free(readers);
  ss_graph_drop_removed(graph);
}
