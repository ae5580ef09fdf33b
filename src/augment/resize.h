/* Resizing with antialiasing: the filter's support grows with the scale, as in Pillow's Image.resize, whose results
 * these are, bit for bit (two passes in the order of Pillow 13, 22-bit fixed-point weights, 8 bits between them). */
#ifndef SS_AUGMENT_RESIZE_H
#define SS_AUGMENT_RESIZE_H

#include "augment/scratch.h"

typedef enum ss_resample {
  SS_RESAMPLE_BOX,
  SS_RESAMPLE_BILINEAR, /* triangle */
  SS_RESAMPLE_BICUBIC,  /* Keys, a = -0.5 */
  SS_RESAMPLE_LANCZOS   /* three lobes */
} ss_resample;

/* A rectangle of pixels: columns left to left + width - 1, rows top to top + height - 1. */
typedef struct ss_box {
  int left;
  int top;
  int width;
  int height;
} ss_box;

/* The part `box` of `in`, resized to width x height; pixels outside the box have no influence (crop, then resize).
 * `out` takes in's channels and must be another image. SS_USAGE when the box is not inside the picture. */
ss_status ss_resize_box(const ss_image *in, ss_box box, int width, int height, ss_resample filter,
                        ss_view_scratch *scratch, ss_image *out, ss_error *error);

/* The part `window` of what ss_resize_box would give; only that part is computed. */
ss_status ss_resize_window(const ss_image *in, ss_box box, int width, int height, ss_box window, ss_resample filter,
                           ss_view_scratch *scratch, ss_image *out, ss_error *error);

/* The whole picture resized to width x height. */
ss_status ss_resize(const ss_image *in, int width, int height, ss_resample filter, ss_view_scratch *scratch,
                    ss_image *out, ss_error *error);

#endif
