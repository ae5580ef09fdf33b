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

#define QUAD 4        /* outputs side by side: one in each quarter of a vector */
#define REACH 128     /* bytes that one permutation chooses from */
#define MOST_GROUPS 4 /* of four weights */

static int groups_of(const ss_filter_taps *taps, int x, int count) {
  int most = 0;
  for (int i = x; i < x + count; i++) {
    most = taps->count[i] > most ? taps->count[i] : most;
  }
  return (most + SS_TAP_MULTIPLE - 1) / SS_TAP_MULTIPLE;
}

bool ss_across_fits_avx512(const ss_filter_taps *taps, int outputs) {
  for (int x = 0; x < outputs; x += QUAD) {
    const int count = outputs - x < QUAD ? outputs - x : QUAD;
    int end = 0;
    for (int i = x; i < x + count; i++) {
      end = taps->first[i] + taps->count[i] > end ? taps->first[i] + taps->count[i] : end;
    }
    if (3 * (end - taps->first[x]) > REACH || groups_of(taps, x, count) > MOST_GROUPS) {
      return false;
    }
  }
  return true;
}

/* Four outputs of every row. Each quarter of a vector is an output, each 32 bits in it a channel, each byte there a
 * weight or its pixel. */
typedef struct quad {
  __m512i place[MOST_GROUPS];     /* of the pixels among the REACH bytes */
  __m512i weight[MOST_GROUPS][3]; /* digits */
  __mmask64 used[2];              /* of each 64 bytes of input */
  __mmask16 out;
} quad;

SS_AVX512_INLINE quad quad_prepare(const ss_filter_taps *taps, int x, int count, int groups, size_t left) {
  /* Each output's four bytes, once for each channel. */
  const __m512i spread =
      _mm512_set_epi32(0x0F0E0D0C, 0x0F0E0D0C, 0x0F0E0D0C, 0x0F0E0D0C, 0x0B0A0908, 0x0B0A0908, 0x0B0A0908, 0x0B0A0908,
                       0x07060504, 0x07060504, 0x07060504, 0x07060504, 0x03020100, 0x03020100, 0x03020100, 0x03020100);
  /* Bytes of channel c's pixels 0 to 3 from the first one on; the fourth channel is nobody's. */
  const __m512i near = _mm512_set4_epi32(0x0B080502, 0x0B080502, 0x0A070401, 0x09060300);
  quad q;
  int32_t offset[16];
  for (int i = 0; i < 16; i++) {
    const int output = x + (i / 4 < count ? i / 4 : count - 1);
    offset[i] = 0x01010101 * (3 * (taps->first[output] - taps->first[x]));
  }
  const __m512i start = _mm512_add_epi8(near, _mm512_loadu_si512(offset));
  for (int g = 0; g < groups; g++) {
    q.place[g] = _mm512_add_epi8(start, _mm512_set1_epi8((char)(12 * g)));
    __m128i digit[QUAD][3];
    for (int i = 0; i < QUAD; i++) {
      const int output = x + (i < count ? i : count - 1);
      const digits d = digits_of(taps->weight + (ptrdiff_t)output * taps->stride + (ptrdiff_t)SS_TAP_MULTIPLE * g);
      digit[i][0] = d.low;
      digit[i][1] = d.middle;
      digit[i][2] = d.high;
    }
    for (int k = 0; k < 3; k++) {
      const __m128i first = _mm_unpacklo_epi32(digit[0][k], digit[1][k]);
      const __m128i all = _mm_unpacklo_epi64(first, _mm_unpacklo_epi32(digit[2][k], digit[3][k]));
      q.weight[g][k] = _mm512_permutexvar_epi8(spread, _mm512_castsi128_si512(all));
    }
  }
  q.used[0] = ss_low_bits(left);
  q.used[1] = left > 64 ? ss_low_bits(left - 64) : 0;
  q.out = (__mmask16)ss_low_bits(3 * (size_t)count);
  return q;
}

/* Four outputs of all rows, `left` bytes of each row from `in` on; inlined with `groups` known, so that the tables stay
 * in registers. */
SS_AVX512_INLINE void quad_rows(const uint8_t *in, size_t pitch, int height, const ss_filter_taps *taps, int x,
                                int count, size_t left, const int groups, uint8_t *out, size_t out_pitch) {
  const quad q = quad_prepare(taps, x, count, groups, left);
  const __m512i half = _mm512_set1_epi32(1 << (SS_TAP_BITS - 1)), zero = _mm512_setzero_si512();
  /* The lowest bytes of each quarter's first three lanes. */
  const __m512i packed = _mm512_castsi128_si512(_mm_set_epi32(0, 0x38343028, 0x24201814, 0x10080400));
  const __m512i full = _mm512_set1_epi32(255);
  for (int y = 0; y < height; y++, in += pitch, out += out_pitch) {
    const __m512i low = _mm512_maskz_loadu_epi8(q.used[0], in), high = _mm512_maskz_loadu_epi8(q.used[1], in + 64);
    __m512i sums[3] = {half, zero, zero};
    for (int g = 0; g < groups; g++) {
      const __m512i pixels = _mm512_permutex2var_epi8(low, q.place[g], high);
      for (int k = 0; k < 3; k++) {
        sums[k] = _mm512_dpbusd_epi32(sums[k], pixels, q.weight[g][k]);
      }
    }
    const __m512i clipped = _mm512_min_epi32(_mm512_max_epi32(add_digits(sums), zero), full);
    _mm_mask_storeu_epi8(out, q.out, _mm512_castsi512_si128(_mm512_permutexvar_epi8(packed, clipped)));
  }
}

SS_AVX512 void ss_across_avx512(const uint8_t *rows, size_t pitch, int height, size_t used, const ss_filter_taps *taps,
                                int outputs, uint8_t *out) {
  const size_t out_pitch = 3 * (size_t)outputs;
  for (int x = 0; x < outputs; x += QUAD) {
    const int count = outputs - x < QUAD ? outputs - x : QUAD;
    const size_t start = 3 * (size_t)taps->first[x], left = used - start;
    const uint8_t *in = rows + start;
    uint8_t *to = out + 3 * (size_t)x;
    switch (groups_of(taps, x, count)) {
      case 1:
        quad_rows(in, pitch, height, taps, x, count, left, 1, to, out_pitch);
        break;
      case 2:
        quad_rows(in, pitch, height, taps, x, count, left, 2, to, out_pitch);
        break;
      case 3:
        quad_rows(in, pitch, height, taps, x, count, left, 3, to, out_pitch);
        break;
      default:
        quad_rows(in, pitch, height, taps, x, count, left, 4, to, out_pitch);
        break;
    }
  }
}

#endif
