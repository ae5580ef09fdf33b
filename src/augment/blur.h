/* Gaussian blur in its two usual forms, in place, 8 bits in and out. */
#ifndef SS_AUGMENT_BLUR_H
#define SS_AUGMENT_BLUR_H

#include "augment/scratch.h"

/* Three extended box blurs a direction (Gwosdek et al., "Theoretical foundations of Gaussian convolution by extended
 * box filtering", SSVM 2011), as Pillow's ImageFilter.GaussianBlur and therefore lightly's GaussianBlur do; borders
 * repeat. `sigma` in pixels, 0 to 100; 0 changes nothing. */
ss_status ss_blur_box(ss_image *image, float sigma, ss_view_scratch *scratch, ss_error *error);

/* Convolution with kernel_size x kernel_size samples of a Gaussian, as torchvision's GaussianBlur does; borders are
 * mirrored without repeating the edge. kernel_size odd, 1 to 127; sigma above 0. */
ss_status ss_blur_gaussian(ss_image *image, int kernel_size, float sigma, ss_view_scratch *scratch, ss_error *error);

#endif
