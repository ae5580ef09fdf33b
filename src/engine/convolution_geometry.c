#include "engine/convolution_geometry.h"

ss_convolution_geometry ss_convolution_geometry_of(const ss_node *node) {
  ss_convolution_geometry g = {.groups = node->attributes.groups};
  switch (node->operation) {
    case SS_OP_CONVOLUTION_BACKWARD_DATA:
      g.x = node->outputs[0];
      g.weight = node->inputs[1];
      g.y = node->inputs[0];
      break;
    case SS_OP_CONVOLUTION_BACKWARD_WEIGHT:
      g.x = node->inputs[0];
      g.weight = node->outputs[0];
      g.y = node->inputs[1];
      break;
    default:
      g.x = node->inputs[0];
      g.weight = node->inputs[1];
      g.y = node->outputs[0];
      break;
  }
  g.spatial = g.x->shape.rank - 2;
  g.batch = g.x->shape.dims[0];
  g.input_channels = g.x->shape.dims[1 + g.spatial];
  g.output_channels = g.y->shape.dims[1 + g.spatial];
  const int missing = 3 - g.spatial;
  for (int i = 0; i < 3; i++) {
    const bool used = i >= missing;
    const int own = i - missing;
    g.in[i] = used ? g.x->shape.dims[1 + own] : 1;
    g.out[i] = used ? g.y->shape.dims[1 + own] : 1;
    g.kernel[i] = used ? node->attributes.kernel[own] : 1;
    g.stride[i] = used ? node->attributes.stride[own] : 1;
    g.padding[i] = used ? node->attributes.padding[own] : 0;
    g.dilation[i] = used ? node->attributes.dilation[own] : 1;
  }
  return g;
}
