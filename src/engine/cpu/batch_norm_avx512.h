/* Batch norm's sweeps with AVX-512: each reads its operands once, from where they lie, and writes past the caches what
 * would not stay in them. Internal to engine/cpu.
 *
 * All take `rows` wide rows of `width` numbers in float32 or bf16, width a multiple of 32. */
#ifndef SS_ENGINE_CPU_BATCH_NORM_AVX512_H
#define SS_ENGINE_CPU_BATCH_NORM_AVX512_H

#include "engine/cpu/batch_norm.h"

/* Whether the processor has what they need and the view's rows are what they take. */
bool ss_bn_avx512_fits(const ss_bn_view *view);

/* What a call sweeps over. */
typedef struct ss_bn_rows {
  ss_dtype dtype;
  int64_t rows, width;
  bool past_caches; /* what is written would leave the caches before it is read */
} ss_bn_rows;

/* `elements` (a multiple of width) of the view, as rows. */
ss_bn_rows ss_bn_avx512_rows(const ss_bn_view *view, int64_t elements);

/* Adds the deviations from `shift` and their squares, column by column. */
void ss_bn_avx512_moments(const ss_bn_rows *of, const void *x, const float *shift, float *first, float *second);

/* y = (x - mean) scale + bias [+ residual], [then ReLU]; columns: mean, scale, bias. mask: a bit a number, set where
 * the ReLU lets it pass. y may be x or the residual. residual and mask may be NULL. */
void ss_bn_avx512_normalize(const ss_bn_rows *of, const void *x, const void *residual, const float *columns, bool relu,
                            void *y, uint8_t *mask);

/* Where the gradient g of y behind the ReLU comes from: dy [+ dy2] where the mask's bit is set; these two may be NULL.
 */
typedef struct ss_bn_gradient {
  const void *dy, *dy2;
  const uint8_t *mask;
} ss_bn_gradient;

/* Adds g and g (x - mean), column by column. */
void ss_bn_avx512_products(const ss_bn_rows *of, const ss_bn_gradient *gradient, const void *x, const float *mean,
                           float *first, float *second);

/* dx = g of_g + (x - mean) of_x + of_one, the residual's gradient = g; columns: mean, of_g, of_x, of_one. Either may be
 * NULL; they may be dy or dy2. */
void ss_bn_avx512_differentiate(const ss_bn_rows *of, const ss_bn_gradient *gradient, const void *x,
                                const float *columns, void *dx, void *residual);

#endif
