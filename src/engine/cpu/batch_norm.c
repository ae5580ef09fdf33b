/* Batch norm, forward: one sweep for the statistics, one to normalise, add the residual and apply the ReLU. */
#include "engine/batch_norm.h"

#include "engine/cpu/batch_norm.h"
#include "engine/cpu/batch_norm_avx512.h"
#include "engine/cpu/elements.h"
#include "engine/cpu/relu_mask.h"
#include "engine/kernel.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { rows_between_flushes = 64, rows_in_shift = 8 };

/* The scratch: a chunk's mean and sum of squared deviations by channel, a group's mean, scale and bias by column, and
 * each thread's sums. */
typedef struct areas {
  double *moments;
  float *columns;
  char *sums;
} areas;

static size_t moments_bytes(const ss_bn_view *view) {
  return (size_t)view->chunks * 2 * (size_t)view->channels * sizeof(double);
}

static size_t scratch_bytes(const ss_bn_view *view, int threads) {
  const size_t columns = (size_t)view->groups * 3 * (size_t)view->width * sizeof(float);
  return moments_bytes(view) + columns + (size_t)threads * ss_bn_sums_bytes(view);
}

static areas carve(const ss_bn_view *view, int threads, char *memory) {
  areas out = {.moments = (double *)memory, .sums = memory + moments_bytes(view)};
  out.columns = (float *)(out.sums + (size_t)threads * ss_bn_sums_bytes(view));
  return out;
}

/* Adds the tile's deviations from `shift` and their squares, column by column. */
SS_MULTIVERSION
static void add_moments(const float *x, int64_t count, int64_t width, const float *shift, float *first, float *second) {
  int64_t at = 0;
  for (; at + 4 * width <= count; at += 4 * width) {
    const float *row = x + at;
#pragma omp simd
    for (int64_t i = 0; i < width; i++) {
      const float a = row[i] - shift[i];
      const float b = row[width + i] - shift[i];
      const float c = row[2 * width + i] - shift[i];
      const float d = row[3 * width + i] - shift[i];
      first[i] += (a + b) + (c + d);
      second[i] += (a * a + b * b) + (c * c + d * d);
    }
  }
  for (; at < count; at += width) {
    const float *row = x + at;
    const int64_t columns = count - at < width ? count - at : width;
#pragma omp simd
    for (int64_t i = 0; i < columns; i++) {
      const float a = row[i] - shift[i];
      first[i] += a;
      second[i] += a * a;
    }
  }
}

/* The mean of a few rows spread over the chunk, near enough to the chunk's mean for sums about it to lose nothing. */
static void find_shift(const ss_bn_view *view, const void *x, int64_t start, ss_bn_range range, float *shift) {
  const int64_t rows = (range.end - range.begin) / view->channels;
  const int64_t used = rows < rows_in_shift ? rows : rows_in_shift;
  float buffer[SS_BN_TILE];
  for (int64_t from = 0; from < view->channels; from += SS_BN_TILE) {
    const int64_t count = view->channels - from < SS_BN_TILE ? view->channels - from : SS_BN_TILE;
    float *sums = shift + from;
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (int64_t k = 0; k < used; k++) {
      const int64_t place = start + range.begin + k * rows / used * view->channels + from;
      const float *row = ss_elements_read(x, view->dtype, place, count, buffer);
#pragma omp simd
      for (int64_t i = 0; i < count; i++) {
        sums[i] += row[i] / (float)used;
      }
    }
  }
  for (int64_t i = view->channels; i < view->width; i++) {
    shift[i] = shift[i - view->channels];
  }
}

