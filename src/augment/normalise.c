#include "augment/normalise.h"

#include "base/compiler.h"

#include <string.h>

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#define PERIOD 48 /* bytes after which both three channels and sixteen lanes start again */

const float ss_imagenet_mean[3] = {0.485f, 0.456f, 0.406f};
const float ss_imagenet_deviation[3] = {0.229f, 0.224f, 0.225f};

/* pixel * scale[i] + shift[i], i the place within a period. */
typedef struct scaling {
  float scale[PERIOD];
  float shift[PERIOD];
} scaling;

static scaling scaling_make(int channels, const float *mean, const float *deviation) {
  scaling line;
  for (int i = 0; i < PERIOD; i++) {
    const int c = i % channels;
    line.scale[i] = (float)(1.0 / (255.0 * (double)deviation[c]));
    line.shift[i] = (float)(-(double)mean[c] / (double)deviation[c]);
  }
  return line;
}

SS_MULTIVERSION static void bytes_to_floats(const uint8_t *restrict in, size_t n, const scaling *line,
                                            float *restrict out) {
  size_t start = 0;
  for (; start + PERIOD <= n; start += PERIOD) {
    for (size_t i = 0; i < PERIOD; i++) {
      out[start + i] = (float)in[start + i] * line->scale[i] + line->shift[i];
    }
  }
  for (size_t i = 0; start + i < n; i++) {
    out[start + i] = (float)in[start + i] * line->scale[i] + line->shift[i];
  }
}

SS_MULTIVERSION static void floats_to_bf16(const float *restrict in, size_t n, ss_bf16 *restrict out) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits; /* no NaN can come here: inputs are bytes */
    memcpy(&bits, in + i, sizeof bits);
    out[i] = (ss_bf16)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
  }
}

/* Inlined with both numbers known, so that a pixel is moved without a loop. */
static inline void fetch_pixels(const uint8_t *pixel, ptrdiff_t step, int count, const int channels, const bool grey,
                                uint8_t *out) {
  for (int i = 0; i < count; i++, pixel += step, out += channels) {
    for (int c = 0; c < channels; c++) {
      out[c] = pixel[grey ? 0 : c];
    }
  }
}

/* `count` pixels of a row from column `x` on, mirrored or repeated as asked, `channels` bytes each. */
static void fetch(const ss_image *image, int y, int x, int count, int channels, bool flip, uint8_t *out) {
  const uint8_t *row = image->pixels + (size_t)y * (size_t)image->width * (size_t)image->channels;
  const uint8_t *pixel = row + (size_t)(flip ? image->width - 1 - x : x) * (size_t)image->channels;
  const ptrdiff_t step = flip ? -image->channels : image->channels;
  if (channels == 3 && image->channels == 3) {
    fetch_pixels(pixel, step, count, 3, false, out);
  } else if (channels == 3) {
    fetch_pixels(pixel, step, count, 3, true, out);
  } else {
    fetch_pixels(pixel, step, count, 1, true, out);
  }
}

#define PIECE 512 /* pixels of a row worked on at a time: a multiple of PERIOD's lanes, small enough for the stack */

/* Calls for each piece of the picture in turn; exactly one of `floats` and `halves` is wanted. */
static void convert(const ss_image *image, int channels, const scaling *line, bool flip, float *floats,
                    ss_bf16 *halves) {
  uint8_t bytes[PIECE * 3];
  float numbers[PIECE * 3];
  const bool plain = !flip && channels == image->channels;
  /* Without a change of order rows follow each other, so that the picture is one long row. */
  const size_t row = plain ? (size_t)image->width * (size_t)image->height : (size_t)image->width;
  const int rows = plain ? 1 : image->height;
  for (int y = 0; y < rows; y++) {
    for (size_t x = 0; x < row; x += PIECE) {
      const size_t count = row - x < PIECE ? row - x : PIECE;
      const size_t n = count * (size_t)channels;
      const uint8_t *source = bytes;
      if (plain) {
        source = image->pixels + x * (size_t)channels;
      } else {
        fetch(image, y, (int)x, (int)count, channels, flip, bytes);
      }
      const size_t place = ((size_t)y * row + x) * (size_t)channels;
      bytes_to_floats(source, n, line, floats ? floats + place : numbers);
      if (halves) {
        floats_to_bf16(numbers, n, halves + place);
      }
    }
  }
}

void ss_image_to_float(const ss_image *image, int channels, const float *mean, const float *deviation, bool flip,
                       float *out) {
  const scaling line = scaling_make(channels, mean, deviation);
  convert(image, channels, &line, flip, out, NULL);
}

void ss_image_to_bf16(const ss_image *image, int channels, const float *mean, const float *deviation, bool flip,
                      ss_bf16 *out) {
  const scaling line = scaling_make(channels, mean, deviation);
  convert(image, channels, &line, flip, NULL, out);
}

ss_status ss_image_from_float(const float *in, int width, int height, int channels, const float *mean,
                              const float *deviation, ss_image *out, ss_error *error) {
  SS_TRY(ss_image_resize_buffer(out, width, height, channels, error));
  const size_t n = (size_t)width * (size_t)height * (size_t)channels;
  for (size_t i = 0; i < n; i++) {
    const size_t c = i % (size_t)channels;
    const float value = (in[i] * deviation[c] + mean[c]) * 255.0f + 0.5f;
    out->pixels[i] = (uint8_t)(value >= 255.0f ? 255.0f : value > 0.0f ? value : 0.0f); /* NaN becomes 0 */
  }
  return SS_OK;
}
