/* Cropping: boxes drawn at random or from the centre. */
#ifndef SS_AUGMENT_CROP_H
#define SS_AUGMENT_CROP_H

#include "augment/resize.h"
#include "base/random.h"

/* The box of a random resized crop (Szegedy et al. 2015, section 6, as torchvision's RandomResizedCrop.get_params
 * draws it): an area uniform in [min_scale, max_scale] of the picture's, an aspect ratio (width : height) log-uniform
 * in [min_ratio, max_ratio], a uniform place; after ten draws that do not fit, the largest centred box within the
 * ratios. 0 < min_scale <= max_scale, 0 < min_ratio <= max_ratio. Always a box inside the picture. */
ss_box ss_crop_draw(int width, int height, float min_scale, float max_scale, float min_ratio, float max_ratio,
                    ss_random *random);

/* The box of crop_width x crop_height at the centre (torchvision's CenterCrop, which rounds halves to even); a side
 * longer than the picture's is cut to the picture's. */
ss_box ss_crop_centre(int width, int height, int crop_width, int crop_height);

/* A uniformly placed box of crop_width x crop_height; a side longer than the picture's is cut to the picture's. */
ss_box ss_crop_place(int width, int height, int crop_width, int crop_height, ss_random *random);

/* Copies the part `box` of `in` to `out`, another image. SS_USAGE when the box is not inside the picture. */
ss_status ss_crop(const ss_image *in, ss_box box, ss_image *out, ss_error *error);

#endif
