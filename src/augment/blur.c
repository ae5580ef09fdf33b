#include "augment/blur.h"

#include "augment/kernels.h"
#include "augment/lanes.h"
#include "base/compiler.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#define PASSES 3
#define MAX_SIGMA 100.0f
#define MAX_KERNEL 127

/* Equations 7, 11 and 14 of the paper, for a third of the variance; single precision, as in Pillow. */
static float box_radius(float sigma) {
  const float variance = sigma * sigma / (float)PASSES;
  const float length = (float)sqrt(12.0 * (double)variance + 1.0);
  const float whole = (float)floor(((double)length - 1.0) / 2.0);
  float part = (2.0f * whole + 1.0f) * (whole * (whole + 1.0f) - 3.0f * variance);
  part /= 6.0f * (variance - (whole + 1.0f) * (whole + 1.0f));
  return whole + part;
}

static ss_extended_box box_make(float sigma) {
  const float radius = box_radius(sigma);
  ss_extended_box box = {.radius = (int)radius};
  box.whole = (uint32_t)((float)(1u << SS_BLUR_ONE_BITS) / (radius * 2.0f + 1.0f));
  box.part = ((1u << SS_BLUR_ONE_BITS) - (2u * (uint32_t)box.radius + 1u) * box.whole) / 2u;
  return box;
}

SS_MULTIVERSION void ss_box_plain(const uint8_t *const *source, ss_extended_box box, size_t n, uint8_t *out) {
  const int ends = 2 * box.radius + 2;
  if (n < SS_LANES) {
    for (size_t j = 0; j < n; j++) {
      uint32_t sum = 0;
      for (int k = 1; k < ends; k++) {
        sum += source[k][j];
      }
      const uint32_t both = (uint32_t)source[0][j] + source[ends][j];
      out[j] = (uint8_t)((sum * box.whole + both * box.part + (1u << (SS_BLUR_ONE_BITS - 1))) >> SS_BLUR_ONE_BITS);
    }
    return;
  }
  for (size_t start = 0; start < n; start += SS_LANES) {
    const size_t j = start + SS_LANES <= n ? start : n - SS_LANES;
    ss_lane_words sum, both, next;
    ss_lanes_load_words(&both, source[0] + j);
    ss_lanes_load_words(&next, source[ends] + j);
    both += next;
    ss_lanes_load_words(&sum, source[1] + j);
    for (int k = 2; k < ends; k++) {
      ss_lanes_load_words(&next, source[k] + j);
      sum += next;
    }
    const ss_lanes_unsigned total = __builtin_convertvector(sum, ss_lanes_unsigned) * box.whole +
                                    __builtin_convertvector(both, ss_lanes_unsigned) * box.part;
    const ss_lanes rounded = (ss_lanes)((total + (1u << (SS_BLUR_ONE_BITS - 1))) >> SS_BLUR_ONE_BITS);
    ss_lanes_store(out + j, &rounded);
  }
}

/* The picture with room around it for what lies beyond its border, so that a pass is one long row of bytes. */
typedef struct bordered {
  size_t row;    /* bytes of the picture's rows */
  size_t pitch;  /* from row to row */
  size_t side;   /* bytes of the border left and right */
  size_t border; /* its rows above and below */
  size_t height;
} bordered;

/* Repeats the first and last pixel of each row. */
static void repeat_sides(const bordered *b, size_t channels, uint8_t *pixels) {
  for (size_t y = 0; y < b->height; y++) {
    uint8_t *row = pixels + (b->border + y) * b->pitch + b->side;
    for (size_t i = 0; i < b->side; i++) {
      row[(ptrdiff_t)i - (ptrdiff_t)b->side] = row[i % channels];
      row[b->row + i] = row[b->row - channels + i % channels];
    }
  }
}

/* Repeats the first and last row. */
static void repeat_ends(const bordered *b, uint8_t *pixels) {
  const uint8_t *first = pixels + b->border * b->pitch, *last = first + (b->height - 1) * b->pitch;
  for (size_t y = 0; y < b->border; y++) {
    memcpy(pixels + y * b->pitch, first, b->pitch);
    memcpy(pixels + (b->border + b->height + y) * b->pitch, last, b->pitch);
  }
}

/* One pass, neighbours `step` bytes apart. What comes out in the borders is not used. */
static void pass(const bordered *b, ss_extended_box box, size_t step, const uint8_t *from, uint8_t *to) {
  const uint8_t *source[2 * ((int)MAX_SIGMA * 2 + 2) + 1];
  const size_t start = b->border * b->pitch + b->side, length = b->height * b->pitch - 2 * b->side;
  for (int k = 0; k < 2 * box.radius + 3; k++) {
    source[k] = from + start + (size_t)k * step - (size_t)(box.radius + 1) * step;
  }
  ss_pixel_kernels_best()->box(source, box, length, to + start);
}

