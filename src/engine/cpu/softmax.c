#include "engine/softmax.h"

#include "engine/cpu/elements.h"
#include "engine/cpu/rows.h"

#include <math.h>
#include <omp.h>

enum { buffers = 3 }; /* rows of float32 for each thread */

static ss_status prepare(ss_step *step, ss_error *error) {
  (void)error;
  step->scratch_bytes = (size_t)step->threads * ss_rows_bytes(step, buffers);
  return SS_OK;
}

static float *thread_rows(const ss_step *step) {
  return (float *)((char *)step->scratch + (size_t)omp_get_thread_num() * ss_rows_bytes(step, buffers));
}

/* The largest of a row; in lanes, for a maximum of floats is not vectorised as a reduction. */
SS_MULTIVERSION static float find_largest(const float *x, int64_t length) {
  enum { width = 16 };
  float lanes[width], largest = -INFINITY;
  for (int k = 0; k < width; k++) {
    lanes[k] = -INFINITY;
  }
  int64_t i = 0;
  for (; i + width <= length; i += width) {
    for (int k = 0; k < width; k++) {
      lanes[k] = x[i + k] > lanes[k] ? x[i + k] : lanes[k];
    }
  }
  for (; i < length; i++) {
    lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  }
  for (int k = 0; k < width; k++) {
    largest = lanes[k] > largest ? lanes[k] : largest;
  }
  return largest;
}

SS_MULTIVERSION static void softmax_row(const float *x, int64_t length, ss_softmax_kind kind, float *y) {
  const float largest = find_largest(x, length);
  float sum = 0.0f;
  if (kind == SS_LOG_SOFTMAX) {
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++) {
      sum += ss_element_exp(x[i] - largest);
    }
    const float offset = logf(sum);
#pragma omp simd
    for (int64_t i = 0; i < length; i++) {
      y[i] = (x[i] - largest) - offset;
    }
    return;
  }
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < length; i++) {
    y[i] = ss_element_exp(x[i] - largest);
    sum += y[i];
  }
  const float scale = 1.0f / sum;
#pragma omp simd
  for (int64_t i = 0; i < length; i++) {
    y[i] *= scale;
  }
}

/* Softmax: dx = y (dy - dy . y); its logarithm: dx = dy - e^y sum(dy). */
SS_MULTIVERSION static void softmax_row_backward(const float *dy, const float *y, int64_t length, ss_softmax_kind kind,
                                                 float *dx) {
  float sum = 0.0f;
  if (kind == SS_LOG_SOFTMAX) {
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++) {
      sum += dy[i];
    }
#pragma omp simd
    for (int64_t i = 0; i < length; i++) {
      dx[i] = dy[i] - ss_element_exp(y[i]) * sum;
    }
    return;
  }
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < length; i++) {
    sum += dy[i] * y[i];
  }
#pragma omp simd
  for (int64_t i = 0; i < length; i++) {
    dx[i] = y[i] * (dy[i] - sum);
  }
}

static ss_status softmax(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  const ss_dtype dtype = step->node->inputs[0]->dtype;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (rows * length > SS_CHUNK)
  for (int64_t row = 0; row < rows; row++) {
    float *own = thread_rows(step);
    const float *x = ss_elements_read(step->in[0], dtype, row * length, length, own);
    float *y = ss_elements_target(step->out[0], dtype, row * length, own + length);
    softmax_row(x, length, (ss_softmax_kind)step->node->attributes.kind, y);
    ss_elements_write(step->out[0], dtype, row * length, length, y);
  }
  return SS_OK;
}

static ss_status softmax_backward(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  const ss_dtype dtype = step->node->inputs[0]->dtype;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (rows * length > SS_CHUNK)
  for (int64_t row = 0; row < rows; row++) {
    float *own = thread_rows(step);
    const float *dy = ss_elements_read(step->in[0], dtype, row * length, length, own);
    const float *y = ss_elements_read(step->in[1], dtype, row * length, length, own + length);
    float *dx = ss_elements_target(step->out[0], dtype, row * length, own + 2 * length);
    softmax_row_backward(dy, y, length, (ss_softmax_kind)step->node->attributes.kind, dx);
    ss_elements_write(step->out[0], dtype, row * length, length, dx);
  }
  return SS_OK;
}

static const ss_way forward_ways[] = {{"loops", NULL, prepare, softmax, NULL}};
const ss_kernel ss_cpu_softmax = {forward_ways, 1};
static const ss_way backward_ways[] = {{"loops", NULL, prepare, softmax_backward, NULL}};
const ss_kernel ss_cpu_softmax_backward = {backward_ways, 1};
