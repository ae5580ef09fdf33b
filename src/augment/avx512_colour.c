#include "augment/avx512.h"

#if defined(__x86_64__)

#ifdef __clang__
#pragma clang fp contract(off)
#endif

const ss_pixel_kernels ss_pixel_kernels_avx512 = {.look_up = ss_look_up_avx512,
                                                  .luma_sum = ss_luma_sum_avx512,
                                                  .saturate = ss_saturate_avx512,
                                                  .gray = ss_gray_avx512,
                                                  .turn_hue = ss_turn_hue_avx512,
                                                  .mirror = ss_mirror_avx512,
                                                  .box = ss_box_avx512,
                                                  .combine_rows = ss_combine_rows_avx512,
                                                  .across_fits = ss_across_fits_avx512,
                                                  .across = ss_across_avx512};

/* Sixteen pixels from `place` on of n, as many as there are. The next ones are to be loaded before these are stored:
 * the processor takes a masked store for 64 bytes, and a load that overlaps them would wait for it. */
SS_AVX512_INLINE __m512i load_pixels(const uint8_t *pixels, size_t n, size_t place) {
  const __mmask64 used = place < n ? ss_low_bits(3 * (n - place)) & ss_low_bits(48) : 0;
  return _mm512_maskz_loadu_epi8(used, pixels + 3 * place);
}

SS_AVX512_INLINE void store_pixels(uint8_t *pixels, size_t n, size_t place, __m512i bytes) {
  _mm512_mask_storeu_epi8(pixels + 3 * place, ss_low_bits(3 * (n - place)) & ss_low_bits(48), bytes);
}

SS_AVX512 void ss_look_up_avx512(uint8_t *bytes, size_t n, const uint8_t table[256]) {
  const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
  const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
  for (size_t i = 0; i < n; i += 64) {
    const __mmask64 used = ss_low_bits(n - i);
    const __m512i value = _mm512_maskz_loadu_epi8(used, bytes + i);
    const __m512i low = _mm512_permutex2var_epi8(t0, value, t1), high = _mm512_permutex2var_epi8(t2, value, t3);
    _mm512_mask_storeu_epi8(bytes + i, used, _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(value), high));
  }
}

/* Bytes to the pairs of 16 bits that luma multiplies: (red, green) and (blue, green). Green's weight is more than 16
 * bits with a sign hold and is divided between them. */
typedef struct luma_constants {
  __m512i red_green, blue_green; /* places */
  __m512i red_green_weights, blue_green_weights;
} luma_constants;

SS_AVX512_INLINE luma_constants luma_prepare(void) {
  const __m512i red = ss_channel_places(0), green = ss_channel_places(1), blue = ss_channel_places(2);
  const int most = 0x7FFF;
  return (luma_constants){.red_green = _mm512_or_si512(red, _mm512_slli_epi32(green, 16)),
                          .blue_green = _mm512_or_si512(blue, _mm512_slli_epi32(green, 16)),
                          .red_green_weights = _mm512_set1_epi32(SS_LUMA_RED | most << 16),
                          .blue_green_weights = _mm512_set1_epi32(SS_LUMA_BLUE | (SS_LUMA_GREEN - most) << 16)};
}

#define EVEN_BYTES 0x5555555555555555u

SS_AVX512_INLINE __m512i luma_of(const luma_constants *luma, __m512i pixels) {
  const __m512i red_green = _mm512_maskz_permutexvar_epi8(EVEN_BYTES, luma->red_green, pixels);
  const __m512i blue_green = _mm512_maskz_permutexvar_epi8(EVEN_BYTES, luma->blue_green, pixels);
  __m512i sum = _mm512_dpwssd_epi32(_mm512_set1_epi32(SS_LUMA_ROUNDING), red_green, luma->red_green_weights);
  sum = _mm512_dpwssd_epi32(sum, blue_green, luma->blue_green_weights);
  return _mm512_srli_epi32(sum, 16);
}

