/* PReLU: x where it is positive, a slope learned for each channel times x elsewhere. PRELU: x, slope -> y.
 * PRELU_BACKWARD: dy, x, slope -> dx, dslope. */
#include "engine/node.h"

ss_tensor *ss_prelu(ss_graph *graph, ss_tensor *x, const char *name) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  if (x->dtype != SS_F32 && x->dtype != SS_BF16) {
    char text[80];
    return ss_graph_mistake(graph, "PReLU wants f32 or bf16, not %s %s", ss_dtype_name(x->dtype),
                            ss_shape_text(x->shape, text));
  }
  ss_graph_push_scope(graph, name);
  ss_tensor *slope = ss_graph_parameter(graph, "weight", SS_F32, ss_shape_of(ss_tensor_dim(x, -1)),
                                        (ss_initializer){SS_INIT_CONSTANT, 0.25f}, SS_TRAINABLE | SS_NORM_OR_BIAS);
  ss_graph_pop_scope(graph);
  return ss_graph_operation(graph, SS_OP_PRELU, NULL, (ss_tensor *[]){x, slope}, 2, x->dtype, x->shape);
}

static void prelu_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                           ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0];
  ss_tensor *inputs[] = {ss_cast(graph, output_gradients[0], x->dtype), x, node->inputs[1]};
  ss_node *backward = ss_graph_node(graph, SS_OP_PRELU_BACKWARD, NULL, inputs, 3);
  for (int i = 0; backward && i < 2; i++) {
    input_gradients[i] = ss_node_gradient_output(graph, backward, node->inputs[i]);
  }
}

const ss_operation_definition ss_operation_prelu = {"PReLU", prelu_gradient, SS_ANY_LAYOUT | SS_IN_PLACE};
const ss_operation_definition ss_operation_prelu_backward = {"PReLU backward", NULL, SS_ANY_LAYOUT | SS_IN_PLACE};
