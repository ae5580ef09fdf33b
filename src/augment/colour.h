/* Changes of colour, in place, 8 bits in and out, as torchvision makes them on PIL pictures.
 *
 * A factor is at least 0; 1 leaves the picture as it is. Grey pictures (1 channel) have neither hue nor saturation. */
#ifndef SS_AUGMENT_COLOUR_H
#define SS_AUGMENT_COLOUR_H

#include "base/image.h"

/* factor * pixel. */
void ss_adjust_brightness(ss_image *image, float factor);

/* mean + factor * (pixel - mean), mean the rounded mean luma of the picture. */
void ss_adjust_contrast(ss_image *image, float factor);

/* luma + factor * (pixel - luma), luma of the same pixel. */
void ss_adjust_saturation(ss_image *image, float factor);

/* Turns the hue by factor of a full circle, -0.5 to 0.5, in 8-bit HSV. */
void ss_adjust_hue(ss_image *image, float factor);

/* Each channel becomes the pixel's luma (ITU-R 601); the number of channels stays. */
void ss_to_gray(ss_image *image);

/* One channel, the luma, from `in` to `out` (another image). */
ss_status ss_gray_channel(const ss_image *in, ss_image *out, ss_error *error);

#endif
