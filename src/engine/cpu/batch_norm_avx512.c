#include "engine/cpu/batch_norm_avx512.h"

#include "engine/cpu/features.h"

#include <stdint.h>
#include <string.h>

ss_bn_piece ss_bn_piece_of(const ss_bn_view *view, int group, int64_t at, int64_t count, const uint8_t *mask) {
  return (ss_bn_piece){.dtype = view->dtype,
                       .place = group * view->group_count + at,
                       .count = count,
                       .columns = count < view->width ? count : view->width,
                       .mask = mask ? (uint8_t *)(uintptr_t)mask + group * view->mask_bytes + at / 8 : NULL};
}

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define INLINE TARGET static inline __attribute__((always_inline))

enum { lanes = 16, block = 4 /* vectors of columns worked on together */ };

bool ss_bn_avx512_takes(const ss_bn_piece *piece) {
  const bool whole = piece->count % piece->columns == 0 && piece->columns % lanes == 0;
  return whole && ss_cpu_has_bf16() && __builtin_cpu_supports("avx512bw");
}

INLINE __m512 load(const void *data, int64_t at, bool bf16) {
  if (bf16) {
    const __m256i narrow = _mm256_loadu_si256((const __m256i *)(const void *)((const uint16_t *)data + at));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
  }
  return _mm512_loadu_ps((const float *)data + at);
}

INLINE void store(void *data, int64_t at, __m512 value, bool bf16) {
  if (bf16) {
    _mm256_storeu_si256((__m256i *)(void *)((uint16_t *)data + at), (__m256i)_mm512_cvtneps_pbh(value));
  } else {
    _mm512_storeu_ps((float *)data + at, value);
  }
}

/* The columns from `column` on, `vectors` vectors of them, over all rows. */
INLINE void moments_block(const ss_bn_piece *piece, const void *x, const float *shift, float *first, float *second,
                          int64_t column, int vectors, bool bf16) {
  __m512 about[block], sum[block], square[block];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    about[v] = _mm512_loadu_ps(shift + column + v * lanes);
    sum[v] = _mm512_loadu_ps(first + column + v * lanes);
    square[v] = _mm512_loadu_ps(second + column + v * lanes);
  }
  for (int64_t at = column; at < piece->count; at += piece->columns) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      const __m512 away = _mm512_sub_ps(load(x, piece->place + at + v * lanes, bf16), about[v]);
      sum[v] = _mm512_add_ps(sum[v], away);
      square[v] = _mm512_fmadd_ps(away, away, square[v]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    _mm512_storeu_ps(first + column + v * lanes, sum[v]);
    _mm512_storeu_ps(second + column + v * lanes, square[v]);
  }
}

INLINE void moments(const ss_bn_piece *piece, const void *x, const float *shift, float *first, float *second,
                    bool bf16) {
  int64_t column = 0;
  for (; column + block * lanes <= piece->columns; column += block * lanes) {
    moments_block(piece, x, shift, first, second, column, block, bf16);
  }
  for (; column < piece->columns; column += lanes) {
    moments_block(piece, x, shift, first, second, column, 1, bf16);
  }
}

TARGET void ss_bn_avx512_moments(const ss_bn_piece *piece, const void *x, const float *shift, float *first,
                                 float *second) {
  if (piece->dtype == SS_BF16) {
    moments(piece, x, shift, first, second, true);
  } else {
    moments(piece, x, shift, first, second, false);
  }
}

INLINE void normalize(const ss_bn_piece *piece, const void *x, const void *residual, void *y, const float *mean,
                      const float *scale, const float *bias, bool relu, bool bf16) {
  const __m512 zero = _mm512_setzero_ps();
  for (int64_t row = 0; row < piece->count; row += piece->columns) {
    for (int64_t i = 0; i < piece->columns; i += lanes) {
      const int64_t at = piece->place + row + i;
      const __m512 away = _mm512_sub_ps(load(x, at, bf16), _mm512_loadu_ps(mean + i));
      __m512 value = _mm512_fmadd_ps(away, _mm512_loadu_ps(scale + i), _mm512_loadu_ps(bias + i));
      if (residual) {
        value = _mm512_add_ps(value, load(residual, at, bf16));
      }
      if (relu) {
        if (piece->mask) {
          const uint16_t positive = _mm512_cmp_ps_mask(value, zero, _CMP_GT_OQ);
          memcpy(piece->mask + (row + i) / 8, &positive, sizeof positive);
        }
        value = _mm512_max_ps(zero, value); /* of a NaN the second operand: it stays */
      }
      store(y, at, value, bf16);
    }
  }
}

TARGET void ss_bn_avx512_normalize(const ss_bn_piece *piece, const void *x, const void *residual, void *y,
                                   const float *mean, const float *scale, const float *bias, bool relu) {
  if (piece->dtype == SS_BF16) {
    normalize(piece, x, residual, y, mean, scale, bias, relu, true);
  } else {
    normalize(piece, x, residual, y, mean, scale, bias, relu, false);
  }
}

