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

#include "engine/cpu/amx_tile.h"
#include "engine/cpu/amx_weights.h"

#if defined(__x86_64__)

#define TILE 1024     /* bytes of a tile */
#define HALF_TILE 512 /* bytes of one pixel of x: 8 pairs of images x 16 channels */
#define TILE_VALUES 256

typedef struct job {
  const uint16_t *x, *dy;
  const ss_amx_convolution *shape;
  bool patches;                /* a first layer: x is made of patches, and the rest describes a 1x1 convolution */
  int blocks;                  /* batch / 16 */
  int height, width, channels; /* of x */
  int out_height, out_width, out_channels;
  int kernel, stride, padding, taps;
  int out_tiles, in_tiles;      /* channels / 16 */
  int pairs;                    /* of pixels in an output row */
  int line;                     /* half tiles of one parity of a packed input row */
  int chunk_blocks, chunk_rows; /* image blocks and output rows of a chunk */
  int row_chunks, chunks;
  int chunk_slots;         /* input rows of a chunk with chunk_rows rows */
  int slices;              /* groups of chunks */
  int group_out, group_in; /* channel tiles an item takes; a thread packs group_in in parts of `part_in` */
  int part_in;
  int out_groups, in_groups;
} job;

typedef struct chunk {
  int first_block, blocks; /* image blocks */
  int first_row, rows;     /* output rows */
} chunk;

static chunk chunk_at(const job *j, int number) {
  chunk c;
  c.first_block = number / j->row_chunks * j->chunk_blocks;
  c.blocks = ss_amx_min(j->chunk_blocks, j->blocks - c.first_block);
  c.first_row = number % j->row_chunks * j->chunk_rows;
  c.rows = ss_amx_min(j->chunk_rows, j->out_height - c.first_row);
  return c;
}

static size_t packed_dy_tile(const job *j) { /* bytes for one channel tile of a chunk */
  return (size_t)j->chunk_blocks * (size_t)j->chunk_rows * (size_t)j->pairs * TILE;
}

static size_t packed_x_row(const job *j) {
  return (size_t)j->line * (size_t)j->stride * HALF_TILE;
}

static size_t packed_x_tile(const job *j) {
  return (size_t)j->chunk_blocks * (size_t)j->chunk_slots * packed_x_row(j);
}

static size_t patches_row_bytes(const job *j) {
  return j->patches ? (size_t)j->width * SS_AMX_BLOCK * (size_t)j->channels * sizeof(uint16_t) : 0;
}

static size_t sums_bytes(const job *j) { /* of one slice: [out tile][in tile][tap][16][16] float32 */
  return (size_t)(j->out_tiles * j->in_tiles) * (size_t)j->taps * TILE;
}

static size_t thread_bytes(const job *j) {
  return (size_t)j->group_out * packed_dy_tile(j) + (size_t)j->part_in * packed_x_tile(j) +
         (j->patches ? patches_row_bytes(j) + ss_amx_round_up(ss_amx_patches_scratch(j->shape), 64) : 0);
}

