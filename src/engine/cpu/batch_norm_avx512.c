#include "engine/cpu/batch_norm_avx512.h"

#include "engine/cpu/avx512.h"
#include "engine/cpu/elements.h"

ss_bn_rows ss_bn_avx512_rows(const ss_bn_view *view, int64_t elements) {
  const int64_t bytes = view->group_count * view->groups * (int64_t)ss_dtype_size(view->dtype);
  return (ss_bn_rows){view->dtype, elements / view->width, view->width, bytes > SS_AVX512_CACHED_BYTES};
}

#if defined(__x86_64__)

enum { rows_together = 4 }; /* whose sums are added before they go to memory */

bool ss_bn_avx512_fits(const ss_bn_view *view) {
  return ss_avx512_available() && view->width % 32 == 0 && view->group_count % view->width == 0;
}

/* ---- forward ---- */

SS_AVX512_INLINE void moments_of(const void *x, int64_t at, int64_t width, const int rows, const float *shift,
                                 float *first, float *second, const bool wide) {
  for (int64_t i = 0; i < width; i += 16) {
    const __m512 about = _mm512_loadu_ps(shift + i);
    __m512 sum = _mm512_loadu_ps(first + i);
    __m512 squares = _mm512_loadu_ps(second + i);
    for (int row = 0; row < rows; row++) {
      const __m512 value = _mm512_sub_ps(ss_avx512_read16(x, at + row * width + i, wide), about);
      sum = _mm512_add_ps(sum, value);
      squares = _mm512_fmadd_ps(value, value, squares);
    }
    _mm512_storeu_ps(first + i, sum);
    _mm512_storeu_ps(second + i, squares);
  }
}

SS_AVX512_INLINE void moments(const ss_bn_rows *of, const void *x, const float *shift, float *first, float *second,
                              const bool wide) {
  int64_t row = 0;
  for (; row + rows_together <= of->rows; row += rows_together) {
    moments_of(x, row * of->width, of->width, rows_together, shift, first, second, wide);
  }
  for (; row < of->rows; row++) {
    moments_of(x, row * of->width, of->width, 1, shift, first, second, wide);
  }
}

SS_AVX512 void ss_bn_avx512_moments(const ss_bn_rows *of, const void *x, const float *shift, float *first,
                                    float *second) {
  if (of->dtype == SS_F32) {
    moments(of, x, shift, first, second, true);
  } else {
    moments(of, x, shift, first, second, false);
  }
}

SS_AVX512_INLINE __m512 normalized(const void *x, const void *residual, int64_t at, const float *columns, int64_t i,
                                   int64_t width, const bool wide) {
  const __m512 centred = _mm512_sub_ps(ss_avx512_read16(x, at, wide), _mm512_loadu_ps(columns + i));
  const __m512 value =
      _mm512_fmadd_ps(centred, _mm512_loadu_ps(columns + width + i), _mm512_loadu_ps(columns + 2 * width + i));
  return residual ? _mm512_add_ps(value, ss_avx512_read16(residual, at, wide)) : value;
}

SS_AVX512_INLINE void normalize(const ss_bn_rows *of, const void *x, const void *residual, const float *columns,
                                const bool relu, void *y, uint8_t *mask, const bool wide, const bool past_caches) {
  const __m512 zero = _mm512_setzero_ps();
  for (int64_t row = 0; row < of->rows; row++) {
    for (int64_t i = 0; i < of->width; i += 32) {
      const int64_t at = row * of->width + i;
      __m512 low = normalized(x, residual, at, columns, i, of->width, wide);
      __m512 high = normalized(x, residual, at + 16, columns, i + 16, of->width, wide);
      if (mask) {
        const uint32_t positive = (uint32_t)_mm512_cmp_ps_mask(low, zero, _CMP_GT_OQ) |
                                  (uint32_t)_mm512_cmp_ps_mask(high, zero, _CMP_GT_OQ) << 16;
        memcpy(mask + at / 8, &positive, sizeof positive);
      }
      if (relu) { /* a NaN stays: it is the second operand */
        low = _mm512_max_ps(zero, low);
        high = _mm512_max_ps(zero, high);
      }
      ss_avx512_write32(y, at, low, high, wide, past_caches);
    }
  }
}

