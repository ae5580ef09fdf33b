#include "augment/crop.h"

#include <math.h>
#include <string.h>

static int at_least_one(double length) {
  return length < 1.0 ? 1 : (int)length;
}

ss_box ss_crop_draw(int width, int height, float min_scale, float max_scale, float min_ratio, float max_ratio,
                    ss_random *random) {
  const double area = (double)width * height;
  const float low = logf(min_ratio), high = logf(max_ratio);
  for (int attempt = 0; attempt < 10; attempt++) {
    const double target = area * ss_random_between(random, min_scale, max_scale);
    const double ratio = expf(ss_random_between(random, low, high));
    const double w = rint(sqrt(target * ratio));
    const double h = rint(sqrt(target / ratio));
    if (w >= 1.0 && w <= width && h >= 1.0 && h <= height) {
      ss_box box = {.width = (int)w, .height = (int)h};
      box.top = (int)ss_random_below(random, (uint32_t)(height - box.height + 1));
      box.left = (int)ss_random_below(random, (uint32_t)(width - box.width + 1));
      return box;
    }
  }
  const double ratio = (double)width / height;
  int w = width, h = height;
  if (ratio < min_ratio) {
    h = at_least_one(rint(width / (double)min_ratio));
  } else if (ratio > max_ratio) {
    w = at_least_one(rint(height * (double)max_ratio));
  }
  return (ss_box){.left = (width - w) / 2, .top = (height - h) / 2, .width = w, .height = h};
}

ss_box ss_crop_centre(int width, int height, int crop_width, int crop_height) {
  ss_box box = {.width = crop_width < width ? crop_width : width,
                .height = crop_height < height ? crop_height : height};
  box.left = (int)rint((width - box.width) / 2.0);
  box.top = (int)rint((height - box.height) / 2.0);
  return box;
}

ss_box ss_crop_place(int width, int height, int crop_width, int crop_height, ss_random *random) {
  ss_box box = {.width = crop_width < width ? crop_width : width,
                .height = crop_height < height ? crop_height : height};
  box.top = (int)ss_random_below(random, (uint32_t)(height - box.height + 1));
  box.left = (int)ss_random_below(random, (uint32_t)(width - box.width + 1));
  return box;
}

ss_status ss_crop(const ss_image *in, ss_box box, ss_image *out, ss_error *error) {
  if (box.left < 0 || box.top < 0 || box.width < 1 || box.height < 1 || box.left > in->width - box.width ||
      box.top > in->height - box.height) {
    return ss_fail(error, SS_USAGE, "a crop of %d x %d at (%d, %d) is not inside the picture of %d x %d", box.width,
                   box.height, box.left, box.top, in->width, in->height);
  }
  SS_TRY(ss_image_resize_buffer(out, box.width, box.height, in->channels, error));
  const size_t channels = (size_t)in->channels;
  const size_t row = (size_t)box.width * channels;
  for (int y = 0; y < box.height; y++) {
    memcpy(out->pixels + row * (size_t)y,
           in->pixels + ((size_t)(box.top + y) * (size_t)in->width + (size_t)box.left) * channels, row);
  }
  return SS_OK;
}
