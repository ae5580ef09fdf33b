/* Weight gradient: for each tap a matrix product, output channels x input channels, summed over pixels and images.
 *
 * A product of tiles sums over 32 values: two neighbouring output pixels x 16 images. dy is the first operand,
 * transposed once ([channel][pixel, image]); x is the second, its images interleaved in pairs once, one half tile a
 * pixel, so that a tile for any two neighbouring pixels, whatever the tap, is one load. Both live in a thread's own
 * scratch, a chunk of rows or of image blocks at a time that fits its second-level cache. For 3x3 kernels with stride 1
 * three sums (the tap rows of one tap column) run down a column of pixels together, with three rows of dy held in
 * tiles: 2 loads for 3 products; otherwise 2 x 2 channel tiles are summed for one tap.
 *
 * The order of every sum depends on the shape alone: chunks are grouped into slices, each summed in order by one
 * thread, and the slices' sums are added in order. */
#include "engine/cpu/amx_convolution.h"

#include <omp.h>
#include <string.h>

#include "engine/cpu/amx_gradient.h"
#include "engine/cpu/amx_tile.h"
#include "engine/cpu/amx_weights.h"

#if defined(__x86_64__)

static ss_amx_chunk chunk_at(const ss_amx_gradient *g, int number) {
  ss_amx_chunk c;
  c.first_block = number / g->row_chunks * g->chunk_blocks;
  c.blocks = ss_amx_min(g->chunk_blocks, g->blocks - c.first_block);
  c.first_row = number % g->row_chunks * g->chunk_rows;
  c.rows = ss_amx_min(g->chunk_rows, g->out_height - c.first_row);
  return c;
}

static size_t pair_sums(const ss_amx_gradient *g) { /* values: one pair of channel tiles, [tap][16][16] */
  return (size_t)g->taps * SS_AMX_TILE_VALUES;
}

static size_t slice_sums(const ss_amx_gradient *g) { /* values: [out tile][in tile] of them */
  return (size_t)g->out_tiles * (size_t)g->in_tiles * pair_sums(g);
}

/* Where everything is summed in one go, the sums of a few channel tiles are kept at a time, and nothing else. */
static bool one_chunk(const ss_amx_gradient *g) {
  return g->chunks == 1;
}

static size_t all_sums_bytes(const ss_amx_gradient *g) {
  return one_chunk(g) ? 0 : (size_t)g->slices * slice_sums(g) * sizeof(float);
}

static size_t thread_bytes(const ss_amx_gradient *g) {
  return (size_t)g->group_out * g->dy_tile + (size_t)g->part_in * g->x_tile + 4 * pair_sums(g) * sizeof(float) +
         ss_amx_gradient_patches_bytes(g);
}

/* Packed operands lie in the order in which they are read: down columns of pixels, where the lines of a column's half
 * tiles alternate so that any two neighbouring columns make tiles; otherwise along rows. */
static void set_strides(ss_amx_gradient *g) {
  const size_t rows = (size_t)g->chunk_rows;
  const size_t slots = (size_t)g->chunk_slots;
  const size_t pixels = (size_t)g->line * (size_t)g->stride;
  const size_t half = SS_AMX_TILE_BYTES / 2;
  g->dy_row = (g->columns ? 1 : (size_t)g->pairs) * SS_AMX_TILE_BYTES;
  g->dy_pair = (g->columns ? rows : 1) * SS_AMX_TILE_BYTES;
  g->dy_block = rows * (size_t)g->pairs * SS_AMX_TILE_BYTES;
  g->dy_tile = (size_t)g->chunk_blocks * g->dy_block + SS_AMX_TILE_BYTES; /* not all at the same place in a page */
  g->x_line = (g->columns ? slots : 1) * 64;
  g->x_pixel = 8 * g->x_line;
  g->x_slot = g->columns ? 64 : pixels * half;
  g->x_block = slots * pixels * half;
  g->x_tile = (size_t)g->chunk_blocks * g->x_block + SS_AMX_TILE_BYTES;
}

