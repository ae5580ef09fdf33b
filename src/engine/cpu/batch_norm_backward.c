/* Batch norm, backward: one sweep for the sums over rows, one for the gradient of x and of the residual.
 * With g the gradient behind the ReLU, x' = (x - mean) inverse, R rows: dweight = sum g x', dbias = sum g,
 * dx = weight inverse (g - sum(g) / R - x' sum(g x') / R); with running statistics dx = weight inverse g
 * (Ioffe and Szegedy 2015, section 3). */
#include "engine/batch_norm.h"

#include "engine/cpu/batch_norm.h"
#include "engine/cpu/batch_norm_avx512.h"
#include "engine/cpu/elements.h"
#include "engine/cpu/relu_mask.h"
#include "engine/kernel.h"

#include <omp.h>
#include <string.h>

enum { rows_between_flushes = 64 };

/* The scratch: a chunk's sums by channel, a group's coefficients by column (mean, and of g, x - mean and 1 in dx), and
 * each thread's sums. */
typedef struct areas {
  double *totals;
  float *columns;
  char *sums;
} areas;

static size_t totals_bytes(const ss_bn_view *view) {
  return (size_t)view->chunks * 2 * (size_t)view->channels * sizeof(double);
}

static size_t scratch_bytes(const ss_bn_view *view, int threads) {
  const size_t columns = (size_t)view->groups * 4 * (size_t)view->width * sizeof(float);
  return totals_bytes(view) + columns + (size_t)threads * ss_bn_sums_bytes(view);
}

static areas carve(const ss_bn_view *view, int threads, char *memory) {
  areas out = {.totals = (double *)memory, .sums = memory + totals_bytes(view)};
  out.columns = (float *)(out.sums + (size_t)threads * ss_bn_sums_bytes(view));
  return out;
}

SS_MULTIVERSION
static void add(const float *a, const float *b, float *out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = a[i] + b[i];
  }
}

/* The gradient of y behind the ReLU: where it lies, or in `buffer`. */
static const float *read_gradient(const ss_step *step, const ss_bn_view *view, int group, int64_t at, int64_t count,
                                  float *buffer) {
  const int64_t place = group * view->group_count + at;
  const uint8_t *mask = step->in[SS_BNB_MASK];
  const float *g = ss_elements_read(step->in[SS_BNB_DY], view->dtype, place, count, buffer);
  if (step->in[SS_BNB_DY2]) {
    float second[SS_BN_TILE];
    add(g, ss_elements_read(step->in[SS_BNB_DY2], view->dtype, place, count, second), buffer, count);
    g = buffer;
  }
  if (mask) {
    ss_relu_mask_apply(buffer, g, mask + group * view->mask_bytes + at / 8, count);
    g = buffer;
  }
  return g;
}

/* Where the gradient of y comes from, from element `place` of the tensor, `at` of its group, on. */
static ss_bn_gradient gradient_at(const ss_step *step, const ss_bn_view *view, int group, int64_t at) {
  const int64_t place = group * view->group_count + at;
  const uint8_t *mask = step->in[SS_BNB_MASK];
  return (ss_bn_gradient){.dy = ss_bn_at(view, step->in[SS_BNB_DY], place),
                          .dy2 = step->in[SS_BNB_DY2] ? ss_bn_at(view, step->in[SS_BNB_DY2], place) : NULL,
                          .mask = mask ? mask + group * view->mask_bytes + at / 8 : NULL};
}

/* Adds g and g (x - mean), column by column. */
SS_MULTIVERSION
static void add_products(const float *g, const float *x, int64_t count, int64_t width, const float *mean, float *first,
                         float *second) {
  int64_t at = 0;
  for (; at + 4 * width <= count; at += 4 * width) {
    const float *g_row = g + at, *x_row = x + at;
#pragma omp simd
    for (int64_t i = 0; i < width; i++) {
      const float a = g_row[i], b = g_row[width + i], c = g_row[2 * width + i], d = g_row[3 * width + i];
      first[i] += (a + b) + (c + d);
      second[i] += (a * (x_row[i] - mean[i]) + b * (x_row[width + i] - mean[i])) +
                   (c * (x_row[2 * width + i] - mean[i]) + d * (x_row[3 * width + i] - mean[i]));
    }
  }
  for (; at < count; at += width) {
    const float *g_row = g + at, *x_row = x + at;
    const int64_t columns = count - at < width ? count - at : width;
#pragma omp simd
    for (int64_t i = 0; i < columns; i++) {
      first[i] += g_row[i];
      second[i] += g_row[i] * (x_row[i] - mean[i]);
    }
  }
}

