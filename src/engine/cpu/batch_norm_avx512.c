#include "engine/cpu/batch_norm_avx512.h"

#include "engine/cpu/elements.h"

enum { cached_bytes = 1 << 20 }; /* as much as some second-level caches hold */

ss_bn_rows ss_bn_avx512_rows(const ss_bn_view *view, int64_t elements) {
  const int64_t bytes = view->group_count * view->groups * (int64_t)ss_dtype_size(view->dtype);
  return (ss_bn_rows){view->dtype, elements / view->width, view->width, bytes > cached_bytes};
}

#if defined(__x86_64__)

#include <immintrin.h>

#define FAST __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define FAST_INLINE FAST static inline __attribute__((always_inline))

enum {
  rows_together = 4,  /* whose sums are added before they go to memory */
  bytes_ahead = 2048, /* that memory is asked for: the processor's own prefetching ends at each page of 4 KB */
};

bool ss_bn_avx512_fits(const ss_bn_view *view) {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bf16") && view->width % 32 == 0 && view->group_count % view->width == 0;
}

/* ---- sixteen numbers ---- */

FAST_INLINE __m512 read16(const void *data, int64_t at, const bool wide) {
  _mm_prefetch((const char *)data + (size_t)at * (wide ? 4 : 2) + bytes_ahead, _MM_HINT_T0);
  if (wide) {
    return _mm512_loadu_ps((const float *)data + at);
  }
  const __m256i half = _mm256_loadu_si256((const __m256i *)((const ss_bf16 *)data + at));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* Two times sixteen. */
FAST_INLINE void write32(void *data, int64_t at, __m512 low, __m512 high, const bool wide, const bool past_caches) {
  if (wide) {
    float *to = (float *)data + at;
    if (past_caches) {
      _mm512_stream_ps(to, low);
      _mm512_stream_ps(to + 16, high);
    } else {
      _mm512_storeu_ps(to, low);
      _mm512_storeu_ps(to + 16, high);
    }
    return;
  }
  __m512i *to = (__m512i *)((ss_bf16 *)data + at);
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
  if (past_caches) {
    _mm512_stream_si512(to, both);
  } else {
    _mm512_storeu_si512(to, both);
  }
}

/* What was written past the caches is seen by other threads only behind a fence. */
FAST_INLINE void finish(bool past_caches) {
  if (past_caches) {
    _mm_sfence();
  }
}

static bool is_aligned(const void *data) {
  return (uintptr_t)data % 64 == 0;
}

/* ---- forward ---- */

FAST_INLINE void moments_of(const void *x, int64_t at, int64_t width, const int rows, const float *shift, float *first,
                            float *second, const bool wide) {
  for (int64_t i = 0; i < width; i += 16) {
    const __m512 about = _mm512_loadu_ps(shift + i);
    __m512 sum = _mm512_loadu_ps(first + i);
    __m512 squares = _mm512_loadu_ps(second + i);
    for (int row = 0; row < rows; row++) {
      const __m512 value = _mm512_sub_ps(read16(x, at + row * width + i, wide), about);
      sum = _mm512_add_ps(sum, value);
      squares = _mm512_fmadd_ps(value, value, squares);
    }
    _mm512_storeu_ps(first + i, sum);
    _mm512_storeu_ps(second + i, squares);
  }
}

FAST_INLINE void moments(const ss_bn_rows *of, const void *x, const float *shift, float *first, float *second,
                         const bool wide) {
  int64_t row = 0;
  for (; row + rows_together <= of->rows; row += rows_together) {
    moments_of(x, row * of->width, of->width, rows_together, shift, first, second, wide);
  }
  for (; row < of->rows; row++) {
    moments_of(x, row * of->width, of->width, 1, shift, first, second, wide);
  }
}

FAST void ss_bn_avx512_moments(const ss_bn_rows *of, const void *x, const float *shift, float *first, float *second) {
  if (of->dtype == SS_F32) {
    moments(of, x, shift, first, second, true);
  } else {
    moments(of, x, shift, first, second, false);
  }
}

FAST_INLINE __m512 normalized(const void *x, const void *residual, int64_t at, const float *columns, int64_t i,
                              int64_t width, const bool wide) {
  const __m512 centred = _mm512_sub_ps(read16(x, at, wide), _mm512_loadu_ps(columns + i));
  const __m512 value =
      _mm512_fmadd_ps(centred, _mm512_loadu_ps(columns + width + i), _mm512_loadu_ps(columns + 2 * width + i));
  return residual ? _mm512_add_ps(value, read16(residual, at, wide)) : value;
}

FAST_INLINE void normalize(const ss_bn_rows *of, const void *x, const void *residual, const float *columns,
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
      write32(y, at, low, high, wide, past_caches);
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

FAST void ss_bn_avx512_normalize(const ss_bn_rows *of, const void *x, const void *residual, const float *columns,
                                 bool relu, void *y, uint8_t *mask) {
  const bool past_caches = of->past_caches && is_aligned(y);
  if (relu && residual) {
    NORMALIZE(residual, true, mask)
  } else if (relu) {
    NORMALIZE(NULL, true, mask)
  } else {
    NORMALIZE(residual, false, mask)
  }
  finish(past_caches);
}

/* ---- backward ---- */

FAST_INLINE __m512 gradient16(const ss_bn_gradient *g, int64_t at, const bool two, const bool masked, const bool wide) {
  __m512 value = read16(g->dy, at, wide);
  if (two) {
    value = _mm512_add_ps(value, read16(g->dy2, at, wide));
  }
  if (masked) {
    uint16_t kept;
    memcpy(&kept, g->mask + at / 8, sizeof kept);
    value = _mm512_maskz_mov_ps(kept, value);
  }
  return value;
}

FAST_INLINE void products_of(const ss_bn_gradient *g, const void *x, int64_t at, int64_t width, const int rows,
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
      products = _mm512_fmadd_ps(value, _mm512_sub_ps(read16(x, place, wide), about), products);
    }
    _mm512_storeu_ps(first + i, sum);
    _mm512_storeu_ps(second + i, products);
  }
}

