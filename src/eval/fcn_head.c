#include "eval/fcn_head.h"

#include <stdio.h>

/* (N, h, w, C) -> (N, h, w, outputs). */
static ss_tensor *score(ss_graph *graph, ss_tensor *map, int k, const ss_fcn_options *options) {
  char norm[16], weight[24], bias[24];
  snprintf(norm, sizeof norm, "norm%d", k);
  snprintf(weight, sizeof weight, "score%d.weight", k);
  snprintf(bias, sizeof bias, "score%d.bias", k);
  ss_tensor *x = ss_cast(graph, map, SS_F32);
  x = ss_batch_norm(graph, x, &(ss_batch_norm_options){.no_affine = true}, norm);
  ss_tensor *w = ss_graph_parameter(graph, weight, SS_F32, ss_shape_of(options->outputs, ss_tensor_dim(map, 3), 1, 1),
                                    SS_INIT_ZEROS, SS_TRAINABLE);
  ss_tensor *b = NULL;
  if (k == 0) {
    b = ss_graph_parameter(graph, bias, SS_F32, ss_shape_of(options->outputs), SS_INIT_ZEROS,
                           SS_TRAINABLE | SS_NORM_OR_BIAS);
  }
  return ss_convolution_with(graph, x, w, b, &(ss_convolution_options){.kernel = {1, 1}});
}

static ss_tensor *enlarge(ss_graph *graph, ss_tensor *x, int64_t height, int64_t width) {
  const bool same = ss_tensor_dim(x, 1) == height && ss_tensor_dim(x, 2) == width;
  return same ? x : ss_resize_bilinear(graph, x, (int)height, (int)width);
}

ss_tensor *ss_fcn_head(ss_graph *graph, const ss_backbone_layers *layers, int height, int width,
                       const ss_fcn_options *options) {
  int layer = layers->count - 1;
  if (layer < 0 || !layers->tensors[layer]) {
    return NULL; /* a mistake made before, which the graph keeps */
  }
  ss_tensor *x = score(graph, layers->tensors[layer], 0, options);
  for (int k = 1; k <= options->skips && x; k++) {
    while (layer >= 0 && ss_tensor_dim(layers->tensors[layer], 1) <= ss_tensor_dim(x, 1)) {
      layer--;
    }
    if (layer < 0) {
      break;
    }
    ss_tensor *finer = score(graph, layers->tensors[layer], k, options);
    x = ss_add(graph, enlarge(graph, x, ss_tensor_dim(finer, 1), ss_tensor_dim(finer, 2)), finer);
  }
  return x ? enlarge(graph, x, height, width) : NULL;
}
