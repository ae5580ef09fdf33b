/* The channel-wise fully connected bottleneck of context encoders. */
#ifndef SS_METHODS_BOTTLENECK_H
#define SS_METHODS_BOTTLENECK_H

#include "engine/operations.h"

/* (N, H, W, C) -> (N, H, W, C): in each channel a linear layer from all of its H W places to all of them, with weights
 * of its own, so that what is seen reaches what is missing: C (H W)^2 weights, where a full layer has C^2 (H W)^2; then
 * a 1x1 convolution that mixes the channels, batch norm and ReLU (Pathak et al., Context Encoders, CVPR 2016, section
 * 3.1). Parameters NAME.channelwise.weight (C, H W, H W), output places first, NAME.channelwise.bias (C, 1, H W),
 * NAME.mix.weight, NAME.norm. */
ss_tensor *ss_channelwise_bottleneck(ss_graph *graph, ss_tensor *x, const char *name);

#endif
