/* Batch norm's inner loops in AVX-512, on float32 or bf16 as it lies in memory: everything between reading and writing
 * an element happens in registers. Internal to engine/cpu; the plain loops are in batch_norm.c and
 * batch_norm_backward.c. */
#ifndef SS_ENGINE_CPU_BATCH_NORM_AVX512_H
#define SS_ENGINE_CPU_BATCH_NORM_AVX512_H

#include "engine/cpu/batch_norm.h"

#include <stdbool.h>

/* A tile of the rows: `count` elements from `place` on (in the whole tensor), `columns` of them a row. `mask` is the
 * byte of its first element's bit; NULL: no ReLU to the left of what is computed. */
typedef struct ss_bn_piece {
  ss_dtype dtype;
  int64_t place, count, columns;
  uint8_t *mask;
} ss_bn_piece;

/* The piece of `count` elements from `at` on (within a group), as ss_bn_tile cuts them; `mask` is the group's. */
ss_bn_piece ss_bn_piece_of(const ss_bn_view *view, int group, int64_t at, int64_t count, const uint8_t *mask);

/* Whether the processor has the instructions and the piece is made of whole rows of sixteens. */
bool ss_bn_avx512_takes(const ss_bn_piece *piece);

/* As add_moments of batch_norm.c: first += x - shift, second += (x - shift)^2, column by column. */
void ss_bn_avx512_moments(const ss_bn_piece *piece, const void *x, const float *shift, float *first, float *second);

/* y = (x - mean) scale + bias [+ residual, unless NULL] [then ReLU, its bits to mask unless NULL]. */
void ss_bn_avx512_normalize(const ss_bn_piece *piece, const void *x, const void *residual, void *y, const float *mean,
                            const float *scale, const float *bias, bool relu);

/* With g = dy [+ dy2, unless NULL] where mask has a bit, else 0: first += g, second += g (x - mean). */
void ss_bn_avx512_products(const ss_bn_piece *piece, const void *dy, const void *dy2, const void *x, const float *mean,
                           float *first, float *second);

/* dx = g of_g + ((x - mean) of_x + of_one) unless dx is NULL; dresidual = g unless NULL. */
typedef struct ss_bn_coefficients {
  const float *mean, *of_g, *of_x, *of_one;
} ss_bn_coefficients;
void ss_bn_avx512_differentiate(const ss_bn_piece *piece, const void *dy, const void *dy2, const void *x,
                                const ss_bn_coefficients *coefficients, void *dx, void *dresidual);

#endif
