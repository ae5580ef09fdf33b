/* JPEG by libjpeg-turbo, with its accurate DCT and smooth upsampling: what PIL gives, to the bit for the same version.
 */
#include "data/decode_format.h"
#include "data/exif.h"

#include <string.h>

#define MARKER_START_OF_SCAN 0xDA
#define MARKER_APP1 0xE1

static int find_orientation(const uint8_t *bytes, size_t size) {
  size_t at = 2;
  while (at + 4 <= size && bytes[at] == 0xFF) {
    const uint8_t marker = bytes[at + 1];
    if (marker == 0xFF) { /* a fill byte */
      at++;
      continue;
    }
    const size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3]; /* counts itself */
    if (marker == MARKER_START_OF_SCAN || length < 2 || length > size - at - 2) {
      return 1;
    }
    if (marker == MARKER_APP1 && length >= 8 && memcmp(bytes + at + 4, "Exif\0\0", 6) == 0) {
      return ss_exif_orientation(bytes + at + 4, length - 2);
    }
    at += 2 + length;
  }
  return 1;
}

/* The smallest scale that leaves the shorter side at least `smallest_side`. Only halves, quarters and eighths: they
 * have SIMD code, the scales between do not and take longer than the full size. */
static tjscalingfactor choose_scale(int width, int height, int smallest_side) {
  tjscalingfactor chosen = {1, 1};
  const int shorter = width < height ? width : height;
  if (smallest_side > 0) {
    for (int denominator = 2; denominator <= 8; denominator *= 2) {
      const tjscalingfactor scale = {1, denominator};
      if (TJSCALED(shorter, scale) >= smallest_side) {
        chosen = scale;
      }
    }
  }
  return chosen;
}

/* Adobe's CMYK is stored inverted, and PIL takes every CMYK JPEG for Adobe's; then R = (255 - C)(255 - K) / 255 in
 * PIL's rounding, which for the stored bytes c = 255 - C is k - (255 - c) k / 255. */
static void cmyk_to_rgb(ss_image *out, const ss_image *cmyk) {
  const size_t count = (size_t)cmyk->width * (size_t)cmyk->height;
  for (size_t i = 0; i < count; i++) {
    const int stored_black = cmyk->pixels[4 * i + 3];
    for (int c = 0; c < 3; c++) {
      const int product = (255 - cmyk->pixels[4 * i + (size_t)c]) * stored_black + 128;
      out->pixels[3 * i + (size_t)c] = (uint8_t)(stored_black - (((product >> 8) + product) >> 8));
    }
  }
}

/* The failure that turbojpeg's last message stands for. */
static ss_status damaged(tjhandle jpeg, ss_error *error) {
  const char *message = tjGetErrorStr2(jpeg);
  if (strstr(message, "Premature end")) {
    return ss_fail(error, SS_FAILED, "JPEG cut short");
  }
  return ss_fail(error, SS_FAILED, "damaged JPEG: %s", message);
}

ss_status ss_decode_jpeg(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                         ss_image *out, int *orientation, ss_error *error) {
  int width = 0, height = 0, subsampling = 0, colours = 0;
  if (tjDecompressHeader3(decoder->jpeg, bytes, size, &width, &height, &subsampling, &colours) != 0 &&
      (tjGetErrorCode(decoder->jpeg) != TJERR_WARNING || width < 1 || height < 1)) {
    return damaged(decoder->jpeg, error);
  }
  SS_TRY(ss_decode_check_size((uint64_t)width, (uint64_t)height, options, error));
  *orientation = find_orientation(bytes, size);

  const tjscalingfactor scale = choose_scale(width, height, options->smallest_side);
  width = TJSCALED(width, scale);
  height = TJSCALED(height, scale);
  const bool cmyk = colours == TJCS_CMYK || colours == TJCS_YCCK;
  const int format = cmyk ? TJPF_CMYK : colours == TJCS_GRAY ? TJPF_GRAY : TJPF_RGB;
  ss_image *target = cmyk ? &decoder->wide : out;
  SS_TRY(ss_image_resize_buffer(target, width, height, tjPixelSize[format], error));
  if (tjDecompress2(decoder->jpeg, bytes, size, target->pixels, width, 0, height, format,
                    TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) != 0) {
    /* A warning is for oddities that leave a whole picture, except for the one that says that the rest is missing. */
    if (tjGetErrorCode(decoder->jpeg) != TJERR_WARNING || strstr(tjGetErrorStr2(decoder->jpeg), "Premature end")) {
      return damaged(decoder->jpeg, error);
    }
  }
  if (cmyk) {
    SS_TRY(ss_image_resize_buffer(out, width, height, 3, error));
    cmyk_to_rgb(out, target);
  }
  return SS_OK;
}