/* sum g (C) and sum g (x - mean) (C) of a chunk. */
static void sum_chunk(const ss_step *step, const ss_bn_view *view, const areas *area, int chunk,
                      const ss_bn_sums *sums) {
  const ss_bn_range range = ss_bn_chunk(view, chunk);
  const float *means = area->columns + (int64_t)range.group * 4 * view->width;
  float g_buffer[SS_BN_TILE], x_buffer[SS_BN_TILE];
  memset(sums->first, 0, (size_t)view->width * sizeof(float));
  memset(sums->second, 0, (size_t)view->width * sizeof(float));
  memset(sums->total1, 0, (size_t)view->width * sizeof(double));
  memset(sums->total2, 0, (size_t)view->width * sizeof(double));
  for (int64_t block = range.begin; block < range.end; block += rows_between_flushes * view->width) {
    const int64_t block_end = block + rows_between_flushes * view->width;
    const int64_t end = block_end < range.end ? block_end : range.end;
    if (view->avx512) {
      const ss_bn_rows rows = ss_bn_avx512_rows(view, end - block);
      const ss_bn_gradient gradient = gradient_at(step, view, range.group, block);
      const void *x = ss_bn_at(view, step->in[SS_BNB_X], range.group * view->group_count + block);
      ss_bn_avx512_products(&rows, &gradient, x, means, sums->first, sums->second);
    }
    for (int64_t at = view->avx512 ? end : block; at < end;) {
      const int64_t count = ss_bn_tile(view, at, end);
      const int64_t column = at % view->width;
      const int64_t place = range.group * view->group_count + at;
      const float *g = read_gradient(step, view, range.group, at, count, g_buffer);
      const float *x = ss_elements_read(step->in[SS_BNB_X], view->dtype, place, count, x_buffer);
      add_products(g, x, count, view->width, means + column, sums->first + column, sums->second + column);
      at += count;
    }
    ss_bn_sums_flush(view, sums);
  }
  double *totals = area->totals + (int64_t)chunk * 2 * view->channels;
  ss_bn_sums_fold(view, sums);
  memcpy(totals, sums->total1, (size_t)view->channels * sizeof *totals);
  memcpy(totals + view->channels, sums->total2, (size_t)view->channels * sizeof *totals);
}

static void spread_means(const ss_step *step, const ss_bn_view *view, const areas *area) {
  const float *means = step->in[SS_BNB_MEAN];
  for (int group = 0; group < view->groups; group++) {
    float *columns = area->columns + (int64_t)group * 4 * view->width;
    for (int64_t i = 0; i < view->width; i++) {
      columns[i] = means[group * view->channels + i % view->channels];
    }
  }
}

/* The gradients of a channel's weight and bias, and its coefficients in dx. */
static void finish_channel(const ss_step *step, const ss_bn_view *view, const areas *area, bool summed,
                           int64_t channel) {
  const bool training = (step->node->attributes.flags & SS_BATCH_NORM_TRAINING) != 0;
  const float *weights = step->in[SS_BNB_WEIGHT];
  const float *inverses = step->in[SS_BNB_INVERSE];
  const double rows = (double)(view->group_count / view->channels);
  double weight_gradient = 0.0, bias_gradient = 0.0;
  for (int group = 0; group < view->groups; group++) {
    double sum = 0.0, product = 0.0;
    for (int k = 0; summed && k < view->group_chunks; k++) {
      const double *totals = area->totals + (int64_t)(group * view->group_chunks + k) * 2 * view->channels;
      sum += totals[channel];
      product += totals[view->channels + channel];
    }
    const double inverse = (double)inverses[group * view->channels + channel];
    weight_gradient += product * inverse;
    bias_gradient += sum;
    const double scale = weights ? inverse * (double)weights[channel] : inverse;
    const double of_x = training ? -scale * inverse * inverse * product / rows : 0.0;
    const double of_one = training ? -scale * sum / rows : 0.0;
    float *columns = area->columns + (int64_t)group * 4 * view->width;
    for (int64_t i = channel; i < view->width; i += view->channels) {
      columns[view->width + i] = (float)scale;
      columns[2 * view->width + i] = (float)of_x;
      columns[3 * view->width + i] = (float)of_one;
    }
  }
  if (step->out[SS_BNB_DWEIGHT]) {
    ((float *)step->out[SS_BNB_DWEIGHT])[channel] = (float)weight_gradient;
  }
  if (step->out[SS_BNB_DBIAS]) {
    ((float *)step->out[SS_BNB_DBIAS])[channel] = (float)bias_gradient;
  }
}

