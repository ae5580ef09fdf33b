/* Forward and backward data: both are sums over taps of a pixel's 16 images x channels times a tap's weights.
 *
 * Four neighbouring output pixels and 16 output channels are accumulated at a time. With the (up to three) taps of a
 * kernel row held in tiles, each input pixel is loaded once for all the outputs of that row it belongs to: 9 loads for
 * 12 products. Taps outside the map are skipped. Backward data with stride 2 is four such convolutions with stride 1,
 * one for each parity of row and column. */
#include "engine/cpu/amx_convolution.h"

#include <omp.h>

#include "engine/cpu/amx_tile.h"
#include "engine/cpu/amx_weights.h"

#if defined(__x86_64__)

/* A convolution with stride `in_step` that writes every `out_step`th row and column from (out_y, out_x) on. Output row
 * r and tap row t read input row r * in_step + in_y + t; columns likewise. */
typedef struct sweep {
  int rows, columns;
  int out_y, out_x, out_step;
  int in_y, in_x, in_step;
  int taps_y, taps_x;
  size_t weights; /* first tile */
} sweep;

typedef struct job {
  const uint16_t *input;  /* [batch/16][in_height][in_width][16][in_channels] */
  uint16_t *output;       /* [batch/16][out_height][out_width][16][out_channels] */
  const uint16_t *packed; /* weight tiles */
  const float *bias;      /* [out_channels] or NULL */
  int blocks;             /* batch / 16 */
  int in_height, in_width, in_channels;
  int out_height, out_width, out_channels;
  int depth, steps; /* channels summed in a product, products to sum all channels */
  int sweeps;
  sweep sweep[4];
  const ss_amx_convolution *patches; /* a first layer, whose input rows are made of patches when needed; else NULL */
  size_t patches_input;              /* values of one block of images of the first layer's input */
} job;

/* What one thread works with: the float32 sums of 4 pixels x 2 output tiles, and what they are to become. */
typedef struct sums {
  float value[2][4][16][16];
} sums;

SS_AMX_INLINE void multiply(int pixel, int tap) {
  switch (pixel * 3 + tap) {
    case 0:
      _tile_dpbf16ps(0, 7, 4);
      break;
    case 1:
      _tile_dpbf16ps(0, 7, 5);
      break;
    case 2:
      _tile_dpbf16ps(0, 7, 6);
      break;
    case 3:
      _tile_dpbf16ps(1, 7, 4);
      break;
    case 4:
      _tile_dpbf16ps(1, 7, 5);
      break;
    case 5:
      _tile_dpbf16ps(1, 7, 6);
      break;
    case 6:
      _tile_dpbf16ps(2, 7, 4);
      break;
    case 7:
      _tile_dpbf16ps(2, 7, 5);
      break;
    case 8:
      _tile_dpbf16ps(2, 7, 6);
      break;
    case 9:
      _tile_dpbf16ps(3, 7, 4);
      break;
    case 10:
      _tile_dpbf16ps(3, 7, 5);
      break;
    default:
      _tile_dpbf16ps(3, 7, 6);
      break;
  }
}

/* The products that input pixel i takes part in: of output pixel (i - tap) / step with each tap. */
SS_AMX_INLINE void multiply_pixel(const int i, const int pixels, const int taps, const int step) {
  for (int tap = 0; tap < taps; ++tap) {
    const int distance = i - tap;
    if (distance >= 0 && distance % step == 0 && distance / step < pixels) {
      multiply(distance / step, tap);
    }
  }
}

/* Sums of a few tap rows over one chunk of up to three tap columns. */
typedef struct span {
  const uint8_t *input;                           /* pixel 0 of the map's row, possibly outside the map: see `valid` */
  ptrdiff_t pixel, row, line;                     /* bytes from pixel to pixel, row to row, image to image */
  const uint8_t *weights;                         /* first tile */
  size_t weights_row, weights_step, weights_tile; /* bytes from tap row to row, channel step to step, tap to tap */
  int rows, steps;
  ptrdiff_t step; /* bytes of a channel step */
  unsigned valid; /* bit i: input pixel i lies in the map */
} span;

