/* A picture in memory: 8 bits a channel, interleaved, rows from the top. */
#ifndef SS_BASE_IMAGE_H
#define SS_BASE_IMAGE_H

#include "base/status.h"

#include <stdint.h>

#define SS_IMAGE_MAX_SIDE 65535

/* pixels[(y * width + x) * channels + c]; channels is 1 (grey) or 3 (RGB); no padding between rows. */
typedef struct ss_image {
  int width;
  int height;
  int channels;
  uint8_t *pixels; /* owned; NULL for an empty image */
  size_t capacity; /* bytes allocated, so that a buffer can be used again for the next picture */
} ss_image;

/* Gives `image` the size, growing its buffer if it must (contents are then undefined). A zeroed struct is valid. */
ss_status ss_image_resize_buffer(ss_image *image, int width, int height, int channels, ss_error *error);

/* Makes `to` a copy of `from`. */
ss_status ss_image_copy(ss_image *to, const ss_image *from, ss_error *error);

/* Frees the pixels and zeroes the struct. */
void ss_image_free(ss_image *image);

#endif
