#include "methods/bottleneck.h"

#include <math.h>

/* (N, H, W, C) as (C, N, HW), one product a channel with (C, HW, HW), and back. */
static ss_tensor *channelwise(ss_graph *graph, ss_tensor *x) {
  const ss_shape map = ss_tensor_shape(x);
  const int64_t places = map.dims[1] * map.dims[2], channels = map.dims[3];
  const ss_initializer uniform = {SS_INIT_UNIFORM, (float)(1.0 / sqrt((double)places))}; /* PyTorch's linear layer's */
  ss_tensor *weight = ss_graph_parameter(graph, "channelwise.weight", SS_F32, ss_shape_of(channels, places, places),
                                         uniform, SS_TRAINABLE);
  ss_tensor *bias = ss_graph_parameter(graph, "channelwise.bias", SS_F32, ss_shape_of(channels, 1, places), uniform,
                                       SS_TRAINABLE | SS_NORM_OR_BIAS);
  x = ss_reshape(graph, x, ss_shape_of(map.dims[0], places, channels));
  x = ss_transpose(graph, x, (const int[]){2, 0, 1});
  x = ss_add(graph, ss_matmul(graph, x, false, weight, true, 1.0f), bias);
  x = ss_transpose(graph, x, (const int[]){1, 2, 0});
  return ss_reshape(graph, x, map);
}

ss_tensor *ss_channelwise_bottleneck(ss_graph *graph, ss_tensor *x, const char *name) {
  if (!x) {
    return NULL;
  }
  ss_graph_push_scope(graph, name);
  const int channels = (int)ss_tensor_dim(x, -1);
  const ss_convolution_options mix = {.kernel = {1, 1}};
  x = ss_convolution2d(graph, channelwise(graph, x), channels, &mix, "mix");
  x = ss_relu(graph, ss_batch_norm(graph, x, NULL, "norm"));
  ss_graph_pop_scope(graph);
  return x;
}
