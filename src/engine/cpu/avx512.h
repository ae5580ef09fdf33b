/* What the AVX-512 kernels share: numbers of float32 and bf16 alike as vectors. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_AVX512_H
#define SS_ENGINE_CPU_AVX512_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_AVX512_CACHED_BYTES ((int64_t)1 << 20) /* tensors beyond this are written past the caches */
#define SS_AVX512_AHEAD 2048                      /* bytes that memory is asked for before it is read */

#if defined(__x86_64__)

#include <immintrin.h>

#include "base/bfloat16.h"

#define SS_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define SS_AVX512_INLINE SS_AVX512 static inline __attribute__((always_inline))

static inline bool ss_avx512_available(void) {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bf16");
}

/* Sixteen numbers, float32 (`wide`) or bf16, from element `at` on. Asks for memory ahead: the processor's own
 * prefetching ends at each page of 4 KB. */
SS_AVX512_INLINE __m512 ss_avx512_read16(const void *data, int64_t at, const bool wide) {
  _mm_prefetch((const char *)data + (size_t)at * (wide ? 4 : 2) + SS_AVX512_AHEAD, _MM_HINT_T0);
  if (wide) {
    return _mm512_loadu_ps((const float *)data + at);
  }
  const __m256i half = _mm256_loadu_si256((const __m256i *)((const ss_bf16 *)data + at));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* Two times sixteen; past the caches only to aligned memory. */
SS_AVX512_INLINE void ss_avx512_write32(void *data, int64_t at, __m512 low, __m512 high, const bool wide,
                                        const bool past_caches) {
  if (wide) {
    float *to = (float *)data + at;
    if (past_caches) {
      _mm512_stream_ps(to, low);
      _mm512_stream_ps(to + 16, high);
    } else {
      _mm512_storeu_ps(to, low);
      _mm512_storeu_ps(to + 16, high);
    }
    return;
  }
  __m512i *to = (__m512i *)((ss_bf16 *)data + at);
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
  if (past_caches) {
    _mm512_stream_si512(to, both);
  } else {
    _mm512_storeu_si512(to, both);
  }
}

/* What was written past the caches is seen by other threads only behind a fence. */
SS_AVX512_INLINE void ss_avx512_fence(bool past_caches) {
  if (past_caches) {
    _mm_sfence();
  }
}

static inline bool ss_avx512_is_aligned(const void *data) {
  return (uintptr_t)data % 64 == 0;
}

#endif

#endif