#define PIXEL(i)                             \
  if ((i) < inputs && (valid >> (i)) & 1u) { \
    _tile_loadd(7, input + (i)*pixel, line); \
    multiply_pixel((i), pixels, taps, step); \
  }

SS_AMX_INLINE void accumulate_as(const span *s, const int pixels, const int taps, const int step) {
  const int inputs = step * (pixels - 1) + taps;
  const unsigned valid = s->valid;
  const ptrdiff_t pixel = s->pixel;
  const ptrdiff_t line = s->line;
  for (int row = 0; row < s->rows; ++row) {
    const uint8_t *input = s->input + row * s->row;
    const uint8_t *weights = s->weights + (size_t)row * s->weights_row;
    for (int k = 0; k < s->steps; ++k) {
      _tile_loadd(4, weights, 64);
      if (taps > 1) {
        _tile_loadd(5, weights + s->weights_tile, 64);
      }
      if (taps > 2) {
        _tile_loadd(6, weights + 2 * s->weights_tile, 64);
      }
      PIXEL(0)
      PIXEL(1)
      PIXEL(2)
      PIXEL(3)
      PIXEL(4)
      PIXEL(5)
      PIXEL(6)
      PIXEL(7)
      PIXEL(8)
      input += s->step;
      weights += s->weights_step;
    }
  }
}

#define ACCUMULATE(pixels, taps, step)                \
  case ((step)-1) * 12 + ((taps)-1) * 4 + (pixels)-1: \
    accumulate_as(s, pixels, taps, step);             \
    break;

SS_AMX static void accumulate(const span *s, int pixels, int taps, int step) {
  switch ((step - 1) * 12 + (taps - 1) * 4 + pixels - 1) {
    ACCUMULATE(1, 1, 1)
    ACCUMULATE(2, 1, 1)
    ACCUMULATE(3, 1, 1)
    ACCUMULATE(4, 1, 1)
    ACCUMULATE(1, 2, 1)
    ACCUMULATE(2, 2, 1)
    ACCUMULATE(3, 2, 1)
    ACCUMULATE(4, 2, 1)
    ACCUMULATE(1, 3, 1)
    ACCUMULATE(2, 3, 1)
    ACCUMULATE(3, 3, 1)
    ACCUMULATE(4, 3, 1)
    ACCUMULATE(1, 1, 2)
    ACCUMULATE(2, 1, 2)
    ACCUMULATE(3, 1, 2)
    ACCUMULATE(4, 1, 2)
    ACCUMULATE(1, 2, 2)
    ACCUMULATE(2, 2, 2)
    ACCUMULATE(3, 2, 2)
    ACCUMULATE(4, 2, 2)
    ACCUMULATE(1, 3, 2)
    ACCUMULATE(2, 3, 2)
    ACCUMULATE(3, 3, 2)
    ACCUMULATE(4, 3, 2)
    default:
      break;
  }
}

/* Sums of `pixels` output pixels from column `column` of output row `row`, for one output tile, to `to`. `map` is the
 * input of the block of images (of a first layer: the patches of this row). */