/* dy [+ dy2] where the mask has a bit; `at` counts within the piece. */
INLINE __m512 gradient(const ss_bn_piece *piece, const void *dy, const void *dy2, int64_t at, bool bf16) {
  __m512 g = load(dy, piece->place + at, bf16);
  if (dy2) {
    g = _mm512_add_ps(g, load(dy2, piece->place + at, bf16));
  }
  if (piece->mask) {
    uint16_t kept;
    memcpy(&kept, piece->mask + at / 8, sizeof kept);
    g = _mm512_maskz_mov_ps(kept, g);
  }
  return g;
}

INLINE void products_block(const ss_bn_piece *piece, const void *dy, const void *dy2, const void *x, const float *mean,
                           float *first, float *second, int64_t column, int vectors, bool bf16) {
  __m512 about[block], sum[block], product[block];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    about[v] = _mm512_loadu_ps(mean + column + v * lanes);
    sum[v] = _mm512_loadu_ps(first + column + v * lanes);
    product[v] = _mm512_loadu_ps(second + column + v * lanes);
  }
  for (int64_t at = column; at < piece->count; at += piece->columns) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      const __m512 g = gradient(piece, dy, dy2, at + v * lanes, bf16);
      const __m512 away = _mm512_sub_ps(load(x, piece->place + at + v * lanes, bf16), about[v]);
      sum[v] = _mm512_add_ps(sum[v], g);
      product[v] = _mm512_fmadd_ps(g, away, product[v]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    _mm512_storeu_ps(first + column + v * lanes, sum[v]);
    _mm512_storeu_ps(second + column + v * lanes, product[v]);
  }
}

INLINE void products(const ss_bn_piece *piece, const void *dy, const void *dy2, const void *x, const float *mean,
                     float *first, float *second, bool bf16) {
  int64_t column = 0;
  for (; column + block * lanes <= piece->columns; column += block * lanes) {
    products_block(piece, dy, dy2, x, mean, first, second, column, block, bf16);
  }
  for (; column < piece->columns; column += lanes) {
    products_block(piece, dy, dy2, x, mean, first, second, column, 1, bf16);
  }
}

TARGET void ss_bn_avx512_products(const ss_bn_piece *piece, const void *dy, const void *dy2, const void *x,
                                  const float *mean, float *first, float *second) {
  if (piece->dtype == SS_BF16) {
    products(piece, dy, dy2, x, mean, first, second, true);
  } else {
    products(piece, dy, dy2, x, mean, first, second, false);
  }
}

INLINE void differentiate(const ss_bn_piece *piece, const void *dy, const void *dy2, const void *x,
                          const ss_bn_coefficients *c, void *dx, void *dresidual, bool bf16) {
  for (int64_t row = 0; row < piece->count; row += piece->columns) {
    for (int64_t i = 0; i < piece->columns; i += lanes) {
      const int64_t at = piece->place + row + i;
      const __m512 g = gradient(piece, dy, dy2, row + i, bf16);
      if (dx) {
        const __m512 away = _mm512_sub_ps(load(x, at, bf16), _mm512_loadu_ps(c->mean + i));
        const __m512 rest = _mm512_fmadd_ps(away, _mm512_loadu_ps(c->of_x + i), _mm512_loadu_ps(c->of_one + i));
        store(dx, at, _mm512_fmadd_ps(g, _mm512_loadu_ps(c->of_g + i), rest), bf16);
      }
      if (dresidual) {
        store(dresidual, at, g, bf16);
      }
    }
  }
}

TARGET void ss_bn_avx512_differentiate(const ss_bn_piece *piece, const void *dy, const void *dy2, const void *x,
                                       const ss_bn_coefficients *coefficients, void *dx, void *dresidual) {
  if (piece->dtype == SS_BF16) {
    differentiate(piece, dy, dy2, x, coefficients, dx, dresidual, true);
  } else {
    differentiate(piece, dy, dy2, x, coefficients, dx, dresidual, false);
  }
}

#else

bool ss_bn_avx512_takes(const ss_bn_piece *piece) {
  (void)piece;
  return false;
}

void ss_bn_avx512_moments(const ss_bn_piece *piece, const void *x, const float *shift, float *first, float *second) {
  (void)piece, (void)x, (void)shift, (void)first, (void)second;
}

void ss_bn_avx512_normalize(const ss_bn_piece *piece, const void *x, const void *residual, void *y, const float *mean,
                            const float *scale, const float *bias, bool relu) {
  (void)piece, (void)x, (void)residual, (void)y, (void)mean, (void)scale, (void)bias, (void)relu;
}

void ss_bn_avx512_products(const ss_bn_piece *piece, const void *dy, const void *dy2, const void *x, const float *mean,
                           float *first, float *second) {
  (void)piece, (void)dy, (void)dy2, (void)x, (void)mean, (void)first, (void)second;
}

void ss_bn_avx512_differentiate(const ss_bn_piece *piece, const void *dy, const void *dy2, const void *x,
                                const ss_bn_coefficients *coefficients, void *dx, void *dresidual) {
  (void)piece, (void)dy, (void)dy2, (void)x, (void)coefficients, (void)dx, (void)dresidual;
}

#endif
