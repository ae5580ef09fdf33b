#include "augment/rotate.h"

#include "augment/kernels.h"

#include <string.h>

/* Pixel (x, y) of the result is the pixel of `in` at start + x * step_x + y * step_y; inlined with `channels` known, so
 * that a pixel is moved without a loop. */
static inline void gather(const uint8_t *in, ptrdiff_t start, ptrdiff_t step_x, ptrdiff_t step_y, ss_image *out,
                          const size_t channels) {
  uint8_t *to = out->pixels;
  for (int y = 0; y < out->height; y++) {
    ptrdiff_t from = start + y * step_y;
    for (int x = 0; x < out->width; x++, from += step_x, to += channels) {
      memcpy(to, in + from * (ptrdiff_t)channels, channels);
    }
  }
}

ss_status ss_rotate_quarters(const ss_image *in, int quarters, ss_image *out, ss_error *error) {
  const ptrdiff_t width = in->width, height = in->height;
  ptrdiff_t start, step_x, step_y;
  switch (quarters & 3) {
    case 0:
      return ss_image_copy(out, in, error);
    case 1:
      start = width - 1, step_x = width, step_y = -1;
      break;
    case 2:
      start = width * height - 1, step_x = -1, step_y = -width;
      break;
    default:
      start = width * (height - 1), step_x = -width, step_y = 1;
      break;
  }
  const int odd = quarters & 1;
  SS_TRY(ss_image_resize_buffer(out, odd ? in->height : in->width, odd ? in->width : in->height, in->channels, error));
  if (in->channels == 3) {
    gather(in->pixels, start, step_x, step_y, out, 3);
  } else {
    gather(in->pixels, start, step_x, step_y, out, 1);
  }
  return SS_OK;
}

static inline void mirror_row(uint8_t *row, int width, const size_t channels) {
  uint8_t *left = row, *right = row + (size_t)(width - 1) * channels;
  for (; left < right; left += channels, right -= channels) {
    uint8_t pixel[3];
    memcpy(pixel, left, channels);
    memcpy(left, right, channels);
    memcpy(right, pixel, channels);
  }
}

void ss_mirror_plain(uint8_t *pixels, int width, int height) {
  for (int y = 0; y < height; y++) {
    mirror_row(pixels + 3 * (size_t)y * (size_t)width, width, 3);
  }
}

void ss_flip_horizontal(ss_image *image) {
  if (image->channels == 3) {
    ss_pixel_kernels_best()->mirror(image->pixels, image->width, image->height);
    return;
  }
  for (int y = 0; y < image->height; y++) {
    mirror_row(image->pixels + (size_t)y * (size_t)image->width, image->width, 1);
  }
}

void ss_flip_vertical(ss_image *image) {
  const size_t bytes = (size_t)image->width * (size_t)image->channels;
  for (int y = 0; y < image->height / 2; y++) {
    uint8_t *upper = image->pixels + bytes * (size_t)y;
    uint8_t *lower = image->pixels + bytes * (size_t)(image->height - 1 - y);
    for (size_t i = 0; i < bytes; i++) {
      const uint8_t value = upper[i];
      upper[i] = lower[i];
      lower[i] = value;
    }
  }
}