SS_AMX static void sum_pixels(const job *j, const sweep *w, const uint16_t *map, int tile, int row, int column,
                              int pixels, float (*to)[16][16]) {
  const size_t pixel = (size_t)j->in_channels * SS_AMX_BLOCK * sizeof(uint16_t);
  const size_t tile_bytes = (size_t)j->depth * SS_AMX_BLOCK * sizeof(uint16_t);
  const int first_row = j->patches != NULL ? 0 : row * w->in_step + w->in_y;
  const int skipped = ss_amx_max(0, -first_row);
  span s;
  s.pixel = (ptrdiff_t)pixel;
  s.row = (ptrdiff_t)pixel * j->in_width;
  s.line = (ptrdiff_t)j->in_channels * (ptrdiff_t)sizeof(uint16_t);
  s.weights_tile = tile_bytes;
  s.weights_step = tile_bytes * (size_t)w->taps_x;
  s.weights_row = s.weights_step * (size_t)j->steps;
  s.rows = ss_amx_min(w->taps_y, j->in_height - first_row) - skipped;
  s.steps = j->steps;
  s.step = (ptrdiff_t)j->depth * (ptrdiff_t)sizeof(uint16_t);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int tap = 0; tap < w->taps_x; tap += 3) {
    const int taps = ss_amx_min(3, w->taps_x - tap);
    const int x = column * w->in_step + w->in_x + tap;
    s.valid = 0;
    for (int i = 0; i < w->in_step * (pixels - 1) + taps; ++i) {
      s.valid |= (unsigned)(x + i >= 0 && x + i < j->in_width) << i;
    }
    s.input = (const uint8_t *)map + (first_row + skipped) * s.row + x * s.pixel;
    s.weights = (const uint8_t *)j->packed +
                (w->weights + ((size_t)tile * (size_t)w->taps_y + (size_t)skipped) * (size_t)(j->steps * w->taps_x) +
                 (size_t)tap) *
                    tile_bytes;
    accumulate(&s, pixels, taps, w->in_step);
  }
  _tile_stored(0, to[0], 64);
  _tile_stored(1, to[1], 64);
  _tile_stored(2, to[2], 64);
  _tile_stored(3, to[3], 64);
}

/* Rounds the sums of `pixels` pixels and `tiles` (1 or 2) output tiles to the output, whose first value is `to`. */
SS_AMX static void write_pixels(const job *j, const sums *from, int tile, int tiles, int pixels, size_t pixel_stride,
                                uint16_t *to) {
  const __m512 zero = _mm512_setzero_ps();
  const float *bias = j->bias == NULL ? NULL : j->bias + tile * SS_AMX_BLOCK;
  const __m512 low_bias = bias == NULL ? zero : _mm512_loadu_ps(bias);
  const __m512 high_bias = bias == NULL || tiles < 2 ? zero : _mm512_loadu_ps(bias + SS_AMX_BLOCK);
  const size_t stride = (size_t)j->out_channels;
  for (int i = 0; i < pixels; ++i) {
    uint16_t *line = to + (size_t)i * pixel_stride;
    if (tiles == 2) {
      for (int n = 0; n < SS_AMX_BLOCK; ++n) {
        const __m512 low = _mm512_add_ps(_mm512_load_ps(from->value[0][i][n]), low_bias);
        const __m512 high = _mm512_add_ps(_mm512_load_ps(from->value[1][i][n]), high_bias);
        _mm512_storeu_si512(line + (size_t)n * stride, ss_amx_to_bf16(low, high));
      }
    } else {
      for (int n = 0; n < SS_AMX_BLOCK; ++n) {
        const __m512 low = _mm512_add_ps(_mm512_load_ps(from->value[0][i][n]), low_bias);
        _mm256_storeu_si256((__m256i *)(line + (size_t)n * stride), (__m256i)_mm512_cvtneps_pbh(low));
      }
    }
  }
}

/* One row of a sweep for output tiles tile and, where `tiles` is 2, tile + 1. */
SS_AMX static void sweep_row(const job *j, const sweep *w, const uint16_t *map, int block, int tile, int tiles, int row,
                             sums *buffer) {
  const size_t pixel = (size_t)j->out_channels * SS_AMX_BLOCK;
  const size_t y = (size_t)block * (size_t)j->out_height + (size_t)(w->out_y + row * w->out_step);
  for (int column = 0; column < w->columns; column += 4) {
    const int pixels = ss_amx_min(4, w->columns - column);
    const size_t x = (size_t)(w->out_x + column * w->out_step);
    for (int i = 0; i < tiles; ++i) {
      sum_pixels(j, w, map, tile + i, row, column, pixels, buffer->value[i]);
    }
    write_pixels(j, buffer, tile, tiles, pixels, pixel * (size_t)w->out_step,
                 j->output + (y * (size_t)j->out_width + x) * pixel + (size_t)tile * SS_AMX_BLOCK);
  }
}

/* How the work is cut: into chunks of image blocks or of a block's rows that fit the second-level cache, and these into
 * ranges of output tiles where there would be too few of them. */
