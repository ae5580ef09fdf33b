#include "base/random.h"
#include "engine/cpu/elements.h"
#include "engine/kernel.h"

/* y = x scale, or zero where the element's random number is below `threshold`. Element i has number i % 4 of the
 * stream's block i / 4. */
static void drop(const float *x, float *y, int64_t at, int64_t count, const ss_random *stream, uint32_t threshold,
                 float scale) {
  for (int64_t i = 0; i < count; i += 4) {
    const uint32_t counter[4] = {(uint32_t)((at + i) / 4), stream->counter[1], stream->counter[2], stream->counter[3]};
    uint32_t numbers[4];
    ss_philox(counter, stream->key, numbers);
    for (int64_t k = 0; k < 4 && i + k < count; k++) {
      y[i + k] = numbers[k] < threshold ? 0.0f : x[i + k] * scale;
    }
  }
}

static ss_status dropout(const ss_step *step) {
  const ss_tensor *tensor = step->node->inputs[0];
  const ss_attributes *attributes = &step->node->attributes;
  const int64_t count = ss_shape_count(tensor->shape);
  const ss_random stream = ss_random_stream(step->random_step[1], SS_RANDOM_DROPOUT, (uint32_t)step->random_step[0],
                                            (uint64_t)attributes->begin, 0);
  const uint32_t threshold = (uint32_t)((double)attributes->alpha * 4294967296.0);
  const float scale = 1.0f / (1.0f - attributes->alpha);
#pragma omp parallel for schedule(static) num_threads(step->threads) if (count > SS_CHUNK)
  for (int64_t at = 0; at < count; at += SS_BLOCK) {
    const int64_t some = count - at < SS_BLOCK ? count - at : SS_BLOCK;
    float buffer[SS_BLOCK];
    const float *x = ss_elements_read(step->in[0], tensor->dtype, at, some, buffer);
    float *y = ss_elements_target(step->out[0], tensor->dtype, at, buffer);
    drop(x, y, at, some, &stream, threshold, scale);
    ss_elements_write(step->out[0], tensor->dtype, at, some, y);
  }
  return SS_OK;
}

SS_CPU_LOOPS(dropout, dropout);
