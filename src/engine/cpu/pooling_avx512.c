#include "engine/cpu/pooling_avx512.h"

#include "engine/cpu/avx512.h"
#include "engine/pooling.h"

#if defined(__x86_64__)

/* Pixels of one image, or the same pixel of the sixteen of a block: `run` numbers side by side. */
typedef struct geometry {
  ss_pool_axis rows, columns;
  int64_t blocks, run;
  bool wide, past_caches;
} geometry;

static geometry geometry_of(const ss_node *node, const ss_tensor *x, const ss_tensor *y, const ss_tensor *written) {
  const int64_t together = x->layout == SS_LAYOUT_BLOCK16 ? 16 : 1;
  const int64_t bytes = ss_shape_count(written->shape) * (int64_t)ss_dtype_size(written->dtype);
  return (geometry){.rows = ss_pool_axis_of(&node->attributes, x->shape, y->shape, 1),
                    .columns = ss_pool_axis_of(&node->attributes, x->shape, y->shape, 2),
                    .blocks = x->shape.dims[0] / together,
                    .run = x->shape.dims[3] * together,
                    .wide = x->dtype == SS_F32,
                    .past_caches = bytes > SS_AVX512_CACHED_BYTES};
}

static bool supports(const ss_node *node, const ss_tensor *x, const ss_tensor *y, const ss_tensor *winners) {
  const int kind = node->attributes.kind;
  if (!ss_avx512_available() || (kind != SS_POOL_MAX && kind != SS_POOL_ADAPTIVE_MAX) || x->shape.rank != 4 ||
      x->layout != y->layout || (winners && (winners->layout != x->layout || winners->dtype != SS_U8))) {
    return false;
  }
  return geometry_of(node, x, y, y).run % 32 == 0;
}

bool ss_pool_avx512_supports(const ss_node *node) {
  return supports(node, node->inputs[0], node->outputs[0], node->outputs[1]);
}

bool ss_pool_backward_avx512_supports(const ss_node *node) {
  return node->inputs[1] && supports(node, node->outputs[0], node->inputs[0], node->inputs[1]);
}

/* ---- forward ---- */

typedef struct best {
  __m512 value;
  __m512i winner;
} best;

/* The first of the largest wins; a NaN is largest. */
SS_AVX512_INLINE void take_larger(best *of, __m512 value, __m512i number) {
  const __mmask16 larger =
      _mm512_cmp_ps_mask(value, of->value, _CMP_GT_OQ) | _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
  of->value = _mm512_mask_mov_ps(of->value, larger, value);
  of->winner = _mm512_mask_mov_epi32(of->winner, larger, number);
}

SS_AVX512_INLINE void pool_row(const geometry *g, const void *x, void *y, uint8_t *winners, int64_t block, int64_t row,
                               const bool wide, const bool past_caches) {
  int64_t top, bottom, left, right;
  ss_pool_window(&g->rows, row, &top, &bottom);
  for (int64_t column = 0; column < g->columns.out; column++) {
    ss_pool_window(&g->columns, column, &left, &right);
    const int64_t out = ((block * g->rows.out + row) * g->columns.out + column) * g->run;
    for (int64_t i = 0; i < g->run; i += 32) {
      const int64_t first = ((block * g->rows.in + top) * g->columns.in + left) * g->run + i;
      best low = {ss_avx512_read16(x, first, wide), _mm512_setzero_si512()};
      best high = {ss_avx512_read16(x, first + 16, wide), _mm512_setzero_si512()};
      for (int64_t h = top; h < bottom; h++) {
        for (int64_t w = left; w < right; w++) {
          const int64_t at = ((block * g->rows.in + h) * g->columns.in + w) * g->run + i;
          const __m512i number = _mm512_set1_epi32((int)((h - top) * g->columns.kernel + (w - left)));
          take_larger(&low, ss_avx512_read16(x, at, wide), number);
          take_larger(&high, ss_avx512_read16(x, at + 16, wide), number);
        }
      }
      ss_avx512_write32(y, out + i, low.value, high.value, wide, past_caches);
      if (winners) {
        _mm_storeu_si128((__m128i *)(winners + out + i), _mm512_cvtepi32_epi8(low.winner));
        _mm_storeu_si128((__m128i *)(winners + out + i + 16), _mm512_cvtepi32_epi8(high.winner));
      }
    }
  }
}

