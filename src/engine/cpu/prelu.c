/* PReLU (He et al., Delving Deep into Rectifiers, ICCV 2015, section 2.1), blocks of whole rows of channels at a time
 * in float32. */
#include "engine/cpu/elements.h"
#include "engine/cpu/rows.h"

#include <omp.h>

enum { buffers = 4 /* of a block, for each thread */ };

/* Rows of a block: as many as SS_BLOCK elements have, at least one. */
static int64_t block_rows(int64_t length) {
  return length < SS_BLOCK ? SS_BLOCK / length : 1;
}

static size_t block_bytes(const ss_step *step) {
  return ss_rows_bytes(step, block_rows(ss_rows_length(step)));
}

/* This thread's buffer; what comes before all of them takes `before` bytes. */
static float *buffer_of(const ss_step *step, size_t before, int index) {
  const size_t place = (size_t)(omp_get_thread_num() * buffers + index) * block_bytes(step);
  return (float *)((char *)step->scratch + before + place);
}

SS_MULTIVERSION static void prelu_block(const float *x, const float *slope, int64_t rows, int64_t length, float *y) {
  for (int64_t at = 0; at < rows * length; at += length) {
#pragma omp simd
    for (int64_t c = 0; c < length; c++) {
      y[at + c] = x[at + c] < 0.0f ? slope[c] * x[at + c] : x[at + c];
    }
  }
}

/* PyTorch's derivative at 0 is the slope. sums[c] += the gradient of slope[c]. */
SS_MULTIVERSION static void prelu_block_backward(const float *dy, const float *x, const float *slope, int64_t rows,
                                                 int64_t length, float *dx, float *sums) {
  for (int64_t at = 0; at < rows * length; at += length) {
#pragma omp simd
    for (int64_t c = 0; c < length; c++) {
      const float gradient = dy[at + c], value = x[at + c];
      sums[c] += value > 0.0f ? 0.0f : gradient * value;
      dx[at + c] = value > 0.0f ? gradient : slope[c] * gradient;
    }
  }
}

static ss_status prepare_prelu(ss_step *step, ss_error *error) {
  (void)error;
  step->scratch_bytes = (size_t)step->threads * buffers * block_bytes(step);
  return SS_OK;
}

static ss_status run_prelu(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  const ss_dtype dtype = step->node->inputs[0]->dtype;
  const int64_t together = block_rows(length), blocks = (rows + together - 1) / together;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (blocks > 16)
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t first = block * together, here = rows - first < together ? rows - first : together;
    const int64_t at = first * length, count = here * length;
    float *own = buffer_of(step, 0, 0);
    float *y = ss_elements_target(step->out[0], dtype, at, own);
    prelu_block(ss_elements_read(step->in[0], dtype, at, count, own), step->in[1], here, length, y);
    ss_elements_write(step->out[0], dtype, at, count, y);
  }
  return SS_OK;
}

/* Bytes of the chunks' sums, in double, before the threads' buffers. */
static size_t sums_bytes(const ss_step *step) {
  return 2 * ss_rows_bytes(step, SS_ROW_CHUNKS);
}

static ss_status prepare_prelu_backward(ss_step *step, ss_error *error) {
  (void)error;
  step->scratch_bytes = sums_bytes(step) + (size_t)step->threads * buffers * block_bytes(step);
  return SS_OK;
}

/* Rows [begin, end); the gradient of the slopes is left in `sums`. */
static void prelu_chunk_backward(const ss_step *step, int64_t begin, int64_t end, double *sums) {
  const int64_t length = ss_rows_length(step), together = block_rows(length);
  const ss_dtype dtype = step->node->inputs[0]->dtype;
  float *of_dy = buffer_of(step, sums_bytes(step), 0), *of_x = buffer_of(step, sums_bytes(step), 1);
  float *of_dx = buffer_of(step, sums_bytes(step), 2), *block_sums = buffer_of(step, sums_bytes(step), 3);
  memset(sums, 0, (size_t)length * sizeof *sums);
  for (int64_t row = begin; row < end; row += together) {
    const int64_t here = end - row < together ? end - row : together, at = row * length, count = here * length;
    const float *dy = ss_elements_read(step->in[0], dtype, at, count, of_dy);
    const float *x = ss_elements_read(step->in[1], dtype, at, count, of_x);
    float *dx = step->out[0] ? ss_elements_target(step->out[0], dtype, at, of_dx) : of_dx;
    memset(block_sums, 0, (size_t)length * sizeof *block_sums);
    prelu_block_backward(dy, x, step->in[2], here, length, dx, block_sums);
    if (step->out[0]) {
      ss_elements_write(step->out[0], dtype, at, count, dx);
    }
    for (int64_t c = 0; c < length; c++) {
      sums[c] += (double)block_sums[c];
    }
  }
}

/* Chunks of rows have sums of their own, added up in order: the same bits for any number of threads. */
static ss_status run_prelu_backward(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  const int64_t share = (rows + SS_ROW_CHUNKS - 1) / SS_ROW_CHUNKS, chunks = (rows + share - 1) / share;
  double *sums = step->scratch;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (rows * length > SS_CHUNK)
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const int64_t end = (chunk + 1) * share;
    prelu_chunk_backward(step, chunk * share, end < rows ? end : rows, sums + chunk * length);
  }
  float *dslope = step->out[1];
  for (int64_t c = 0; dslope && c < length; c++) {
    double sum = 0.0;
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
      sum += sums[chunk * length + c];
    }
    dslope[c] = (float)sum;
  }
  return SS_OK;
}

static const ss_way prelu_ways[] = {{"loops", NULL, prepare_prelu, run_prelu, NULL}};
const ss_kernel ss_cpu_prelu = {prelu_ways, 1};
static const ss_way prelu_backward_ways[] = {{"loops", NULL, prepare_prelu_backward, run_prelu_backward, NULL}};
const ss_kernel ss_cpu_prelu_backward = {prelu_backward_ways, 1};