/* Chunks and slices depend on the shape alone; how channels are grouped into items also on the number of threads. */
static ss_amx_gradient make_plan(const ss_amx_convolution *shape, int threads) {
  ss_amx_gradient g;
  memset(&g, 0, sizeof g);
  g.shape = shape;
  g.patches = ss_amx_is_patches(shape);
  g.blocks = shape->batch / SS_AMX_BLOCK;
  g.out_height = ss_amx_convolution_out_height(shape);
  g.out_width = ss_amx_convolution_out_width(shape);
  g.out_channels = shape->output_channels;
  g.height = g.patches ? g.out_height : shape->height;
  g.width = g.patches ? g.out_width : shape->width;
  g.channels = g.patches ? ss_amx_patch_length(shape) : shape->input_channels;
  g.kernel = g.patches ? 1 : shape->kernel;
  g.stride = g.patches ? 1 : shape->stride;
  g.padding = g.patches ? 0 : shape->padding;
  g.taps = g.kernel * g.kernel;
  g.out_tiles = g.out_channels / SS_AMX_BLOCK;
  g.in_tiles = g.channels / SS_AMX_BLOCK;
  g.pairs = (g.out_width + 1) / 2;
  g.columns = g.kernel == 3 && g.stride == 1;
  g.line = 2 * g.pairs + (g.kernel - 1) / g.stride;

  /* Sums outlast the cost of loading and storing them; with a 1x1 kernel packing is most of the work, and small chunks
   * of many channels stay in the cache. */
  const int chunk_pairs = (g.kernel == 1 ? 32 : 128) / g.stride;
  g.chunk_rows = ss_amx_max(1, ss_amx_min(g.out_height, chunk_pairs / g.pairs));
  g.chunk_blocks =
      g.chunk_rows < g.out_height ? 1 : ss_amx_max(1, ss_amx_min(g.blocks, chunk_pairs / (g.pairs * g.out_height)));
  g.row_chunks = (g.out_height + g.chunk_rows - 1) / g.chunk_rows;
  g.chunks = (g.blocks + g.chunk_blocks - 1) / g.chunk_blocks * g.row_chunks;
  g.chunk_slots = g.stride * (g.chunk_rows - 1) + g.kernel;
  set_strides(&g);

  const size_t activations = (size_t)shape->batch * sizeof(uint16_t) *
                             ((size_t)(g.out_height * g.out_width) * (size_t)g.out_channels +
                              (size_t)(shape->height * shape->width) * (size_t)shape->input_channels);
  g.slices = 1;
  while (2 * g.slices <= ss_amx_min(g.chunks, 32) &&
         2 * (size_t)g.slices * slice_sums(&g) * sizeof(float) <= activations / 16) {
    g.slices *= 2;
  }

  g.group_out = ss_amx_min(g.out_tiles, g.kernel == 1 ? 32 : 8); /* x is packed again for each group */
  g.group_in = g.in_tiles;
  while (g.group_out > 1 && g.slices * ((g.out_tiles + g.group_out - 1) / g.group_out) < threads) {
    g.group_out = (g.group_out + 1) / 2;
  }
  g.out_groups = (g.out_tiles + g.group_out - 1) / g.group_out;
  while (g.group_in > 2 && g.slices * g.out_groups * ((g.in_tiles + g.group_in - 1) / g.group_in) < threads) {
    g.group_in = (g.group_in + 1) / 2;
  }
  g.in_groups = (g.in_tiles + g.group_in - 1) / g.group_in;
  const size_t room = (size_t)(g.patches ? 1024 : 704) * 1024; /* patches are made again for each part */
  g.part_in = ss_amx_min(g.group_in, ss_amx_max(2, (int)(room / g.x_tile) / 2 * 2));
  return g;
}

/* ---- products ---- */

/* A chunk's packed operands for one pair of channel tiles. */
typedef struct operands {
  const uint8_t *dy, *x;
  int blocks, rows;
  int first_slot, last_slot; /* those within the map, last excluded */
} operands;

#define COLUMN_STEP(m, now, before, earlier)               \
  {                                                        \
    const int slot = (m);                                  \
    if (slot < o->rows) {                                  \
      _tile_loadd(now, dy + slot * SS_AMX_TILE_BYTES, 64); \
    }                                                      \
    if (slot >= o->first_slot && slot < o->last_slot) {    \
      _tile_loadd(7, x + slot * 64, line);                 \
      if (slot < o->rows) {                                \
        _tile_dpbf16ps(0, now, 7);                         \
      }                                                    \
      if (slot >= 1 && slot <= o->rows) {                  \
        _tile_dpbf16ps(1, before, 7);                      \
      }                                                    \
      if (slot >= 2) {                                     \
        _tile_dpbf16ps(2, earlier, 7);                     \
      }                                                    \
    }                                                      \
  }

