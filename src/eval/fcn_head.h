/* The fully convolutional head of Long, Shelhamer and Darrell, "Fully convolutional networks for semantic
 * segmentation", CVPR 2015. */
#ifndef SS_EVAL_FCN_HEAD_H
#define SS_EVAL_FCN_HEAD_H

#include "nets/backbone.h"

#define SS_FCN_MOST_SKIPS 3

typedef struct ss_fcn_options {
  int outputs; /* numbers a pixel */
  int skips; /* finer layers whose scores are added: 0 FCN-32s, 1 FCN-16s, 2 FCN-8s where the last layer's stride is 32;
                fewer where the backbone has no more layers of another size */
} ss_fcn_options;

/* A backbone's layers (N, h, w, C) to (N, height, width, outputs), float32: a 1x1 convolution on the last layer; its
 * scores, enlarged bilinearly to the next finer layer's size, are added to that layer's own (section 4.2), and so on;
 * the sum is enlarged to the picture's. Weights and biases start at zero (section 4.3). Each layer goes through a batch
 * norm without scale and shift first, as in linear probes (Zhang, Isola and Efros 2016), so that the size of a
 * network's numbers plays no part. Parameters "scoreK.weight", "scoreK.bias" (the last layer's alone) and "normK...", K
 * from 0 for the last layer, in the graph's scope. */
ss_tensor *ss_fcn_head(ss_graph *graph, const ss_backbone_layers *layers, int height, int width,
                       const ss_fcn_options *options);

#endif
