#include "base/image.h"

#include <stdlib.h>
#include <string.h>

ss_status ss_image_resize_buffer(ss_image *image, int width, int height, int channels, ss_error *error) {
  if (width < 1 || height < 1 || width > SS_IMAGE_MAX_SIDE || height > SS_IMAGE_MAX_SIDE) {
    return ss_fail(error, SS_FAILED, "a picture of %d x %d pixels is not between 1 and %d a side", width, height,
                   SS_IMAGE_MAX_SIDE);
  }
  const size_t bytes = (size_t)width * (size_t)height * (size_t)channels;
  if (bytes > image->capacity) {
    uint8_t *pixels = realloc(image->pixels, bytes);
    if (!pixels) {
      return ss_fail_memory(error, bytes, "a picture");
    }
    image->pixels = pixels;
    image->capacity = bytes;
  }
  image->width = width;
  image->height = height;
  image->channels = channels;
  return SS_OK;
}

ss_status ss_image_copy(ss_image *to, const ss_image *from, ss_error *error) {
  SS_TRY(ss_image_resize_buffer(to, from->width, from->height, from->channels, error));
  memcpy(to->pixels, from->pixels, (size_t)from->width * (size_t)from->height * (size_t)from->channels);
  return SS_OK;
}

void ss_image_free(ss_image *image) {
  free(image->pixels);
  memset(image, 0, sizeof *image);
}