typedef struct cut {
  int chunk_blocks, block_chunks; /* image blocks a chunk; chunks */
  int chunk_rows, row_chunks;     /* rows a chunk (of all rows, where a chunk has several blocks); chunks */
  int chunk_tiles, tile_chunks;
  int items;
} cut;

static cut cut_work(const job *j, int threads) {
  const size_t budget = 768 * 1024;
  const int out_rows = j->sweep[0].rows;
  const int out_tiles = j->out_channels / SS_AMX_BLOCK;
  const size_t row =
      (size_t)j->in_width * (size_t)j->in_channels * SS_AMX_BLOCK * sizeof(uint16_t) * (size_t)j->sweep[0].in_step;
  const size_t plane = row * (size_t)out_rows;
  cut c;
  c.chunk_blocks = j->patches != NULL ? 1 : ss_amx_max(1, ss_amx_min(j->blocks / threads, (int)(budget / plane)));
  c.block_chunks = (j->blocks + c.chunk_blocks - 1) / c.chunk_blocks;
  c.chunk_rows = out_rows;
  if (plane > budget) {
    c.chunk_rows = ss_amx_min(out_rows, ss_amx_max(4, (int)(budget / row)));
  }
  c.row_chunks = (out_rows + c.chunk_rows - 1) / c.chunk_rows;
  const int chunks = c.block_chunks * c.row_chunks;
  const int wanted = ss_amx_max(1, (4 * threads + chunks - 1) / chunks);
  c.chunk_tiles = ss_amx_max(2, out_tiles / wanted / 2 * 2);
  c.tile_chunks = (out_tiles + c.chunk_tiles - 1) / c.chunk_tiles;
  c.items = chunks * c.tile_chunks;
  return c;
}

SS_AMX static void run_item(const job *j, const cut *c, int item, sums *buffer, uint16_t *patches, void *rows) {
  const int tiles = j->out_channels / SS_AMX_BLOCK;
  const int first_tile = item % c->tile_chunks * c->chunk_tiles;
  const int last_tile = ss_amx_min(tiles, first_tile + c->chunk_tiles);
  const int chunk = item / c->tile_chunks;
  const int first_row = chunk % c->row_chunks * c->chunk_rows;
  const int first_block = chunk / c->row_chunks * c->chunk_blocks;
  const int last_block = ss_amx_min(j->blocks, first_block + c->chunk_blocks);
  const size_t map = (size_t)j->in_height * (size_t)j->in_width * (size_t)j->in_channels * SS_AMX_BLOCK;
  for (int s = 0; s < j->sweeps; ++s) {
    const sweep *w = &j->sweep[s];
    const int last_row = ss_amx_min(w->rows, first_row + c->chunk_rows);
    if (j->patches != NULL) {
      for (int row = first_row; row < last_row; ++row) {
        ss_amx_patches_row(j->patches, j->input + (size_t)first_block * j->patches_input, row, patches, rows);
        SS_AMX_FENCE();
        for (int tile = first_tile; tile < last_tile; tile += 2) {
          sweep_row(j, w, patches, first_block, tile, ss_amx_min(2, last_tile - tile), row, buffer);
        }
      }
      continue;
    }
    for (int tile = first_tile; tile < last_tile; tile += 2) {
      for (int block = first_block; block < last_block; ++block) {
        for (int row = first_row; row < last_row; ++row) {
          sweep_row(j, w, j->input + (size_t)block * map, block, tile, ss_amx_min(2, last_tile - tile), row, buffer);
        }
      }
    }
  }
}

/* A sum over a kernel's taps goes through all channels before the next tap row: tiles are packed in that order. */
static ss_amx_weight_order weight_order(const job *j, int kernel) {
  ss_amx_weight_order order = {
      .taps = kernel * kernel, .depth = j->depth, .steps = j->steps, .tiles = j->out_channels / SS_AMX_BLOCK};
  return order;
}

