/* float32 in three parts of bf16, so that the matrix unit multiplies float32: x = high + middle + low exactly, and of
 * the nine products of parts the six above 2^-26 of the whole are summed. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_SPLIT_TILE_H
#define SS_ENGINE_CPU_SPLIT_TILE_H

#include "engine/cpu/amx_tile.h"

enum { SS_SPLIT_PARTS = 3 };

#if defined(__x86_64__)

/* The parts of 16 values, each in the upper half of its lane: the value rounded to bf16 (halves away from zero), what
 * is left of it rounded, and what is left then, which has at most 8 bits. */
SS_AMX_INLINE void ss_split(__m512 x, __m512i part[SS_SPLIT_PARTS]) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  const __m512i upper = _mm512_set1_epi32((int)0xFFFF0000u);
  part[0] = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x), half), upper);
  const __m512 rest = _mm512_sub_ps(x, _mm512_castsi512_ps(part[0]));
  part[1] = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(rest), half), upper);
  part[2] = _mm512_castps_si512(_mm512_sub_ps(rest, _mm512_castsi512_ps(part[1])));
}

/* One part of twice 16 values as 32 bf16: first `low`, then `high`. */
SS_AMX_INLINE __m512i ss_split_row(__m512i low, __m512i high) {
  const __m512i odd = _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27, 25,
                                       23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return _mm512_permutex2var_epi16(low, odd, high);
}

/* As above, interleaved: low[0], high[0], low[1], ... */
SS_AMX_INLINE __m512i ss_split_pairs(__m512i low, __m512i high) {
  return _mm512_mask_mov_epi16(_mm512_srli_epi32(low, 16), 0xAAAAAAAAu, high);
}

/* The six products of two pixels (or channel tiles) with two output tiles. Tiles 0 to 3 hold the sums: 2 * pixel +
 * output. a0, a1: three tiles, `a_part` bytes apart; b0, b1 likewise. Each step keeps one side: 14 loads, 24 products,
 * the smallest products first. */
#define SS_SPLIT_FOUR()    \
  _tile_dpbf16ps(0, 4, 6); \
  _tile_dpbf16ps(1, 4, 7); \
  _tile_dpbf16ps(2, 5, 6); \
  _tile_dpbf16ps(3, 5, 7);

#define SS_SPLIT_TWO_BY_TWO(a0, a1, a_part, a_row, b0, b1, b_part, b_row) \
  _tile_loadd(4, (a0) + 2 * (a_part), a_row);                             \
  _tile_loadd(6, (b0), b_row);                                            \
  _tile_loadd(7, (b1), b_row);                                            \
  _tile_loadd(5, (a1) + 2 * (a_part), a_row);                             \
  SS_SPLIT_FOUR()                                                         \
  _tile_loadd(4, (a0) + (a_part), a_row);                                 \
  _tile_loadd(5, (a1) + (a_part), a_row);                                 \
  SS_SPLIT_FOUR()                                                         \
  _tile_loadd(6, (b0) + (b_part), b_row);                                 \
  _tile_loadd(7, (b1) + (b_part), b_row);                                 \
  SS_SPLIT_FOUR()                                                         \
  _tile_loadd(4, (a0), a_row);                                            \
  _tile_loadd(5, (a1), a_row);                                            \
  SS_SPLIT_FOUR()                                                         \
  _tile_loadd(6, (b0) + 2 * (b_part), b_row);                             \
  _tile_loadd(7, (b1) + 2 * (b_part), b_row);                             \
  SS_SPLIT_FOUR()                                                         \
  _tile_loadd(6, (b0), b_row);                                            \
  _tile_loadd(7, (b1), b_row);                                            \
  SS_SPLIT_FOUR()

/* One of the first side with two of the second: sums `first` and `second`. */
#define SS_SPLIT_ONE_BY_TWO(a, a_part, a_row, b0, b1, b_part, b_row, first, second) \
  _tile_loadd(4, (a) + 2 * (a_part), a_row);                                        \
  _tile_loadd(6, (b0), b_row);                                                      \
  _tile_loadd(7, (b1), b_row);                                                      \
  _tile_dpbf16ps(first, 4, 6);                                                      \
  _tile_dpbf16ps(second, 4, 7);                                                     \
  _tile_loadd(4, (a) + (a_part), a_row);                                            \
  _tile_dpbf16ps(first, 4, 6);                                                      \
  _tile_dpbf16ps(second, 4, 7);                                                     \
  _tile_loadd(6, (b0) + (b_part), b_row);                                           \
  _tile_loadd(7, (b1) + (b_part), b_row);                                           \
  _tile_dpbf16ps(first, 4, 6);                                                      \
  _tile_dpbf16ps(second, 4, 7);                                                     \
  _tile_loadd(4, (a), a_row);                                                       \
  _tile_dpbf16ps(first, 4, 6);                                                      \
  _tile_dpbf16ps(second, 4, 7);                                                     \
  _tile_loadd(6, (b0) + 2 * (b_part), b_row);                                       \
  _tile_loadd(7, (b1) + 2 * (b_part), b_row);                                       \
  _tile_dpbf16ps(first, 4, 6);                                                      \
  _tile_dpbf16ps(second, 4, 7);                                                     \
  _tile_loadd(6, (b0), b_row);                                                      \
  _tile_loadd(7, (b1), b_row);                                                      \
  _tile_dpbf16ps(first, 4, 6);                                                      \
  _tile_dpbf16ps(second, 4, 7);

/* One of each: the sum `sum`. */
#define SS_SPLIT_ONE_BY_ONE(a, a_part, a_row, b, b_part, b_row, sum) \
  _tile_loadd(4, (a) + 2 * (a_part), a_row);                         \
  _tile_loadd(6, (b), b_row);                                        \
  _tile_dpbf16ps(sum, 4, 6);                                         \
  _tile_loadd(5, (a) + (a_part), a_row);                             \
  _tile_dpbf16ps(sum, 5, 6);                                         \
  _tile_loadd(7, (b) + (b_part), b_row);                             \
  _tile_dpbf16ps(sum, 5, 7);                                         \
  _tile_loadd(4, (a), a_row);                                        \
  _tile_dpbf16ps(sum, 4, 7);                                         \
  _tile_loadd(7, (b) + 2 * (b_part), b_row);                         \
  _tile_dpbf16ps(sum, 4, 7);                                         \
  _tile_dpbf16ps(sum, 4, 6);

#endif
#endif
