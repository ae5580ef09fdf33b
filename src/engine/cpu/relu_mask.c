#include "engine/cpu/relu_mask.h"

#include "base/compiler.h"

#include <stdbool.h>
#include <string.h>

SS_MULTIVERSION static void relu(float *values, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    values[i] = values[i] < 0.0f ? 0.0f : values[i];
  }
}

/* Compilers do not vectorise single bits; AVX-512 has them as masks. These do whole sixteens and return how many
 * elements. */
#if defined(__x86_64__)

#include <immintrin.h>

__attribute__((target("avx512f"))) static int64_t make_avx512(float *values, uint8_t *mask, int64_t count) {
  const __m512 zero = _mm512_setzero_ps();
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m512 value = _mm512_loadu_ps(values + i);
    const uint16_t positive = _mm512_cmp_ps_mask(value, zero, _CMP_GT_OQ);
    memcpy(mask + i / 8, &positive, sizeof positive);
    const __mmask16 negative = _mm512_cmp_ps_mask(value, zero, _CMP_LT_OQ);
    _mm512_storeu_ps(values + i, _mm512_mask_mov_ps(value, negative, zero));
  }
  return i;
}

__attribute__((target("avx512f"))) static int64_t apply_avx512(float *out, const float *in, const uint8_t *mask,
                                                               int64_t count) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    uint16_t kept;
    memcpy(&kept, mask + i / 8, sizeof kept);
    _mm512_storeu_ps(out + i, _mm512_maskz_loadu_ps(kept, in + i));
  }
  return i;
}

static bool has_avx512(void) {
  return __builtin_cpu_supports("avx512f");
}

#else

static int64_t make_avx512(float *values, uint8_t *mask, int64_t count) {
  (void)values, (void)mask, (void)count;
  return 0;
}

static int64_t apply_avx512(float *out, const float *in, const uint8_t *mask, int64_t count) {
  (void)out, (void)in, (void)mask, (void)count;
  return 0;
}

static bool has_avx512(void) {
  return false;
}

#endif

void ss_relu_mask_make(float *values, uint8_t *mask, int64_t count) {
  if (!mask) {
    relu(values, count);
    return;
  }
  const int64_t done = has_avx512() ? make_avx512(values, mask, count) : 0;
  for (int64_t i = done; i < count; i += 8) {
    const int bits = count - i < 8 ? (int)(count - i) : 8;
    unsigned byte = 0;
    for (int bit = 0; bit < bits; bit++) {
      byte |= (unsigned)(values[i + bit] > 0.0f) << bit;
    }
    mask[i / 8] = (uint8_t)byte;
  }
  relu(values + done, count - done);
}

void ss_relu_mask_apply(float *out, const float *in, const uint8_t *mask, int64_t count) {
  for (int64_t i = has_avx512() ? apply_avx512(out, in, mask, count) : 0; i < count; i++) {
    out[i] = (mask[i / 8] >> (i % 8) & 1) ? in[i] : 0.0f;
  }
}
