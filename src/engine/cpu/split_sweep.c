/* Forward and backward data. Two neighbouring output pixels x two tiles of 16 output channels are summed at a time over
 * all taps and channels. The input's rows are split and packed into the second-level cache shortly before they are
 * needed, each row once. */
#include "engine/cpu/split_sweep.h"

#include <omp.h>

#include "engine/cpu/split_convolution.h"
#include "engine/cpu/split_patches.h"

#if defined(__x86_64__)

/* Weights (bytes) that stay in the second-level cache beside the input: then all of a pixel's output channels are
 * written at a time, else a row of pixels for the same weights. */
enum { FEW_WEIGHTS = 512 * 1024 };

/* What one thread works with besides tiles. */
typedef struct worker {
  const ss_split_job *j;
  const uint8_t *weights; /* packed */
  uint8_t *input;         /* [slot][step][column][part] of 16 images x 32 channels */
  float *rows;            /* of a first layer: input rows with padding, image by image */
  int rows_of;            /* the output row (of all blocks) these are for, or -1 */
} worker;

/* What is packed: rows [low_row, high_row) and columns [low_column, high_column) of the map. */
typedef struct window {
  int low_row, high_row, low_column, high_column;
  size_t step_bytes; /* from channel step to channel step */
} window;

/* Two output pixels (or one), one tap after the other. */
typedef struct group {
  const uint8_t *weights; /* of the pair of output tiles */
  const uint8_t *slots;
  ptrdiff_t row[SS_SPLIT_MOST_TAPS];  /* offset of each tap row's packed row; -1: outside the map */
  ptrdiff_t column;                   /* and in it, of what the first tap column reads for the first pixel */
  ptrdiff_t second;                   /* from the first pixel's input to the second's */
  unsigned valid[SS_SPLIT_MOST_TAPS]; /* by tap column: bit p: pixel p's input lies in the map */
} group;

SS_AMX_INLINE void sum_group(const ss_split_job *j, const ss_split_sweep *w, const group *g, size_t step_bytes,
                             const bool two) {
  enum { TILE = SS_AMX_TILE_BYTES };
  const uint8_t *b = g->weights;
  const int taps = w->taps_x;
  for (int ty = 0; ty < w->taps_y; ++ty) {
    if (g->row[ty] < 0) {
      b += (size_t)(j->steps * taps) * 2 * SS_SPLIT_PIXEL_BYTES;
      continue;
    }
    ptrdiff_t start = g->row[ty] + g->column;
    for (int k = 0; k < j->steps; ++k) {
      for (int tx = 0; tx < taps; ++tx) {
        const uint8_t *first = g->slots + start + (ptrdiff_t)tx * SS_SPLIT_PIXEL_BYTES;
        const uint8_t *second = first + g->second;
        const unsigned valid = g->valid[tx];
        if (two) {
          if (valid == 3u) {
            SS_SPLIT_TWO_BY_TWO(first, second, TILE, 64, b, b + TILE, 2 * TILE, 64)
          } else if (valid == 1u) {
            SS_SPLIT_ONE_BY_TWO(first, TILE, 64, b, b + TILE, 2 * TILE, 64, 0, 1)
          } else if (valid == 2u) {
            SS_SPLIT_ONE_BY_TWO(second, TILE, 64, b, b + TILE, 2 * TILE, 64, 2, 3)
          }
        } else {
          if (valid & 1u) {
            SS_SPLIT_ONE_BY_ONE(first, TILE, 64, b, 2 * TILE, 64, 0)
          }
          if (valid & 2u) {
            SS_SPLIT_ONE_BY_ONE(second, TILE, 64, b, 2 * TILE, 64, 2)
          }
        }
        b += 2 * SS_SPLIT_PIXEL_BYTES;
      }
      start += (ptrdiff_t)step_bytes;
    }
  }
}

