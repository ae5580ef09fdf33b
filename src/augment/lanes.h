/* Sixteen bytes worked on side by side as 32-bit integers, in the compilers' own vectors: they become AVX-512, AVX2,
 * SSE or NEON, whatever the function is compiled for. Vectors go by address, because passing one by value depends on
 * the instruction set. */
#ifndef SS_AUGMENT_LANES_H
#define SS_AUGMENT_LANES_H

#include <stdint.h>
#include <string.h>

#define SS_LANES 16

typedef int32_t ss_lanes __attribute__((vector_size(64)));
typedef uint32_t ss_lanes_unsigned __attribute__((vector_size(64)));
typedef uint16_t ss_lane_words __attribute__((vector_size(32)));
typedef uint8_t ss_lane_bytes __attribute__((vector_size(16)));

/* The width is doubled or halved a step at a time: gcc 12 takes a vector apart for a conversion of two steps. */
static inline void ss_lanes_load(ss_lanes *lanes, const uint8_t *bytes) {
  ss_lane_bytes narrow;
  memcpy(&narrow, bytes, sizeof narrow);
  *lanes = (ss_lanes) __builtin_convertvector(__builtin_convertvector(narrow, ss_lane_words), ss_lanes_unsigned);
}

static inline void ss_lanes_load_words(ss_lane_words *words, const uint8_t *bytes) {
  ss_lane_bytes narrow;
  memcpy(&narrow, bytes, sizeof narrow);
  *words = __builtin_convertvector(narrow, ss_lane_words);
}

/* Clipped to 0..255. */
static inline void ss_lanes_store(uint8_t *bytes, const ss_lanes *lanes) {
  const ss_lanes positive = *lanes & ~(*lanes >> 31);
  const ss_lanes clipped = (positive | (positive > 255)) & 255;
  const ss_lane_words words = __builtin_convertvector((ss_lanes_unsigned)clipped, ss_lane_words);
  const ss_lane_bytes narrow = __builtin_convertvector(words, ss_lane_bytes);
  memcpy(bytes, &narrow, sizeof narrow);
}

#endif