/* Chunks and slices depend on the shape alone; how channels are grouped into items also on the number of threads. */
static job make_job(const ss_amx_convolution *shape, int threads) {
  job j;
  memset(&j, 0, sizeof j);
  j.shape = shape;
  j.patches = ss_amx_is_patches(shape);
  j.blocks = shape->batch / SS_AMX_BLOCK;
  j.out_height = ss_amx_convolution_out_height(shape);
  j.out_width = ss_amx_convolution_out_width(shape);
  j.out_channels = shape->output_channels;
  j.height = j.patches ? j.out_height : shape->height;
  j.width = j.patches ? j.out_width : shape->width;
  j.channels = j.patches ? ss_amx_patch_length(shape) : shape->input_channels;
  j.kernel = j.patches ? 1 : shape->kernel;
  j.stride = j.patches ? 1 : shape->stride;
  j.padding = j.patches ? 0 : shape->padding;
  j.taps = j.kernel * j.kernel;
  j.out_tiles = j.out_channels / SS_AMX_BLOCK;
  j.in_tiles = j.channels / SS_AMX_BLOCK;
  j.pairs = (j.out_width + 1) / 2;
  j.line = 2 * j.pairs + (j.kernel - 1) / j.stride;

  const int chunk_pairs = 128;
  j.chunk_rows = ss_amx_max(1, ss_amx_min(j.out_height, chunk_pairs / j.pairs));
  j.chunk_blocks =
      j.chunk_rows < j.out_height ? 1 : ss_amx_max(1, ss_amx_min(j.blocks, chunk_pairs / (j.pairs * j.out_height)));
  j.row_chunks = (j.out_height + j.chunk_rows - 1) / j.chunk_rows;
  j.chunks = (j.blocks + j.chunk_blocks - 1) / j.chunk_blocks * j.row_chunks;
  j.chunk_slots = j.stride * (j.chunk_rows - 1) + j.kernel;

  const size_t activations = (size_t)shape->batch * sizeof(uint16_t) *
                             ((size_t)(j.out_height * j.out_width) * (size_t)j.out_channels +
                              (size_t)(shape->height * shape->width) * (size_t)shape->input_channels);
  j.slices = 1;
  while (2 * j.slices <= ss_amx_min(j.chunks, 32) && 2 * (size_t)j.slices * sums_bytes(&j) <= activations / 16) {
    j.slices *= 2;
  }

  j.group_out = ss_amx_min(j.out_tiles, 4);
  j.group_in = j.in_tiles;
  while (j.group_out > 1 && j.slices * ((j.out_tiles + j.group_out - 1) / j.group_out) < threads) {
    j.group_out = (j.group_out + 1) / 2;
  }
  j.out_groups = (j.out_tiles + j.group_out - 1) / j.group_out;
  while (j.group_in > 2 && j.slices * j.out_groups * ((j.in_tiles + j.group_in - 1) / j.group_in) < threads) {
    j.group_in = (j.group_in + 1) / 2;
  }
  j.in_groups = (j.in_tiles + j.group_in - 1) / j.group_in;
  j.part_in = ss_amx_min(j.group_in, ss_amx_max(2, (int)((size_t)704 * 1024 / packed_x_tile(&j)) / 2 * 2));
  return j;
}

/* ---- packing ---- */

/* Transposes 16 images x 16 channels of two pixels (the second may be NULL: zeros) to 16 rows, one a channel, of the 16
 * images of the first pixel, then those of the second. Images are `stride` values apart. */
SS_AMX_INLINE void transpose_pair(const uint16_t *first, const uint16_t *second, size_t stride, uint16_t *to) {
  __m512i a[16], b[16];
  for (int n = 0; n < 16; ++n) {
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

/* dy of a chunk, channel tiles from `tile` on: [tile][block][row][pair] tiles. */
SS_AMX static void pack_dy(const job *j, const chunk *c, int tile, int tiles, uint8_t *packed) {
  const size_t stride = (size_t)j->out_channels;
  const size_t pixel = stride * SS_AMX_BLOCK;
  const size_t tile_bytes = packed_dy_tile(j);
  for (int block = 0; block < c->blocks; ++block) {
    for (int row = 0; row < c->rows; ++row) {
      const size_t y = (size_t)(c->first_block + block) * (size_t)j->out_height + (size_t)(c->first_row + row);
      const uint16_t *from = j->dy + y * (size_t)j->out_width * pixel + (size_t)tile * SS_AMX_BLOCK;
      for (int pair = 0; pair < j->pairs; ++pair) {
        const uint16_t *first = from + (size_t)(2 * pair) * pixel;
        const uint16_t *second = 2 * pair + 1 < j->out_width ? first + pixel : NULL;
        uint8_t *to = packed + ((size_t)(block * c->rows + row) * (size_t)j->pairs + (size_t)pair) * TILE;
        for (int t = 0; t < tiles; ++t) {
          transpose_pair(first + t * SS_AMX_BLOCK, second == NULL ? NULL : second + t * SS_AMX_BLOCK, stride,
                         (uint16_t *)(to + (size_t)t * tile_bytes));
        }
      }
    }
  }
}

/* One pixel of x, 16 images `stride` values apart, to half tiles `tile_bytes` apart; NULL stands for zeros. */
SS_AMX_INLINE void interleave_pixel(const uint16_t *from, size_t stride, int tiles, size_t tile_bytes, uint8_t *to) {
  const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37,
                                       5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  if (from == NULL) {
    for (int t = 0; t < tiles; ++t) {
      memset(to + (size_t)t * tile_bytes, 0, HALF_TILE);
    }
    return;
  }
  int t = 0;
  for (; t + 2 <= tiles; t += 2) {
    uint8_t *first = to + (size_t)t * tile_bytes;
    uint8_t *second = first + tile_bytes;
    for (int r = 0; r < 8; ++r) {
      const __m512i even = _mm512_loadu_si512(from + (size_t)(2 * r) * stride + t * SS_AMX_BLOCK);
      const __m512i odd = _mm512_loadu_si512(from + (size_t)(2 * r + 1) * stride + t * SS_AMX_BLOCK);
      _mm512_storeu_si512(first + r * 64, _mm512_permutex2var_epi16(even, low, odd));
      _mm512_storeu_si512(second + r * 64, _mm512_permutex2var_epi16(even, high, odd));
    }
  }
  if (t < tiles) {
    uint8_t *first = to + (size_t)t * tile_bytes;
    for (int r = 0; r < 8; ++r) {
      const uint16_t *source = from + (size_t)(2 * r) * stride + t * SS_AMX_BLOCK;
      const __m512i even = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)source));
      const __m512i odd = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(source + stride)));
      _mm512_storeu_si512(first + r * 64, _mm512_permutex2var_epi16(even, low, odd));
    }
  }
}

