/* The recurrence of a gated recurrent unit, float32.
 *
 *   GRU           a (N, T, 3H), weight_hh (3H, H), bias_hh (3H) -> h (N, T, H), gates (N, T, 4H)
 *   GRU_BACKWARD  dh, h, gates, weight_hh -> da (N, T, 3H), db (N, T, 3H)
 * a = weight_ih x + bias_ih; gates keeps r, z, n and weight_hn h + bias_hn; db is the gradient of weight_hh h +
 * bias_hh, which differs from da in n alone. The gradients of weight_hh and bias_hh are its products with the states
 * before and its sum, recorded as such. */
#include "engine/node.h"

#include <math.h>

static ss_tensor *parameter(ss_graph *graph, const char *name, ss_shape shape, int hidden, unsigned flags) {
  const ss_initializer uniform = {SS_INIT_UNIFORM, (float)(1.0 / sqrt((double)hidden))};
  return ss_graph_parameter(graph, name, SS_F32, shape, uniform, SS_TRAINABLE | flags);
}

ss_tensor *ss_gru(ss_graph *graph, ss_tensor *x, int hidden, const char *name) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  char text[80];
  if (x->shape.rank != 3 || (x->dtype != SS_F32 && x->dtype != SS_BF16)) {
    return ss_graph_mistake(graph, "%s%s: the input must be f32 or bf16 (N, T, I), not %s %s", graph->scope, name,
                            ss_dtype_name(x->dtype), ss_shape_text(x->shape, text));
  }
  if (hidden < 1) {
    return ss_graph_mistake(graph, "%s%s: a state needs at least 1 number, not %d", graph->scope, name, hidden);
  }
  const int64_t samples = x->shape.dims[0], times = x->shape.dims[1], inputs = x->shape.dims[2];
  const int64_t gates = 3 * (int64_t)hidden;
  ss_graph_push_scope(graph, name);
  ss_tensor *weight_ih = parameter(graph, "weight_ih_l0", ss_shape_of(gates, inputs), hidden, 0);
  ss_tensor *weight_hh = parameter(graph, "weight_hh_l0", ss_shape_of(gates, hidden), hidden, 0);
  ss_tensor *bias_ih = parameter(graph, "bias_ih_l0", ss_shape_of(gates), hidden, SS_NORM_OR_BIAS);
  ss_tensor *bias_hh = parameter(graph, "bias_hh_l0", ss_shape_of(gates), hidden, SS_NORM_OR_BIAS);
  ss_graph_pop_scope(graph);
  ss_tensor *a = ss_reshape(graph, x, ss_shape_of(samples * times, inputs));
  a = ss_cast(graph, ss_linear_with(graph, a, weight_ih, bias_ih), SS_F32);
  a = ss_reshape(graph, a, ss_shape_of(samples, times, gates));
  ss_tensor *needed[] = {a, weight_hh, bias_hh};
  ss_node *node = ss_graph_ready(graph, needed, 3) ? ss_graph_node(graph, SS_OP_GRU, NULL, needed, 3) : NULL;
  if (!node) {
    return NULL;
  }
  ss_tensor *h = ss_node_output(graph, node, SS_F32, ss_shape_of(samples, times, hidden));
  ss_node_output(graph, node, SS_F32, ss_shape_of(samples, times, 4 * (int64_t)hidden));
  return h;
}

/* The sum over samples and times of db (3H) times the state before, which is zero at first: (3H, H). */
static ss_tensor *weight_gradient(ss_graph *graph, ss_tensor *db, ss_tensor *h, ss_tensor *weight) {
  const int64_t times = h->shape.dims[1], hidden = h->shape.dims[2];
  if (times == 1) {
    return ss_affine(graph, weight, 0.0f, 0.0f);
  }
  ss_tensor *later = ss_slice(graph, db, 1, 1, times), *before = ss_slice(graph, h, 1, 0, times - 1);
  later = ss_reshape(graph, later, ss_shape_of(-1, 3 * hidden));
  before = ss_reshape(graph, before, ss_shape_of(-1, hidden));
  return ss_matmul(graph, later, true, before, false, 1.0f);
}

static void gru_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                         ss_tensor **input_gradients) {
  ss_tensor *a = node->inputs[0], *weight = node->inputs[1], *h = node->outputs[0];
  ss_tensor *inputs[] = {ss_cast(graph, output_gradients[0], SS_F32), h, node->outputs[1], weight};
  ss_node *backward = ss_graph_node(graph, SS_OP_GRU_BACKWARD, NULL, inputs, 4);
  if (!backward) {
    return;
  }
  input_gradients[0] = ss_node_output(graph, backward, SS_F32, a->shape);
  ss_tensor *db = ss_node_output(graph, backward, SS_F32, a->shape);
  if (weight->requires_gradient) {
    input_gradients[1] = weight_gradient(graph, db, h, weight);
  }
  if (node->inputs[2]->requires_gradient) {
    input_gradients[2] = ss_reduce_sum(graph, db, 3u, false);
  }
}

const ss_operation_definition ss_operation_gru = {"GRU", gru_gradient, 0};
const ss_operation_definition ss_operation_gru_backward = {"GRU backward", NULL, 0};