SS_AVX512 uint64_t ss_luma_sum_avx512(const uint8_t *pixels, size_t n) {
  const luma_constants luma = luma_prepare();
  uint64_t total = 0;
  for (size_t start = 0; start < n;) {
    const size_t end = n - start > 1u << 24 ? start + (1u << 24) : n; /* sums of a lane fit in 32 bits */
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = start; i < end; i += SS_PIXELS) {
      const __m512i block = _mm512_maskz_loadu_epi8(ss_low_bits(3 * (end - i)) & ss_low_bits(48), pixels + 3 * i);
      sum = _mm512_add_epi32(sum, luma_of(&luma, block));
    }
    uint32_t lanes[16];
    _mm512_storeu_si512(lanes, sum);
    for (int lane = 0; lane < 16; lane++) {
      total += lanes[lane];
    }
    start = end;
  }
  return total;
}

SS_AVX512 void ss_gray_avx512(uint8_t *pixels, size_t n) {
  const luma_constants luma = luma_prepare();
  const __m512i packed = ss_packed_places(), repeat = _mm512_set1_epi32(0x010101);
  __m512i next = load_pixels(pixels, n, 0);
  for (size_t i = 0; i < n; i += SS_PIXELS) {
    const __m512i block = next;
    next = load_pixels(pixels, n, i + SS_PIXELS);
    const __m512i gray = _mm512_mullo_epi32(luma_of(&luma, block), repeat);
    store_pixels(pixels, n, i, _mm512_permutexvar_epi8(packed, gray));
  }
}

SS_AVX512_INLINE __m512i blend(__m512i base, __m512 base_float, __m512 factor, __m512i value) {
  const __m512 difference = _mm512_cvtepi32_ps(_mm512_sub_epi32(value, base));
  const __m512i sum = _mm512_cvttps_epi32(_mm512_add_ps(base_float, _mm512_mul_ps(factor, difference)));
  return _mm512_min_epi32(_mm512_max_epi32(sum, _mm512_setzero_si512()), _mm512_set1_epi32(255));
}

SS_AVX512 void ss_saturate_avx512(uint8_t *pixels, size_t n, float factor) {
  const luma_constants luma = luma_prepare();
  const __m512i places[3] = {ss_channel_places(0), ss_channel_places(1), ss_channel_places(2)};
  const __m512i packed = ss_packed_places();
  const __m512 factors = _mm512_set1_ps(factor);
  __m512i next = load_pixels(pixels, n, 0);
  for (size_t i = 0; i < n; i += SS_PIXELS) {
    const __m512i block = next;
    next = load_pixels(pixels, n, i + SS_PIXELS);
    const __m512i base = luma_of(&luma, block);
    const __m512 base_float = _mm512_cvtepi32_ps(base);
    __m512i channel[3];
    for (int c = 0; c < 3; c++) {
      channel[c] = blend(base, base_float, factors, _mm512_maskz_permutexvar_epi8(SS_FIRST_BYTES, places[c], block));
    }
    const __m512i both = _mm512_or_si512(channel[0], _mm512_slli_epi32(channel[1], 8));
    const __m512i all = _mm512_or_si512(both, _mm512_slli_epi32(channel[2], 16));
    store_pixels(pixels, n, i, _mm512_permutexvar_epi8(packed, all));
  }
}

/* Pieces of sixteen pixels (fewer at the middle) from both ends change places. */
SS_AVX512 void ss_mirror_avx512(uint8_t *pixels, int width, int height) {
  static const uint8_t backwards[64] __attribute__((aligned(64))) = {
      45, 46, 47, 42, 43, 44, 39, 40, 41, 36, 37, 38, 33, 34, 35, 30, 31, 32, 27, 28, 29, 24, 25, 26,
      21, 22, 23, 18, 19, 20, 15, 16, 17, 12, 13, 14, 9,  10, 11, 6,  7,  8,  3,  4,  5,  0,  1,  2};
  const __m512i places = _mm512_load_si512(backwards);
  for (int y = 0; y < height; y++) {
    uint8_t *left = pixels + 3 * (size_t)y * (size_t)width, *right = left + 3 * (size_t)width;
    while (right - left > 3) {
      const size_t half = (size_t)(right - left) / 6; /* pixels on each side; an odd one stays */
      const size_t bytes = 3 * (half < SS_PIXELS ? half : SS_PIXELS);
      const __mmask64 used = ss_low_bits(bytes);
      /* Mirrored, a short piece lies at the end of the 48 bytes: moved down by what it lacks. */
      const __m512i turn = _mm512_add_epi8(places, _mm512_set1_epi8((char)(bytes - 48)));
      const __m512i first = _mm512_maskz_loadu_epi8(used, left), last = _mm512_maskz_loadu_epi8(used, right - bytes);
      _mm512_mask_storeu_epi8(left, used, _mm512_permutexvar_epi8(turn, last));
      _mm512_mask_storeu_epi8(right - bytes, used, _mm512_permutexvar_epi8(turn, first));
      left += bytes;
      right -= bytes;
    }
  }
}

