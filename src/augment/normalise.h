/* From pixels to the numbers a network takes: (pixel / 255 - mean) / deviation. */
#ifndef SS_AUGMENT_NORMALISE_H
#define SS_AUGMENT_NORMALISE_H

#include "base/bfloat16.h"
#include "base/image.h"

#include <stdbool.h>

/* ImageNet's mean and deviation of red, green and blue, for pixels scaled to 0..1. */
extern const float ss_imagenet_mean[3];
extern const float ss_imagenet_deviation[3];

/* Writes `image` as (H, W, channels) float32 into `out`. `mean` and `deviation` hold `channels` numbers. `channels` is
 * the image's, or 3 for a grey image, which is then repeated. `flip` mirrors left and right on the way. */
void ss_image_to_float(const ss_image *image, int channels, const float *mean, const float *deviation, bool flip,
                       float *out);

/* The same, rounded to bfloat16. */
void ss_image_to_bf16(const ss_image *image, int channels, const float *mean, const float *deviation, bool flip,
                      ss_bf16 *out);

/* The way back, for pictures of what a network saw: float32 (height, width, channels) to 8 bits, rounded and clipped.
 * channels is 1 or 3. */
ss_status ss_image_from_float(const float *in, int width, int height, int channels, const float *mean,
                              const float *deviation, ss_image *out, ss_error *error);

#endif
