/* Weight gradient in split float32: for each tap a matrix product, output channels x input channels, summed over pixels
 * and images.
 *
 * A product of tiles sums over 32 values: two neighbouring output pixels x 16 images. dy is the first operand,
 * transposed ([channel][pixel, image]); x is the second, its images interleaved in pairs, one half tile a pixel, so
 * that a tile for any two neighbouring pixels, whatever the tap, is one load. Both are split and packed into a thread's
 * own scratch, a few output rows (or blocks of images) at a time, each input row once, and 2 x 2 channel tiles of one
 * tap are summed over them.
 *
 * The order of every sum depends on the shape alone: chunks are grouped into slices, each summed in order by one
 * thread, and the slices' sums are added in order. */
#include "engine/cpu/split_gradient.h"

#include <omp.h>

#include "engine/cpu/amx_weights.h"
#include "engine/cpu/split_convolution.h"

#if defined(__x86_64__)

enum { CACHE = 1500 * 1024, MOST_SLICES = 32, ITEMS = 16 };

static size_t pair_sums(const ss_split_gradient *g) { /* values: one pair of channel tiles, [tap][16][16] */
  return (size_t)g->taps * SS_SPLIT_TILE_VALUES;
}

static size_t slice_sums(const ss_split_gradient *g) { /* values: [out tile][in tile] of them */
  return (size_t)(g->out_tiles * g->in_tiles) * pair_sums(g);
}

static size_t operand_bytes(const ss_split_gradient *g) {
  return (size_t)g->group_out * g->dy_tile + (size_t)g->group_in * g->x_tile;
}

/* What a chunk of so many rows and blocks takes in packed form. */
static void set_chunk(ss_split_gradient *g, int rows, int blocks) {
  g->chunk_rows = rows;
  g->chunk_blocks = blocks;
  g->slots = ss_amx_min(g->height, g->stride * (rows - 1) + g->kernel);
  g->dy_row = (size_t)g->pairs * SS_SPLIT_DY_BYTES;
  g->dy_block = (size_t)rows * g->dy_row;
  g->dy_tile = (size_t)blocks * g->dy_block;
  g->x_slot = (size_t)(g->line * g->stride) * SS_SPLIT_HALF_BYTES;
  g->x_block = (size_t)g->slots * g->x_slot;
  g->x_tile = (size_t)blocks * g->x_block;
}

static void choose_chunk(ss_split_gradient *g) {
  set_chunk(g, 1, 1);
  while (operand_bytes(g) > CACHE && (g->group_in > 2 || g->group_out > 2)) {
    if (g->group_in >= g->group_out) {
      g->group_in = (g->group_in + 1) / 2;
    } else {
      g->group_out = (g->group_out + 1) / 2;
    }
  }
  for (int more = 2; more <= g->out_height * g->blocks; ++more) {
    if (more > g->out_height && more % g->out_height != 0) {
      continue;
    }
    ss_split_gradient larger = *g;
    set_chunk(&larger, ss_amx_min(more, g->out_height), more <= g->out_height ? 1 : more / g->out_height);
    if (operand_bytes(&larger) > CACHE || larger.chunk_rows * larger.chunk_blocks * g->pairs > 64) {
      break;
    }
    *g = larger;
  }
}

/* Where each output pixel reads its own input pixel only, rows may be of any length that divides the map (or, of
 * patches, the row): short and even, so that many channels of one fit the cache. */
static void set_width(ss_split_gradient *g) {
  g->segments = 1;
  if (g->kernel != 1 || g->stride != 1) {
    return;
  }
  const int pixels = g->patches ? g->out_width : g->out_width * g->out_height;
  int width = 0;
  for (int w = 2; w <= 32; w += 2) {
    width = pixels % w == 0 ? w : width;
  }
  if (width < 16) {
    return;
  }
  g->segments = g->patches ? g->out_width / width : 1;
  g->height = g->out_height = g->out_height * g->out_width / width;
  g->width = g->out_width = width;
}

static void set_groups(ss_split_gradient *g) {
  g->out_groups = (g->out_tiles + g->group_out - 1) / g->group_out;
  g->in_groups = (g->in_tiles + g->group_in - 1) / g->group_in;
}

