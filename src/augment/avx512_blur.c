#include "augment/avx512.h"

#if defined(__x86_64__)

#define DIGIT 12 /* bits: a weight is high * 4096 + low, so that both fit in 16 bits with a sign */

/* Sixteen products of pairs (sum of the whole pixels, sum of the ends) with (whole, part), rounded. */
SS_AVX512_INLINE __m512i weigh(__m512i pairs, __m512i high, __m512i low, __m512i half) {
  const __m512i upper = _mm512_slli_epi32(_mm512_madd_epi16(pairs, high), DIGIT);
  const __m512i sum = _mm512_add_epi32(upper, _mm512_add_epi32(_mm512_madd_epi16(pairs, low), half));
  return _mm512_srli_epi32(sum, SS_BLUR_ONE_BITS);
}

SS_AVX512 void ss_box_avx512(const uint8_t *const *source, ss_extended_box box, size_t n, uint8_t *out) {
  if (box.radius > 63) { /* a sum of 127 pixels is the largest with a sign */
    ss_box_plain(source, box, n, out);
    return;
  }
  const int ends = 2 * box.radius + 2, mask = (1 << DIGIT) - 1;
  const __m512i high = _mm512_set1_epi32((int)((box.whole >> DIGIT) | (box.part >> DIGIT) << 16));
  const __m512i low = _mm512_set1_epi32((int)((box.whole & (uint32_t)mask) | (box.part & (uint32_t)mask) << 16));
  const __m512i half = _mm512_set1_epi32(1 << (SS_BLUR_ONE_BITS - 1));
  for (size_t start = 0; start < n; start += 32) {
    const __mmask32 used = (__mmask32)ss_low_bits(n - start < 32 ? n - start : 32);
    const __m512i first = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(used, source[0] + start));
    const __m512i last = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(used, source[ends] + start));
    const __m512i both = _mm512_add_epi16(first, last);
    __m512i sum = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(used, source[1] + start));
    for (int k = 2; k < ends; k++) {
      sum = _mm512_add_epi16(sum, _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(used, source[k] + start)));
    }
    const __m512i lower = weigh(_mm512_unpacklo_epi16(sum, both), high, low, half);
    const __m512i upper = weigh(_mm512_unpackhi_epi16(sum, both), high, low, half);
    _mm256_mask_storeu_epi8(out + start, used, _mm512_cvtepi16_epi8(_mm512_packus_epi32(lower, upper)));
  }
}

#endif
