#include "augment/avx512.h"

#if defined(__x86_64__)

/* Three signed bytes a weight: weight = high * 65536 + middle * 256 + low. Sums of products with each are exact in 32
 * bits, and so is their sum in the end, modulo 2^32. */
typedef struct digits {
  __m128i low, middle, high; /* of four weights each, in the lowest four bytes */
} digits;

SS_AVX512_INLINE __m128i lowest_bytes(__m128i lanes) {
  return _mm_cvtepi32_epi8(lanes);
}

SS_AVX512_INLINE digits digits_of(const int32_t *weight) {
  const __m128i w = _mm_loadu_si128((const __m128i *)weight);
  const __m128i low = _mm_srai_epi32(_mm_slli_epi32(w, 24), 24);
  const __m128i rest = _mm_srai_epi32(_mm_sub_epi32(w, low), 8);
  const __m128i middle = _mm_srai_epi32(_mm_slli_epi32(rest, 24), 24);
  const __m128i high = _mm_srai_epi32(_mm_sub_epi32(rest, middle), 8);
  return (digits){lowest_bytes(low), lowest_bytes(middle), lowest_bytes(high)};
}

/* Rounded to whole numbers; the caller clips. */
SS_AVX512_INLINE __m512i add_digits(const __m512i sums[3]) {
  const __m512i upper = _mm512_add_epi32(_mm512_slli_epi32(sums[2], 16), _mm512_slli_epi32(sums[1], 8));
  return _mm512_srai_epi32(_mm512_add_epi32(upper, sums[0]), SS_TAP_BITS);
}

/* Four rows at a time: their bytes side by side are what an 8-bit dot product takes. */
SS_AVX512 void ss_combine_rows_avx512(const uint8_t *rows, size_t pitch, const int32_t *weight, int count, size_t n,
                                      uint8_t *out) {
  const __m512i half = _mm512_set1_epi32(1 << (SS_TAP_BITS - 1)), zero = _mm512_setzero_si512();
  for (size_t start = 0; start < n; start += 64) {
    const __mmask64 used = ss_low_bits(n - start);
    __m512i sums[4][3];
    for (int part = 0; part < 4; part++) {
      sums[part][0] = half;
      sums[part][1] = sums[part][2] = zero;
    }
    for (int k = 0; k < count; k += 4) {
      const digits d = digits_of(weight + k);
      const __m512i weights[3] = {_mm512_broadcastd_epi32(d.low), _mm512_broadcastd_epi32(d.middle),
                                  _mm512_broadcastd_epi32(d.high)};
      __m512i row[4];
      for (int r = 0; r < 4; r++) { /* beyond the last its weight is 0 */
        row[r] = _mm512_maskz_loadu_epi8(used, rows + pitch * (size_t)(k + r < count ? k + r : count - 1) + start);
      }
      const __m512i low_a = _mm512_unpacklo_epi8(row[0], row[1]), high_a = _mm512_unpackhi_epi8(row[0], row[1]);
      const __m512i low_b = _mm512_unpacklo_epi8(row[2], row[3]), high_b = _mm512_unpackhi_epi8(row[2], row[3]);
      const __m512i quads[4] = {_mm512_unpacklo_epi16(low_a, low_b), _mm512_unpackhi_epi16(low_a, low_b),
                                _mm512_unpacklo_epi16(high_a, high_b), _mm512_unpackhi_epi16(high_a, high_b)};
      for (int part = 0; part < 4; part++) {
        for (int digit = 0; digit < 3; digit++) {
          sums[part][digit] = _mm512_dpbusd_epi32(sums[part][digit], quads[part], weights[digit]);
        }
      }
    }
    const __m512i low = _mm512_packs_epi32(add_digits(sums[0]), add_digits(sums[1]));
    const __m512i high = _mm512_packs_epi32(add_digits(sums[2]), add_digits(sums[3]));
    _mm512_mask_storeu_epi8(out + start, used, _mm512_packus_epi16(low, high));
  }
}

#endif