static ss_split_gradient make_plan(const ss_amx_convolution *shape) {
  ss_split_gradient g = {.shape = shape, .patches = ss_amx_is_patches(shape)};
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
  set_width(&g);
  g.pairs = (g.out_width + 1) / 2;
  g.line = 2 * g.pairs + (g.kernel - 1) / g.stride;
  const int most = g.kernel == 1 ? 16 : 8; /* so that the sums of a group stay in the cache, too */
  g.group_out = ss_amx_min(g.out_tiles, most);
  g.group_in = ss_amx_min(g.in_tiles, most);
  choose_chunk(&g);
  set_groups(&g);
  g.row_chunks = (g.out_height + g.chunk_rows - 1) / g.chunk_rows;
  g.chunks = (g.blocks + g.chunk_blocks - 1) / g.chunk_blocks * g.row_chunks;
  const size_t activations = (size_t)shape->batch * sizeof(float) *
                             ((size_t)(g.out_height * g.out_width) * (size_t)g.out_channels +
                              (size_t)(shape->height * shape->width) * (size_t)shape->input_channels);
  g.slices = 1;
  while (2 * g.slices <= ss_amx_min(g.chunks, MOST_SLICES) && g.slices * g.out_groups * g.in_groups < ITEMS &&
         2 * (size_t)g.slices * slice_sums(&g) * sizeof(float) <= activations / 4) {
    g.slices *= 2;
  }
  while (g.slices * g.out_groups * g.in_groups < ITEMS / 2 && g.group_out * g.group_in > 4) {
    if (g.group_in >= g.group_out) {
      g.group_in = (g.group_in + 1) / 2;
    } else {
      g.group_out = (g.group_out + 1) / 2;
    }
    set_groups(&g);
  }
  return g;
}

static ss_split_chunk chunk_at(const ss_split_gradient *g, int number) {
  ss_split_chunk c;
  c.first_block = number / g->row_chunks * g->chunk_blocks;
  c.blocks = ss_amx_min(g->chunk_blocks, g->blocks - c.first_block);
  c.first_row = number % g->row_chunks * g->chunk_rows;
  c.rows = ss_amx_min(g->chunk_rows, g->out_height - c.first_row);
  c.low = ss_amx_max(0, c.first_row * g->stride - g->padding);
  c.high = ss_amx_min(g->height, (c.first_row + c.rows - 1) * g->stride - g->padding + g->kernel);
  c.high = ss_amx_max(c.low, c.high);
  return c;
}

/* ---- products ---- */

/* What one thread works with. */
typedef struct worker {
  const ss_split_gradient *g;
  uint8_t *dy, *x; /* packed */
  float *patches;
} worker;

/* Adds a chunk to one tap of 1 or 2 x 1 or 2 channel tiles, from tiles `a` and `b` of what is packed on; `next` values
 * from out tile to out tile. */