#define NORMALIZE(residual, relu, mask)                                \
  if (of->dtype == SS_F32) {                                           \
    if (past_caches) {                                                 \
      normalize(of, x, residual, columns, relu, y, mask, true, true);  \
    } else {                                                           \
      normalize(of, x, residual, columns, relu, y, mask, true, false); \
    }                                                                  \
  } else if (past_caches) {                                            \
    normalize(of, x, residual, columns, relu, y, mask, false, true);   \
  } else {                                                             \
    normalize(of, x, residual, columns, relu, y, mask, false, false);  \
  }

SS_AVX512 void ss_bn_avx512_normalize(const ss_bn_rows *of, const void *x, const void *residual, const float *columns,
                                      bool relu, void *y, uint8_t *mask) {
  const bool past_caches = of->past_caches && ss_avx512_is_aligned(y);
  if (relu && residual) {
    NORMALIZE(residual, true, mask)
  } else if (relu) {
    NORMALIZE(NULL, true, mask)
  } else {
    NORMALIZE(residual, false, mask)
  }
  ss_avx512_fence(past_caches);
}

/* ---- backward ---- */

SS_AVX512_INLINE __m512 gradient16(const ss_bn_gradient *g, int64_t at, const bool two, const bool masked,
                                   const bool wide) {
  __m512 value = ss_avx512_read16(g->dy, at, wide);
  if (two) {
    value = _mm512_add_ps(value, ss_avx512_read16(g->dy2, at, wide));
  }
  if (masked) {
    uint16_t kept;
    memcpy(&kept, g->mask + at / 8, sizeof kept);
    value = _mm512_maskz_mov_ps(kept, value);
  }
  return value;
}

SS_AVX512_INLINE void products_of(const ss_bn_gradient *g, const void *x, int64_t at, int64_t width, const int rows,
                                  const float *mean, float *first, float *second, const bool two, const bool masked,
                                  const bool wide) {
  for (int64_t i = 0; i < width; i += 16) {
    const __m512 about = _mm512_loadu_ps(mean + i);
    __m512 sum = _mm512_loadu_ps(first + i);
    __m512 products = _mm512_loadu_ps(second + i);
    for (int row = 0; row < rows; row++) {
      const int64_t place = at + row * width + i;
      const __m512 value = gradient16(g, place, two, masked, wide);
      sum = _mm512_add_ps(sum, value);
      products = _mm512_fmadd_ps(value, _mm512_sub_ps(ss_avx512_read16(x, place, wide), about), products);
    }
    _mm512_storeu_ps(first + i, sum);
    _mm512_storeu_ps(second + i, products);
  }
}

SS_AVX512_INLINE void products(const ss_bn_rows *of, const ss_bn_gradient *g, const void *x, const float *mean,
                               float *first, float *second, const bool two, const bool masked, const bool wide) {
  int64_t row = 0;
  for (; row + rows_together <= of->rows; row += rows_together) {
    products_of(g, x, row * of->width, of->width, rows_together, mean, first, second, two, masked, wide);
  }
  for (; row < of->rows; row++) {
    products_of(g, x, row * of->width, of->width, 1, mean, first, second, two, masked, wide);
  }
}

/* Calls FUNCTION(two, masked, wide) with constants. */
#define FOR_GRADIENT(FUNCTION)                                                                  \
  switch ((gradient->dy2 ? 4 : 0) + (gradient->mask ? 2 : 0) + (of->dtype == SS_F32 ? 1 : 0)) { \
    case 0:                                                                                     \
      FUNCTION(false, false, false);                                                            \
      break;                                                                                    \
    case 1:                                                                                     \
      FUNCTION(false, false, true);                                                             \
      break;                                                                                    \
    case 2:                                                                                     \
      FUNCTION(false, true, false);                                                             \
      break;                                                                                    \
    case 3:                                                                                     \
      FUNCTION(false, true, true);                                                              \
      break;                                                                                    \
    case 4:                                                                                     \
      FUNCTION(true, false, false);                                                             \
      break;                                                                                    \
    case 5:                                                                                     \
      FUNCTION(true, false, true);                                                              \
      break;                                                                                    \
    case 6:                                                                                     \
      FUNCTION(true, true, false);                                                              \
      break;                                                                                    \
    default:                                                                                    \
      FUNCTION(true, true, true);                                                               \
      break;                                                                                    \
  }