/* Adds to the three taps of column kx of a 3x3 kernel with stride 1. sums: of tap (0, kx). */
SS_AMX static void sum_columns(const ss_amx_gradient *g, const operands *o, int kx, bool first, float *sums) {
  const size_t tap_row = 3 * SS_AMX_TILE_VALUES;
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
  } else {
    _tile_loadd(0, sums, 64);
    _tile_loadd(1, sums + tap_row, 64);
    _tile_loadd(2, sums + 2 * tap_row, 64);
  }
  const int slots = o->rows + 2;
  const size_t line = g->x_line;
  for (int block = 0; block < o->blocks; ++block) {
    for (int pair = 0; pair < g->pairs; ++pair) {
      const uint8_t *dy = o->dy + (size_t)block * g->dy_block + (size_t)pair * g->dy_pair;
      const uint8_t *x = o->x + (size_t)block * g->x_block + (size_t)(2 * pair + kx) * g->x_pixel;
      for (int m = 0; m < slots; m += 3) {
        COLUMN_STEP(m, 4, 6, 5)
        if (m + 1 < slots) {
          COLUMN_STEP(m + 1, 5, 4, 6)
        }
        if (m + 2 < slots) {
          COLUMN_STEP(m + 2, 6, 5, 4)
        }
      }
    }
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + tap_row, 64);
  _tile_stored(2, sums + 2 * tap_row, 64);
}

/* Adds to one tap of 1 or 2 x 1 or 2 channel tiles; `sums` is the first's, `next` values from out tile to out tile. */
SS_AMX_INLINE void sum_tap_of(const ss_amx_gradient *g, const operands *o, int ky, int kx, bool first, float *sums,
                              size_t next, const bool two_out, const bool two_in) {
  const size_t in_next = (size_t)g->taps * SS_AMX_TILE_VALUES;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  if (!first) {
    _tile_loadd(0, sums, 64);
    if (two_in) {
      _tile_loadd(1, sums + in_next, 64);
    }
    if (two_out) {
      _tile_loadd(2, sums + next, 64);
    }
    if (two_in && two_out) {
      _tile_loadd(3, sums + next + in_next, 64);
    }
  }
  const size_t offset = ((size_t)(kx % g->stride) * (size_t)g->line + (size_t)(kx / g->stride)) * g->x_pixel;
  for (int block = 0; block < o->blocks; ++block) {
    for (int row = 0; row < o->rows; ++row) {
      const int slot = row * g->stride + ky;
      if (slot < o->first_slot || slot >= o->last_slot) {
        continue;
      }
      const uint8_t *dy = o->dy + (size_t)block * g->dy_block + (size_t)row * g->dy_row;
      const uint8_t *x = o->x + (size_t)block * g->x_block + (size_t)slot * g->x_slot + offset;
      for (int pair = 0; pair < g->pairs; ++pair) {
        _tile_loadd(4, dy, 64);
        _tile_loadd(6, x, 64);
        _tile_dpbf16ps(0, 4, 6);
        if (two_in) {
          _tile_loadd(7, x + g->x_tile, 64);
          _tile_dpbf16ps(1, 4, 7);
        }
        if (two_out) {
          _tile_loadd(5, dy + g->dy_tile, 64);
          _tile_dpbf16ps(2, 5, 6);
        }
        if (two_out && two_in) {
          _tile_dpbf16ps(3, 5, 7);
        }
        dy += SS_AMX_TILE_BYTES;
        x += SS_AMX_TILE_BYTES;
      }
    }
  }
  _tile_stored(0, sums, 64);
  if (two_in) {
    _tile_stored(1, sums + in_next, 64);
  }
  if (two_out) {
    _tile_stored(2, sums + next, 64);
  }
  if (two_in && two_out) {
    _tile_stored(3, sums + next + in_next, 64);
  }
}

