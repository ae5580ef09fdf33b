#include "engine/cuda/launch.cuh"
extern "C" {
#include "base/random.h"
}

enum { NUMBERS = 4 /* of a block of the stream: engine/cpu/dropout.c says which element has which */ };

/* random_step is (step, seed): a recording is replayed with others. x and y may be the same memory. */
template <class T>
__global__ void dropout_kernel(const T *x, T *y, int64_t count, const uint64_t *random_step, uint64_t place,
                               uint32_t threshold, float scale) {
  const uint64_t stream = ss_random_key(random_step[1], SS_RANDOM_DROPOUT);
  const uint32_t key[2] = {(uint32_t)stream, (uint32_t)(stream >> 32)}, now = (uint32_t)random_step[0];
  for (int64_t i = ss_first(); i * NUMBERS < count; i += ss_stride()) {
    const uint32_t counter[4] = {(uint32_t)i, now, (uint32_t)place, (uint32_t)(place >> 32)};
    uint32_t numbers[NUMBERS];
    float values[NUMBERS]; /* all read before any is written, so that the reads do not wait for each other */
    for (int k = 0; k < NUMBERS; k++) {
      const int64_t at = i * NUMBERS + k;
      values[k] = at < count ? ss_widen(x[at]) : 0.0f;
    }
    ss_philox(counter, key, numbers);
    for (int k = 0; k < NUMBERS && i * NUMBERS + k < count; k++) {
      y[i * NUMBERS + k] = ss_narrow<T>(numbers[k] < threshold ? 0.0f : values[k] * scale);
    }
  }
}

template <class T>
static ss_status dropout(const ss_step *step) {
  const ss_attributes *attributes = &step->node->attributes;
  const int64_t count = ss_shape_count(step->node->inputs[0]->shape);
  const uint32_t threshold = (uint32_t)((double)attributes->alpha * 4294967296.0);
  return ss_launch(dropout_kernel<T>, ss_blocks((count + NUMBERS - 1) / NUMBERS), SS_CUDA_THREADS,
                   (const T *)step->in[0], (T *)step->out[0], count, step->random_step,
                   ss_random_place((uint64_t)attributes->begin, 0), threshold, 1.0f / (1.0f - attributes->alpha));
}

static ss_status run_dropout(const ss_step *step) {
  SS_WITH_FLOATS(step->node->inputs[0]->dtype, T, return dropout<T>(step));
}

SS_CUDA_KERNEL(dropout, run_dropout);
