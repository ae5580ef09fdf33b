/* bfloat16: the upper half of a float32, rounded to nearest even. */
#ifndef SS_BASE_BFLOAT16_H
#define SS_BASE_BFLOAT16_H

#include <stdint.h>
#include <string.h>

typedef uint16_t ss_bf16;

static inline float ss_bf16_to_float(ss_bf16 value) {
  const uint32_t bits = (uint32_t)value << 16;
  float out;
  memcpy(&out, &bits, sizeof out);
  return out;
}

static inline ss_bf16 ss_bf16_from_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) { /* NaN stays NaN */
    return (ss_bf16)((bits >> 16) | 0x0040u);
  }
  return (ss_bf16)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

#endif