/* dx may be g. */
SS_MULTIVERSION
static void differentiate(const float *g, const float *x, float *dx, int64_t count, int64_t width, const float *mean) {
  const float *of_g = mean + width, *of_x = mean + 2 * width, *of_one = mean + 3 * width;
  for (int64_t at = 0; at < count; at += width) {
    const int64_t columns = count - at < width ? count - at : width;
#pragma omp simd
    for (int64_t i = 0; i < columns; i++) {
      dx[at + i] = g[at + i] * of_g[i] + ((x[at + i] - mean[i]) * of_x[i] + of_one[i]);
    }
  }
}

static void write_chunk(const ss_step *step, const ss_bn_view *view, const areas *area, int chunk) {
  const ss_bn_range range = ss_bn_chunk(view, chunk);
  const float *columns = area->columns + (int64_t)range.group * 4 * view->width;
  char *dx_start = step->out[SS_BNB_DX];
  float *residual = step->out[SS_BNB_DRESIDUAL];
  if (view->avx512) {
    const ss_bn_rows rows = ss_bn_avx512_rows(view, range.end - range.begin);
    const ss_bn_gradient gradient = gradient_at(step, view, range.group, range.begin);
    const int64_t place = range.group * view->group_count + range.begin;
    const size_t offset = ss_bn_bytes(view, place);
    ss_bn_avx512_differentiate(&rows, &gradient, ss_bn_at(view, step->in[SS_BNB_X], place), columns,
                               dx_start ? dx_start + offset : NULL, residual ? (char *)residual + offset : NULL);
    return;
  }
  float g_buffer[SS_BN_TILE], x_buffer[SS_BN_TILE];
  for (int64_t at = range.begin; at < range.end;) {
    const int64_t place = range.group * view->group_count + at;
    const int64_t count = ss_bn_tile(view, at, range.end);
    const float *g = read_gradient(step, view, range.group, at, count, g_buffer);
    if (residual) {
      if (view->dtype == SS_F32) {
        memcpy(residual + place, g, (size_t)count * sizeof *g);
      }
      ss_elements_write(residual, view->dtype, place, count, g);
    }
    if (step->out[SS_BNB_DX]) {
      const float *x = ss_elements_read(step->in[SS_BNB_X], view->dtype, place, count, x_buffer);
      float *dx = ss_elements_target(step->out[SS_BNB_DX], view->dtype, place, g_buffer);
      differentiate(g, x, dx, count, view->width, columns + at % view->width);
      ss_elements_write(step->out[SS_BNB_DX], view->dtype, place, count, dx);
    }
    at += count;
  }
}

static ss_status prepare(ss_step *step, ss_error *error) {
  (void)error;
  const ss_bn_view view = ss_bn_view_of(step->node, step->node->inputs[SS_BNB_X]);
  step->scratch_bytes = scratch_bytes(&view, step->threads);
  return SS_OK;
}

static ss_status run(const ss_step *step, bool avx512) {
  ss_bn_view view = ss_bn_view_of(step->node, step->node->inputs[SS_BNB_X]);
  view.avx512 = avx512;
  const areas area = carve(&view, step->threads, step->scratch);
  const bool training = (step->node->attributes.flags & SS_BATCH_NORM_TRAINING) != 0;
  const bool writes = step->out[SS_BNB_DX] || step->out[SS_BNB_DRESIDUAL];
  const bool sums_wanted = step->out[SS_BNB_DWEIGHT] || step->out[SS_BNB_DBIAS] || (training && step->out[SS_BNB_DX]);
  spread_means(step, &view, &area);
#pragma omp parallel num_threads(step->threads)
  {
    const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
    const int first = (int)((int64_t)view.chunks * thread / threads);
    const int end = (int)((int64_t)view.chunks * (thread + 1) / threads);
    if (sums_wanted) {
      const ss_bn_sums sums = ss_bn_sums_in(&view, area.sums + (size_t)thread * ss_bn_sums_bytes(&view));
      for (int chunk = first; chunk < end; chunk++) {
        sum_chunk(step, &view, &area, chunk, &sums);
      }
#pragma omp barrier
    }
#pragma omp for schedule(static)
    for (int64_t channel = 0; channel < view.channels; channel++) {
      finish_channel(step, &view, &area, sums_wanted, channel);
    }
    for (int chunk = end - 1; writes && chunk >= first; chunk--) { /* backwards: read last, still in the cache */
      write_chunk(step, &view, &area, chunk);
    }
  }
  return SS_OK;
}

static bool supports_avx512(const ss_node *node) {
  const ss_bn_view view = ss_bn_view_of(node, node->inputs[SS_BNB_X]);
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
const ss_kernel ss_cpu_batch_norm_backward = {ways, 2};