/* Bytes 0 to n-1 times a reciprocal, corrected to what dividing by 255 gives. */
SS_AVX512_INLINE __m512 over_255(__m512i number) {
  const __m512 value = _mm512_cvtepi32_ps(number), reciprocal = _mm512_set1_ps(1.0f / 255.0f);
  const __m512 estimate = _mm512_mul_ps(value, reciprocal);
  const __m512 rest = _mm512_fnmadd_ps(estimate, _mm512_set1_ps(255.0f), value);
  return _mm512_fmadd_ps(rest, reciprocal, estimate);
}

#define CUT (_MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)

/* (int)(fraction of (sixth / 6 + 1) as a float * 255.0), in double precision until the fraction is a float. */
SS_AVX512_INLINE __m256 hue_of_eight(__m256 sixth) {
  const __m512d one = _mm512_set1_pd(1.0);
  const __m512d circle = _mm512_add_pd(_mm512_mul_pd(_mm512_cvtps_pd(sixth), _mm512_set1_pd(1.0 / 6.0)), one);
  const __mmask8 whole = _mm512_cmp_pd_mask(circle, one, _CMP_GE_OQ);
  return _mm512_cvtpd_ps(_mm512_mask_sub_pd(circle, whole, circle, one));
}

SS_AVX512_INLINE __m512i hue_of(__m512 sixth) {
  const __m256 low = hue_of_eight(_mm512_castps512_ps256(sixth));
  const __m256 high = hue_of_eight(_mm512_extractf32x8_ps(sixth, 1));
  const __m512 hue = _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
  return _mm512_cvttps_epi32(_mm512_mul_round_ps(hue, _mm512_set1_ps(255.0f), CUT));
}

/* What the plain version computes, with its divisions by constants replaced and its double precision kept only where
 * the result depends on it: equal for all colours and turns (the test takes all colours and three turns). */
