/* What the AMX kernels share: intrinsics, the tile configuration, small AVX-512 helpers. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_AMX_TILE_H
#define SS_ENGINE_CPU_AMX_TILE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/cpu/amx_convolution.h"

#define SS_AMX_BLOCK 16        /* images in a block, rows of a tile, channels of an output tile */
#define SS_AMX_TILE_BYTES 1024 /* 16 rows of 64 bytes */

static inline size_t ss_amx_round_up(size_t value, size_t unit) {
  return (value + unit - 1) / unit * unit;
}

static inline int ss_amx_min(int a, int b) {
  return a < b ? a : b;
}

static inline int ss_amx_max(int a, int b) {
  return a > b ? a : b;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define SS_AMX __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define SS_AMX_INLINE SS_AMX static inline __attribute__((always_inline))

/* The tile intrinsics do not tell the compiler what memory they touch: stands between ordinary stores and tile loads,
 * and between tile stores and ordinary loads. */
#define SS_AMX_FENCE() __asm__ volatile("" ::: "memory")

/* All tiles as 16 rows x 64 bytes. */
SS_AMX static inline void ss_amx_configure(void) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } config;
  memset(&config, 0, sizeof config);
  config.palette = 1;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = 64;
    config.rows[tile] = 16;
  }
  __asm__ volatile("ldtilecfg %0" ::"m"(config));
}

SS_AMX static inline void ss_amx_release(void) {
  _tile_release();
}

/* Two rows of 16 float32 to 32 bf16: first `low`, then `high`. */
SS_AMX_INLINE __m512i ss_amx_to_bf16(__m512 low, __m512 high) {
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* As above, the two rows interleaved: low[0], high[0], low[1], ... */
SS_AMX_INLINE __m512i ss_amx_to_bf16_pairs(__m512 low, __m512 high) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, ss_amx_to_bf16(low, high));
}

#endif

/* A first layer's input, 1 to 4 channels: its patches (im2col) become the channels of a 1x1 convolution. */
static inline int ss_amx_is_patches(const ss_amx_convolution *shape) {
  return shape->input_channels % SS_AMX_BLOCK != 0;
}

/* Patch length: kernel rows of kernel * channels values, rounded up to 32. */
static inline int ss_amx_patch_length(const ss_amx_convolution *shape) {
  return (int)ss_amx_round_up((size_t)shape->kernel * (size_t)shape->kernel * (size_t)shape->input_channels, 32);
}

/* Values of a block of sixteen of a first layer's pictures. */
static inline size_t ss_amx_pictures_size(const ss_amx_convolution *shape) {
  return (size_t)shape->height * (size_t)shape->width * SS_AMX_BLOCK * (size_t)shape->input_channels;
}

/* The patches of output row `row` of the sixteen pictures x: [out_width][16][patch_length] to `patches`, of which the
 * values beyond a patch are zero. */
void ss_amx_patches_row(const ss_amx_convolution *shape, const uint16_t *x, int row, uint16_t *patches);

#endif
