/* Convolutions over a grid that see no later row, and the context network made of them (van den Oord et al.,
 * Conditional Image Generation with PixelCNN Decoders, NeurIPS 2016: the vertical stack). */
#ifndef SS_METHODS_MASKED_CONVOLUTION_H
#define SS_METHODS_MASKED_CONVOLUTION_H

#include "engine/operations.h"

/* (N, H, W, I) -> (N, H, W, O): place (h, w) sees the rows h - height + 1 to h and the columns w - width / 2 to w +
 * width / 2; beyond the grid there are zeros. `width` must be odd. Parameters NAME.weight (O, I, height, width) and
 * NAME.bias. */
ss_tensor *ss_masked_convolution(ss_graph *graph, ss_tensor *x, int output_channels, int height, int width,
                                 const char *name);

/* z (N, H, W, D) -> c (N, H, W, D), what the rows up to a place's own say: `blocks` residual blocks, each 1x1 to
 * `hidden` channels, 1x3, one row down, 1x1 back (Henaff et al. 2019, the appendix's pixelCNN). A block sees one row
 * more above and one column more on each side. Parameters NAME.0.conv1.weight ... */
ss_tensor *ss_masked_context(ss_graph *graph, ss_tensor *z, int blocks, int hidden, const char *name);

#endif