/* Starts a sum at the bias (one row of 16, read 16 times) or at zero. */
#define START(tile, bias)         \
  if ((bias) == NULL) {           \
    _tile_zero(tile);             \
  } else {                        \
    _tile_loadd(tile, (bias), 0); \
  }

/* One row of a sweep for one pair of output tiles, output columns [first, last). */
SS_AMX static void sweep_row(worker *work, const ss_split_sweep *w, const window *win, int block, int pair, int row,
                             int first, int last) {
  const ss_split_job *j = work->j;
  const bool two = 2 * pair + 1 < j->out_channels / SS_AMX_BLOCK;
  const size_t image = (size_t)j->out_channels * sizeof(float);
  const size_t pixel = (size_t)j->out_channels * SS_AMX_BLOCK;
  const size_t y = (size_t)block * (size_t)j->out_height + (size_t)(w->out_y + row * w->out_step);
  const float *bias = j->bias == NULL ? NULL : j->bias + 2 * pair * SS_AMX_BLOCK;
  const float *second_bias = bias == NULL || !two ? NULL : bias + SS_AMX_BLOCK;
  group g;
  g.slots = work->input;
  g.weights =
      work->weights + w->weights + (size_t)pair * (size_t)(w->taps_y * w->taps_x * j->steps) * 2 * SS_SPLIT_PIXEL_BYTES;
  g.second = (ptrdiff_t)w->in_step * SS_SPLIT_PIXEL_BYTES;
  for (int t = 0; t < w->taps_y; ++t) {
    const int in = row * w->in_step + w->in_y + t;
    g.row[t] = in >= 0 && in < j->map_height ? (ptrdiff_t)((size_t)(in % j->slots) * j->slot_bytes) : -1;
  }
  for (int column = first; column < last; column += 2) {
    const bool pixels = column + 1 < last;
    const int x = column * w->in_step + w->in_x;
    for (int t = 0; t < w->taps_x; ++t) {
      const int in = x + t;
      g.valid[t] = (unsigned)(in >= 0 && in < j->map_width);
      if (pixels && in + w->in_step >= 0 && in + w->in_step < j->map_width) {
        g.valid[t] |= 2u;
      }
    }
    g.column = (ptrdiff_t)(x - win->low_column) * SS_SPLIT_PIXEL_BYTES;
    START(0, bias)
    START(2, bias)
    if (two) {
      START(1, second_bias)
      START(3, second_bias)
      sum_group(j, w, &g, win->step_bytes, true);
    } else {
      sum_group(j, w, &g, win->step_bytes, false);
    }
    float *to = j->output + (y * (size_t)j->out_width + (size_t)(w->out_x + column * w->out_step)) * pixel +
                (size_t)pair * 2 * SS_AMX_BLOCK;
    float *next = to + (size_t)w->out_step * pixel;
    _tile_stored(0, to, image);
    if (two) {
      _tile_stored(1, to + SS_AMX_BLOCK, image);
    }
    if (pixels) {
      _tile_stored(2, next, image);
      if (two) {
        _tile_stored(3, next + SS_AMX_BLOCK, image);
      }
    }
  }
}

/* ---- the input ---- */

/* 32 values of one image to its row of the three tiles at `to`. */
SS_AMX_INLINE void write_parts(__m512 low, __m512 high, uint8_t *to) {
  __m512i first[SS_SPLIT_PARTS], second[SS_SPLIT_PARTS];
  ss_split(low, first);
  ss_split(high, second);
  for (int part = 0; part < SS_SPLIT_PARTS; ++part) {
    _mm512_store_si512(to + (size_t)part * SS_AMX_TILE_BYTES, ss_split_row(first[part], second[part]));
  }
}

