/* Norms over the last axis. LAYER_NORM: x, weight, bias -> y; alpha: epsilon. LOCAL_RESPONSE_NORM: x -> y; kernel[0]:
 * size, alpha, beta, gamma: k. L2_NORMALIZE: x -> y; alpha: epsilon. Their backward nodes read dy, x (and weight) and
 * find the statistics anew, since a row is at hand anyway. */
#include "engine/node.h"

static bool is_float(const ss_tensor *x) {
  return x->dtype == SS_F32 || x->dtype == SS_BF16;
}

static ss_tensor *refuse(ss_graph *graph, const ss_tensor *x, const char *what) {
  char text[80];
  return ss_graph_mistake(graph, "%s wants f32 or bf16, not %s %s", what, ss_dtype_name(x->dtype),
                          ss_shape_text(x->shape, text));
}

ss_tensor *ss_layer_norm(ss_graph *graph, ss_tensor *x, const char *name) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  if (!is_float(x)) {
    return refuse(graph, x, "layer norm");
  }
  const ss_shape channels = ss_shape_of(ss_tensor_dim(x, -1));
  const unsigned learned = SS_TRAINABLE | SS_NORM_OR_BIAS;
  ss_graph_push_scope(graph, name);
  ss_tensor *inputs[] = {x, ss_graph_parameter(graph, "weight", SS_F32, channels, SS_INIT_ONES, learned),
                         ss_graph_parameter(graph, "bias", SS_F32, channels, SS_INIT_ZEROS, learned)};
  ss_graph_pop_scope(graph);
  const ss_attributes attributes = {.alpha = 1e-5f};
  return ss_graph_operation(graph, SS_OP_LAYER_NORM, &attributes, inputs, 3, x->dtype, x->shape);
}

static void layer_norm_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                                ss_tensor **input_gradients) {
  ss_tensor *const *in = node->inputs;
  ss_tensor *inputs[] = {output_gradients[0], in[0], in[1]};
  ss_node *backward = ss_graph_node(graph, SS_OP_LAYER_NORM_BACKWARD, &node->attributes, inputs, 3);
  for (int i = 0; backward && i < 3; i++) {
    input_gradients[i] = ss_node_gradient_output(graph, backward, in[i]);
  }
}

ss_tensor *ss_local_response_norm(ss_graph *graph, ss_tensor *x, int size, float alpha, float beta, float k) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  if (!is_float(x)) {
    return refuse(graph, x, "local response norm");
  }
  if (size < 1) {
    return ss_graph_mistake(graph, "local response norm: a neighbourhood of %d channels; it needs at least 1", size);
  }
  const ss_attributes attributes = {.kernel = {size, 1, 1}, .alpha = alpha, .beta = beta, .gamma = k};
  return ss_graph_operation(graph, SS_OP_LOCAL_RESPONSE_NORM, &attributes, &x, 1, x->dtype, x->shape);
}

ss_tensor *ss_l2_normalize(ss_graph *graph, ss_tensor *x) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  if (!is_float(x)) {
    return refuse(graph, x, "L2 normalisation");
  }
  const ss_attributes attributes = {.alpha = 1e-12f};
  return ss_graph_operation(graph, SS_OP_L2_NORMALIZE, &attributes, &x, 1, x->dtype, x->shape);
}

/* Of the two without parameters. */
static void row_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                         ss_tensor **input_gradients) {
  ss_tensor *x = node->inputs[0];
  if (x->requires_gradient) {
    const ss_operation backward =
        node->operation == SS_OP_L2_NORMALIZE ? SS_OP_L2_NORMALIZE_BACKWARD : SS_OP_LOCAL_RESPONSE_NORM_BACKWARD;
    ss_tensor *inputs[] = {output_gradients[0], x};
    input_gradients[0] = ss_graph_operation(graph, backward, &node->attributes, inputs, 2, x->dtype, x->shape);
  }
}

const ss_operation_definition ss_operation_layer_norm = {"layer norm", layer_norm_gradient, SS_ANY_LAYOUT};
const ss_operation_definition ss_operation_layer_norm_backward = {"layer norm backward", NULL, SS_ANY_LAYOUT};
const ss_operation_definition ss_operation_local_response_norm = {"local response norm", row_gradient, SS_ANY_LAYOUT};
const ss_operation_definition ss_operation_local_response_norm_backward = {"local response norm backward", NULL,
                                                                           SS_ANY_LAYOUT};
const ss_operation_definition ss_operation_l2_normalize = {"L2 normalise", row_gradient, SS_ANY_LAYOUT};
const ss_operation_definition ss_operation_l2_normalize_backward = {"L2 normalise backward", NULL, SS_ANY_LAYOUT};