SS_AVX512 static void pool(const geometry *g, const void *x, void *y, uint8_t *winners, int64_t block, int64_t row) {
  const bool past_caches = g->past_caches && ss_avx512_is_aligned(y);
  if (g->wide) {
    pool_row(g, x, y, winners, block, row, true, past_caches);
  } else {
    pool_row(g, x, y, winners, block, row, false, past_caches);
  }
  ss_avx512_fence(past_caches);
}

ss_status ss_pool_avx512_run(const ss_step *step) {
  const ss_tensor *y = step->node->outputs[0];
  const geometry g = geometry_of(step->node, step->node->inputs[0], y, y);
  const int64_t rows = g.rows.out;
#pragma omp parallel for schedule(static) num_threads(step->threads)
  for (int64_t job = 0; job < g.blocks * rows; job++) {
    pool(&g, step->in[0], step->out[0], step->out[1], job / rows, job % rows);
  }
  return SS_OK;
}

/* ---- backward ---- */

/* dy where `number` won. */
SS_AVX512_INLINE __m512 won(const void *dy, const uint8_t *winners, int64_t at, __m128i number, const bool wide) {
  const __mmask16 here = _mm_cmpeq_epi8_mask(_mm_loadu_si128((const __m128i *)(winners + at)), number);
  return _mm512_maskz_mov_ps(here, ss_avx512_read16(dy, at, wide));
}

SS_AVX512_INLINE void scatter_row(const geometry *g, const void *dy, const uint8_t *winners, void *dx, int64_t block,
                                  int64_t row, const bool wide, const bool past_caches) {
  int64_t top, bottom, left, right;
  ss_pool_readers(&g->rows, row, &top, &bottom);
  for (int64_t column = 0; column < g->columns.in; column++) {
    ss_pool_readers(&g->columns, column, &left, &right);
    const int64_t in = ((block * g->rows.in + row) * g->columns.in + column) * g->run;
    for (int64_t i = 0; i < g->run; i += 32) {
      __m512 low = _mm512_setzero_ps(), high = _mm512_setzero_ps();
      for (int64_t h = top; h < bottom; h++) {
        int64_t window_top, window_left, end;
        ss_pool_window(&g->rows, h, &window_top, &end);
        for (int64_t w = left; w < right; w++) {
          ss_pool_window(&g->columns, w, &window_left, &end);
          const int64_t at = ((block * g->rows.out + h) * g->columns.out + w) * g->run + i;
          const __m128i number = _mm_set1_epi8((char)((row - window_top) * g->columns.kernel + (column - window_left)));
          low = _mm512_add_ps(low, won(dy, winners, at, number, wide));
          high = _mm512_add_ps(high, won(dy, winners, at + 16, number, wide));
        }
      }
      ss_avx512_write32(dx, in + i, low, high, wide, past_caches);
    }
  }
}

SS_AVX512 static void scatter(const geometry *g, const void *dy, const uint8_t *winners, void *dx, int64_t block,
                              int64_t row) {
  const bool past_caches = g->past_caches && ss_avx512_is_aligned(dx);
  if (g->wide) {
    scatter_row(g, dy, winners, dx, block, row, true, past_caches);
  } else {
    scatter_row(g, dy, winners, dx, block, row, false, past_caches);
  }
  ss_avx512_fence(past_caches);
}

ss_status ss_pool_backward_avx512_run(const ss_step *step) {
  const ss_tensor *dx = step->node->outputs[0];
  const geometry g = geometry_of(step->node, dx, step->node->inputs[0], dx);
  const int64_t rows = g.rows.in;
#pragma omp parallel for schedule(static) num_threads(step->threads)
  for (int64_t job = 0; job < g.blocks * rows; job++) {
    scatter(&g, step->in[0], step->in[1], step->out[0], job / rows, job % rows);
  }
  return SS_OK;
}

#else

bool ss_pool_avx512_supports(const ss_node *node) {
  (void)node;
  return false;
}

ss_status ss_pool_avx512_run(const ss_step *step) {
  (void)step;
  return SS_FAILED;
}

bool ss_pool_backward_avx512_supports(const ss_node *node) {
  (void)node;
  return false;
}

ss_status ss_pool_backward_avx512_run(const ss_step *step) {
  (void)step;
  return SS_FAILED;
}

#endif
