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

SS_MULTIVERSION
static void finish_moments(int64_t channels, const ss_bn_sums *sums, double share, double *moments) {
  const double *first = sums->total1, *second = sums->total2;
#pragma omp simd
  for (int64_t i = 0; i < channels; i++) {
    const double squares = second[i] - first[i] * first[i] * share;
    moments[i] = (double)sums->shift[i] + first[i] * share;
    moments[channels + i] = squares > 0.0 ? squares : 0.0;
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
    if (view->avx512) {
      const ss_bn_rows rows = ss_bn_avx512_rows(view, end - block);
      ss_bn_avx512_moments(&rows, ss_bn_at(view, x, start + block), sums->shift, sums->first, sums->second);
    }
    for (int64_t at = view->avx512 ? end : block; at < end;) {
      const int64_t count = ss_bn_tile(view, at, end);
      const int64_t column = at % view->width;
      const float *tile = ss_elements_read(x, view->dtype, start + at, count, buffer);
      add_moments(tile, count, view->width, sums->shift + column, sums->first + column, sums->second + column);
      at += count;
    }
    ss_bn_sums_flush(view, sums);
  }
  const double rows = (double)((range.end - range.begin) / view->channels);
  ss_bn_sums_fold(view, sums);
  finish_moments(view->channels, sums, 1.0 / rows, moments);
}

enum { channels_together = 64 };

/* Adds a chunk's moments: `weight` of its rows and those before, over both; `share`, its rows over both. */
SS_MULTIVERSION
static void add_chunk(const double *mean_of_chunk, const double *squares_of_chunk, int64_t count, double share,
                      double weight, double *mean, double *squares) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    const double delta = mean_of_chunk[i] - mean[i];
    mean[i] += delta * share;
    squares[i] += squares_of_chunk[i] + delta * delta * weight;
  }
}

/* The means and the sums of squared deviations of channels [from, from + count) over a group, from its chunks' (Chan
 * et al., 1979). */
static void combine(const ss_bn_view *view, const double *moments, int group, int64_t from, int64_t count, double *mean,
                    double *squares) {
  double rows = 0.0;
  memset(mean, 0, (size_t)count * sizeof *mean);
  memset(squares, 0, (size_t)count * sizeof *squares);
  for (int k = 0; k < view->group_chunks; k++) {
    const int chunk = group * view->group_chunks + k;
    const ss_bn_range range = ss_bn_chunk(view, chunk);
    const double more = (double)((range.end - range.begin) / view->channels);
    const double *of_chunk = moments + (int64_t)chunk * 2 * view->channels + from;
    add_chunk(of_chunk, of_chunk + view->channels, count, more / (rows + more), rows * more / (rows + more), mean,
              squares);
    rows += more;
  }
}

