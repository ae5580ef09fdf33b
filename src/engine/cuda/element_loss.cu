#include "engine/cuda/mean.cuh"
extern "C" {
#include "engine/loss.h"
}

/* Numbers of either type, chosen at each reading: three inputs of two types would make eight kernels of each. */
struct numbers {
  const void *data; /* NULL: ones */
  bool narrow;      /* bf16 */
};

static numbers numbers_of(const ss_step *step, int input) {
  return {step->in[input], step->in[input] && step->node->inputs[input]->dtype == SS_BF16};
}

__device__ static __forceinline__ float number_at(const numbers &of, int64_t i) {
  return of.narrow ? ss_widen(((const bfloat16 *)of.data)[i]) : of.data ? ((const float *)of.data)[i] : 1.0f;
}

/* The loss of one element and its derivative: engine/cpu/loss.c says the same for the processors. */
__device__ static float element_value(int kind, float p, float t, float alpha) {
  const float d = p - t;
  switch (kind) {
    case SS_LOSS_BINARY_CROSS_ENTROPY:
      return (p > 0.0f ? p : 0.0f) - p * t + log1pf(expf(-fabsf(p)));
    case SS_LOSS_L1:
      return fabsf(d);
    case SS_LOSS_L2:
      return d * d;
    case SS_LOSS_SMOOTH_L1:
      return fabsf(d) < alpha ? 0.5f * d * d / alpha : fabsf(d) - 0.5f * alpha;
    default: /* SS_LOSS_HINGE; a NaN stays one */
      return alpha - t * p < 0.0f ? 0.0f : alpha - t * p;
  }
}

__device__ static float element_slope(int kind, float p, float t, float alpha, bool by_target) {
  const float d = p - t, sign = d > 0.0f ? 1.0f : (d < 0.0f ? -1.0f : 0.0f);
  float slope = 0.0f;
  switch (kind) {
    case SS_LOSS_BINARY_CROSS_ENTROPY:
      return by_target ? -p : 1.0f / (1.0f + expf(-p)) - t;
    case SS_LOSS_L1:
      slope = sign;
      break;
    case SS_LOSS_L2:
      slope = 2.0f * d;
      break;
    case SS_LOSS_SMOOTH_L1:
      slope = fabsf(d) < alpha ? d / alpha : sign;
      break;
    default: /* SS_LOSS_HINGE */
      return alpha - t * p > 0.0f ? -(by_target ? p : t) : 0.0f;
  }
  return by_target ? -slope : slope;
}

static __global__ void element_loss_kernel(int kind, float alpha, numbers predictions, numbers targets, numbers weights,
                                           int64_t count, ss_part *parts) {
  double sum = 0.0;
  int64_t seen = 0;
  for (int64_t i = ss_first(); i < count; i += ss_stride(), seen++) {
    const float value = element_value(kind, number_at(predictions, i), number_at(targets, i), alpha);
    sum += (double)value * (double)number_at(weights, i);
  }
  ss_leave_part(parts, sum, (double)seen);
}

static int64_t count_of(const ss_step *step) {
  return ss_shape_count(step->node->inputs[0]->shape);
}

static ss_status prepare_element_loss(ss_step *step, ss_error *error) {
  (void)error;
  step->scratch_bytes = ss_blocks(count_of(step)).x * sizeof(ss_part);
  return SS_OK;
}

static ss_status run_element_loss(const ss_step *step) {
  const ss_attributes *attributes = &step->node->attributes;
  const dim3 blocks = ss_blocks(count_of(step));
  SS_TRY(ss_launch(element_loss_kernel, blocks, SS_CUDA_THREADS, attributes->kind, attributes->alpha,
                   numbers_of(step, 0), numbers_of(step, 1), numbers_of(step, 2), count_of(step),
                   (ss_part *)step->scratch));
  return ss_launch_mean(step, blocks);
}

static const ss_way element_loss_ways[] = {{"cuda", NULL, prepare_element_loss, run_element_loss, NULL}};
const ss_kernel ss_cuda_element_loss = {element_loss_ways, 1};

/* The gradient of the predictions, or of the targets. */
template <class Y>
__global__ void element_loss_backward_kernel(int kind, float alpha, numbers predictions, numbers targets,
                                             numbers weights, const float *of_loss, bool by_target, int64_t count,
                                             Y *out) {
  const float scale = (float)((double)*of_loss / (double)count);
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const float slope = element_slope(kind, number_at(predictions, i), number_at(targets, i), alpha, by_target);
    out[i] = ss_narrow<Y>(slope * (scale * number_at(weights, i)));
  }
}

template <class Y>
static ss_status launch_backward(const ss_step *step, int output) {
  const ss_attributes *attributes = &step->node->attributes;
  return ss_launch(element_loss_backward_kernel<Y>, ss_blocks(count_of(step)), SS_CUDA_THREADS, attributes->kind,
                   attributes->alpha, numbers_of(step, 0), numbers_of(step, 1), numbers_of(step, 2),
                   (const float *)step->in[3], output == 1, count_of(step), (Y *)step->out[output]);
}

static ss_status run_element_loss_backward(const ss_step *step) {
  for (int i = 0; i < 2; i++) {
    if (step->out[i]) {
      SS_WITH_FLOATS(step->node->outputs[i]->dtype, Y, SS_TRY(launch_backward<Y>(step, i)));
    }
  }
  return SS_OK;
}

SS_CUDA_KERNEL(element_loss_backward, run_element_loss_backward);
