/* Layer norm, local response norm and L2 normalisation: row by row in float32. */
#include "engine/cpu/elements.h"
#include "engine/cpu/rows.h"

#include <math.h>
#include <omp.h>

enum { buffers = 6 }; /* rows of float32 for each thread */

/* The rows of the kernel's buffers; the rows that sums are made in, if any, come before them. */
static float *thread_rows(const ss_step *step, int64_t sum_rows) {
  char *own = (char *)step->scratch + ss_rows_bytes(step, sum_rows) +
              (size_t)omp_get_thread_num() * ss_rows_bytes(step, buffers);
  return (float *)own;
}

static ss_status prepare(ss_step *step, ss_error *error) {
  (void)error;
  step->scratch_bytes = (size_t)step->threads * ss_rows_bytes(step, buffers);
  return SS_OK;
}

/* Whether there is enough to do for several threads. */
static bool is_large(int64_t rows, int64_t length) {
  return rows * length > SS_CHUNK;
}

/* ---- layer norm (Ba, Kiros, Hinton 2016) ---- */

SS_MULTIVERSION static void find_moments(const float *x, int64_t length, float epsilon, float *mean, float *inverse) {
  float sum = 0.0f, squares = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < length; i++) {
    sum += x[i];
  }
  const float middle = sum / (float)length;
#pragma omp simd reduction(+ : squares)
  for (int64_t i = 0; i < length; i++) {
    squares += (x[i] - middle) * (x[i] - middle);
  }
  *mean = middle;
  *inverse = 1.0f / sqrtf(squares / (float)length + epsilon);
}

SS_MULTIVERSION static void layer_norm_row(const float *x, const float *weight, const float *bias, int64_t length,
                                           float epsilon, float *y) {
  float mean, inverse;
  find_moments(x, length, epsilon, &mean, &inverse);
#pragma omp simd
  for (int64_t i = 0; i < length; i++) {
    y[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
  }
}

static ss_status layer_norm(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  const ss_dtype dtype = step->node->inputs[0]->dtype;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (is_large(rows, length))
  for (int64_t row = 0; row < rows; row++) {
    float *own = thread_rows(step, 0);
    const float *x = ss_elements_read(step->in[0], dtype, row * length, length, own);
    float *y = ss_elements_target(step->out[0], dtype, row * length, own + length);
    layer_norm_row(x, step->in[1], step->in[2], length, step->node->attributes.alpha, y);
    ss_elements_write(step->out[0], dtype, row * length, length, y);
  }
  return SS_OK;
}

/* With g = dy weight and x' the normalised row: dx = inverse (g - mean(g) - x' mean(g x')). dx may be NULL. */
SS_MULTIVERSION static void layer_norm_row_backward(const float *dy, const float *x, const float *weight,
                                                    int64_t length, float epsilon, float *dx, float *dweight,
                                                    float *dbias) {
  float mean, inverse, sum = 0.0f, product = 0.0f;
  find_moments(x, length, epsilon, &mean, &inverse);
#pragma omp simd reduction(+ : sum, product)
  for (int64_t i = 0; i < length; i++) {
    const float scaled = (x[i] - mean) * inverse;
    dweight[i] += dy[i] * scaled;
    dbias[i] += dy[i];
    sum += dy[i] * weight[i];
    product += dy[i] * weight[i] * scaled;
  }
  if (dx) {
    const float of_one = sum / (float)length, of_x = product / (float)length;
#pragma omp simd
    for (int64_t i = 0; i < length; i++) {
      dx[i] = inverse * (dy[i] * weight[i] - of_one - (x[i] - mean) * inverse * of_x);
    }
  }
}

/* One piece of the rows; its sums (dweight, dbias) are left in `sums`. */
static void layer_norm_chunk(const ss_step *step, int64_t begin, int64_t end, float *sums) {
  const int64_t length = ss_rows_length(step);
  const ss_dtype dtype = step->node->inputs[0]->dtype;
  float *own = thread_rows(step, 2 * SS_ROW_CHUNKS);
  memset(sums, 0, 2 * (size_t)length * sizeof *sums);
  for (int64_t row = begin; row < end; row++) {
    const int64_t at = row * length;
    const float *dy = ss_elements_read(step->in[0], dtype, at, length, own);
    const float *x = ss_elements_read(step->in[1], dtype, at, length, own + length);
    float *dx = step->out[0] ? ss_elements_target(step->out[0], dtype, at, own + 2 * length) : NULL;
    layer_norm_row_backward(dy, x, step->in[2], length, step->node->attributes.alpha, dx, sums, sums + length);
    if (dx) {
      ss_elements_write(step->out[0], dtype, at, length, dx);
    }
  }
}

static ss_status layer_norm_backward(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  const int64_t share = (rows + SS_ROW_CHUNKS - 1) / SS_ROW_CHUNKS;
  const int64_t chunks = (rows + share - 1) / share;
  float *sums = step->scratch;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (is_large(rows, length))
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const int64_t end = (chunk + 1) * share;
    layer_norm_chunk(step, chunk * share, end < rows ? end : rows, sums + chunk * 2 * length);
  }
  for (int output = 1; output < 3; output++) {
    float *gradient = step->out[output];
    for (int64_t i = 0; gradient && i < length; i++) {
      double sum = 0.0;
      for (int64_t chunk = 0; chunk < chunks; chunk++) {
        sum += (double)sums[(chunk * 2 + output - 1) * length + i];
      }
      gradient[i] = (float)sum;
    }
  }
  return SS_OK;
}