SS_AMX static void pack_row(const ss_split_job *j, const float *from, const window *win, uint8_t *to) {
  const size_t channels = (size_t)j->in_channels;
  const int full = j->in_channels / 32;
  for (int x = win->low_column; x < win->high_column; ++x) {
    const float *pixel = from + (size_t)(x * j->pixel_step) * SS_AMX_BLOCK * channels;
    for (int n = 0; n < SS_AMX_BLOCK; ++n) {
      uint8_t *row = to + (size_t)n * 64;
      for (int k = 0; k < full; ++k) {
        write_parts(_mm512_loadu_ps(pixel + k * 32), _mm512_loadu_ps(pixel + k * 32 + 16), row);
        row += win->step_bytes;
      }
      if (full < j->steps) {
        write_parts(_mm512_loadu_ps(pixel + full * 32), _mm512_setzero_ps(), row);
      }
      pixel += channels;
    }
    to += SS_SPLIT_PIXEL_BYTES;
  }
}

static size_t padded_rows_bytes(const ss_split_job *j) {
  return j->patches ? ss_amx_round_up(ss_split_patch_rows_bytes(j->shape), 64) : 0;
}

/* The patches of a row of output pixels. */
SS_AMX static void pack_patches(const ss_split_job *j, const float *rows, const window *win, uint8_t *to) {
  /* First all patches, then all tiles: what was just written in pieces is not read at once. */
  float patches[SS_AMX_BLOCK][SS_SPLIT_LONGEST_PATCH] __attribute__((aligned(64)));
  memset(patches, 0, sizeof patches);
  for (int x = win->low_column; x < win->high_column; ++x) {
    for (int n = 0; n < SS_AMX_BLOCK; ++n) {
      ss_split_patch(j->shape, rows, x, n, patches[n]);
    }
    for (int n = 0; n < SS_AMX_BLOCK; ++n) {
      for (int k = 0; k < j->steps; ++k) {
        write_parts(_mm512_load_ps(patches[n] + k * 32), _mm512_load_ps(patches[n] + k * 32 + 16),
                    to + (size_t)n * 64 + (size_t)k * win->step_bytes);
      }
    }
    to += SS_SPLIT_PIXEL_BYTES;
  }
}

static void pack(worker *work, const window *win, int block, int row) {
  const ss_split_job *j = work->j;
  uint8_t *to = work->input + (size_t)(row % j->slots) * j->slot_bytes;
  if (j->patches) {
    const int number = block * j->out_height + row;
    if (work->rows_of != number) {
      ss_split_patch_rows(j->shape, j->input, block, row, work->rows);
      work->rows_of = number;
    }
    pack_patches(j, work->rows, win, to);
  } else {
    const size_t line = (size_t)(j->in_width * SS_AMX_BLOCK) * (size_t)j->in_channels;
    pack_row(j, j->input + ((size_t)block * (size_t)j->in_height + (size_t)(row * j->pixel_step)) * line, win, to);
  }
}

/* ---- items ---- */

/* Output rows [first_row, last_row) and columns [first_column, last_column) of the first sweep, and the others' with
 * them. Map rows up to *packed are there already. */
static void run_turn(worker *work, int block, int first_row, int last_row, int first_column, int last_column,
                     int *packed) {
  const ss_split_job *j = work->j;
  const int pairs = (j->out_channels / SS_AMX_BLOCK + 1) / 2;
  window win;
  ss_split_needed_rows(j, first_row, last_row, &win.low_row, &win.high_row);
  ss_split_needed_columns(j, first_column, last_column, &win.low_column, &win.high_column);
  win.step_bytes = (size_t)(win.high_column - win.low_column) * SS_SPLIT_PIXEL_BYTES;
  for (int row = ss_amx_max(win.low_row, *packed); row < win.high_row; ++row) {
    pack(work, &win, block, row);
  }
  *packed = ss_amx_max(*packed, win.high_row);
  SS_AMX_FENCE();
  for (int s = 0; s < j->sweeps; ++s) {
    const ss_split_sweep *w = &j->sweep[s];
    const int rows = ss_amx_min(last_row, w->rows);
    const int columns = ss_amx_min(last_column, w->columns);
    if (j->weights_bytes <= FEW_WEIGHTS) {
      for (int row = first_row; row < rows; ++row) {
        for (int column = first_column; column < columns; column += 2) {
          for (int pair = 0; pair < pairs; ++pair) {
            sweep_row(work, w, &win, block, pair, row, column, ss_amx_min(columns, column + 2));
          }
        }
      }
    } else {
      for (int pair = 0; pair < pairs; ++pair) {
        for (int row = first_row; row < rows; ++row) {
          sweep_row(work, w, &win, block, pair, row, first_column, columns);
        }
      }
    }
  }
  SS_AMX_FENCE();
}