SS_AMX static void sum_tap(const ss_amx_gradient *g, const operands *o, int ky, int kx, bool first, float *sums,
                           size_t next, bool two_out, bool two_in) {
  if (two_out && two_in) {
    sum_tap_of(g, o, ky, kx, first, sums, next, true, true);
  } else if (two_out) {
    sum_tap_of(g, o, ky, kx, first, sums, next, true, false);
  } else if (two_in) {
    sum_tap_of(g, o, ky, kx, first, sums, next, false, true);
  } else {
    sum_tap_of(g, o, ky, kx, first, sums, next, false, false);
  }
}

/* ---- items ---- */

/* Adds the slices' sums of one pair of channel tiles, in order, and puts them where [O][I][kernel][kernel] has them. */
SS_AMX static void write_gradient(const ss_amx_gradient *g, int out, int in, const float *sums, int slices, float *dw) {
  const int channels = g->shape->input_channels;
  const int taps = g->shape->kernel * g->shape->kernel;
  float line[64][16] __attribute__((aligned(64)));
  memset(line[0], 0, sizeof line[0]);
  float columns[16][16] __attribute__((aligned(64)));
  for (int row = 0; row < SS_AMX_BLOCK; ++row) {
    for (int tap = 0; tap < g->taps; ++tap) {
      const float *value = sums + (size_t)tap * SS_AMX_TILE_VALUES + row * 16;
      __m512 sum = _mm512_loadu_ps(value);
      for (int s = 1; s < slices; ++s) {
        sum = _mm512_add_ps(sum, _mm512_loadu_ps(value + (size_t)s * slice_sums(g)));
      }
      _mm512_store_ps(line[tap], sum);
    }
    float *to = dw + (size_t)(out * SS_AMX_BLOCK + row) * (size_t)channels * (size_t)taps;
    if (g->patches) {
      for (int c = 0; c < 16; ++c) {
        const int value = in * SS_AMX_BLOCK + c; /* tap * channels + channel */
        if (value < taps * channels) {
          to[(value % channels) * taps + value / channels] = line[0][c];
        }
      }
      continue;
    }
    to += (size_t)in * SS_AMX_BLOCK * (size_t)taps;
    for (int tap = 0; tap < taps; tap += 16) {
      const int some = ss_amx_min(16, taps - tap);
      const __mmask16 mask = (__mmask16)(0xFFFFu >> (16 - some));
      ss_amx_transpose(line[tap], 16, some, columns[0]);
      for (int c = 0; c < 16; ++c) {
        _mm512_mask_storeu_ps(to + c * taps + tap, mask, _mm512_load_ps(columns[c]));
      }
    }
  }
}

/* Where a pair of channel tiles is summed. */
typedef struct target {
  float *sums;     /* of the first pair */
  size_t next_out; /* values from out tile to out tile; from in tile to in tile there are pair_sums */
  bool first;      /* sums start at zero */
  float *dw;       /* the gradient, to be written now that the sums are complete; else NULL */
} target;

/* Adds a chunk to the sums of output tiles [out, out + outs) x input tiles [in, in + ins). Without dw, t->sums are
 * those of the slice; with it, those of 2 x 2 tiles. */
SS_AMX static void sum_chunk(const ss_amx_gradient *g, const operands *all, int out, int outs, int in, int ins,
                             const target *t) {
  const size_t next_in = pair_sums(g);
  const int step = g->columns ? 1 : 2;
  operands o = *all;
  for (int a = 0; a < outs; a += step) {
    for (int b = 0; b < ins; b += step) {
      const int tiles_out = ss_amx_min(step, outs - a);
      const int tiles_in = ss_amx_min(step, ins - b);
      float *sums = t->dw != NULL ? t->sums : t->sums + (size_t)(out + a) * t->next_out + (size_t)(in + b) * next_in;
      o.dy = all->dy + (size_t)a * g->dy_tile;
      o.x = all->x + (size_t)b * g->x_tile;
      if (g->columns) {
        for (int kx = 0; kx < 3; ++kx) {
          sum_columns(g, &o, kx, t->first, sums + (size_t)kx * SS_AMX_TILE_VALUES);
        }
      } else {
        for (int tap = 0; tap < g->taps; ++tap) {
          sum_tap(g, &o, tap / g->kernel, tap % g->kernel, t->first, sums + (size_t)tap * SS_AMX_TILE_VALUES,
                  t->next_out, tiles_out == 2, tiles_in == 2);
        }
      }
      SS_AMX_FENCE();
      for (int i = 0; t->dw != NULL && i < tiles_out * tiles_in; ++i) {
        const int i_out = i / tiles_in;
        const int i_in = i % tiles_in;
        write_gradient(g, out + a + i_out, in + b + i_in, sums + (size_t)i_out * t->next_out + (size_t)i_in * next_in,
                       1, t->dw);
      }
    }
  }
}