static ss_status prepare_layer_norm_backward(ss_step *step, ss_error *error) {
  (void)error;
  step->scratch_bytes = ss_rows_bytes(step, 2 * SS_ROW_CHUNKS) + (size_t)step->threads * ss_rows_bytes(step, buffers);
  return SS_OK;
}

/* ---- local response norm ---- */

/* out[i] = sum of in[i - before] ... in[i + after], zeros outside. */
SS_MULTIVERSION static void sum_neighbours(const float *in, int64_t length, int before, int after, float *out) {
  memset(out, 0, (size_t)length * sizeof *out);
  for (int offset = -before; offset <= after; offset++) {
    const int64_t begin = offset < 0 ? -offset : 0, end = offset > 0 ? length - offset : length;
#pragma omp simd
    for (int64_t i = begin; i < end; i++) {
      out[i] += in[i + offset];
    }
  }
}

/* values[i] to the power of -beta, for values of at least 0. */
static void raise(float *values, int64_t length, float beta) {
  if (beta == 0.75f) { /* AlexNet's */
#pragma omp simd
    for (int64_t i = 0; i < length; i++) {
      const float root = sqrtf(values[i]);
      values[i] = 1.0f / (root * sqrtf(root));
    }
    return;
  }
  for (int64_t i = 0; i < length; i++) {
    values[i] = powf(values[i], -beta);
  }
}

/* base = k + alpha / size x sum of squares, power = base^-beta; `squares` is scratch. */
static void find_response(const float *x, int64_t length, const ss_attributes *attributes, float *squares, float *base,
                          float *power) {
  const int size = attributes->kernel[0];
#pragma omp simd
  for (int64_t i = 0; i < length; i++) {
    squares[i] = x[i] * x[i];
  }
  sum_neighbours(squares, length, size / 2, (size - 1) / 2, base);
#pragma omp simd
  for (int64_t i = 0; i < length; i++) {
    base[i] = attributes->gamma + attributes->alpha / (float)size * base[i];
  }
  memcpy(power, base, (size_t)length * sizeof *power);
  raise(power, length, attributes->beta);
}

static ss_status local_response_norm(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  const ss_dtype dtype = step->node->inputs[0]->dtype;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (is_large(rows, length))
  for (int64_t row = 0; row < rows; row++) {
    float *own = thread_rows(step, 0), *power = own + 3 * length;
    const float *x = ss_elements_read(step->in[0], dtype, row * length, length, own);
    find_response(x, length, &step->node->attributes, own + length, own + 2 * length, power);
    float *y = ss_elements_target(step->out[0], dtype, row * length, own + length);
#pragma omp simd
    for (int64_t i = 0; i < length; i++) {
      y[i] = x[i] * power[i];
    }
    ss_elements_write(step->out[0], dtype, row * length, length, y);
  }
  return SS_OK;
}

/* dx_i = dy_i base_i^-beta - 2 alpha beta / size x_i sum_j dy_j x_j base_j^(-beta - 1) over the j whose neighbourhood i
 * is in. */