#define PRODUCTS(two, masked, wide) products(of, gradient, x, mean, first, second, two, masked, wide)

SS_AVX512 void ss_bn_avx512_products(const ss_bn_rows *of, const ss_bn_gradient *gradient, const void *x,
                                     const float *mean, float *first, float *second){FOR_GRADIENT(PRODUCTS)}

SS_AVX512_INLINE __m512 differentiated(__m512 g, const void *x, int64_t at, const float *columns, int64_t i,
                                       int64_t width, const bool wide) {
  const __m512 centred = _mm512_sub_ps(ss_avx512_read16(x, at, wide), _mm512_loadu_ps(columns + i));
  const __m512 rest =
      _mm512_fmadd_ps(centred, _mm512_loadu_ps(columns + 2 * width + i), _mm512_loadu_ps(columns + 3 * width + i));
  return _mm512_fmadd_ps(g, _mm512_loadu_ps(columns + width + i), rest);
}

/* dx and residual are tested at each step: a branch that is always foreseen. */
SS_AVX512_INLINE void differentiate(const ss_bn_rows *of, const ss_bn_gradient *g, const void *x, const float *columns,
                                    void *dx, void *residual, bool past_caches, const bool two, const bool masked,
                                    const bool wide) {
  for (int64_t row = 0; row < of->rows; row++) {
    for (int64_t i = 0; i < of->width; i += 32) {
      const int64_t at = row * of->width + i;
      const __m512 low = gradient16(g, at, two, masked, wide);
      const __m512 high = gradient16(g, at + 16, two, masked, wide);
      if (residual) {
        ss_avx512_write32(residual, at, low, high, wide, past_caches);
      }
      if (dx) {
        ss_avx512_write32(dx, at, differentiated(low, x, at, columns, i, of->width, wide),
                          differentiated(high, x, at + 16, columns, i + 16, of->width, wide), wide, past_caches);
      }
    }
  }
}

#define DIFFERENTIATE(two, masked, wide) \
  differentiate(of, gradient, x, columns, dx, residual, past_caches, two, masked, wide)

SS_AVX512 void ss_bn_avx512_differentiate(const ss_bn_rows *of, const ss_bn_gradient *gradient, const void *x,
                                          const float *columns, void *dx, void *residual) {
  const bool past_caches = of->past_caches && ss_avx512_is_aligned(dx) && ss_avx512_is_aligned(residual);
  FOR_GRADIENT(DIFFERENTIATE)
  ss_avx512_fence(past_caches);
}

#else

bool ss_bn_avx512_fits(const ss_bn_view *view) {
  (void)view;
  return false;
}

void ss_bn_avx512_moments(const ss_bn_rows *of, const void *x, const float *shift, float *first, float *second) {
  (void)of, (void)x, (void)shift, (void)first, (void)second;
}

void ss_bn_avx512_normalize(const ss_bn_rows *of, const void *x, const void *residual, const float *columns, bool relu,
                            void *y, uint8_t *mask) {
  (void)of, (void)x, (void)residual, (void)columns, (void)relu, (void)y, (void)mask;
}

void ss_bn_avx512_products(const ss_bn_rows *of, const ss_bn_gradient *gradient, const void *x, const float *mean,
                           float *first, float *second) {
  (void)of, (void)gradient, (void)x, (void)mean, (void)first, (void)second;
}

void ss_bn_avx512_differentiate(const ss_bn_rows *of, const ss_bn_gradient *gradient, const void *x,
                                const float *columns, void *dx, void *residual) {
  (void)of, (void)gradient, (void)x, (void)columns, (void)dx, (void)residual;
}

#endif
