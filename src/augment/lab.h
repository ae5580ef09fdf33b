/* CIE Lab: lightness L (0 to 100) and two axes of colour, a from green to red and b from blue to yellow, in which equal
 * distances look about equally large. White point D65, 2 degrees, of sRGB pixels, with scikit-image's constants, whose
 * rgb2lab and lab2rgb these are. For 8-bit sRGB a lies in -86.2 to 98.2 and b in -107.9 to 94.5. */
#ifndef SS_AUGMENT_LAB_H
#define SS_AUGMENT_LAB_H

#include "base/image.h"

/* A network takes (L - 50) / 50, a / 110 and b / 110: all within -1 to 1. */
#define SS_LAB_MIDDLE 50.0f
#define SS_LAB_LIGHTNESS_SCALE 50.0f
#define SS_LAB_COLOUR_SCALE 110.0f

/* `pixels` pixels of sRGB, interleaved, to L, a, b, interleaved. Errors are below 2e-4. */
void ss_lab_from_rgb(const uint8_t *rgb, size_t pixels, float *lab);
/* The way back, rounded; what sRGB cannot show is clipped channel by channel. NaN becomes 0. */
void ss_rgb_from_lab(const float *lab, size_t pixels, uint8_t *rgb);

/* (H, W, 3) float32 for a network: (L - 50) / 50, a / 110, b / 110. A grey picture has a = b = 0. */
void ss_image_to_lab(const ss_image *image, float *out);
/* (H, W, 3) float32 for a network that must not see colour: (L - 50) / 50 in all three channels. */
void ss_image_to_lightness(const ss_image *image, float *out);

#endif
