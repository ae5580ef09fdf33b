/* The convolution kernels of the CPU: the table of their ways. */
#include "base/bfloat16.h"
#include "base/compiler.h"
#include "engine/cpu/convolution_ways.h"

static const ss_way ways[] = {
    {"amx", ss_convolution_amx_supports, ss_convolution_amx_prepare, ss_convolution_amx_run, NULL},
    {"onednn", ss_convolution_onednn_supports, ss_convolution_onednn_prepare, ss_convolution_onednn_run,
     ss_convolution_onednn_release},
    {"onednn-any", ss_convolution_onednn_any_supports, ss_convolution_onednn_any_prepare, ss_convolution_onednn_run,
     ss_convolution_onednn_release},
    {"loops", ss_convolution_loops_supports, ss_convolution_loops_prepare, ss_convolution_loops_run, NULL},
};

const ss_kernel ss_cpu_convolution = {ways, sizeof ways / sizeof ways[0]};
const ss_kernel ss_cpu_convolution_backward_data = {ways, sizeof ways / sizeof ways[0]};
const ss_kernel ss_cpu_convolution_backward_weight = {ways, sizeof ways / sizeof ways[0]};

SS_MULTIVERSION static void add_to_row(void *x, ss_dtype dtype, int64_t channels, const float *bias) {
  if (dtype == SS_F32) {
    float *row = x;
    for (int64_t c = 0; c < channels; c++) {
      row[c] += bias[c];
    }
  } else {
    ss_bf16 *row = x;
    for (int64_t c = 0; c < channels; c++) {
      row[c] = ss_bf16_from_float(ss_bf16_to_float(row[c]) + bias[c]);
    }
  }
}

void ss_add_bias(void *x, ss_dtype dtype, int64_t rows, int64_t channels, const float *bias, int threads) {
  const size_t bytes = (size_t)channels * ss_dtype_size(dtype);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < rows; i++) {
    add_to_row((char *)x + (size_t)i * bytes, dtype, channels, bias);
  }
}
