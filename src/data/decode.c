#include "data/decode.h"

#include "base/clock.h"
#include "data/decode_format.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct format_row {
  ss_image_format format;
  ss_format_decode decode;
} format_row;

static const format_row formats[] = {
    {SS_FORMAT_JPEG, ss_decode_jpeg}, {SS_FORMAT_PNG, ss_decode_png}, {SS_FORMAT_WEBP, ss_decode_webp},
    {SS_FORMAT_BMP, ss_decode_bmp},   {SS_FORMAT_PNM, ss_decode_pnm},
};

ss_status ss_decoder_create(ss_decoder **decoder, ss_error *error) {
  *decoder = NULL;
  ss_decoder *made = calloc(1, sizeof *made);
  if (!made) {
    return ss_fail_memory(error, sizeof *made, "an image decoder");
  }
  made->jpeg = tjInitDecompress();
  if (!made->jpeg) {
    free(made);
    return ss_fail(error, SS_NO_MEMORY, "cannot start the JPEG decoder: %s", tjGetErrorStr2(NULL));
  }
  *decoder = made;
  return SS_OK;
}

void ss_decoder_free(ss_decoder *decoder) {
  if (decoder) {
    tjDestroy(decoder->jpeg);
    free(decoder->buffer);
    ss_image_free(&decoder->turned);
    ss_image_free(&decoder->wide);
    free(decoder);
  }
}

uint8_t *ss_decoder_buffer(ss_decoder *decoder, size_t size) {
  if (size > decoder->buffer_size || !decoder->buffer) {
    const size_t grown = size < 65536 ? 65536 : size + size / 2;
    uint8_t *buffer = realloc(decoder->buffer, grown);
    if (!buffer) {
      return NULL;
    }
    decoder->buffer = buffer;
    decoder->buffer_size = grown;
  }
  return decoder->buffer;
}

ss_image_format ss_image_format_of(const uint8_t *bytes, size_t size) {
  if (size >= 3 && memcmp(bytes, "\xFF\xD8\xFF", 3) == 0) {
    return SS_FORMAT_JPEG;
  }
  if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1A\n", 8) == 0) {
    return SS_FORMAT_PNG;
  }
  if (size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0) {
    return SS_FORMAT_WEBP;
  }
  if (size >= 18 && memcmp(bytes, "BM", 2) == 0) {
    return SS_FORMAT_BMP;
  }
  if (size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
      (bytes[2] == ' ' || bytes[2] == '#' || (bytes[2] >= '\t' && bytes[2] <= '\r'))) {
    return SS_FORMAT_PNM;
  }
  return SS_FORMAT_UNKNOWN;
}

ss_status ss_decode_check_size(uint64_t width, uint64_t height, const ss_decode_options *options, ss_error *error) {
  if (width < 1 || height < 1 || width > SS_IMAGE_MAX_SIDE || height > SS_IMAGE_MAX_SIDE ||
      width * height > options->max_pixels) {
    return ss_fail(error, SS_FAILED, "a picture of %llu x %llu pixels; up to %llu pixels and %d a side can be read",
                   (unsigned long long)width, (unsigned long long)height, (unsigned long long)options->max_pixels,
                   SS_IMAGE_MAX_SIDE);
  }
  return SS_OK;
}

static ss_status grey_to_rgb(ss_image *image, ss_error *error) {
  SS_TRY(ss_image_resize_buffer(image, image->width, image->height, 3, error));
  uint8_t *pixels = image->pixels;
  for (size_t i = (size_t)image->width * (size_t)image->height; i-- > 0;) { /* backwards: in place */
    const uint8_t grey = pixels[i];
    pixels[3 * i] = pixels[3 * i + 1] = pixels[3 * i + 2] = grey;
  }
  return SS_OK;
}

/* ITU-R 601 luma in 16-bit fixed point, as PIL's convert("L") has it. */
static void rgb_to_grey(ss_image *image) {
  uint8_t *pixels = image->pixels;
  const size_t count = (size_t)image->width * (size_t)image->height;
  for (size_t i = 0; i < count; i++) {
    const uint32_t sum = 19595u * pixels[3 * i] + 38470u * pixels[3 * i + 1] + 7471u * pixels[3 * i + 2];
    pixels[i] = (uint8_t)((sum + 0x8000u) >> 16);
  }
  image->channels = 1;
}

