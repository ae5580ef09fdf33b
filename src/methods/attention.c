#include "methods/attention.h"

#include <math.h>
#include <stdio.h>

/* (B, T, D) -> (B T, outputs) */
static ss_tensor *rows_of(ss_graph *graph, ss_tensor *x) {
  return x ? ss_reshape(graph, x, ss_shape_of(-1, ss_tensor_dim(x, -1))) : NULL;
}

static ss_tensor *drop(ss_graph *graph, ss_tensor *x, float probability) {
  return probability > 0.0f ? ss_dropout(graph, x, probability) : x;
}

/* (3, B, heads, T, d) -> part k: (B heads, T, d) */
static ss_tensor *part(ss_graph *graph, ss_tensor *qkv, int k, ss_shape shape) {
  return ss_reshape(graph, ss_slice(graph, qkv, 0, k, k + 1), shape);
}

ss_tensor *ss_self_attention(ss_graph *graph, ss_tensor *x, int heads, float dropout, const char *name) {
  if (!x) {
    return NULL;
  }
  const int64_t batch = ss_tensor_dim(x, 0), length = ss_tensor_dim(x, 1), dims = ss_tensor_dim(x, 2);
  const int64_t each = dims / heads;
  ss_graph_push_scope(graph, name);
  const ss_initializer xavier = {SS_INIT_UNIFORM, sqrtf(6.0f / (4.0f * (float)dims))};
  ss_tensor *weight =
      ss_graph_parameter(graph, "in_proj_weight", SS_F32, ss_shape_of(3 * dims, dims), xavier, SS_TRAINABLE);
  ss_tensor *bias = ss_graph_parameter(graph, "in_proj_bias", SS_F32, ss_shape_of(3 * dims), SS_INIT_ZEROS,
                                       SS_TRAINABLE | SS_NORM_OR_BIAS);
  ss_tensor *qkv = ss_linear_with(graph, rows_of(graph, x), weight, bias);
  qkv = ss_reshape(graph, qkv, ss_shape_of(batch, length, 3, heads, each));
  qkv = ss_transpose(graph, qkv, (const int[]){2, 0, 3, 1, 4});
  const ss_shape by_head = ss_shape_of(batch * heads, length, each);
  ss_tensor *q = part(graph, qkv, 0, by_head), *k = part(graph, qkv, 1, by_head), *v = part(graph, qkv, 2, by_head);
  ss_tensor *weights = ss_softmax(graph, ss_matmul(graph, q, false, k, true, 1.0f / sqrtf((float)each)));
  ss_tensor *y = ss_matmul(graph, drop(graph, weights, dropout), false, v, false, 1.0f);
  y = ss_reshape(graph, y, ss_shape_of(batch, heads, length, each));
  y = ss_reshape(graph, ss_transpose(graph, y, (const int[]){0, 2, 1, 3}), ss_shape_of(batch * length, dims));
  y = ss_linear(graph, y, (int)dims, true, "out_proj");
  ss_graph_pop_scope(graph);
  return ss_reshape(graph, y, ss_shape_of(batch, length, dims));
}

static ss_tensor *feed_forward(ss_graph *graph, ss_tensor *x, const ss_transformer_options *options) {
  if (!x) {
    return NULL;
  }
  ss_tensor *y = ss_relu(graph, ss_linear(graph, rows_of(graph, x), options->inner, true, "linear1"));
  y = ss_linear(graph, drop(graph, y, options->dropout), (int)ss_tensor_dim(x, 2), true, "linear2");
  return ss_reshape(graph, y, ss_tensor_shape(x));
}

ss_tensor *ss_transformer_layer(ss_graph *graph, ss_tensor *x, const ss_transformer_options *options,
                                const char *name) {
  const bool first = options->norm_first;
  const float dropout = options->dropout;
  ss_graph_push_scope(graph, name);
  ss_tensor *y = first ? ss_layer_norm(graph, x, "norm1") : x;
  x = ss_add(graph, x, drop(graph, ss_self_attention(graph, y, options->heads, dropout, "self_attn"), dropout));
  x = first ? x : ss_layer_norm(graph, x, "norm1");
  y = first ? ss_layer_norm(graph, x, "norm2") : x;
  x = ss_add(graph, x, drop(graph, feed_forward(graph, y, options), dropout));
  x = first ? x : ss_layer_norm(graph, x, "norm2");
  ss_graph_pop_scope(graph);
  return x;
}

ss_tensor *ss_attention_pool(ss_graph *graph, ss_tensor *x, int layers, const ss_transformer_options *options,
                             const char *name) {
  if (!x) {
    return NULL;
  }
  const int64_t batch = ss_tensor_dim(x, 0), dims = ss_tensor_dim(x, 2);
  ss_graph_push_scope(graph, name);
  const ss_initializer small = {SS_INIT_NORMAL, 0.02f};
  ss_tensor *u = ss_graph_parameter(graph, "u0", SS_F32, ss_shape_of(1, 1, dims), small, SS_TRAINABLE);
  u = ss_cast(graph, ss_broadcast(graph, u, ss_shape_of(batch, 1, dims)), ss_tensor_dtype(x));
  x = ss_concatenate(graph, (ss_tensor *const[]){u, x}, 2, 1);
  ss_graph_push_scope(graph, "layers");
  for (int i = 0; i < layers; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    x = ss_transformer_layer(graph, x, options, number);
  }
  ss_graph_pop_scope(graph);
  ss_graph_pop_scope(graph);
  return ss_reshape(graph, ss_slice(graph, x, 1, 0, 1), ss_shape_of(batch, dims));
}
