/* The ways to find nearest rows. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_NEAREST_H
#define SS_ENGINE_CPU_NEAREST_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* The problem of engine/nearest.h. Both sides are moved and scaled alike before they are compared: (value - shift) *
 * scale, so that no number is far from one and products of small parts do not vanish. */
typedef struct ss_nearest_job {
  const float *x; /* (n, d) */
  const float *c; /* (k, d) */
  int64_t n, k, d;
  const float *shift; /* (d) */
  float scale;        /* a power of two */
  int threads;
  int32_t *nearest; /* (n) */
} ss_nearest_job;

/* On the matrix unit (AMX), by bf16 parts: first one product of parts, whose error is bounded; rows for which that
 * does not decide are done again with three products, and again with six, which make float32 (split_tile.h). */
bool ss_nearest_amx_supports(const ss_nearest_job *job);
ss_status ss_nearest_amx(const ss_nearest_job *job, ss_error *error);

/* oneDNN's sgemm by blocks that stay in the cache. */
ss_status ss_nearest_sgemm(const ss_nearest_job *job, ss_error *error);

#endif
