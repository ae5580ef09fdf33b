#include "augment/resize.h"

#include "augment/kernels.h"
#include "augment/lanes.h"
#include "base/compiler.h"

#include <math.h>
#include <stdbool.h>

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#define PI 3.14159265358979323846

static double filter_support(ss_resample filter) {
  switch (filter) {
    case SS_RESAMPLE_BOX:
      return 0.5;
    case SS_RESAMPLE_BILINEAR:
      return 1.0;
    case SS_RESAMPLE_BICUBIC:
      return 2.0;
    case SS_RESAMPLE_LANCZOS:
      break;
  }
  return 3.0;
}

static double sinc(double x) {
  return x == 0.0 ? 1.0 : sin(x * PI) / (x * PI);
}

static double filter_value(ss_resample filter, double x) {
  const double distance = fabs(x);
  switch (filter) {
    case SS_RESAMPLE_BOX:
      return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; /* half open: an edge belongs to one side */
    case SS_RESAMPLE_BILINEAR:
      return distance < 1.0 ? 1.0 - distance : 0.0;
    case SS_RESAMPLE_BICUBIC: {
      const double a = -0.5;
      if (distance < 1.0) {
        return ((a + 2.0) * distance - (a + 3.0)) * distance * distance + 1.0;
      }
      return distance < 2.0 ? (((distance - 5.0) * distance + 8.0) * distance - 4.0) * a : 0.0;
    }
    case SS_RESAMPLE_LANCZOS:
      break;
  }
  return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}

static int taps_stride(int in_size, int out_size, ss_resample filter) {
  const double scale = fmax((double)in_size / out_size, 1.0);
  const int most = (int)ceil(filter_support(filter) * scale) * 2 + 1;
  return (most + SS_TAP_MULTIPLE - 1) / SS_TAP_MULTIPLE * SS_TAP_MULTIPLE;
}

static size_t taps_bytes(int stride, int count) {
  return (size_t)count * (2 * sizeof(int) + (size_t)stride * sizeof(int32_t)) + (size_t)stride * sizeof(double);
}

/* Lays out the weights of outputs from..from+count-1 of in_size -> out_size in `memory` (taps_bytes, aligned to 8). */
static ss_filter_taps taps_fill(int in_size, int out_size, int from, int count, ss_resample filter, void *memory) {
  const double scale = (double)in_size / out_size;
  const double stretch = fmax(scale, 1.0);
  const double support = filter_support(filter) * stretch;
  ss_filter_taps taps = {.stride = taps_stride(in_size, out_size, filter)};
  double *value = memory;
  taps.first = (int *)(value + taps.stride);
  taps.count = taps.first + count;
  taps.weight = (int32_t *)(taps.count + count);
  for (int i = 0; i < count; i++) {
    const double centre = (from + i + 0.5) * scale;
    const int low = (int)fmax(centre - support + 0.5, 0.0);
    const int high = (int)fmin(centre + support + 0.5, in_size);
    const double step = 1.0 / stretch;
    double sum = 0.0;
    for (int k = 0; k < high - low; k++) {
      value[k] = filter_value(filter, (k + low - centre + 0.5) * step);
      sum += value[k];
    }
    int32_t *weight = taps.weight + (size_t)i * (size_t)taps.stride;
    for (int k = 0; k < high - low; k++) {
      const double share = (sum != 0.0 ? value[k] / sum : value[k]) * (1 << SS_TAP_BITS);
      weight[k] = (int32_t)(share < 0.0 ? share - 0.5 : share + 0.5);
    }
    for (int k = high - low; k < taps.stride; k++) {
      weight[k] = 0;
    }
    taps.first[i] = low;
    taps.count[i] = high - low;
  }
  return taps;
}

/* out = a0 b0 a1 b1 ...; four rounds of it over 16 rows turn rows into columns. */
SS_MULTIVERSION static void zip(const uint8_t *restrict a, const uint8_t *restrict b, size_t n, uint8_t *restrict out) {
  for (size_t i = 0; i < n; i++) {
    out[2 * i] = a[i];
    out[2 * i + 1] = b[i];
  }
}

SS_MULTIVERSION static void unzip(const uint8_t *restrict in, size_t n, uint8_t *restrict a, uint8_t *restrict b) {
  for (size_t i = 0; i < n; i++) {
    a[i] = in[2 * i];
    b[i] = in[2 * i + 1];
  }
}

/* Sixteen rows of n bytes, `pitch` apart, to n columns of sixteen. Rows from `rows` on repeat the last one. `work` and
 * `columns` hold 16 * n bytes each. */
