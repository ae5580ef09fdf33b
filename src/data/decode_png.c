/* PNG by libspng. */
#include "data/decode_format.h"
#include "data/exif.h"

#include <spng.h>

#define MAX_CHUNK_BYTES ((size_t)64 << 20) /* of text and profiles, which nobody here reads */

static ss_status decode(spng_ctx *png, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                        ss_image *out, int *orientation, ss_error *error) {
  struct spng_ihdr header;
  int code = spng_set_png_buffer(png, bytes, size);
  if (code == 0) {
    code = spng_set_image_limits(png, SS_IMAGE_MAX_SIDE, SS_IMAGE_MAX_SIDE);
  }
  if (code == 0) {
    code = spng_set_chunk_limits(png, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES);
  }
  if (code == 0) {
    code = spng_get_ihdr(png, &header);
  }
  if (code != 0) {
    return ss_fail(error, SS_FAILED, "damaged PNG: %s", spng_strerror(code));
  }
  SS_TRY(ss_decode_check_size(header.width, header.height, options, error));
  SS_TRY(ss_image_resize_buffer(out, (int)header.width, (int)header.height, 3, error));
  code = spng_decode_image(png, out->pixels, (size_t)header.width * header.height * 3, SPNG_FMT_RGB8, 0);
  if (code == SPNG_EMEM) {
    return ss_fail(error, SS_NO_MEMORY, "not enough memory for a PNG");
  }
  if (code != 0) {
    return ss_fail(error, SS_FAILED, "damaged PNG: %s", spng_strerror(code));
  }
  struct spng_exif exif;
  if (spng_decode_chunks(png) == 0 && spng_get_exif(png, &exif) == 0) { /* damage behind the pixels does no harm */
    *orientation = ss_exif_orientation((const uint8_t *)exif.data, exif.length);
  }
  return SS_OK;
}

ss_status ss_decode_png(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                        ss_image *out, int *orientation, ss_error *error) {
  (void)decoder;
  spng_ctx *png = spng_ctx_new(0);
  if (!png) {
    return ss_fail(error, SS_NO_MEMORY, "not enough memory for a PNG");
  }
  const ss_status status = decode(png, bytes, size, options, out, orientation, error);
  spng_ctx_free(png);
  return status;
}