/* The mean (C) and the sum of squared deviations (C) of a chunk. */
static void measure_chunk(const ss_bn_view *view, const void *x, int chunk, const ss_bn_sums *sums, double *moments) {
  const ss_bn_range range = ss_bn_chunk(view, chunk);
  const int64_t start = range.group * view->group_count;
  float buffer[SS_BN_TILE];
  find_shift(view, x, start, range, sums->shift);
  memset(sums->first, 0, (size_t)view->width * sizeof(float));
  memset(sums->second, 0, (size_t)view->width * sizeof(float));
  memset(sums->total1, 0, (size_t)view->width * sizeof(double));
  memset(sums->total2, 0, (size_t)view->width * sizeof(double));
  for (int64_t block = range.begin; block < range.end; block += rows_between_flushes * view->width) {
    const int64_t block_end = block + rows_between_flushes * view->width;
    const int64_t end = block_end < range.end ? block_end : range.end;
    for (int64_t at = block; at < end;) {
      const int64_t count = ss_bn_tile(view, at, end);
      const int64_t column = at % view->width;
      const float *shift = sums->shift + column;
      const ss_bn_piece piece = ss_bn_piece_of(view, range.group, at, count, NULL);
      if (ss_bn_avx512_takes(&piece)) {
        ss_bn_avx512_moments(&piece, x, shift, sums->first + column, sums->second + column);
      } else {
        const float *tile = ss_elements_read(x, view->dtype, start + at, count, buffer);
        add_moments(tile, count, view->width, shift, sums->first + column, sums->second + column);
      }
      at += count;
    }
    ss_bn_sums_flush(view, sums);
  }
  const double rows = (double)((range.end - range.begin) / view->channels);
  for (int64_t i = 0; i < view->channels; i++) {
    double sum[2];
    ss_bn_sums_channel(view, sums, i, sum);
    moments[i] = (double)sums->shift[i] + sum[0] / rows;
    moments[view->channels + i] = fmax(sum[1] - sum[0] * sum[0] / rows, 0.0);
  }
}

/* The mean and the sum of squared deviations of a channel over a group, from its chunks' (Chan et al., 1979). */
static void combine(const ss_bn_view *view, const double *moments, int group, int64_t channel, double out[2]) {
  double rows = 0.0, mean = 0.0, squares = 0.0;
  for (int k = 0; k < view->group_chunks; k++) {
    const int chunk = group * view->group_chunks + k;
    const ss_bn_range range = ss_bn_chunk(view, chunk);
    const double more = (double)((range.end - range.begin) / view->channels);
    const double *of_chunk = moments + (int64_t)chunk * 2 * view->channels;
    const double delta = of_chunk[channel] - mean;
    mean += delta * more / (rows + more);
    squares += of_chunk[view->channels + channel] + delta * delta * rows * more / (rows + more);
    rows += more;
  }
  out[0] = mean;
  out[1] = squares;
}

/* The statistics of a channel in every group; updates the running ones. */
static void finish_channel(const ss_step *step, const ss_bn_view *view, const areas *area, int64_t channel) {
  const ss_attributes *attributes = &step->node->attributes;
  const bool training = (attributes->flags & SS_BATCH_NORM_TRAINING) != 0;
  float *running_mean = (float *)(uintptr_t)step->in[SS_BN_RUNNING_MEAN];
  float *running_var = (float *)(uintptr_t)step->in[SS_BN_RUNNING_VAR];
  const float *weights = step->in[SS_BN_WEIGHT];
  const float *biases = step->in[SS_BN_BIAS];
  const double rows = (double)(view->group_count / view->channels);
  const double momentum = (double)attributes->beta;
  const bool saved = (attributes->flags & SS_BATCH_NORM_SAVED) != 0;
  for (int group = 0; group < view->groups; group++) {
    const int64_t place = group * view->channels + channel;
    double mean = (double)running_mean[saved ? place : channel];
    double variance = (double)running_var[saved ? place : channel];
    if (training) {
      double moments[2];
      combine(view, area->moments, group, channel, moments);
      mean = moments[0];
      variance = moments[1] / rows;
      running_mean[channel] = (float)((1.0 - momentum) * (double)running_mean[channel] + momentum * mean);
      running_var[channel] =
          (float)((1.0 - momentum) * (double)running_var[channel] + momentum * moments[1] / (rows - 1.0));
    }
    const float inverse = saved ? (float)variance : (float)(1.0 / sqrt(variance + (double)attributes->alpha));
    if (step->out[SS_BN_MEAN]) {
      ((float *)step->out[SS_BN_MEAN])[place] = (float)mean;
    }
    if (step->out[SS_BN_INVERSE]) {
      ((float *)step->out[SS_BN_INVERSE])[place] = inverse;
    }
    float *columns = area->columns + (int64_t)group * 3 * view->width;
    for (int64_t i = channel; i < view->width; i += view->channels) {
      columns[i] = (float)mean;
      columns[view->width + i] = weights ? inverse * weights[channel] : inverse;
      columns[2 * view->width + i] = biases ? biases[channel] : 0.0f;
    }
  }
}

/* y = (x - mean) scale + bias [+ residual]; y may be x. */
SS_MULTIVERSION
static void normalize(const float *x, const float *residual, float *y, int64_t count, int64_t width, const float *mean,
                      const float *scale, const float *bias) {
  for (int64_t at = 0; at < count; at += width) {
    const int64_t columns = count - at < width ? count - at : width;
    if (residual) {
#pragma omp simd
      for (int64_t i = 0; i < columns; i++) {
        y[at + i] = ((x[at + i] - mean[i]) * scale[i] + bias[i]) + residual[at + i];
      }
    } else {
#pragma omp simd
      for (int64_t i = 0; i < columns; i++) {
        y[at + i] = (x[at + i] - mean[i]) * scale[i] + bias[i];
      }
    }
  }
}

