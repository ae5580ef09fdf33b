/* What the AVX-512 kernels share. Internal to augment. */
#ifndef SS_AUGMENT_AVX512_H
#define SS_AUGMENT_AVX512_H

#include "augment/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define SS_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,fma")))
#define SS_AVX512_INLINE SS_AVX512 static inline __attribute__((always_inline))

/* The lowest n of 64 bits, n from 0 on. */
static inline uint64_t ss_low_bits(size_t n) {
  return n >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1;
}

/* Sixteen RGB pixels (48 bytes); channels to 32-bit lanes and back. */
#define SS_PIXELS 16

/* For _mm512_maskz_permutexvar_epi8 with SS_FIRST_BYTES: byte 3 * lane + c in each lane's first byte. */
#define SS_FIRST_BYTES 0x1111111111111111u
SS_AVX512_INLINE __m512i ss_channel_places(int c) {
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  return _mm512_add_epi32(_mm512_mullo_epi32(lane, _mm512_set1_epi32(3)), _mm512_set1_epi32(c));
}

/* The first three bytes of each lane, one after the other, for _mm512_permutexvar_epi8. */
SS_AVX512_INLINE __m512i ss_packed_places(void) {
  static const uint8_t places[64] __attribute__((aligned(64))) = {
      0,  1,  2,  4,  5,  6,  8,  9,  10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25, 26, 28, 29, 30,
      32, 33, 34, 36, 37, 38, 40, 41, 42, 44, 45, 46, 48, 49, 50, 52, 53, 54, 56, 57, 58, 60, 61, 62};
  return _mm512_load_si512(places);
}

void ss_look_up_avx512(uint8_t *bytes, size_t n, const uint8_t table[256]);
uint64_t ss_luma_sum_avx512(const uint8_t *pixels, size_t n);
void ss_saturate_avx512(uint8_t *pixels, size_t n, float factor);
void ss_gray_avx512(uint8_t *pixels, size_t n);
void ss_turn_hue_avx512(uint8_t *pixels, size_t n, int turn);
void ss_mirror_avx512(uint8_t *pixels, int width, int height);
void ss_box_avx512(const uint8_t *const *source, ss_extended_box box, size_t n, uint8_t *out);
void ss_combine_rows_avx512(const uint8_t *rows, size_t pitch, const int32_t *weight, int count, size_t n,
                            uint8_t *out);
bool ss_across_fits_avx512(const ss_filter_taps *taps, int outputs);
void ss_across_avx512(const uint8_t *rows, size_t pitch, int height, size_t used, const ss_filter_taps *taps,
                      int outputs, uint8_t *out);

#endif
#endif