static void run_item(const ss_amx_gradient *g, int item, float *sums, float *dw, uint8_t *scratch) {
  const int in_group = item % g->in_groups;
  const int out_group = item / g->in_groups % g->out_groups;
  const int slice = item / (g->in_groups * g->out_groups);
  const int out = out_group * g->group_out;
  const int outs = ss_amx_min(g->group_out, g->out_tiles - out);
  const int in_end = ss_amx_min(g->in_tiles, (in_group + 1) * g->group_in);
  const int first_chunk = (int)((int64_t)g->chunks * slice / g->slices);
  const int last_chunk = (int)((int64_t)g->chunks * (slice + 1) / g->slices);
  uint8_t *packed_x = scratch + (size_t)g->group_out * g->dy_tile;
  float *own_sums = (float *)(packed_x + (size_t)g->part_in * g->x_tile);
  uint8_t *patches = (uint8_t *)(own_sums + 4 * pair_sums(g));
  target t;
  t.sums = one_chunk(g) ? own_sums : sums + (size_t)slice * slice_sums(g);
  t.next_out = one_chunk(g) ? 2 * pair_sums(g) : (size_t)g->in_tiles * pair_sums(g);
  t.dw = one_chunk(g) ? dw : NULL;
  for (int number = first_chunk; number < last_chunk; ++number) {
    const ss_amx_chunk c = chunk_at(g, number);
    const int top = c.first_row * g->stride - g->padding;
    const operands o = {.dy = scratch,
                        .x = packed_x,
                        .blocks = c.blocks,
                        .rows = c.rows,
                        .first_slot = ss_amx_max(0, -top),
                        .last_slot = ss_amx_min(g->stride * (c.rows - 1) + g->kernel, g->height - top)};
    t.first = number == first_chunk;
    ss_amx_gradient_pack_dy(g, &c, out, outs, scratch);
    for (int in = in_group * g->group_in; in < in_end; in += g->part_in) {
      const int ins = ss_amx_min(g->part_in, in_end - in);
      ss_amx_gradient_pack_x(g, &c, in, ins, packed_x, patches);
      SS_AMX_FENCE();
      sum_chunk(g, &o, out, outs, in, ins, &t);
    }
  }
}

size_t ss_amx_convolution_weight_scratch(const ss_amx_convolution *shape, int threads) {
  const ss_amx_gradient g = make_plan(shape, threads);
  return all_sums_bytes(&g) + (size_t)threads * thread_bytes(&g);
}

void ss_amx_convolution_backward_weight(const ss_amx_convolution *shape, const uint16_t *x, const uint16_t *dy,
                                        float *dw, void *scratch, int threads) {
  ss_amx_gradient g = make_plan(shape, threads);
  g.x = x;
  g.dy = dy;
  const int items = g.slices * g.out_groups * g.in_groups;
  const int pairs = one_chunk(&g) ? 0 : g.out_tiles * g.in_tiles;
  float *sums = scratch;
  uint8_t *own = (uint8_t *)scratch + all_sums_bytes(&g);
#pragma omp parallel num_threads(threads)
  {
    uint8_t *mine = own + (size_t)omp_get_thread_num() * thread_bytes(&g);
    ss_amx_configure();
#pragma omp for schedule(dynamic, 1)
    for (int item = 0; item < items; ++item) {
      run_item(&g, item, sums, dw, mine);
    }
    ss_amx_release();
#pragma omp for schedule(static)
    for (int pair = 0; pair < pairs; ++pair) {
      write_gradient(&g, pair / g.in_tiles, pair % g.in_tiles, sums + (size_t)pair * pair_sums(&g), g.slices, dw);
    }
  }
}

#endif