SS_AMX_INLINE void sum_tap_of(const worker *work, const ss_split_chunk *c, int a, int b, int tap, bool first,
                              float *sums, size_t next, const bool two_out, const bool two_in) {
  const ss_split_gradient *g = work->g;
  const size_t in_next = pair_sums(g);
  const int ky = tap / g->kernel;
  const int kx = tap % g->kernel;
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
  const size_t offset = (size_t)(kx % g->stride * g->line + kx / g->stride) * SS_SPLIT_HALF_BYTES;
  for (int block = 0; block < c->blocks; ++block) {
    for (int row = 0; row < c->rows; ++row) {
      const int y = (c->first_row + row) * g->stride - g->padding + ky;
      if (y < 0 || y >= g->height) {
        continue;
      }
      const uint8_t *dy = work->dy + (size_t)a * g->dy_tile + (size_t)block * g->dy_block + (size_t)row * g->dy_row;
      const uint8_t *x =
          work->x + (size_t)b * g->x_tile + (size_t)block * g->x_block + (size_t)(y % g->slots) * g->x_slot + offset;
      for (int pair = 0; pair < g->pairs; ++pair) {
        if (two_out && two_in) {
          SS_SPLIT_TWO_BY_TWO(dy, dy + g->dy_tile, SS_AMX_TILE_BYTES, 64, x, x + g->x_tile, 64, SS_SPLIT_LINE)
        } else if (two_in) {
          SS_SPLIT_ONE_BY_TWO(dy, SS_AMX_TILE_BYTES, 64, x, x + g->x_tile, 64, SS_SPLIT_LINE, 0, 1)
        } else {
          SS_SPLIT_ONE_BY_ONE(dy, SS_AMX_TILE_BYTES, 64, x, 64, SS_SPLIT_LINE, 0)
          if (two_out) {
            SS_SPLIT_ONE_BY_ONE(dy + g->dy_tile, SS_AMX_TILE_BYTES, 64, x, 64, SS_SPLIT_LINE, 2)
          }
        }
        dy += SS_SPLIT_DY_BYTES;
        x += 2 * SS_SPLIT_HALF_BYTES;
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

SS_AMX static void sum_tap(const worker *work, const ss_split_chunk *c, int a, int b, int tap, bool first, float *sums,
                           size_t next, bool two_out, bool two_in) {
  if (two_out && two_in) {
    sum_tap_of(work, c, a, b, tap, first, sums, next, true, true);
  } else if (two_out) {
    sum_tap_of(work, c, a, b, tap, first, sums, next, true, false);
  } else if (two_in) {
    sum_tap_of(work, c, a, b, tap, first, sums, next, false, true);
  } else {
    sum_tap_of(work, c, a, b, tap, first, sums, next, false, false);
  }
}

/* ---- items ---- */

SS_AMX static void run_item(const worker *work, int item, float *all_sums) {
  const ss_split_gradient *g = work->g;
  const int slice = item / (g->in_groups * g->out_groups);
  const int out = item / g->in_groups % g->out_groups * g->group_out;
  const int in = item % g->in_groups * g->group_in;
  const int outs = ss_amx_min(g->group_out, g->out_tiles - out);
  const int ins = ss_amx_min(g->group_in, g->in_tiles - in);
  const int first_chunk = (int)((int64_t)g->chunks * slice / g->slices);
  const int last_chunk = (int)((int64_t)g->chunks * (slice + 1) / g->slices);
  const size_t next = (size_t)g->in_tiles * pair_sums(g);
  float *group = all_sums + (size_t)slice * slice_sums(g) + (size_t)out * next + (size_t)in * pair_sums(g);
  int packed = 0;
  int laid = -1;
  for (int number = first_chunk; number < last_chunk; ++number) {
    const ss_split_chunk c = chunk_at(g, number);
    const bool goes_on = number > first_chunk && c.first_row > 0; /* rows packed for the chunk before serve */
    const int from = goes_on ? ss_amx_max(c.low, packed) : c.low;
    ss_split_gradient_pack_dy(g, &c, out, outs, work->dy);
    ss_split_gradient_pack_x(g, &c, from, in, ins, work->x, work->patches, &laid);
    packed = c.high;
    SS_AMX_FENCE();
    for (int a = 0; a < outs; a += 2) {
      for (int b = 0; b < ins; b += 2) {
        float *sums = group + (size_t)a * next + (size_t)b * pair_sums(g);
        for (int tap = 0; tap < g->taps; ++tap) {
          sum_tap(work, &c, a, b, tap, number == first_chunk, sums + tap * SS_SPLIT_TILE_VALUES, next, a + 1 < outs,
                  b + 1 < ins);
        }
      }
    }
    SS_AMX_FENCE();
  }
}

/* Adds the slices' sums of one pair of channel tiles, in order, and puts them where [O][I][kernel][kernel] has them. */
SS_AMX static void write_gradient(const ss_split_gradient *g, int out, int in, const float *sums, float *dw) {
  const int channels = g->shape->input_channels;
  const int taps = g->shape->kernel * g->shape->kernel;
  float line[64][16] __attribute__((aligned(64)));
  memset(line[0], 0, sizeof line[0]);
  float columns[16][16] __attribute__((aligned(64)));
  for (int row = 0; row < SS_AMX_BLOCK; ++row) {
    for (int tap = 0; tap < g->taps; ++tap) {
      const float *value = sums + (size_t)tap * SS_SPLIT_TILE_VALUES + row * 16;
      __m512 sum = _mm512_loadu_ps(value);
      for (int s = 1; s < g->slices; ++s) {
        sum = _mm512_add_ps(sum, _mm512_loadu_ps(value + (size_t)s * slice_sums(g)));
      }
      _mm512_store_ps(line[tap], sum);
    }
    float *to = dw + (size_t)(out * SS_AMX_BLOCK + row) * (size_t)(channels * taps);
    if (g->patches) {
      for (int c = 0; c < 16; ++c) {
        const int value = in * SS_AMX_BLOCK + c; /* tap * channels + channel */
        if (value < taps * channels) {
          to[(value % channels) * taps + value / channels] = line[0][c];
        }
      }
      continue;
    }
    to += (size_t)(in * SS_AMX_BLOCK * taps);
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

static size_t thread_bytes(const ss_split_gradient *g) {
  return operand_bytes(g) + ss_amx_round_up(ss_split_gradient_patches_bytes(g), 64);
}

static size_t sums_bytes(const ss_split_gradient *g) {
  return (size_t)g->slices * slice_sums(g) * sizeof(float);
}

size_t ss_split_convolution_weight_scratch(const ss_amx_convolution *shape, int threads) {
  const ss_split_gradient g = make_plan(shape);
  return sums_bytes(&g) + (size_t)threads * thread_bytes(&g);
}

void ss_split_convolution_backward_weight(const ss_amx_convolution *shape, const float *x, const float *dy, float *dw,
                                          void *scratch, int threads) {
  ss_split_gradient g = make_plan(shape);
  g.x = x;
  g.dy = dy;
  const int items = g.slices * g.out_groups * g.in_groups;
  float *sums = scratch;
  uint8_t *own = (uint8_t *)scratch + sums_bytes(&g);
#pragma omp parallel num_threads(threads)
  {
    worker work = {.g = &g, .dy = own + (size_t)omp_get_thread_num() * thread_bytes(&g)};
    work.x = work.dy + (size_t)g.group_out * g.dy_tile;
    work.patches = (float *)(work.x + (size_t)g.group_in * g.x_tile);
    ss_amx_configure();
#pragma omp for schedule(dynamic, 1)
    for (int item = 0; item < items; ++item) {
      run_item(&work, item, sums);
    }
    ss_amx_release();
#pragma omp for schedule(static)
    for (int pair = 0; pair < g.out_tiles * g.in_tiles; ++pair) {
      write_gradient(&g, pair / g.in_tiles, pair % g.in_tiles, sums + (size_t)pair * pair_sums(&g), dw);
    }
  }
}

#endif
