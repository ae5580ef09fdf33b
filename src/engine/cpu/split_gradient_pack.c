#include "engine/cpu/amx_weights.h"
#include "engine/cpu/split_gradient.h"
#include "engine/cpu/split_patches.h"

#if defined(__x86_64__)

size_t ss_split_gradient_patches_bytes(const ss_split_gradient *g) {
  const size_t patches = (size_t)(SS_AMX_BLOCK * SS_SPLIT_LONGEST_PATCH) * sizeof(float);
  return g->patches ? ss_amx_round_up(ss_split_patch_rows_bytes(g->shape), 64) + patches : 0;
}

/* Two pixels of 16 images x 16 channels (the second may be NULL: zeros); images are `stride` values apart. */
SS_AMX static void transpose_pair(const float *first, const float *second, size_t stride, uint8_t *to) {
  float low[SS_SPLIT_TILE_VALUES] __attribute__((aligned(64)));
  float high[SS_SPLIT_TILE_VALUES] __attribute__((aligned(64)));
  ss_amx_transpose(first, stride, 16, low);
  if (second != NULL) {
    ss_amx_transpose(second, stride, 16, high);
  } else {
    memset(high, 0, sizeof high);
  }
  for (int c = 0; c < 16; ++c) {
    __m512i a[SS_SPLIT_PARTS], b[SS_SPLIT_PARTS];
    ss_split(_mm512_load_ps(low + c * 16), a);
    ss_split(_mm512_load_ps(high + c * 16), b);
    for (int part = 0; part < SS_SPLIT_PARTS; ++part) {
      _mm512_store_si512(to + part * SS_AMX_TILE_BYTES + c * 64, ss_split_row(a[part], b[part]));
    }
  }
}

SS_AMX void ss_split_gradient_pack_dy(const ss_split_gradient *g, const ss_split_chunk *c, int tile, int tiles,
                                      uint8_t *packed) {
  const size_t stride = (size_t)g->out_channels;
  const size_t pixel = stride * SS_AMX_BLOCK;
  for (int block = 0; block < c->blocks; ++block) {
    for (int row = 0; row < c->rows; ++row) {
      const size_t y = (size_t)(c->first_block + block) * (size_t)g->out_height + (size_t)(c->first_row + row);
      const float *from = g->dy + y * (size_t)g->out_width * pixel + (size_t)(tile * SS_AMX_BLOCK);
      uint8_t *to = packed + (size_t)block * g->dy_block + (size_t)row * g->dy_row;
      for (int pair = 0; pair < g->pairs; ++pair) {
        const float *first = from + (size_t)(2 * pair) * pixel;
        const float *second = 2 * pair + 1 < g->out_width ? first + pixel : NULL;
        for (int t = 0; t < tiles; ++t) {
          transpose_pair(first + t * SS_AMX_BLOCK, second == NULL ? NULL : second + t * SS_AMX_BLOCK, stride,
                         to + (size_t)t * g->dy_tile + (size_t)pair * SS_SPLIT_DY_BYTES);
        }
      }
    }
  }
}

/* One pixel of x, its images `stride` values apart; NULL stands for zeros. */
SS_AMX_INLINE void interleave_pixel(const ss_split_gradient *g, const float *from, size_t stride, int tiles,
                                    uint8_t *to) {
  for (int r = 0; r < 8; ++r) {
    const float *even = from == NULL ? NULL : from + (size_t)(2 * r) * stride;
    for (int t = 0; t < tiles; ++t) {
      __m512i a[SS_SPLIT_PARTS], b[SS_SPLIT_PARTS];
      ss_split(even == NULL ? _mm512_setzero_ps() : _mm512_loadu_ps(even + t * SS_AMX_BLOCK), a);
      ss_split(even == NULL ? _mm512_setzero_ps() : _mm512_loadu_ps(even + stride + t * SS_AMX_BLOCK), b);
      uint8_t *line = to + (size_t)t * g->x_tile + r * SS_SPLIT_LINE;
      for (int part = 0; part < SS_SPLIT_PARTS; ++part) {
        _mm512_store_si512(line + part * 64, ss_split_pairs(a[part], b[part]));
      }
    }
  }
}

/* Of a first layer: the patches of all images at column x, images SS_SPLIT_LONGEST_PATCH values apart. */
static void make_patches(const ss_split_gradient *g, const float *rows, int x, float *patches) {
  for (int n = 0; n < SS_AMX_BLOCK; ++n) {
    ss_split_patch(g->shape, rows, x, n, patches + n * SS_SPLIT_LONGEST_PATCH);
  }
}

SS_AMX void ss_split_gradient_pack_x(const ss_split_gradient *g, const ss_split_chunk *c, int from, int tile, int tiles,
                                     uint8_t *packed, float *scratch, int *laid) {
  const size_t pixel = (size_t)g->channels * SS_AMX_BLOCK;
  const int used = g->kernel == 1 ? g->stride : 1; /* every used-th row and pixel is read */
  float *patches = scratch;
  float *rows = scratch + SS_AMX_BLOCK * SS_SPLIT_LONGEST_PATCH;
  if (g->patches) {
    memset(patches, 0, SS_AMX_BLOCK * SS_SPLIT_LONGEST_PATCH * sizeof *patches);
  }
  for (int block = 0; block < c->blocks; ++block) {
    for (int y = from; y < c->high; ++y) {
      if (y % used != 0) {
        continue;
      }
      const float *line = g->x + (size_t)((c->first_block + block) * g->height + y) * (size_t)g->width * pixel;
      const int number = ((c->first_block + block) * g->height + y) / g->segments;
      if (g->patches && *laid != number) {
        const int map_height = g->height / g->segments;
        ss_split_patch_rows(g->shape, g->x, number / map_height, number % map_height, rows);
        *laid = number;
      }
      uint8_t *row = packed + (size_t)block * g->x_block + (size_t)(y % g->slots) * g->x_slot;
      for (int u = 0; u < g->line * g->stride; u += used) {
        const int x = u - g->padding;
        const size_t place = (size_t)(u % g->stride) * (size_t)g->line + (size_t)(u / g->stride);
        const bool inside = x >= 0 && x < g->width;
        uint8_t *to = row + place * SS_SPLIT_HALF_BYTES;
        if (g->patches) {
          if (inside) {
            make_patches(g, rows, y % g->segments * g->width + x, patches);
          }
          interleave_pixel(g, inside ? patches + tile * SS_AMX_BLOCK : NULL, SS_SPLIT_LONGEST_PATCH, tiles, to);
        } else {
          interleave_pixel(g, inside ? line + (size_t)x * pixel + tile * SS_AMX_BLOCK : NULL, (size_t)g->channels,
                           tiles, to);
        }
      }
    }
  }
}

#endif