ss_status ss_blur_box(ss_image *image, float sigma, ss_view_scratch *scratch, ss_error *error) {
  if (!(sigma >= 0.0f && sigma <= MAX_SIGMA)) {
    return ss_fail(error, SS_USAGE, "a blur of %g pixels is not between 0 and %g", (double)sigma, (double)MAX_SIGMA);
  }
  if (sigma == 0.0f) {
    return SS_OK;
  }
  const ss_extended_box box = box_make(sigma);
  const size_t channels = (size_t)image->channels;
  bordered b = {
      .row = (size_t)image->width * channels, .border = (size_t)box.radius + 1, .height = (size_t)image->height};
  b.side = b.border * channels;
  b.pitch = b.row + 2 * b.side;
  const size_t bytes = (b.height + 2 * b.border) * b.pitch;
  void *memory[2];
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_LINE, bytes, &memory[0], error));
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_ROWS, bytes, &memory[1], error));
  uint8_t *from = memory[0], *to = memory[1];
  for (size_t y = 0; y < b.height; y++) {
    memcpy(from + (b.border + y) * b.pitch + b.side, image->pixels + y * b.row, b.row);
  }
  for (int i = 0; i < 2 * PASSES; i++) {
    const bool across = i < PASSES;
    if (across) {
      repeat_sides(&b, channels, from);
    } else {
      repeat_ends(&b, from);
    }
    pass(&b, box, across ? channels : b.pitch, from, to);
    uint8_t *other = from;
    from = to;
    to = other;
  }
  for (size_t y = 0; y < b.height; y++) {
    memcpy(image->pixels + y * b.row, from + (b.border + y) * b.pitch + b.side, b.row);
  }
  return SS_OK;
}

/* sum[j] += weight * in[j]. */
SS_MULTIVERSION static void add_bytes(const uint8_t *restrict in, float weight, size_t n, float *restrict sum) {
  for (size_t j = 0; j < n; j++) {
    sum[j] += weight * (float)in[j];
  }
}

SS_MULTIVERSION static void add_floats(const float *restrict in, float weight, size_t n, float *restrict sum) {
  for (size_t j = 0; j < n; j++) {
    sum[j] += weight * in[j];
  }
}

SS_MULTIVERSION static void round_bytes(const float *restrict in, size_t n, uint8_t *restrict out) {
  for (size_t j = 0; j < n; j++) {
    const int value = (int)rintf(in[j]);
    out[j] = (uint8_t)(value > 255 ? 255 : value);
  }
}

/* The place inside 0..size-1 that `i` falls on between two mirrors, each at an outermost pixel. */
static int mirrored(int i, int size) {
  if (size == 1) {
    return 0;
  }
  const int period = 2 * (size - 1);
  const int place = ((i % period) + period) % period;
  return place < size ? place : period - place;
}

ss_status ss_blur_gaussian(ss_image *image, int kernel_size, float sigma, ss_view_scratch *scratch, ss_error *error) {
  if (kernel_size < 1 || kernel_size > MAX_KERNEL || kernel_size % 2 == 0) {
    return ss_fail(error, SS_USAGE, "a blur kernel of %d pixels is not an odd number from 1 to %d", kernel_size,
                   MAX_KERNEL);
  }
  if (!(sigma > 0.0f)) {
    return ss_fail(error, SS_USAGE, "a blur of %g pixels is not above 0", (double)sigma);
  }
  const int half = kernel_size / 2;
  double total = 0.0;
  float weight[MAX_KERNEL];
  for (int k = 0; k < kernel_size; k++) {
    total += exp(-0.5 * pow((k - half) / (double)sigma, 2.0));
  }
  for (int k = 0; k < kernel_size; k++) {
    weight[k] = (float)(exp(-0.5 * pow((k - half) / (double)sigma, 2.0)) / total);
  }
  const size_t channels = (size_t)image->channels;
  const size_t row = (size_t)image->width * channels;
  void *line, *sums, *rows;
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_LINE, row + 2 * (size_t)half * channels, &line, error));
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_STRIP, row * sizeof(float), &sums, error));
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_ROWS, row * (size_t)image->height * sizeof(float), &rows, error));
  for (int y = 0; y < image->height; y++) {
    const uint8_t *from = image->pixels + row * (size_t)y;
    uint8_t *padded = line;
    memcpy(padded + (size_t)half * channels, from, row);
    for (int x = 1; x <= half; x++) {
      memcpy(padded + (size_t)(half - x) * channels, from + (size_t)mirrored(-x, image->width) * channels, channels);
      memcpy(padded + (size_t)(half + image->width - 1 + x) * channels,
             from + (size_t)mirrored(image->width - 1 + x, image->width) * channels, channels);
    }
    float *sum = (float *)rows + row * (size_t)y;
    memset(sum, 0, row * sizeof *sum);
    for (int k = 0; k < kernel_size; k++) {
      add_bytes(padded + (size_t)k * channels, weight[k], row, sum);
    }
  }
  for (int y = 0; y < image->height; y++) {
    memset(sums, 0, row * sizeof(float));
    for (int k = 0; k < kernel_size; k++) {
      add_floats((float *)rows + row * (size_t)mirrored(y - half + k, image->height), weight[k], row, sums);
    }
    round_bytes(sums, row, image->pixels + row * (size_t)y);
  }
  return SS_OK;
}
