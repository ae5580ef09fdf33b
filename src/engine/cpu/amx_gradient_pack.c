#include "engine/cpu/amx_gradient.h"

#if defined(__x86_64__)

/* How far ahead memory is asked for; beyond the tensor's end that does nothing. */
enum { pixels_ahead = 4 };

static size_t patches_row_bytes(const ss_amx_gradient *g) {
  return (size_t)g->width * SS_AMX_BLOCK * (size_t)g->channels * sizeof(uint16_t);
}

size_t ss_amx_gradient_patches_bytes(const ss_amx_gradient *g) {
  return g->patches ? patches_row_bytes(g) : 0;
}

/* Transposes 16 images x 16 channels of two pixels (the second may be NULL: zeros) to 16 rows, one a channel, of the 16
 * images of the first pixel, then those of the second. Images are `stride` values apart. */
SS_AMX_INLINE void transpose_pair(const uint16_t *first, const uint16_t *second, size_t stride, uint16_t *to) {
  __m512i a[16], b[16];
  for (int n = 0; n < 16; ++n) {
    _mm_prefetch((const char *)(first + ((size_t)n + pixels_ahead * SS_AMX_BLOCK) * stride), _MM_HINT_T0);
    _mm_prefetch((const char *)(first + ((size_t)n + (pixels_ahead + 1) * SS_AMX_BLOCK) * stride), _MM_HINT_T0);
    const __m256i low = _mm256_loadu_si256((const __m256i *)(first + (size_t)n * stride));
    const __m256i high =
        second == NULL ? _mm256_setzero_si256() : _mm256_loadu_si256((const __m256i *)(second + (size_t)n * stride));
    a[n] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi16(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi16(a[i], a[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int k = 0; k < 2; ++k) { /* k = 0: channels 0 to 3 of a lane, 1: 4 to 7 */
      a[i + 2 * k] = _mm512_unpacklo_epi32(b[i + k], b[i + k + 2]);
      a[i + 2 * k + 1] = _mm512_unpackhi_epi32(b[i + k], b[i + k + 2]);
    }
  }
  for (int i = 0; i < 16; i += 8) {
    for (int k = 0; k < 4; ++k) {
      b[i + 2 * k] = _mm512_unpacklo_epi64(a[i + k], a[i + k + 4]);
      b[i + 2 * k + 1] = _mm512_unpackhi_epi64(a[i + k], a[i + k + 4]);
    }
  }
  /* Lane l of b[8 * h + c]: channel 8 * (l % 2) + c of pixel l / 2, images 8 * h to 8 * h + 7. */
  const __m512i even = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0);
  const __m512i odd = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
  for (int c = 0; c < 8; ++c) {
    _mm512_storeu_si512(to + c * 32, _mm512_permutex2var_epi64(b[c], even, b[8 + c]));
    _mm512_storeu_si512(to + (8 + c) * 32, _mm512_permutex2var_epi64(b[c], odd, b[8 + c]));
  }
}

SS_AMX void ss_amx_gradient_pack_dy(const ss_amx_gradient *g, const ss_amx_chunk *c, int tile, int tiles,
                                    uint8_t *packed) {
  const size_t stride = (size_t)g->out_channels;
  const size_t pixel = stride * SS_AMX_BLOCK;
  for (int block = 0; block < c->blocks; ++block) {
    for (int row = 0; row < c->rows; ++row) {
      const size_t y = ((size_t)c->first_block + (size_t)block) * (size_t)g->out_height + (size_t)(c->first_row + row);
      const uint16_t *from = g->dy + y * (size_t)g->out_width * pixel + (size_t)tile * SS_AMX_BLOCK;
      for (int pair = 0; pair < g->pairs; ++pair) {
        const uint16_t *first = from + (size_t)(2 * pair) * pixel;
        const uint16_t *second = 2 * pair + 1 < g->out_width ? first + pixel : NULL;
        uint8_t *to = packed + (size_t)block * g->dy_block + (size_t)row * g->dy_row + (size_t)pair * g->dy_pair;
        for (int t = 0; t < tiles; ++t) {
          transpose_pair(first + t * SS_AMX_BLOCK, second == NULL ? NULL : second + t * SS_AMX_BLOCK, stride,
                         (uint16_t *)(to + (size_t)t * g->dy_tile));
        }
      }
    }
  }
}

/* One pixel of x; NULL stands for zeros. */
SS_AMX_INLINE void interleave_pixel(const ss_amx_gradient *g, const uint16_t *from, int tiles, uint8_t *to) {
  const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37,
                                       5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  const __m512i zero = _mm512_setzero_si512();
  const size_t stride = (size_t)g->channels;
  for (int t = 0; t < tiles; t += 2) {
    uint8_t *first = to + (size_t)t * g->x_tile;
    uint8_t *second = first + g->x_tile;
    const bool two = t + 1 < tiles;
    const __mmask32 mask = two ? 0xFFFFFFFFu : 0xFFFFu;
    for (int r = 0; r < 8; ++r) {
      __m512i even = zero;
      __m512i odd = zero;
      if (from != NULL) {
        const uint16_t *source = from + (size_t)(2 * r) * stride + t * SS_AMX_BLOCK;
        _mm_prefetch((const char *)(source + pixels_ahead * SS_AMX_BLOCK * stride), _MM_HINT_T0);
        _mm_prefetch((const char *)(source + (pixels_ahead * SS_AMX_BLOCK + 1) * stride), _MM_HINT_T0);
        even = _mm512_maskz_loadu_epi16(mask, source);
        odd = _mm512_maskz_loadu_epi16(mask, source + stride);
      }
      _mm512_storeu_si512(first + (size_t)r * g->x_line, _mm512_permutex2var_epi16(even, low, odd));
      if (two) {
        _mm512_storeu_si512(second + (size_t)r * g->x_line, _mm512_permutex2var_epi16(even, high, odd));
      }
    }
  }
}

SS_AMX void ss_amx_gradient_pack_x(const ss_amx_gradient *g, const ss_amx_chunk *c, int tile, int tiles,
                                   uint8_t *packed, uint8_t *scratch) {
  const size_t pixel = (size_t)g->channels * SS_AMX_BLOCK;
  const int slots = g->stride * (c->rows - 1) + g->kernel;
  const int used = g->kernel == 1 ? g->stride : 1; /* every used-th row and pixel is read */
  for (int block = 0; block < c->blocks; ++block) {
    const size_t plane = (size_t)c->first_block + (size_t)block;
    for (int slot = 0; slot < slots; slot += used) {
      const int y = c->first_row * g->stride - g->padding + slot;
      if (y < 0 || y >= g->height) {
        continue;
      }
      const uint16_t *from;
      if (g->patches) {
        ss_amx_patches_row(g->shape, g->x + plane * ss_amx_pictures_size(g->shape), y, (uint16_t *)scratch);
        from = (const uint16_t *)scratch;
      } else {
        from = g->x + (plane * (size_t)g->height + (size_t)y) * (size_t)g->width * pixel;
      }
      from += (size_t)tile * SS_AMX_BLOCK;
      uint8_t *row = packed + (size_t)block * g->x_block + (size_t)slot * g->x_slot;
      for (int u = 0; u < g->line * g->stride; u += used) {
        const int x = u - g->padding;
        const size_t place = (size_t)(u % g->stride) * (size_t)g->line + (size_t)(u / g->stride);
        interleave_pixel(g, x >= 0 && x < g->width ? from + (size_t)x * pixel : NULL, tiles, row + place * g->x_pixel);
      }
    }
  }
}

#endif
