/* float16: IEEE 754's half precision, 1 sign, 5 exponent and 10 fraction bits, rounded to nearest even. */
#ifndef SS_BASE_FLOAT16_H
#define SS_BASE_FLOAT16_H

#include <stdint.h>
#include <string.h>

typedef uint16_t ss_f16;

#define SS_F16_MAX 65504.0f

static inline float ss_f16_to_float(ss_f16 value) {
  const uint32_t exponent = (uint32_t)value >> 10 & 31u, fraction = (uint32_t)value & 1023u;
  uint32_t bits = (exponent + 112u) << 23 | fraction << 13;
  float out;
  if (exponent == 31u) { /* infinity, or no number */
    bits |= 0x7F800000u;
  } else if (exponent == 0u) {
    out = (float)fraction * 0x1p-24f;
    memcpy(&bits, &out, sizeof bits);
  }
  bits |= ((uint32_t)value & 0x8000u) << 16;
  memcpy(&out, &bits, sizeof out);
  return out;
}

/* Numbers from 65520 on become infinite. */
static inline ss_f16 ss_f16_from_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) { /* NaN stays NaN */
    return (ss_f16)(sign | 0x7E00u);
  }
  if (magnitude >= 0x477FF000u) {
    return (ss_f16)(sign | 0x7C00u);
  }
  if (magnitude < 0x38800000u) { /* below 2^-14 all are multiples of 2^-24, which is the last place of 0.5 */
    float rounded;
    memcpy(&rounded, &magnitude, sizeof rounded);
    rounded += 0.5f;
    uint32_t sum;
    memcpy(&sum, &rounded, sizeof sum);
    return (ss_f16)(sign | (sum - 0x3F000000u));
  }
  return (ss_f16)(sign | (((magnitude + 0xFFFu + (magnitude >> 13 & 1u)) >> 13) - (112u << 10)));
}

#endif