static void rows_to_columns(const uint8_t *in, size_t pitch, int rows, size_t n, uint8_t *work, uint8_t *columns) {
  for (int r = 0; r < 8; r++) {
    const uint8_t *low = in + pitch * (size_t)(r < rows ? r : rows - 1);
    const uint8_t *high = in + pitch * (size_t)(r + 8 < rows ? r + 8 : rows - 1);
    zip(low, high, n, columns + 2 * n * (size_t)r);
  }
  uint8_t *from = columns, *to = work;
  size_t length = 2 * n;
  for (size_t half = 4; half >= 1; half /= 2, length *= 2) {
    for (size_t r = 0; r < half; r++) {
      zip(from + length * r, from + length * (r + half), length, to + 2 * length * r);
    }
    uint8_t *other = from;
    from = to;
    to = other;
  }
  if (from != columns) {
    memcpy(columns, from, 16 * n);
  }
}

/* The way back; of the sixteen rows only the first `rows` are written to `out`. Destroys both buffers. */
static void columns_to_rows(uint8_t *columns, uint8_t *work, size_t n, int rows, uint8_t *out, size_t pitch) {
  uint8_t *from = columns, *to = work;
  size_t length = 8 * n;
  for (size_t half = 1; half <= 8; half *= 2, length /= 2) {
    for (size_t r = 0; r < half; r++) {
      unzip(from + 2 * length * r, length, to + length * r, to + length * (r + half));
    }
    uint8_t *other = from;
    from = to;
    to = other;
  }
  for (int r = 0; r < rows; r++) {
    memcpy(out + pitch * (size_t)r, from + n * (size_t)r, n);
  }
}

/* Sixteen transposed rows: `outputs` pixels of `channels` columns. */
SS_MULTIVERSION static void convolve_columns(const uint8_t *restrict columns, const ss_filter_taps *taps, int outputs,
                                             size_t channels, uint8_t *restrict strip) {
  for (int x = 0; x < outputs; x++) {
    const int32_t *weight = taps->weight + (size_t)x * (size_t)taps->stride;
    const uint8_t *source = columns + (size_t)taps->first[x] * channels * SS_LANES;
    for (size_t c = 0; c < channels; c++) {
      ss_lanes sum = {0};
      sum += 1 << (SS_TAP_BITS - 1);
      for (int k = 0; k < taps->count[x]; k++) {
        ss_lanes pixel;
        ss_lanes_load(&pixel, source + ((size_t)k * channels + c) * SS_LANES);
        sum += pixel * weight[k];
      }
      sum >>= SS_TAP_BITS;
      ss_lanes_store(strip + ((size_t)x * channels + c) * SS_LANES, &sum);
    }
  }
}

SS_MULTIVERSION void ss_combine_rows_plain(const uint8_t *rows, size_t pitch, const int32_t *weight, int count,
                                           size_t n, uint8_t *out) {
  if (n < SS_LANES) {
    for (size_t j = 0; j < n; j++) {
      int32_t sum = 1 << (SS_TAP_BITS - 1);
      for (int k = 0; k < count; k++) {
        sum += weight[k] * rows[pitch * (size_t)k + j];
      }
      sum >>= SS_TAP_BITS;
      out[j] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
    return;
  }
  for (size_t start = 0; start < n; start += SS_LANES) {
    const size_t j = start + SS_LANES <= n ? start : n - SS_LANES; /* the last step overlaps the one before */
    ss_lanes sum = {0};
    sum += 1 << (SS_TAP_BITS - 1);
    for (int k = 0; k < count; k++) {
      ss_lanes pixel;
      ss_lanes_load(&pixel, rows + pitch * (size_t)k + j);
      sum += pixel * weight[k];
    }
    sum >>= SS_TAP_BITS;
    ss_lanes_store(out + j, &sum);
  }
}

static bool box_inside(ss_box box, int width, int height) {
  return box.left >= 0 && box.top >= 0 && box.width >= 1 && box.height >= 1 && box.left <= width - box.width &&
         box.top <= height - box.height;
}

/* Bytes in memory, rows `pitch` apart. */
typedef struct plane {
  const uint8_t *pixels;
  size_t pitch;
} plane;

/* The horizontal pass over `rows` rows: `used` bytes of each come in, `outputs` pixels go out, rows without a gap. */
static ss_status pass_across(plane in, int rows, size_t used, const ss_filter_taps *taps, int outputs, size_t channels,
                             ss_view_scratch *scratch, uint8_t *out, ss_error *error) {
  const size_t row = (size_t)outputs * channels;
  const ss_pixel_kernels *kernels = ss_pixel_kernels_best();
  if (channels == 3 && kernels->across_fits(taps, outputs)) {
    kernels->across(in.pixels, in.pitch, rows, used, taps, outputs, out);
    return SS_OK;
  }
  const size_t longest = used > row ? used : row;
  void *columns, *strip;
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_COLUMNS, longest * SS_LANES, &columns, error));
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_STRIP, longest * SS_LANES, &strip, error));
  for (int y = 0; y < rows; y += SS_LANES) {
    const int block = rows - y < SS_LANES ? rows - y : SS_LANES;
    rows_to_columns(in.pixels + in.pitch * (size_t)y, in.pitch, block, used, strip, columns);
    convolve_columns(columns, taps, outputs, channels, strip);
    columns_to_rows(strip, columns, row, block, out + row * (size_t)y, row);
  }
  return SS_OK;
}

