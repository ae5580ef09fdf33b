/* What the convolution kernels read off a node. */
#ifndef SS_ENGINE_CONVOLUTION_GEOMETRY_H
#define SS_ENGINE_CONVOLUTION_GEOMETRY_H

#include "engine/node.h"

/* ss_attributes.flags of CONVOLUTION: y is what a ReLU makes of the sum with the bias. Of devices that ask for it. */
enum { SS_CONVOLUTION_RELU = 1 };

/* The convolution y = w * x that a node of the three kinds is about; 2-D ones have depth 1. Axes are D, H, W. */
typedef struct ss_convolution_geometry {
  const ss_tensor *x, *y, *weight; /* the node's: in- or outputs */
  int spatial;                     /* 2 or 3 */
  int64_t batch, input_channels, output_channels, groups;
  int64_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
} ss_convolution_geometry;

ss_convolution_geometry ss_convolution_geometry_of(const ss_node *node);

/* in x (N, ..., C) of `layout` with `pixels` a picture: the row of channels of picture n, pixel p, counted in rows. */
static inline int64_t ss_pixel_row(ss_layout layout, int64_t n, int64_t pixel, int64_t pixels) {
  return layout == SS_LAYOUT_BLOCK16 ? (n / 16 * pixels + pixel) * 16 + n % 16 : n * pixels + pixel;
}

#endif
