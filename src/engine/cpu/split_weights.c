/* Weights as the tiles of the matrix unit's second operand, in parts: 16 rows of 16 outputs x 2 channels of the sum. */
#include "engine/cpu/amx_weights.h"
#include "engine/cpu/split_sweep.h"

#if defined(__x86_64__)

/* Bytes of one pair of output tiles of a sweep. */
static size_t pair_bytes(const ss_split_job *j, const ss_split_sweep *w) {
  return (size_t)(w->taps_y * w->taps_x * j->steps) * 2 * SS_SPLIT_PIXEL_BYTES;
}

/* The tile of the first part for tap (row, column). */
static uint8_t *tile_at(const ss_split_job *j, const ss_split_sweep *w, int pair, int second, int step, int row,
                        int column, uint8_t *packed) {
  const size_t tap = (size_t)(row * j->steps + step) * (size_t)w->taps_x + (size_t)column;
  return packed + w->weights + (size_t)pair * pair_bytes(j, w) + tap * 2 * SS_SPLIT_PIXEL_BYTES +
         (size_t)second * SS_AMX_TILE_BYTES;
}

/* Row `row` of the tile's three parts: channels 2 * row and 2 * row + 1 of the sum for 16 outputs. */
SS_AMX_INLINE void write_row(__m512 low, __m512 high, int row, uint8_t *tile) {
  __m512i first[SS_SPLIT_PARTS], second[SS_SPLIT_PARTS];
  ss_split(low, first);
  ss_split(high, second);
  for (int part = 0; part < SS_SPLIT_PARTS; ++part) {
    _mm512_store_si512(tile + (size_t)(2 * part) * SS_AMX_TILE_BYTES + (size_t)row * 64,
                       ss_split_pairs(first[part], second[part]));
  }
}

/* Sixteen input channels at a time: channels and taps of one output are contiguous, so that transposing gives, for each
 * (channel, tap), a row of 16 outputs. */
SS_AMX static void pack_forward(const ss_split_job *j, int pair, int second, int step, uint8_t *packed) {
  float rows[SS_AMX_BLOCK * SS_SPLIT_MOST_TAPS * SS_SPLIT_MOST_TAPS * 16] __attribute__((aligned(64)));
  const ss_split_sweep *w = &j->sweep[0];
  const int taps = j->kernel * j->kernel;
  const size_t output = (size_t)j->in_channels * (size_t)taps;
  const float *from = j->weights + (size_t)(2 * pair + second) * SS_AMX_BLOCK * output + (size_t)(step * 32 * taps);
  for (int half = 0; half < 2; ++half) {
    const bool there = step * 32 + half * 16 < j->in_channels;
    for (int t = 0; t < taps && there; ++t) {
      ss_amx_transpose(from + (half * taps + t) * 16, output, 16, rows + t * 256);
    }
    if (!there) {
      memset(rows, 0, (size_t)(taps * 256) * sizeof *rows);
    }
    for (int t = 0; t < taps; ++t) {
      uint8_t *tile = tile_at(j, w, pair, second, step, t / j->kernel, t % j->kernel, packed);
      for (int r = 0; r < 8; ++r) {
        write_row(_mm512_load_ps(rows + (size_t)(2 * r * taps + t) * 16),
                  _mm512_load_ps(rows + (size_t)((2 * r + 1) * taps + t) * 16), half * 8 + r, tile);
      }
    }
  }
}

SS_AMX static void pack_backward(const ss_split_job *j, int pair, int second, int step, uint8_t *packed) {
  const int taps = j->kernel * j->kernel;
  const size_t output = (size_t)j->out_channels * (size_t)taps;
  const __m512i index = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                           _mm512_set1_epi32(taps));
  const float *tile_weights = j->weights + (size_t)(2 * pair + second) * SS_AMX_BLOCK * (size_t)taps;
  for (int r = 0; r < 16; ++r) {
    const int channel = step * 32 + 2 * r;
    const float *from = tile_weights + (size_t)channel * output;
    for (int s = 0; s < j->sweeps; ++s) {
      const ss_split_sweep *w = &j->sweep[s];
      for (int tap = 0; tap < w->taps_y * w->taps_x; ++tap) {
        const int row = tap / w->taps_x;
        const int column = tap % w->taps_x;
        const int t = w->tap_y[row] * j->kernel + w->tap_x[column];
        __m512 low = _mm512_setzero_ps();
        __m512 high = low;
        if (channel < j->in_channels) {
          low = _mm512_i32gather_ps(index, from + t, 4);
          high = _mm512_i32gather_ps(index, from + t + output, 4);
        }
        write_row(low, high, r, tile_at(j, w, pair, second, step, row, column, packed));
      }
    }
  }
}

/* A first layer's: the sum runs over a patch's values (ky, kx, channel), zeros beyond the patch. */
SS_AMX static void pack_patches(const ss_split_job *j, int pair, int second, int step, uint8_t *packed) {
  const int channels = j->shape->input_channels;
  const int taps = j->shape->kernel * j->shape->kernel;
  uint8_t *tile = tile_at(j, &j->sweep[0], pair, second, step, 0, 0, packed);
  for (int r = 0; r < 16; ++r) {
    float values[2][16] __attribute__((aligned(64)));
    for (int q = 0; q < 2; ++q) {
      const int value = step * 32 + 2 * r + q; /* (ky * kernel + kx) * channels + c */
      for (int n = 0; n < SS_AMX_BLOCK; ++n) {
        const size_t output = (size_t)(2 * pair + second) * SS_AMX_BLOCK + (size_t)n;
        values[q][n] = value < taps * channels
                           ? j->weights[(output * (size_t)channels + (size_t)(value % channels)) * (size_t)taps +
                                        (size_t)(value / channels)]
                           : 0.0f;
      }
    }
    write_row(_mm512_load_ps(values[0]), _mm512_load_ps(values[1]), r, tile);
  }
}

void ss_split_pack_weights(const ss_split_job *j, int pair, int step, uint8_t *packed) {
  const int tiles = j->out_channels / SS_AMX_BLOCK;
  for (int second = 0; second < 2 && 2 * pair + second < tiles; ++second) {
    if (j->patches) {
      pack_patches(j, pair, second, step, packed);
    } else if (j->forward) {
      pack_forward(j, pair, second, step, packed);
    } else {
      pack_backward(j, pair, second, step, packed);
    }
  }
}

#endif