/* The input rows that a chunk needs, channel tiles from `tile` on: [tile][block][slot][parity][line] half tiles, where
 * slot s is row first_row * stride - padding + s, and half tile u / stride of parity u % stride is pixel u - padding.
 * Rows outside the map are not written (nor read). */
SS_AMX static void pack_x(const job *j, const chunk *c, int tile, int tiles, uint8_t *packed, uint8_t *scratch) {
  const size_t stride = (size_t)j->channels;
  const size_t pixel = stride * SS_AMX_BLOCK;
  const size_t tile_bytes = packed_x_tile(j);
  const int slots = j->stride * (c->rows - 1) + j->kernel;
  const int used = j->kernel == 1 ? j->stride : 1; /* every used-th row and pixel is read */
  for (int block = 0; block < c->blocks; ++block) {
    for (int slot = 0; slot < slots; slot += used) {
      const int y = c->first_row * j->stride - j->padding + slot;
      if (y < 0 || y >= j->height) {
        continue;
      }
      const uint16_t *from;
      const size_t plane = (size_t)(c->first_block + block);
      if (j->patches) {
        const ss_amx_convolution *s = j->shape;
        const size_t plane_size = (size_t)(s->height * s->width) * SS_AMX_BLOCK * (size_t)s->input_channels;
        ss_amx_patches_row(s, j->x + plane * plane_size, y, (uint16_t *)scratch, scratch + patches_row_bytes(j));
        from = (const uint16_t *)scratch + (size_t)tile * SS_AMX_BLOCK;
      } else {
        from = j->x + (plane * (size_t)j->height + (size_t)y) * (size_t)j->width * pixel + (size_t)tile * SS_AMX_BLOCK;
      }
      uint8_t *row = packed + (size_t)(block * slots + slot) * packed_x_row(j);
      for (int u = 0; u < j->line * j->stride; u += used) {
        const int x = u - j->padding;
        const size_t place = (size_t)(u % j->stride) * (size_t)j->line + (size_t)(u / j->stride);
        interleave_pixel(x >= 0 && x < j->width ? from + (size_t)x * pixel : NULL, stride, tiles, tile_bytes,
                         row + place * HALF_TILE);
      }
    }
  }
}

/* ---- products ---- */

/* A chunk's packed operands for one pair of channel tiles. */
typedef struct operands {
  const uint8_t *dy, *x;
  size_t dy_tile, x_tile;    /* bytes from channel tile to channel tile */
  size_t dy_row, x_row;      /* bytes from row to row, slot to slot */
  int blocks, rows, slots;   /* slots: of one block */
  int first_slot, last_slot; /* those within the map, last excluded */
} operands;

