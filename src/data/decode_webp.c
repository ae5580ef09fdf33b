/* WebP by libwebp. */
#include "data/decode_format.h"
#include "data/exif.h"

#include <string.h>
#include <webp/decode.h>

/* Walks the RIFF chunks for "EXIF". */
static int find_orientation(const uint8_t *bytes, size_t size) {
  size_t at = 12;
  while (at + 8 <= size) {
    const size_t length = ss_little_32(bytes + at + 4);
    if (length > size - at - 8) {
      return 1;
    }
    if (memcmp(bytes + at, "EXIF", 4) == 0) {
      return ss_exif_orientation(bytes + at + 8, length);
    }
    at += 8 + length + (length & 1);
  }
  return 1;
}

ss_status ss_decode_webp(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                         ss_image *out, int *orientation, ss_error *error) {
  (void)decoder;
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes, size, &features) != VP8_STATUS_OK) {
    return ss_fail(error, SS_FAILED, "damaged or cut WebP");
  }
  if (features.has_animation) {
    return ss_fail(error, SS_FAILED, "an animated WebP; only still pictures can be read");
  }
  SS_TRY(ss_decode_check_size((uint64_t)features.width, (uint64_t)features.height, options, error));
  SS_TRY(ss_image_resize_buffer(out, features.width, features.height, 3, error));
  const int stride = features.width * 3;
  if (!WebPDecodeRGBInto(bytes, size, out->pixels, (size_t)stride * (size_t)features.height, stride)) {
    return ss_fail(error, SS_FAILED, "damaged or cut WebP");
  }
  *orientation = find_orientation(bytes, size);
  return SS_OK;
}
