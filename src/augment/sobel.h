/* Edges instead of colours: what DeepCluster's network may be shown (Caron et al. 2018, section 4.1). */
#ifndef SS_AUGMENT_SOBEL_H
#define SS_AUGMENT_SOBEL_H

#include "base/image.h"

/* (H, W, 3) float32: the horizontal and the vertical difference of the grey picture (the mean of its channels, 0 to 1)
 * by Sobel's 3x3 filters over 4, so -1 to 1, and 0. At the border the picture is continued by its outermost pixels. */
void ss_image_to_sobel(const ss_image *image, float *out);

#endif