#define COLUMN_STEP(m, now, before, earlier)               \
  {                                                        \
    const int slot = (m);                                  \
    if (slot < o->rows) {                                  \
      _tile_loadd(now, dy + (size_t)slot * o->dy_row, 64); \
    }                                                      \
    if (slot >= o->first_slot && slot < o->last_slot) {    \
      _tile_loadd(7, x + (size_t)slot * o->x_row, 64);     \
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
SS_AMX static void sum_columns(const job *j, const operands *o, int kx, bool first, float *sums) {
  const size_t tap_row = 3 * TILE_VALUES;
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
  for (int block = 0; block < o->blocks; ++block) {
    for (int pair = 0; pair < j->pairs; ++pair) {
      const uint8_t *dy = o->dy + (size_t)(block * o->rows) * o->dy_row + (size_t)pair * TILE;
      const uint8_t *x = o->x + (size_t)(block * o->slots) * o->x_row + (size_t)(2 * pair + kx) * HALF_TILE;
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
SS_AMX_INLINE void sum_tap_of(const job *j, const operands *o, int ky, int kx, bool first, float *sums, size_t next,
                              const bool two_out, const bool two_in) {
  const size_t in_next = (size_t)j->taps * TILE_VALUES;
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
  const size_t offset = ((size_t)(kx % j->stride) * (size_t)j->line + (size_t)(kx / j->stride)) * HALF_TILE;
  for (int block = 0; block < o->blocks; ++block) {
    for (int row = 0; row < o->rows; ++row) {
      const int slot = row * j->stride + ky;
      if (slot < o->first_slot || slot >= o->last_slot) {
        continue;
      }
      const uint8_t *dy = o->dy + (size_t)(block * o->rows + row) * o->dy_row;
      const uint8_t *x = o->x + (size_t)(block * o->slots + slot) * o->x_row + offset;
      for (int pair = 0; pair < j->pairs; ++pair) {
        _tile_loadd(4, dy, 64);
        _tile_loadd(6, x, 64);
        _tile_dpbf16ps(0, 4, 6);
        if (two_in) {
          _tile_loadd(7, x + o->x_tile, 64);
          _tile_dpbf16ps(1, 4, 7);
        }
        if (two_out) {
          _tile_loadd(5, dy + o->dy_tile, 64);
          _tile_dpbf16ps(2, 5, 6);
        }
        if (two_out && two_in) {
          _tile_dpbf16ps(3, 5, 7);
        }
        dy += TILE;
        x += TILE;
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

SS_AMX static void sum_tap(const job *j, const operands *o, int ky, int kx, bool first, float *sums, size_t next,
                           bool two_out, bool two_in) {
  if (two_out && two_in) {
    sum_tap_of(j, o, ky, kx, first, sums, next, true, true);
  } else if (two_out) {
    sum_tap_of(j, o, ky, kx, first, sums, next, true, false);
  } else if (two_in) {
    sum_tap_of(j, o, ky, kx, first, sums, next, false, true);
  } else {
    sum_tap_of(j, o, ky, kx, first, sums, next, false, false);
  }
}

/* Adds a chunk to the sums of output tiles [out, out + outs) x input tiles [in, in + ins). */
SS_AMX static void sum_chunk(const job *j, const operands *all, int out, int outs, int in, int ins, bool first,
                             float *sums) {
  const size_t next_in = (size_t)j->taps * TILE_VALUES;
  const size_t next_out = (size_t)j->in_tiles * next_in;
  operands o = *all;
  if (j->kernel == 3 && j->stride == 1) {
    for (int a = 0; a < outs; ++a) {
      for (int b = 0; b < ins; ++b) {
        o.dy = all->dy + (size_t)a * o.dy_tile;
        o.x = all->x + (size_t)b * o.x_tile;
        for (int kx = 0; kx < 3; ++kx) {
          sum_columns(j, &o, kx, first,
                      sums + (size_t)(out + a) * next_out + (size_t)(in + b) * next_in + (size_t)kx * TILE_VALUES);
        }
      }
    }
    return;
  }
  for (int a = 0; a < outs; a += 2) {
    for (int b = 0; b < ins; b += 2) {
      o.dy = all->dy + (size_t)a * o.dy_tile;
      o.x = all->x + (size_t)b * o.x_tile;
      for (int tap = 0; tap < j->taps; ++tap) {
        sum_tap(j, &o, tap / j->kernel, tap % j->kernel, first,
                sums + (size_t)(out + a) * next_out + (size_t)(in + b) * next_in + (size_t)tap * TILE_VALUES, next_out,
                a + 1 < outs, b + 1 < ins);
      }
    }
  }
}

SS_AMX static void run_item(const job *j, int item, float *sums, uint8_t *scratch) {
  const int in_group = item % j->in_groups;
  const int out_group = item / j->in_groups % j->out_groups;
  const int slice = item / (j->in_groups * j->out_groups);
  const int out = out_group * j->group_out;
  const int outs = ss_amx_min(j->group_out, j->out_tiles - out);
  const int in_end = ss_amx_min(j->in_tiles, (in_group + 1) * j->group_in);
  const int first_chunk = (int)((int64_t)j->chunks * slice / j->slices);
  const int last_chunk = (int)((int64_t)j->chunks * (slice + 1) / j->slices);
  uint8_t *packed_x = scratch + (size_t)j->group_out * packed_dy_tile(j);
  uint8_t *patches = packed_x + (size_t)j->part_in * packed_x_tile(j);
  float *slice_sums = sums + (size_t)slice * (sums_bytes(j) / sizeof(float));
  for (int number = first_chunk; number < last_chunk; ++number) {
    const chunk c = chunk_at(j, number);
    const int top = c.first_row * j->stride - j->padding;
    const int slots = j->stride * (c.rows - 1) + j->kernel;
    const operands o = {.dy = scratch,
                        .x = packed_x,
                        .dy_tile = packed_dy_tile(j),
                        .x_tile = packed_x_tile(j),
                        .dy_row = (size_t)j->pairs * TILE,
                        .x_row = packed_x_row(j),
                        .blocks = c.blocks,
                        .rows = c.rows,
                        .slots = slots,
                        .first_slot = ss_amx_max(0, -top),
                        .last_slot = ss_amx_min(slots, j->height - top)};
    pack_dy(j, &c, out, outs, scratch);
    for (int in = in_group * j->group_in; in < in_end; in += j->part_in) {
      const int ins = ss_amx_min(j->part_in, in_end - in);
      pack_x(j, &c, in, ins, packed_x, patches);
      SS_AMX_FENCE();
      sum_chunk(j, &o, out, outs, in, ins, number == first_chunk, slice_sums);
    }
  }
}

/* Adds the slices' sums of one pair of channel tiles, in order, and puts them where [O][I][kernel][kernel] has them. */
SS_AMX static void write_gradient(const job *j, int out, int in, const float *sums, float *dw) {
  const size_t slice = sums_bytes(j) / sizeof(float);
  const float *from = sums + (size_t)(out * j->in_tiles + in) * (size_t)j->taps * TILE_VALUES;
  const int channels = j->shape->input_channels;
  const int all_taps = j->shape->kernel * j->shape->kernel;
  float line[49][16] __attribute__((aligned(64)));
  for (int row = 0; row < 16; ++row) {
    for (int tap = 0; tap < j->taps; ++tap) {
      const float *value = from + (size_t)tap * TILE_VALUES + row * 16;
      __m512 sum = _mm512_loadu_ps(value);
      for (int s = 1; s < j->slices; ++s) {
        sum = _mm512_add_ps(sum, _mm512_loadu_ps(value + (size_t)s * slice));
      }
      _mm512_store_ps(line[tap], sum);
    }
    float *to = dw + (size_t)(out * SS_AMX_BLOCK + row) * (size_t)channels * (size_t)all_taps;
    if (j->patches) {
      for (int c = 0; c < 16; ++c) {
        const int value = in * SS_AMX_BLOCK + c; /* tap * channels + channel */
        if (value < all_taps * channels) {
          to[(value % channels) * all_taps + value / channels] = line[0][c];
        }
      }
    } else {
      to += (size_t)in * SS_AMX_BLOCK * (size_t)all_taps;
      for (int tap = 0; tap < all_taps; tap += 16) {
        const int taps = ss_amx_min(16, all_taps - tap);
        const __mmask16 mask = (__mmask16)(0xFFFFu >> (16 - taps));
        float columns[16][16] __attribute__((aligned(64)));
        ss_amx_transpose(line[tap], 16, taps, columns[0]);
        for (int c = 0; c < 16; ++c) {
          _mm512_mask_storeu_ps(to + c * all_taps + tap, mask, _mm512_load_ps(columns[c]));
        }
      }
    }
  }
}

size_t ss_amx_convolution_weight_scratch(const ss_amx_convolution *shape, int threads) {
  const job j = make_job(shape, threads);
  return (size_t)j.slices * sums_bytes(&j) + (size_t)threads * thread_bytes(&j);
}

void ss_amx_convolution_backward_weight(const ss_amx_convolution *shape, const uint16_t *x, const uint16_t *dy,
                                        float *dw, void *scratch, int threads) {
  job j = make_job(shape, threads);
  j.x = x;
  j.dy = dy;
  const int items = j.slices * j.out_groups * j.in_groups;
  const int tiles = j.out_tiles * j.in_tiles;
  float *sums = scratch;
  uint8_t *own = (uint8_t *)scratch + (size_t)j.slices * sums_bytes(&j);
#pragma omp parallel num_threads(threads)
  {
    uint8_t *mine = own + (size_t)omp_get_thread_num() * thread_bytes(&j);
    ss_amx_configure();
#pragma omp for schedule(dynamic, 1)
    for (int item = 0; item < items; ++item) {
      run_item(&j, item, sums, mine);
    }
    ss_amx_release();
#pragma omp for schedule(static)
    for (int tile = 0; tile < tiles; ++tile) {
      write_gradient(&j, tile / j.in_tiles, tile % j.in_tiles, sums, dw);
    }
  }
}

#endif