/* The vertical pass: `outputs` rows of `row` bytes, without a gap. */
static void pass_down(plane in, const ss_filter_taps *taps, int outputs, size_t row, uint8_t *out) {
  const ss_pixel_kernels *kernels = ss_pixel_kernels_best();
  for (int y = 0; y < outputs; y++) {
    kernels->combine_rows(in.pixels + in.pitch * (size_t)taps->first[y], in.pitch,
                          taps->weight + (size_t)y * (size_t)taps->stride, taps->count[y], row, out + row * (size_t)y);
  }
}

/* Makes the taps start at the first pixel that any of them needs; returns that pixel, the number needed in `used`. */
static int taps_trim(ss_filter_taps *taps, int count, int *used) {
  const int first = taps->first[0];
  for (int i = 0; i < count; i++) {
    taps->first[i] -= first;
  }
  *used = taps->first[count - 1] + taps->count[count - 1];
  return first;
}

ss_status ss_resize_window(const ss_image *in, ss_box box, int width, int height, ss_box window, ss_resample filter,
                           ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  if (!box_inside(box, in->width, in->height)) {
    return ss_fail(error, SS_USAGE, "a crop of %d x %d at (%d, %d) is not inside the picture of %d x %d", box.width,
                   box.height, box.left, box.top, in->width, in->height);
  }
  if (width < 1 || height < 1 || !box_inside(window, width, height)) {
    return ss_fail(error, SS_USAGE, "a part of %d x %d at (%d, %d) is not inside the resized picture of %d x %d",
                   window.width, window.height, window.left, window.top, width, height);
  }
  const size_t channels = (size_t)in->channels;
  const size_t row = (size_t)window.width * channels;
  SS_TRY(ss_image_resize_buffer(out, window.width, window.height, in->channels, error));

  const int stride_x = taps_stride(box.width, width, filter), stride_y = taps_stride(box.height, height, filter);
  const size_t bytes_x = (taps_bytes(stride_x, window.width) + 7) & ~(size_t)7;
  void *memory, *middle;
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_TAPS, bytes_x + taps_bytes(stride_y, window.height), &memory, error));
  /* A side that stays as it is has no pass. */
  const bool same_width = box.width == width, same_height = box.height == height;
  ss_filter_taps across = {0}, down = {0};
  int first_column = window.left, columns = window.width, first_row = window.top, rows = window.height;
  if (!same_width) {
    across = taps_fill(box.width, width, window.left, window.width, filter, memory);
    first_column = taps_trim(&across, window.width, &columns);
  }
  if (!same_height) {
    down = taps_fill(box.height, height, window.top, window.height, filter, (unsigned char *)memory + bytes_x);
    first_row = taps_trim(&down, window.height, &rows);
  }
  const size_t pitch = (size_t)in->width * channels, used = (size_t)columns * channels;
  const plane source = {
      in->pixels + (size_t)(box.top + first_row) * pitch + (size_t)(box.left + first_column) * channels, pitch};

  if (same_width && same_height) {
    for (int y = 0; y < rows; y++) {
      memcpy(out->pixels + row * (size_t)y, source.pixels + pitch * (size_t)y, row);
    }
    return SS_OK;
  }
  if (same_height) {
    return pass_across(source, rows, used, &across, window.width, channels, scratch, out->pixels, error);
  }
  if (same_width) {
    pass_down(source, &down, window.height, row, out->pixels);
    return SS_OK;
  }
  /* Pillow's rule from its version 13 on: vertical first when the height loses more than twice what the width does. */
  if (box.height > height && box.height - height > 2 * (int64_t)(box.width - width)) {
    SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_ROWS, used * (size_t)window.height, &middle, error));
    pass_down(source, &down, window.height, used, middle);
    const plane kept = {middle, used};
    return pass_across(kept, window.height, used, &across, window.width, channels, scratch, out->pixels, error);
  }
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_ROWS, row * (size_t)rows, &middle, error));
  SS_TRY(pass_across(source, rows, used, &across, window.width, channels, scratch, middle, error));
  const plane kept = {middle, row};
  pass_down(kept, &down, window.height, row, out->pixels);
  return SS_OK;
}

ss_status ss_resize_box(const ss_image *in, ss_box box, int width, int height, ss_resample filter,
                        ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  const ss_box all = {.width = width, .height = height};
  return ss_resize_window(in, box, width, height, all, filter, scratch, out, error);
}

ss_status ss_resize(const ss_image *in, int width, int height, ss_resample filter, ss_view_scratch *scratch,
                    ss_image *out, ss_error *error) {
  const ss_box box = {.width = in->width, .height = in->height};
  return ss_resize_box(in, box, width, height, filter, scratch, out, error);
}
