#include "engine/batch_norm.h"

/* ss_graph_parameter for a norm's vector of C channels, or NULL where it is not wanted. */
static ss_tensor *channel_parameter(ss_graph *graph, bool wanted, const char *name, int64_t channels,
                                    ss_initializer initializer, unsigned flags) {
  return wanted ? ss_graph_parameter(graph, name, SS_F32, ss_shape_of(channels), initializer, flags) : NULL;
}

ss_shape ss_batch_norm_mask_shape(ss_shape x, int groups) {
  return ss_shape_of(groups * ((ss_shape_count(x) / groups + 7) / 8));
}

ss_tensor *ss_batch_norm(ss_graph *graph, ss_tensor *x, const ss_batch_norm_options *options, const char *name) {
  if (!ss_graph_ready(graph, &x, 1)) {
    return NULL;
  }
  const ss_batch_norm_options none = {0};
  const ss_batch_norm_options *wanted = options != NULL ? options : &none;
  const bool training = ss_graph_is_training(graph);
  const int parts = training && graph->norm_parts > 0 ? graph->norm_parts : 1;
  const int groups = wanted->groups > 0 ? wanted->groups : parts;
  const int64_t channels = ss_tensor_dim(x, -1);
  char text[80];
  if (x->shape.rank < 2 || (x->dtype != SS_F32 && x->dtype != SS_BF16)) {
    return ss_graph_mistake(graph, "batch norm %s: needs (N, ..., C) in f32 or bf16, got %s in %s", name,
                            ss_shape_text(x->shape, text), ss_dtype_name(x->dtype));
  }
  if (x->shape.dims[0] % groups != 0) {
    return ss_graph_mistake(graph, "batch norm %s: a batch of %lld is not %d equal parts; choose another batch size",
                            name, (long long)x->shape.dims[0], groups);
  }
  if (training && ss_shape_count(x->shape) / channels / groups < 2) {
    return ss_graph_mistake(graph,
                            "batch norm %s: %s in %d parts has one value a channel, no variance; choose a larger batch",
                            name, ss_shape_text(x->shape, text), groups);
  }
  ss_graph_push_scope(graph, name);
  const unsigned learned = SS_TRAINABLE | SS_NORM_OR_BIAS;
  ss_tensor *inputs[SS_BN_INPUTS] = {
      [SS_BN_X] = x,
      [SS_BN_WEIGHT] = channel_parameter(graph, !wanted->no_affine, "weight", channels, SS_INIT_ONES, learned),
      [SS_BN_BIAS] =
          channel_parameter(graph, !wanted->no_affine && !wanted->no_bias, "bias", channels, SS_INIT_ZEROS, learned),
      [SS_BN_RUNNING_MEAN] = channel_parameter(graph, true, "running_mean", channels, SS_INIT_ZEROS, 0),
      [SS_BN_RUNNING_VAR] = channel_parameter(graph, true, "running_var", channels, SS_INIT_ONES, 0),
      [SS_BN_COUNTER] = ss_graph_parameter(graph, "num_batches_tracked", SS_I64, ss_shape_of(1), SS_INIT_ZEROS, 0),
  };
  ss_graph_pop_scope(graph);
  const ss_attributes attributes = {
      .alpha = wanted->epsilon > 0.0f ? wanted->epsilon : 1e-5f,
      .beta = wanted->momentum > 0.0f ? wanted->momentum : 0.1f,
      .groups = groups,
      .flags = !training                ? 0
               : graph->statistics_held ? SS_BATCH_NORM_TRAINING | SS_BATCH_NORM_HELD
                                        : SS_BATCH_NORM_TRAINING,
  };
  ss_node *node = ss_graph_node(graph, SS_OP_BATCH_NORM, &attributes, inputs, SS_BN_INPUTS);
  if (node == NULL) {
    return NULL;
  }
  ss_tensor *y = ss_node_output(graph, node, x->dtype, x->shape);
  ss_node_output(graph, node, SS_F32, ss_shape_of(groups, channels));
  ss_node_output(graph, node, SS_F32, ss_shape_of(groups, channels));
  ss_node_no_output(node);
  return y;
}

static void batch_norm_gradient(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                                ss_tensor **input_gradients) {
  ss_tensor *const *in = node->inputs;
  ss_tensor *x = in[SS_BN_X];
  ss_tensor *dy = output_gradients[SS_BN_Y];
  ss_tensor *mask = node->outputs[SS_BN_MASK];
  if (dy == NULL) {
    return;
  }
  if ((node->attributes.flags & SS_BATCH_NORM_RELU) != 0 && mask == NULL) {
    ss_graph_mistake(graph, "batch norm: its fused ReLU left no mask, so it has no gradient");
    return;
  }
  ss_tensor *inputs[SS_BNB_INPUTS] = {
      [SS_BNB_DY] = dy->dtype == x->dtype ? dy : ss_cast(graph, dy, x->dtype),
      [SS_BNB_X] = x,
      [SS_BNB_WEIGHT] = in[SS_BN_WEIGHT],
      [SS_BNB_MEAN] = node->outputs[SS_BN_MEAN],
      [SS_BNB_INVERSE] = node->outputs[SS_BN_INVERSE],
      [SS_BNB_MASK] = mask,
  };
  const ss_attributes attributes = {.groups = node->attributes.groups, .flags = node->attributes.flags};
  ss_node *backward = ss_graph_node(graph, SS_OP_BATCH_NORM_BACKWARD, &attributes, inputs, SS_BNB_INPUTS);
  if (backward == NULL) {
    return;
  }
  input_gradients[SS_BN_X] = ss_node_gradient_output(graph, backward, x);
  input_gradients[SS_BN_WEIGHT] = ss_node_gradient_output(graph, backward, in[SS_BN_WEIGHT]);
  input_gradients[SS_BN_BIAS] = ss_node_gradient_output(graph, backward, in[SS_BN_BIAS]);
  input_gradients[SS_BN_RESIDUAL] = ss_node_gradient_output(graph, backward, in[SS_BN_RESIDUAL]);
}

const ss_operation_definition ss_operation_batch_norm = {"batch_norm", batch_norm_gradient,
                                                         SS_ANY_LAYOUT | SS_IN_PLACE};
const ss_operation_definition ss_operation_batch_norm_backward = {"batch_norm_backward", NULL,
                                                                  SS_ANY_LAYOUT | SS_IN_PLACE};