static void run_item(worker *work, int item) {
  const ss_split_job *j = work->j;
  const int block = item / j->row_items;
  const int first_row = item % j->row_items * j->item_rows;
  const int last_row = ss_amx_min(j->sweep[0].rows, first_row + j->item_rows);
  const int row_turns = (last_row - first_row + j->turn_rows - 1) / j->turn_rows;
  const int columns = j->sweep[0].columns;
  const int column_turns = (columns + j->turn_columns - 1) / j->turn_columns;
  int packed = 0;
  for (int turn = 0; turn < row_turns * column_turns; ++turn) {
    /* Down a strip of columns, so that each row is packed once; along rows where rows are used once anyway. */
    const int row = first_row + (j->kernel == 1 ? turn / column_turns : turn % row_turns) * j->turn_rows;
    const int column = (j->kernel == 1 ? turn % column_turns : turn / row_turns) * j->turn_columns;
    if (j->kernel == 1 || row == first_row) {
      packed = 0;
    }
    run_turn(work, block, row, ss_amx_min(last_row, row + j->turn_rows), column,
             ss_amx_min(columns, column + j->turn_columns), &packed);
  }
}

static size_t thread_bytes(const ss_split_job *j) {
  return (size_t)j->slots * j->slot_bytes + padded_rows_bytes(j);
}

static void run_job(const ss_split_job *j, uint8_t *scratch, int threads) {
  const int pairs = (j->out_channels / SS_AMX_BLOCK + 1) / 2;
#pragma omp parallel num_threads(threads)
  {
#pragma omp for schedule(static)
    for (int piece = 0; piece < pairs * j->steps; ++piece) {
      ss_split_pack_weights(j, piece / j->steps, piece % j->steps, scratch);
    }
    const int64_t team = omp_get_num_threads();
    const int64_t thread = omp_get_thread_num();
    worker work = {.j = j, .weights = scratch, .rows_of = -1};
    work.input = scratch + j->weights_bytes + (size_t)thread * thread_bytes(j);
    work.rows = (float *)(work.input + (size_t)j->slots * j->slot_bytes);
    ss_amx_configure();
    for (int item = (int)(j->items * thread / team); item < (int)(j->items * (thread + 1) / team); ++item) {
      run_item(&work, item);
    }
    ss_amx_release();
  }
}

size_t ss_split_convolution_forward_scratch(const ss_amx_convolution *shape, int threads) {
  const ss_split_job j = ss_split_forward_job(shape, threads);
  return j.weights_bytes + (size_t)threads * thread_bytes(&j);
}

size_t ss_split_convolution_data_scratch(const ss_amx_convolution *shape, int threads) {
  const ss_split_job j = ss_split_data_job(shape, threads);
  return j.weights_bytes + (size_t)threads * thread_bytes(&j);
}

void ss_split_convolution_forward(const ss_amx_convolution *shape, const float *x, const float *weights,
                                  const float *bias, float *y, void *scratch, int threads) {
  ss_split_job j = ss_split_forward_job(shape, threads);
  j.input = x;
  j.output = y;
  j.weights = weights;
  j.bias = bias;
  run_job(&j, scratch, threads);
}

void ss_split_convolution_backward_data(const ss_amx_convolution *shape, const float *dy, const float *weights,
                                        float *dx, void *scratch, int threads) {
  ss_split_job j = ss_split_data_job(shape, threads);
  j.input = dy;
  j.output = dx;
  j.weights = weights;
  run_job(&j, scratch, threads);
}

#endif