/* Puts tap number `tap` of the weights at tap (row, column) of sweep w. */
static void place_tap(ss_amx_weight_order *order, int tap, const sweep *w, int row, int column) {
  order->first[tap] = w->weights + (size_t)row * (size_t)(order->steps * w->taps_x) + (size_t)column;
  order->tile_step[tap] = (size_t)w->taps_y * (size_t)(order->steps * w->taps_x);
  order->depth_step[tap] = (size_t)w->taps_x;
}

static void set_depth(job *j) {
  j->depth = j->in_channels % 32 == 0 ? 32 : 16;
  j->steps = j->in_channels / j->depth;
}

static void forward_job(const ss_amx_convolution *shape, job *j, ss_amx_weight_order *order) {
  memset(j, 0, sizeof *j);
  const int patches = ss_amx_is_patches(shape);
  const int kernel = patches ? 1 : shape->kernel;
  j->blocks = shape->batch / SS_AMX_BLOCK;
  j->out_height = ss_amx_convolution_out_height(shape);
  j->out_width = ss_amx_convolution_out_width(shape);
  j->out_channels = shape->output_channels;
  j->in_height = patches ? 1 : shape->height;
  j->in_width = patches ? j->out_width : shape->width;
  j->in_channels = patches ? ss_amx_patch_length(shape) : shape->input_channels;
  j->patches = patches ? shape : NULL;
  j->patches_input = (size_t)shape->height * (size_t)shape->width * SS_AMX_BLOCK * (size_t)shape->input_channels;
  set_depth(j);
  j->sweeps = 1;
  j->sweep[0] = (sweep){.rows = j->out_height,
                        .columns = j->out_width,
                        .out_step = 1,
                        .in_y = patches ? 0 : -shape->padding,
                        .in_x = patches ? 0 : -shape->padding,
                        .in_step = patches ? 1 : shape->stride,
                        .taps_y = kernel,
                        .taps_x = kernel};
  *order = weight_order(j, kernel);
  for (int tap = 0; tap < order->taps; ++tap) {
    place_tap(order, tap, &j->sweep[0], tap / kernel, tap % kernel);
  }
}

/* Of the taps that reach the input rows y = step * r + phase, in order of the output rows they come from: the last is
 * tap `last`, the others `step` apart; the first output row is r + offset. */
typedef struct phase_taps {
  int count, last, offset;
} phase_taps;

static phase_taps taps_of_phase(const ss_amx_convolution *shape, int phase) {
  const int last = shape->kernel - 1 - (shape->kernel - 1 - phase - shape->padding + 2 * shape->kernel) % shape->stride;
  phase_taps taps = {0, last, 0};
  if (last >= 0) {
    taps.count = last / shape->stride + 1;
    taps.offset = (phase + shape->padding - last) / shape->stride;
  }
  return taps;
}

static void data_job(const ss_amx_convolution *shape, job *j, ss_amx_weight_order *order) {
  memset(j, 0, sizeof *j);
  const int step = shape->stride;
  const int kernel = shape->kernel;
  j->blocks = shape->batch / SS_AMX_BLOCK;
  j->in_height = ss_amx_convolution_out_height(shape);
  j->in_width = ss_amx_convolution_out_width(shape);
  j->in_channels = shape->output_channels;
  j->out_height = shape->height;
  j->out_width = shape->width;
  j->out_channels = shape->input_channels;
  set_depth(j);
  *order = weight_order(j, kernel);
  size_t tiles = 0;
  for (int y = 0; y < step; ++y) {
    for (int x = 0; x < step; ++x) {
      const phase_taps taps_y = taps_of_phase(shape, y);
      const phase_taps taps_x = taps_of_phase(shape, x);
      sweep *w = &j->sweep[j->sweeps++];
      *w = (sweep){.rows = (j->out_height - y + step - 1) / step,
                   .columns = (j->out_width - x + step - 1) / step,
                   .out_y = y,
                   .out_x = x,
                   .out_step = step,
                   .in_y = taps_y.offset,
                   .in_x = taps_x.offset,
                   .in_step = 1,
                   .taps_y = taps_x.count > 0 ? taps_y.count : 0,
                   .taps_x = taps_y.count > 0 ? taps_x.count : 0,
                   .weights = tiles};
      for (int row = 0; row < w->taps_y; ++row) {
        for (int column = 0; column < w->taps_x; ++column) {
          const int tap = (taps_y.last - row * step) * kernel + taps_x.last - column * step;
          place_tap(order, tap, w, row, column);
        }
      }
      tiles += (size_t)(w->taps_y * w->taps_x) * (size_t)(order->steps * order->tiles);
    }
  }
}