static void write_tile(const ss_step *step, const ss_bn_view *view, const float *columns, int group, int64_t at,
                       int64_t count) {
  const int64_t place = group * view->group_count + at;
  const unsigned flags = step->node->attributes.flags;
  const float *mean = columns + at % view->width;
  uint8_t *mask = step->out[SS_BN_MASK];
  float buffer[SS_BN_TILE], residual_buffer[SS_BN_TILE];
  const float *x = ss_elements_read(step->in[SS_BN_X], view->dtype, place, count, buffer);
  const float *residual = NULL;
  if (flags & SS_BATCH_NORM_RESIDUAL) {
    residual = ss_elements_read(step->in[SS_BN_RESIDUAL], view->dtype, place, count, residual_buffer);
  }
  float *y = ss_elements_target(step->out[SS_BN_Y], view->dtype, place, buffer);
  normalize(x, residual, y, count, view->width, mean, mean + view->width, mean + 2 * view->width);
  if (flags & SS_BATCH_NORM_RELU) {
    ss_relu_mask_make(y, mask ? mask + group * view->mask_bytes + at / 8 : NULL, count);
  }
  ss_elements_write(step->out[SS_BN_Y], view->dtype, place, count, y);
}

static void write_chunk(const ss_step *step, const ss_bn_view *view, const areas *area, int chunk) {
  const ss_bn_range range = ss_bn_chunk(view, chunk);
  const unsigned flags = step->node->attributes.flags;
  const void *residual = flags & SS_BATCH_NORM_RESIDUAL ? step->in[SS_BN_RESIDUAL] : NULL;
  const float *columns = area->columns + (int64_t)range.group * 3 * view->width;
  for (int64_t at = range.begin; at < range.end;) {
    const int64_t count = ss_bn_tile(view, at, range.end);
    const ss_bn_piece piece = ss_bn_piece_of(view, range.group, at, count, step->out[SS_BN_MASK]);
    if (ss_bn_avx512_takes(&piece)) {
      const float *mean = columns + at % view->width;
      ss_bn_avx512_normalize(&piece, step->in[SS_BN_X], residual, step->out[SS_BN_Y], mean, mean + view->width,
                             mean + 2 * view->width, (flags & SS_BATCH_NORM_RELU) != 0);
    } else {
      write_tile(step, view, columns, range.group, at, count);
    }
    at += count;
  }
}

static ss_status prepare(ss_step *step, ss_error *error) {
  (void)error;
  const ss_bn_view view = ss_bn_view_of(step->node, step->node->inputs[SS_BN_X]);
  step->scratch_bytes = scratch_bytes(&view, step->threads);
  return SS_OK;
}

static ss_status run(const ss_step *step) {
  const ss_bn_view view = ss_bn_view_of(step->node, step->node->inputs[SS_BN_X]);
  const areas area = carve(&view, step->threads, step->scratch);
  const bool training = (step->node->attributes.flags & SS_BATCH_NORM_TRAINING) != 0;
  if (training) {
    *(int64_t *)(uintptr_t)step->in[SS_BN_COUNTER] += view.groups;
  }
#pragma omp parallel num_threads(step->threads)
  {
    const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
    const int first = (int)((int64_t)view.chunks * thread / threads);
    const int end = (int)((int64_t)view.chunks * (thread + 1) / threads);
    if (training) {
      const ss_bn_sums sums = ss_bn_sums_in(&view, area.sums + (size_t)thread * ss_bn_sums_bytes(&view));
      for (int chunk = first; chunk < end; chunk++) {
        measure_chunk(&view, step->in[SS_BN_X], chunk, &sums, area.moments + (int64_t)chunk * 2 * view.channels);
      }
#pragma omp barrier
    }
#pragma omp for schedule(static)
    for (int64_t channel = 0; channel < view.channels; channel++) {
      finish_channel(step, &view, &area, channel);
    }
    for (int chunk = end - 1; chunk >= first; chunk--) { /* backwards: what was read last is still in the cache */
      write_chunk(step, &view, &area, chunk);
    }
  }
  return SS_OK;
}

static const ss_way ways[] = {{"loops", NULL, prepare, run, NULL}};
const ss_kernel ss_cpu_batch_norm = {ways, 1};
