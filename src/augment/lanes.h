/* Sixteen bytes worked on side by side as 32-bit integers, in the compilers' own vectors: they become AVX-512, AVX2,
 * SSE or NEON, whatever the function is compiled for. Vectors go by address, because passing one by value depends on
 * the instruction set. */
#ifndef SS_AUGMENT_LANES_H
#define SS_AUGMENT_LANES_H

#include <stdint.h>
#include <string.h>

#define SS_LANES 16

typedef int32_t ss_lanes __attribute__((vector_size(64)));
typedef uint8_t ss_lane_bytes __attribute__((vector_size(16)));

static inline void ss_lanes_load(ss_lanes *lanes, const uint8_t *bytes) {
  ss_lane_bytes narrow;
  memcpy(&narrow, bytes, sizeof narrow);
  *lanes = __builtin_convertvector(narrow, ss_lanes);
}

/* Clipped to 0..255. */
static inline void ss_lanes_store(uint8_t *bytes, const ss_lanes *lanes) {
  const ss_lanes positive = *lanes & ~(*lanes >> 31);
  const ss_lanes clipped = (positive | (positive > 255)) & 255;
  const ss_lane_bytes narrow = __builtin_convertvector(clipped, ss_lane_bytes);
  memcpy(bytes, &narrow, sizeof narrow);
}

#endif