/* Makes `to` what `from` looks like once turned by the EXIF orientation 2 to 8: walks `from` by two strides. */
static ss_status turn(ss_image *to, const ss_image *from, int orientation, ss_error *error) {
  const ptrdiff_t width = from->width;
  const ptrdiff_t height = from->height;
  const ptrdiff_t last_row = (height - 1) * width;
  ptrdiff_t start = 0, step_x = 0, step_y = 0;
  switch (orientation) {
    case 2: /* mirrored */
      start = width - 1, step_x = -1, step_y = width;
      break;
    case 3: /* half a turn */
      start = last_row + width - 1, step_x = -1, step_y = -width;
      break;
    case 4: /* upside down */
      start = last_row, step_x = 1, step_y = -width;
      break;
    case 5: /* transposed */
      start = 0, step_x = width, step_y = 1;
      break;
    case 6: /* to be turned clockwise */
      start = last_row, step_x = -width, step_y = 1;
      break;
    case 7: /* transposed across the other diagonal */
      start = last_row + width - 1, step_x = -width, step_y = -1;
      break;
    default: /* 8: to be turned anticlockwise */
      start = width - 1, step_x = width, step_y = -1;
      break;
  }
  const int channels = from->channels;
  const bool sideways = orientation >= 5;
  SS_TRY(ss_image_resize_buffer(to, sideways ? from->height : from->width, sideways ? from->width : from->height,
                                channels, error));
  uint8_t *out = to->pixels;
  for (ptrdiff_t y = 0; y < to->height; y++) {
    for (ptrdiff_t x = 0; x < to->width; x++) {
      const uint8_t *pixel = from->pixels + (start + x * step_x + y * step_y) * channels;
      for (int c = 0; c < channels; c++) {
        *out++ = pixel[c];
      }
    }
  }
  return SS_OK;
}

ss_status ss_decode_give_channels(ss_image *image, int channels, ss_error *error) {
  if (channels == 1 && image->channels == 3) {
    rgb_to_grey(image);
  } else if (channels != 1 && image->channels == 1) {
    return grey_to_rgb(image, error);
  }
  return SS_OK;
}

static ss_status decode(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                        ss_image *out, ss_error *error) {
  ss_decode_options asked = options ? *options : (ss_decode_options){0};
  if (asked.max_pixels == 0) {
    asked.max_pixels = SS_DECODE_MAX_PIXELS;
  }
  if (size == 0) {
    return ss_fail(error, SS_FAILED, "the file is empty");
  }
  const ss_image_format format = ss_image_format_of(bytes, size);
  if (format == SS_FORMAT_UNKNOWN) {
    return ss_fail(error, SS_FAILED, "not a picture: no JPEG, PNG, WebP, BMP, PGM or PPM");
  }
  int orientation = 1;
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    if (formats[i].format == format) {
      SS_TRY(formats[i].decode(decoder, bytes, size, &asked, out, &orientation, error));
    }
  }
  if (orientation != 1) {
    SS_TRY(turn(&decoder->turned, out, orientation, error));
    const ss_image turned = decoder->turned;
    decoder->turned = *out;
    *out = turned;
  }
  return ss_decode_give_channels(out, asked.channels, error);
}

ss_status ss_decoder_decode(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                            ss_image *out, ss_error *error) {
  const double start = ss_clock_seconds();
  const ss_status status = decode(decoder, bytes, size, options, out, error);
  decoder->seconds += ss_clock_seconds() - start;
  return status;
}

double ss_decoder_seconds(const ss_decoder *decoder) {
  return decoder->seconds;
}

ss_status ss_decode_image(const uint8_t *bytes, size_t size, const ss_decode_options *options, ss_image *out,
                          ss_error *error) {
  ss_decoder *decoder = NULL;
  SS_TRY(ss_decoder_create(&decoder, error));
  const ss_status status = ss_decoder_decode(decoder, bytes, size, options, out, error);
  ss_decoder_free(decoder);
  return status;
}
