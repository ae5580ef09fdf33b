/* DROPOUT: alpha: probability of zero, begin: the id of the forward node, which keys the random numbers, so that the
 * same node on dy is its gradient. Elements are numbered in plain order: no other layout. */
#include "engine/node.h"

ss_tensor *ss_dropout(ss_graph *graph, ss_tensor *x, float probability) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  if (!(probability >= 0.0f && probability < 1.0f)) {
    return ss_graph_mistake(graph, "dropout with probability %g; it must be at least 0 and less than 1",
                            (double)probability);
  }
  if (x->dtype != SS_F32 && x->dtype != SS_BF16) {
    return ss_graph_mistake(graph, "dropout wants f32 or bf16, not %s", ss_dtype_name(x->dtype));
  }
  if (!ss_graph_is_training(graph) || probability == 0.0f) {
    return x;
  }
  const ss_attributes attributes = {.alpha = probability};
  ss_node *node = ss_graph_node(graph, SS_OP_DROPOUT, &attributes, &x, 1);
  if (node) {
    node->attributes.begin = node->id;
  }
  return ss_node_output(graph, node, x->dtype, x->shape);
}

static void dropout_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                             ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0];
  if (x->requires_gradient) {
    input_gradients[0] =
        ss_graph_operation(graph, SS_OP_DROPOUT, &node->attributes, &output_gradients[0], 1, x->dtype, x->shape);
  }
}

const ss_operation_definition ss_operation_dropout = {"dropout", dropout_gradient, SS_IN_PLACE};
