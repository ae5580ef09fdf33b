#include "methods/masked_convolution.h"

#include <stdio.h>

ss_tensor *ss_masked_convolution(ss_graph *graph, ss_tensor *x, int output_channels, int height, int width,
                                 const char *name) {
  const ss_convolution_options options = {.kernel = {height, width}, .padding = {0, width / 2}, .bias = true};
  const int above[SS_MAX_RANK] = {0, height - 1}, below[SS_MAX_RANK] = {0};
  return ss_convolution2d(graph, ss_pad(graph, x, above, below, SS_PAD_ZERO), output_channels, &options, name);
}

static ss_tensor *block(ss_graph *graph, ss_tensor *x, int hidden) {
  ss_tensor *y = ss_relu(graph, ss_masked_convolution(graph, x, hidden, 1, 1, "conv1"));
  y = ss_masked_convolution(graph, y, hidden, 1, 3, "conv2");
  y = ss_relu(graph, ss_masked_convolution(graph, y, hidden, 2, 1, "conv3"));
  y = ss_masked_convolution(graph, y, (int)ss_tensor_dim(x, 3), 1, 1, "conv4");
  return ss_add(graph, x, y);
}

ss_tensor *ss_masked_context(ss_graph *graph, ss_tensor *z, int blocks, int hidden, const char *name) {
  if (!z) {
    return NULL;
  }
  ss_tensor *x = z;
  ss_graph_push_scope(graph, name);
  for (int i = 0; i < blocks; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    ss_graph_push_scope(graph, number);
    x = block(graph, x, hidden);
    ss_graph_pop_scope(graph);
  }
  ss_graph_pop_scope(graph);
  return ss_relu(graph, x);
}
