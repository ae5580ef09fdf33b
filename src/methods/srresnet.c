#include "methods/srresnet.h"

#include <stdio.h>

static ss_tensor *convolution(ss_graph *graph, ss_tensor *x, int kernel, int channels, bool bias, const char *name) {
  const ss_convolution_options options = {
      .kernel = {kernel, kernel}, .padding = {kernel / 2, kernel / 2}, .bias = bias};
  return ss_convolution2d(graph, x, channels, &options, name);
}

/* Convolution and norm twice, PReLU between them, around an identity (Gross and Wilber's block). */
static ss_tensor *block(ss_graph *graph, ss_tensor *x, int channels) {
  ss_tensor *y = ss_batch_norm(graph, convolution(graph, x, 3, channels, false, "conv1"), NULL, "bn1");
  y = ss_prelu(graph, y, "prelu");
  y = ss_batch_norm(graph, convolution(graph, y, 3, channels, false, "conv2"), NULL, "bn2");
  return ss_add(graph, x, y);
}

/* Sub-pixel convolution (Shi et al., CVPR 2016): four times the channels become twice the side. */
static ss_tensor *enlarge(ss_graph *graph, ss_tensor *x, int channels) {
  x = ss_pixel_shuffle(graph, convolution(graph, x, 3, 4 * channels, true, "conv"), 2);
  return ss_prelu(graph, x, "prelu");
}

static ss_tensor *record(ss_graph *graph, ss_tensor *low, const ss_srresnet_options *options) {
  const int channels = options->channels;
  char name[24];
  ss_tensor *first = ss_prelu(graph, convolution(graph, low, 9, channels, true, "conv1"), "prelu1");
  ss_tensor *x = first;
  for (int i = 0; i < options->blocks; i++) {
    snprintf(name, sizeof name, "block%d", i + 1);
    ss_graph_push_scope(graph, name);
    x = block(graph, x, channels);
    ss_graph_pop_scope(graph);
  }
  x = ss_batch_norm(graph, convolution(graph, x, 3, channels, false, "conv2"), NULL, "bn2");
  x = ss_add(graph, first, x);
  for (int i = 0; i < 2; i++) {
    snprintf(name, sizeof name, "enlarge%d", i + 1);
    ss_graph_push_scope(graph, name);
    x = enlarge(graph, x, channels);
    ss_graph_pop_scope(graph);
  }
  return ss_cast(graph, convolution(graph, x, 9, 3, true, "conv3"), SS_F32);
}

ss_tensor *ss_srresnet(ss_graph *graph, ss_tensor *low, const ss_srresnet_options *options, const char *name) {
  if (!low) {
    return NULL;
  }
  ss_graph_push_scope(graph, name);
  ss_tensor *high = record(graph, low, options);
  ss_graph_pop_scope(graph);
  return high;
}
