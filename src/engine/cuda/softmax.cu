#include "engine/cuda/rows.cuh"
extern "C" {
#include "engine/softmax.h"
}

#include <math.h>

template <int TEAM, class T>
__global__ void softmax_kernel(const T *x, T *y, int64_t rows, int64_t length, int kind) {
  for (int64_t row = ss_team_first<TEAM>(); row < rows; row += ss_team_stride<TEAM>()) {
    const int64_t start = row * length;
    float largest = -INFINITY, sum = 0.0f;
    for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
      const float value = ss_widen(x[start + i]);
      largest = value > largest ? value : largest;
    }
    largest = ss_team_largest<TEAM>(largest);
    for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
      sum += expf(ss_widen(x[start + i]) - largest);
    }
    sum = ss_team_sum<TEAM>(sum);
    const float offset = logf(sum), scale = 1.0f / sum;
    for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
      const float below = ss_widen(x[start + i]) - largest;
      y[start + i] = ss_narrow<T>(kind == SS_LOG_SOFTMAX ? below - offset : expf(below) * scale);
    }
  }
}

/* Softmax: dx = y (dy - dy . y); its logarithm: dx = dy - e^y sum(dy). */
template <int TEAM, class T>
__global__ void softmax_backward_kernel(const T *dy, const T *y, T *dx, int64_t rows, int64_t length, int kind) {
  const bool log = kind == SS_LOG_SOFTMAX;
  for (int64_t row = ss_team_first<TEAM>(); row < rows; row += ss_team_stride<TEAM>()) {
    const int64_t start = row * length;
    float sum = 0.0f;
    for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
      const float gradient = ss_widen(dy[start + i]);
      sum += log ? gradient : gradient * ss_widen(y[start + i]);
    }
    sum = ss_team_sum<TEAM>(sum);
    for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
      const float gradient = ss_widen(dy[start + i]), value = ss_widen(y[start + i]);
      dx[start + i] = ss_narrow<T>(log ? gradient - expf(value) * sum : value * (gradient - sum));
    }
  }
}

template <int TEAM, class T>
static ss_status launch_softmax(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  return ss_launch(softmax_kernel<TEAM, T>, ss_blocks(rows * TEAM), SS_CUDA_THREADS, (const T *)step->in[0],
                   (T *)step->out[0], rows, length, step->node->attributes.kind);
}

template <int TEAM, class T>
static ss_status launch_softmax_backward(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  return ss_launch(softmax_backward_kernel<TEAM, T>, ss_blocks(rows * TEAM), SS_CUDA_THREADS, (const T *)step->in[0],
                   (const T *)step->in[1], (T *)step->out[0], rows, length, step->node->attributes.kind);
}

static ss_status run_softmax(const ss_step *step) {
  SS_WITH_ROWS(step, TEAM, T, return (launch_softmax<TEAM, T>(step)));
}

static ss_status run_softmax_backward(const ss_step *step) {
  SS_WITH_ROWS(step, TEAM, T, return (launch_softmax_backward<TEAM, T>(step)));
}

SS_CUDA_KERNEL(softmax, run_softmax);
SS_CUDA_KERNEL(softmax_backward, run_softmax_backward);
