/* Kernels that go over rows of the last axis: how many there are, and a thread's float32 buffers for them. Internal to
 * engine/cpu. */
#ifndef SS_ENGINE_CPU_ROWS_H
#define SS_ENGINE_CPU_ROWS_H

#include "engine/kernel.h"

/* Sums over rows are made in at most this many pieces, whatever the number of threads. */
enum { SS_ROW_CHUNKS = 32 };

static inline int64_t ss_rows_length(const ss_step *step) {
  const ss_shape *shape = &step->node->inputs[0]->shape;
  return shape->dims[shape->rank - 1];
}

static inline int64_t ss_rows_count(const ss_step *step) {
  return ss_shape_count(step->node->inputs[0]->shape) / ss_rows_length(step);
}

/* Bytes of `rows` float32 rows, a multiple of 64. */
static inline size_t ss_rows_bytes(const ss_step *step, int64_t rows) {
  return ((size_t)(rows * ss_rows_length(step)) * sizeof(float) + 63) / 64 * 64;
}

#endif