/* Puts a channel's statistics in a group where they are read. */
static void write_statistics(const ss_step *step, const ss_bn_view *view, const areas *area, int group, int64_t channel,
                             double mean, float inverse) {
  const float *weights = step->in[SS_BN_WEIGHT];
  const float *biases = step->in[SS_BN_BIAS];
  const int64_t place = group * view->channels + channel;
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

/* The statistics of channels [from, from + count) in every group; updates the running ones. */
static void finish_channels(const ss_step *step, const ss_bn_view *view, const areas *area, int64_t from,
                            int64_t count) {
  const ss_attributes *attributes = &step->node->attributes;
  const bool training = (attributes->flags & SS_BATCH_NORM_TRAINING) != 0;
  float *running_mean = (float *)(uintptr_t)step->in[SS_BN_RUNNING_MEAN] + from;
  float *running_var = (float *)(uintptr_t)step->in[SS_BN_RUNNING_VAR] + from;
  const double rows = (double)(view->group_count / view->channels);
  const double momentum = (double)attributes->beta;
  const bool saved = (attributes->flags & SS_BATCH_NORM_SAVED) != 0;
  const bool updates = training && !(attributes->flags & SS_BATCH_NORM_HELD);
  double means[channels_together], squares[channels_together];
  for (int group = 0; group < view->groups; group++) {
    if (training) {
      combine(view, area->moments, group, from, count, means, squares);
    }
    for (int64_t i = 0; i < count; i++) {
      const int64_t kept = saved ? group * view->channels + i : i;
      const double mean = training ? means[i] : (double)running_mean[kept];
      const double variance = training ? squares[i] / rows : (double)running_var[kept];
      const float inverse = saved ? (float)variance : (float)(1.0 / sqrt(variance + (double)attributes->alpha));
      if (updates) {
        running_mean[i] = (float)((1.0 - momentum) * (double)running_mean[i] + momentum * mean);
        running_var[i] = (float)((1.0 - momentum) * (double)running_var[i] + momentum * squares[i] / (rows - 1.0));
      }
      write_statistics(step, view, area, group, from + i, mean, inverse);
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

static void write_chunk(const ss_step *step, const ss_bn_view *view, const areas *area, int chunk) {
  const ss_bn_range range = ss_bn_chunk(view, chunk);
  const int64_t start = range.group * view->group_count;
  const unsigned flags = step->node->attributes.flags;
  const float *columns = area->columns + (int64_t)range.group * 3 * view->width;
  uint8_t *mask = step->out[SS_BN_MASK];
  if (view->avx512) {
    const ss_bn_rows rows = ss_bn_avx512_rows(view, range.end - range.begin);
    const int64_t place = start + range.begin;
    const void *residual = flags & SS_BATCH_NORM_RESIDUAL ? ss_bn_at(view, step->in[SS_BN_RESIDUAL], place) : NULL;
    ss_bn_avx512_normalize(&rows, ss_bn_at(view, step->in[SS_BN_X], place), residual, columns,
                           (flags & SS_BATCH_NORM_RELU) != 0, (char *)step->out[SS_BN_Y] + ss_bn_bytes(view, place),
                           mask ? mask + range.group * view->mask_bytes + range.begin / 8 : NULL);
    return;
  }
  float buffer[SS_BN_TILE], residual_buffer[SS_BN_TILE];
  for (int64_t at = range.begin; at < range.end;) {
    const int64_t count = ss_bn_tile(view, at, range.end);
    const float *mean = columns + at % view->width;
    const float *x = ss_elements_read(step->in[SS_BN_X], view->dtype, start + at, count, buffer);
    const float *residual = NULL;
    if (flags & SS_BATCH_NORM_RESIDUAL) {
      residual = ss_elements_read(step->in[SS_BN_RESIDUAL], view->dtype, start + at, count, residual_buffer);
    }
    float *y = ss_elements_target(step->out[SS_BN_Y], view->dtype, start + at, buffer);
    normalize(x, residual, y, count, view->width, mean, mean + view->width, mean + 2 * view->width);
    if (flags & SS_BATCH_NORM_RELU) {
      ss_relu_mask_make(y, mask ? mask + range.group * view->mask_bytes + at / 8 : NULL, count);
    }
    ss_elements_write(step->out[SS_BN_Y], view->dtype, start + at, count, y);
    at += count;
  }
}

static ss_status prepare(ss_step *step, ss_error *error) {
  (void)error;
  const ss_bn_view view = ss_bn_view_of(step->node, step->node->inputs[SS_BN_X]);
  step->scratch_bytes = scratch_bytes(&view, step->threads);
  return SS_OK;
}

static ss_status run(const ss_step *step, bool avx512) {
  ss_bn_view view = ss_bn_view_of(step->node, step->node->inputs[SS_BN_X]);
  view.avx512 = avx512;
  const areas area = carve(&view, step->threads, step->scratch);
  const bool training = (step->node->attributes.flags & SS_BATCH_NORM_TRAINING) != 0;
  if (training && !(step->node->attributes.flags & SS_BATCH_NORM_HELD)) {
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
    for (int64_t from = 0; from < view.channels; from += channels_together) {
      const int64_t rest = view.channels - from;
      finish_channels(step, &view, &area, from, rest < channels_together ? rest : channels_together);
    }
    for (int chunk = end - 1; chunk >= first; chunk--) { /* backwards: what was read last is still in the cache */
      write_chunk(step, &view, &area, chunk);
    }
  }
  return SS_OK;
}

static bool supports_avx512(const ss_node *node) {
  const ss_bn_view view = ss_bn_view_of(node, node->inputs[SS_BN_X]);
  return ss_bn_avx512_fits(&view);
}

static ss_status run_avx512(const ss_step *step) {
  return run(step, true);
}

static ss_status run_loops(const ss_step *step) {
  return run(step, false);
}

static const ss_way ways[] = {{"avx512", supports_avx512, prepare, run_avx512, NULL},
                              {"loops", NULL, prepare, run_loops, NULL}};
const ss_kernel ss_cpu_batch_norm = {ways, 2};