static size_t packed_bytes(const ss_amx_weight_order *order) {
  return (size_t)(order->taps * order->tiles) * (size_t)(order->steps * order->depth) * SS_AMX_BLOCK * sizeof(uint16_t);
}

static size_t patches_bytes(const job *j) {
  return j->patches == NULL ? 0 : (size_t)j->in_width * SS_AMX_BLOCK * (size_t)j->in_channels * sizeof(uint16_t);
}

static size_t thread_bytes(const job *j) {
  return j->patches == NULL ? 0 : ss_amx_round_up(patches_bytes(j) + ss_amx_patches_scratch(j->patches), 64);
}

/* One thread's share of the packing, then of the sweeps; all threads of the team call it. */
static void run_thread(const job *j, const ss_amx_weight_order *order, const ss_amx_convolution *shape, bool forward,
                       const float *weights, uint16_t *packed, const cut *c, uint8_t *scratch) {
  const int pieces = order->tiles * order->steps;
#pragma omp for schedule(static)
  for (int piece = 0; piece < pieces; ++piece) {
    const int tile = piece / order->steps;
    const int step = piece % order->steps;
    if (!forward) {
      ss_amx_pack_backward(order, weights, shape->input_channels, tile, step, packed);
    } else if (j->patches != NULL) {
      ss_amx_pack_patches(order, weights, shape, tile, step, packed);
    } else {
      ss_amx_pack_forward(order, weights, shape->input_channels, tile, step, packed);
    }
  }
  sums buffer __attribute__((aligned(64)));
  ss_amx_configure(j->depth);
  SS_AMX_FENCE();
#pragma omp for schedule(dynamic, 1) nowait
  for (int item = 0; item < c->items; ++item) {
    run_item(j, c, item, &buffer, (uint16_t *)scratch, scratch + patches_bytes(j));
  }
  ss_amx_release();
}

static void run_job(const job *j, const ss_amx_weight_order *order, const ss_amx_convolution *shape, bool forward,
                    const float *weights, void *scratch, int threads) {
  const cut c = cut_work(j, threads);
  uint8_t *own = (uint8_t *)scratch + packed_bytes(order);
#pragma omp parallel num_threads(threads)
  run_thread(j, order, shape, forward, weights, scratch, &c, own + (size_t)omp_get_thread_num() * thread_bytes(j));
}

size_t ss_amx_convolution_forward_scratch(const ss_amx_convolution *shape, int threads) {
  job j;
  ss_amx_weight_order order;
  forward_job(shape, &j, &order);
  return packed_bytes(&order) + (size_t)threads * thread_bytes(&j);
}

size_t ss_amx_convolution_data_scratch(const ss_amx_convolution *shape, int threads) {
  (void)threads;
  job j;
  ss_amx_weight_order order;
  data_job(shape, &j, &order);
  return packed_bytes(&order);
}

void ss_amx_convolution_forward(const ss_amx_convolution *shape, const uint16_t *x, const float *weights,
                                const float *bias, uint16_t *y, void *scratch, int threads) {
  job j;
  ss_amx_weight_order order;
  forward_job(shape, &j, &order);
  j.input = x;
  j.output = y;
  j.packed = scratch;
  j.bias = bias;
  run_job(&j, &order, shape, true, weights, scratch, threads);
}

void ss_amx_convolution_backward_data(const ss_amx_convolution *shape, const uint16_t *dy, const float *weights,
                                      uint16_t *dx, void *scratch, int threads) {
  job j;
  ss_amx_weight_order order;
  data_job(shape, &j, &order);
  j.input = dy;
  j.output = dx;
  j.packed = scratch;
  run_job(&j, &order, shape, false, weights, scratch, threads);
}

#endif
