#include "eval/classification_view.h"

#include "augment/view.h"

#include <string.h>

/* out(x, y) = in(x + right, y + down), mirrored if `flip`; black outside. */
static ss_status shift(const ss_image *in, int right, int down, bool flip, ss_image *out, ss_error *error) {
  const int width = in->width, height = in->height, channels = in->channels;
  SS_TRY(ss_image_resize_buffer(out, width, height, channels, error));
  memset(out->pixels, 0, (size_t)width * (size_t)height * (size_t)channels);
  for (int y = 0; y < height; y++) {
    const int from_y = y + down;
    for (int x = 0; x < width && from_y >= 0 && from_y < height; x++) {
      const int from_x = (flip ? width - 1 - x : x) + right;
      if (from_x >= 0 && from_x < width) {
        memcpy(out->pixels + ((size_t)y * (size_t)width + (size_t)x) * (size_t)channels,
               in->pixels + ((size_t)from_y * (size_t)width + (size_t)from_x) * (size_t)channels, (size_t)channels);
      }
    }
  }
  return SS_OK;
}

ss_status ss_classification_view(const ss_image *picture, int size, ss_random *random, ss_view_scratch *scratch,
                                 ss_image *work, ss_image *out, ss_error *error) {
  if (size > SS_SHIFTED_VIEW_MOST) {
    const ss_view_options crop = ss_view_options_crop(size, 0.08f);
    return ss_view_random(picture, &crop, random, scratch, out, error);
  }
  const int border = size / 8;
  const uint32_t places = 2 * (uint32_t)border + 1;
  const int right = (int)ss_random_below(random, places) - border;
  const int down = (int)ss_random_below(random, places) - border;
  const bool flip = ss_random_below(random, 2) == 1;
  SS_TRY(ss_view_test(picture, size, size, scratch, work, error));
  return shift(work, right, down, flip, out, error);
}