FAST_INLINE void products(const ss_bn_rows *of, const ss_bn_gradient *g, const void *x, const float *mean, float *first,
                          float *second, const bool two, const bool masked, const bool wide) {
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

FAST void ss_bn_avx512_products(const ss_bn_rows *of, const ss_bn_gradient *gradient, const void *x, const float *mean,
                                float *first, float *second){FOR_GRADIENT(PRODUCTS)}

FAST_INLINE __m512 differentiated(__m512 g, const void *x, int64_t at, const float *columns, int64_t i, int64_t width,
                                  const bool wide) {
  const __m512 centred = _mm512_sub_ps(read16(x, at, wide), _mm512_loadu_ps(columns + i));
  const __m512 rest =
      _mm512_fmadd_ps(centred, _mm512_loadu_ps(columns + 2 * width + i), _mm512_loadu_ps(columns + 3 * width + i));
  return _mm512_fmadd_ps(g, _mm512_loadu_ps(columns + width + i), rest);
}

/* dx and residual are tested at each step: a branch that is always foreseen. */
FAST_INLINE void differentiate(const ss_bn_rows *of, const ss_bn_gradient *g, const void *x, const float *columns,
                               void *dx, void *residual, bool past_caches, const bool two, const bool masked,
                               const bool wide) {
  for (int64_t row = 0; row < of->rows; row++) {
    for (int64_t i = 0; i < of->width; i += 32) {
      const int64_t at = row * of->width + i;
      const __m512 low = gradient16(g, at, two, masked, wide);
      const __m512 high = gradient16(g, at + 16, two, masked, wide);
      if (residual) {
        write32(residual, at, low, high, wide, past_caches);
      }
      if (dx) {
        write32(dx, at, differentiated(low, x, at, columns, i, of->width, wide),
                differentiated(high, x, at + 16, columns, i + 16, of->width, wide), wide, past_caches);
      }
    }
  }
}

#define DIFFERENTIATE(two, masked, wide) \
  differentiate(of, gradient, x, columns, dx, residual, past_caches, two, masked, wide)

FAST void ss_bn_avx512_differentiate(const ss_bn_rows *of, const ss_bn_gradient *gradient, const void *x,
                                     const float *columns, void *dx, void *residual) {
  const bool past_caches = of->past_caches && is_aligned(dx) && is_aligned(residual);
  FOR_GRADIENT(DIFFERENTIATE)
  finish(past_caches);
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
