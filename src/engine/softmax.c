#include "engine/softmax.h"

#include "engine/node.h"

static ss_tensor *softmax(ss_graph *graph, ss_tensor *x, ss_softmax_kind kind) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  if (x->dtype != SS_F32 && x->dtype != SS_BF16) {
    char text[80];
    return ss_graph_mistake(graph, "softmax wants f32 or bf16, not %s %s", ss_dtype_name(x->dtype),
                            ss_shape_text(x->shape, text));
  }
  const ss_attributes attributes = {.kind = (int)kind};
  return ss_graph_operation(graph, SS_OP_SOFTMAX, &attributes, &x, 1, x->dtype, x->shape);
}

ss_tensor *ss_softmax(ss_graph *graph, ss_tensor *x) {
  return softmax(graph, x, SS_SOFTMAX);
}

ss_tensor *ss_log_softmax(ss_graph *graph, ss_tensor *x) {
  return softmax(graph, x, SS_LOG_SOFTMAX);
}

static void softmax_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                             ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0];
  if (x->requires_gradient) {
    ss_tensor *inputs[] = {output_gradients[0], node->outputs[0]};
    input_gradients[0] =
        ss_graph_operation(graph, SS_OP_SOFTMAX_BACKWARD, &node->attributes, inputs, 2, x->dtype, x->shape);
  }
}

const ss_operation_definition ss_operation_softmax = {"softmax", softmax_gradient, SS_ANY_LAYOUT};
const ss_operation_definition ss_operation_softmax_backward = {"softmax backward", NULL, SS_ANY_LAYOUT};