static void local_response_row_backward(const float *dy, const float *x, int64_t length,
                                        const ss_attributes *attributes, float *own, float *dx) {
  const int size = attributes->kernel[0];
  const float factor = 2.0f * attributes->alpha * attributes->beta / (float)size;
  float *terms = own, *base = own + length, *power = own + 2 * length, *sums = base;
  find_response(x, length, attributes, terms, base, power);
#pragma omp simd
  for (int64_t i = 0; i < length; i++) {
    terms[i] = dy[i] * x[i] * power[i] / base[i];
  }
  sum_neighbours(terms, length, (size - 1) / 2, size / 2, sums);
#pragma omp simd
  for (int64_t i = 0; i < length; i++) {
    dx[i] = dy[i] * power[i] - factor * x[i] * sums[i];
  }
}

static ss_status local_response_norm_backward(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  const ss_dtype dtype = step->node->inputs[0]->dtype;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (is_large(rows, length))
  for (int64_t row = 0; row < rows; row++) {
    float *own = thread_rows(step, 0);
    const float *dy = ss_elements_read(step->in[0], dtype, row * length, length, own + 3 * length);
    const float *x = ss_elements_read(step->in[1], dtype, row * length, length, own + 4 * length);
    float *dx = ss_elements_target(step->out[0], dtype, row * length, own + 5 * length);
    local_response_row_backward(dy, x, length, &step->node->attributes, own, dx);
    ss_elements_write(step->out[0], dtype, row * length, length, dx);
  }
  return SS_OK;
}

/* ---- L2 normalisation ---- */

SS_MULTIVERSION static float dot(const float *a, const float *b, int64_t length) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < length; i++) {
    sum += a[i] * b[i];
  }
  return sum;
}

static ss_status l2_normalize(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  const ss_dtype dtype = step->node->inputs[0]->dtype;
  const float epsilon = step->node->attributes.alpha;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (is_large(rows, length))
  for (int64_t row = 0; row < rows; row++) {
    float *own = thread_rows(step, 0);
    const float *x = ss_elements_read(step->in[0], dtype, row * length, length, own);
    float *y = ss_elements_target(step->out[0], dtype, row * length, own + length);
    const float norm = sqrtf(dot(x, x, length));
    const float scale = 1.0f / (norm < epsilon ? epsilon : norm);
#pragma omp simd
    for (int64_t i = 0; i < length; i++) {
      y[i] = x[i] * scale;
    }
    ss_elements_write(step->out[0], dtype, row * length, length, y);
  }
  return SS_OK;
}

/* With y = x / ||x||: dx = (dy - y (y . dy)) / ||x||; dx = dy / epsilon where the norm is smaller. */
static ss_status l2_normalize_backward(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  const ss_dtype dtype = step->node->inputs[0]->dtype;
  const float epsilon = step->node->attributes.alpha;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (is_large(rows, length))
  for (int64_t row = 0; row < rows; row++) {
    float *own = thread_rows(step, 0);
    const float *dy = ss_elements_read(step->in[0], dtype, row * length, length, own);
    const float *x = ss_elements_read(step->in[1], dtype, row * length, length, own + length);
    float *dx = ss_elements_target(step->out[0], dtype, row * length, own + 2 * length);
    const float norm = sqrtf(dot(x, x, length));
    const float scale = 1.0f / (norm < epsilon ? epsilon : norm);
    const float of_x = norm < epsilon ? 0.0f : dot(x, dy, length) * scale * scale;
#pragma omp simd
    for (int64_t i = 0; i < length; i++) {
      dx[i] = (dy[i] - x[i] * of_x) * scale;
    }
    ss_elements_write(step->out[0], dtype, row * length, length, dx);
  }
  return SS_OK;
}

#define ROW_KERNEL(name, prepare_function)                                             \
  static const ss_way name##_ways[] = {{"loops", NULL, prepare_function, name, NULL}}; \
  const ss_kernel ss_cpu_##name = {name##_ways, 1}

ROW_KERNEL(layer_norm, prepare);
ROW_KERNEL(layer_norm_backward, prepare_layer_norm_backward);
ROW_KERNEL(local_response_norm, prepare);
ROW_KERNEL(local_response_norm_backward, prepare);
ROW_KERNEL(l2_normalize, prepare);
ROW_KERNEL(l2_normalize_backward, prepare);
