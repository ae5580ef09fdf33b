#include "engine/cpu/amx_weights.h"

#include "base/bfloat16.h"

#if defined(__x86_64__)

#define TILE_VALUES 512
#define HALF_TILE 256

static uint16_t *tile_at(const ss_amx_weight_order *order, int tap, int tile, int step, uint16_t *packed) {
  const size_t number =
      order->first[tap] + (size_t)tile * order->tile_step[tap] + (size_t)step * order->depth_step[tap];
  return packed + number * TILE_VALUES;
}

/* How many halves of a step's tiles hold channels; what else there is in these tiles becomes zero. */
static int prepare_halves(const ss_amx_weight_order *order, int tile, int step, uint16_t *packed) {
  const int halves = ss_amx_min(2, order->channels / SS_AMX_BLOCK - 2 * step);
  if (halves == 1) {
    for (int t = 0; t < order->taps; ++t) {
      memset(tile_at(order, t, tile, step, packed), 0, TILE_VALUES * sizeof *packed);
    }
  }
  return halves;
}

SS_AMX void ss_amx_transpose(const float *from, size_t stride, int rows, float *to) {
  __m512 a[16], b[16];
  for (int i = 0; i < 16; ++i) {
    a[i] = i < rows ? _mm512_loadu_ps(from + (size_t)i * stride) : _mm512_setzero_ps();
  }
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int k = 0; k < 2; ++k) {
      const __m512d low = _mm512_castps_pd(b[i + k]);
      const __m512d high = _mm512_castps_pd(b[i + k + 2]);
      a[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
      a[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
    }
  }
  /* Lane l of a[4 * g + k] now has column 4 * l + k of rows 4 * g to 4 * g + 3. */
  for (int k = 0; k < 4; ++k) {
    const __m512 low0 = _mm512_shuffle_f32x4(a[k], a[4 + k], 0x44);
    const __m512 high0 = _mm512_shuffle_f32x4(a[k], a[4 + k], 0xEE);
    const __m512 low1 = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0x44);
    const __m512 high1 = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0xEE);
    _mm512_storeu_ps(to + k * 16, _mm512_shuffle_f32x4(low0, low1, 0x88));
    _mm512_storeu_ps(to + (4 + k) * 16, _mm512_shuffle_f32x4(low0, low1, 0xDD));
    _mm512_storeu_ps(to + (8 + k) * 16, _mm512_shuffle_f32x4(high0, high1, 0x88));
    _mm512_storeu_ps(to + (12 + k) * 16, _mm512_shuffle_f32x4(high0, high1, 0xDD));
  }
}

/* Sixteen input channels at a time: channels and taps of one output are contiguous, so that transposing gives, for each
 * (channel, tap), a row of 16 outputs. */
SS_AMX void ss_amx_pack_forward(const ss_amx_weight_order *order, const float *weights, int input_channels, int tile,
                                int step, uint16_t *packed) {
  float rows[16 * 49 * 16] __attribute__((aligned(64)));
  const int taps = order->taps;
  const size_t output_stride = (size_t)input_channels * (size_t)taps;
  const int halves = prepare_halves(order, tile, step, packed);
  for (int half = 0; half < halves; ++half) {
    const float *from =
        weights + (size_t)tile * SS_AMX_BLOCK * output_stride + (size_t)(step * 32 + half * 16) * (size_t)taps;
    for (int t = 0; t < taps; ++t) {
      ss_amx_transpose(from + t * 16, output_stride, 16, rows + t * 256);
    }
    for (int t = 0; t < taps; ++t) {
      uint16_t *to = tile_at(order, t, tile, step, packed) + (half + order->half[t]) * HALF_TILE;
      for (int r = 0; r < 8; ++r) {
        const __m512 low = _mm512_load_ps(rows + ((2 * r) * taps + t) * 16);
        const __m512 high = _mm512_load_ps(rows + ((2 * r + 1) * taps + t) * 16);
        _mm512_storeu_si512(to + r * 32, ss_amx_to_bf16_pairs(low, high));
      }
    }
  }
}

SS_AMX void ss_amx_pack_backward(const ss_amx_weight_order *order, const float *weights, int input_channels, int tile,
                                 int step, uint16_t *packed) {
  const int taps = order->taps;
  const size_t output_stride = (size_t)input_channels * (size_t)taps;
  const __m512i index = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                           _mm512_set1_epi32(taps));
  const int rows = 8 * prepare_halves(order, tile, step, packed);
  for (int r = 0; r < rows; ++r) {
    const float *from =
        weights + (size_t)(step * 32 + 2 * r) * output_stride + (size_t)tile * SS_AMX_BLOCK * (size_t)taps;
    for (int t = 0; t < taps; ++t) {
      const __m512 low = _mm512_i32gather_ps(index, from + t, 4);
      const __m512 high = _mm512_i32gather_ps(index, from + t + output_stride, 4);
      _mm512_storeu_si512(tile_at(order, t, tile, step, packed) + order->half[t] * HALF_TILE + r * 32,
                          ss_amx_to_bf16_pairs(low, high));
    }
  }
}

void ss_amx_pack_patches(const ss_amx_weight_order *order, const float *weights, const ss_amx_convolution *shape,
                         int tile, int step, uint16_t *packed) {
  const int kernel = shape->kernel;
  const int channels = shape->input_channels;
  uint16_t *to = tile_at(order, 0, tile, step, packed);
  for (int q = 0; q < 32; ++q) {
    const int value = step * 32 + q; /* (ky * kernel + kx) * channels + c */
    const int c = value % channels;
    const int tap = value / channels;
    for (int n = 0; n < SS_AMX_BLOCK; ++n) {
      const size_t output = (size_t)tile * SS_AMX_BLOCK + (size_t)n;
      to[(q / 2) * 32 + 2 * n + q % 2] =
          tap < kernel * kernel
              ? ss_bf16_from_float(
                    weights[(output * (size_t)channels + (size_t)c) * (size_t)(kernel * kernel) + (size_t)tap])
              : 0;
    }
  }
}

#endif