SS_AVX512 void ss_turn_hue_avx512(uint8_t *pixels, size_t n, int turn) {
  const __m512i places[3] = {ss_channel_places(0), ss_channel_places(1), ss_channel_places(2)};
  const __m512i packed = ss_packed_places();
  const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi32(1), full = _mm512_set1_epi32(255);
  /* Which of value (byte 0), falling (1), low (2) and rising (3) is red, green and blue in each sector. */
  const __m512i choices =
      _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0x020300, 0x010200, 0x000203, 0x000102, 0x030002, 0x020001, 0x020300);
  const __m512i lane_base = _mm512_set4_epi32(0x0C0C0C, 0x080808, 0x040404, 0);
  __m512i next = load_pixels(pixels, n, 0);
  for (size_t i = 0; i < n; i += SS_PIXELS) {
    const __m512i block = next;
    next = load_pixels(pixels, n, i + SS_PIXELS);
    const __m512i red = _mm512_maskz_permutexvar_epi8(SS_FIRST_BYTES, places[0], block);
    const __m512i green = _mm512_maskz_permutexvar_epi8(SS_FIRST_BYTES, places[1], block);
    const __m512i blue = _mm512_maskz_permutexvar_epi8(SS_FIRST_BYTES, places[2], block);
    const __m512i value = _mm512_max_epi32(_mm512_max_epi32(red, green), blue);
    const __m512i range = _mm512_sub_epi32(value, _mm512_min_epi32(_mm512_min_epi32(red, green), blue));
    const __mmask16 is_red = _mm512_cmpeq_epi32_mask(red, value);
    const __mmask16 is_green = _mm512_cmpeq_epi32_mask(green, value) & (__mmask16)~is_red;
    /* Around the circle of red, green, blue: the channel after the largest and the one before it. */
    const __m512i after = _mm512_mask_mov_epi32(_mm512_mask_mov_epi32(green, is_green, red), is_red, blue);
    const __m512i before = _mm512_mask_mov_epi32(_mm512_mask_mov_epi32(red, is_green, blue), is_red, green);
    __m512i base = _mm512_mask_mov_epi32(_mm512_set1_epi32(4), is_green, _mm512_set1_epi32(2));
    base = _mm512_mask_mov_epi32(base, is_red, zero);
    /* One of the two is the smallest, its quotient 1: a single one is left to divide and to add. */
    const __m512i to_after = _mm512_sub_epi32(value, after), to_before = _mm512_sub_epi32(value, before);
    const __mmask16 after_is_low = _mm512_cmpeq_epi32_mask(to_after, range);
    const __m512i distance = _mm512_mask_mov_epi32(to_after, after_is_low, to_before);
    const __m512 quotient =
        _mm512_div_ps(_mm512_cvtepi32_ps(distance), _mm512_cvtepi32_ps(_mm512_max_epi32(range, one)));
    __m512i whole = _mm512_sub_epi32(base, one);
    whole = _mm512_mask_add_epi32(whole, after_is_low, base, one);
    const __m512 signed_quotient = _mm512_mask_sub_ps(quotient, after_is_low, _mm512_setzero_ps(), quotient);
    const __mmask16 coloured = _mm512_test_epi32_mask(range, range);
    const __m512 sixth = _mm512_maskz_add_ps(coloured, _mm512_cvtepi32_ps(whole), signed_quotient);
    const __m512 saturation =
        _mm512_div_ps(_mm512_cvtepi32_ps(range), _mm512_cvtepi32_ps(_mm512_max_epi32(value, one)));
    const __m512i hue = _mm512_and_si512(_mm512_add_epi32(hue_of(sixth), _mm512_set1_epi32(turn)), full);
    const __m512i saturation8 = _mm512_cvttps_epi32(_mm512_mul_round_ps(saturation, _mm512_set1_ps(255.0f), CUT));

    const __m512i place = _mm512_mullo_epi16(hue, _mm512_set1_epi32(6)); /* in 255ths of a sector */
    const __m512i sector = _mm512_srli_epi32(_mm512_mullo_epi32(place, _mm512_set1_epi32(0x8081)), 23);
    const __m512 part = over_255(_mm512_sub_epi32(place, _mm512_mullo_epi16(sector, full)));
    const __m512 strength = over_255(saturation8);
    const __m512i product =
        _mm512_add_epi32(_mm512_mullo_epi16(value, _mm512_sub_epi32(full, saturation8)), _mm512_set1_epi32(128));
    const __m512i low = _mm512_srli_epi32(_mm512_add_epi32(product, _mm512_srli_epi32(product, 8)), 8);
    const __m512 value_float = _mm512_cvtepi32_ps(value);
    const __m512i falling = _mm512_cvttps_epi32(_mm512_fnmadd_round_ps(
        value_float, _mm512_mul_ps(strength, part), _mm512_add_ps(value_float, _mm512_set1_ps(0.5f)), CUT));
    const __m512i high =
        _mm512_cvttps_epi32(_mm512_fnmadd_round_ps(value_float, _mm512_fnmadd_ps(strength, part, strength),
                                                   _mm512_add_ps(value_float, _mm512_set1_ps(0.5f)), CUT));
    const __m512i pair = _mm512_or_si512(value, _mm512_slli_epi32(falling, 8));
    const __m512i other = _mm512_or_si512(_mm512_slli_epi32(low, 16), _mm512_slli_epi32(high, 24));
    const __m512i choice = _mm512_or_si512(_mm512_permutexvar_epi32(sector, choices), lane_base);
    const __m512i turned = _mm512_shuffle_epi8(_mm512_or_si512(pair, other), choice);
    store_pixels(pixels, n, i, _mm512_permutexvar_epi8(packed, turned));
  }
}

#endif
