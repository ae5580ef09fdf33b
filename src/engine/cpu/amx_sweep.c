/* Four neighbouring output pixels and 16 output channels are accumulated at a time. With the (up to three) taps of a
 * kernel row held in tiles, each input pixel is loaded once for all the outputs of that row it belongs to: 9 loads for
 * 12 products. Taps outside the map are skipped. Between the products of one group of pixels, the sums of the group
 * before are rounded and written, and memory soon needed is asked for. */
#include "engine/cpu/amx_sweep.h"

#if defined(__x86_64__)

/* What one thread works with besides tiles. */
typedef struct worker {
  float sums[2][4][16][16] __attribute__((aligned(64))); /* [output tile][pixel][image][channel] */
  size_t image;                                          /* values from image to image of the output */
  size_t pixel;                                          /* and from pixel to pixel that are written */
  /* Finished sums: pixels [written, finished) are still to be written to `target`. */
  uint16_t *target;
  int finished, written, tiles;
  bool whole_lines; /* two output tiles fill lines of the caches */
  /* Memory to be read soon: lines left, and how many to ask for at a time. */
  const uint8_t *ahead;
  size_t lines, lines_a_step;
} worker;

/* Rounds one pixel of the finished sums. */
SS_AMX_INLINE void write_pixel(worker *w) {
  const float(*low)[16] = w->sums[0][w->written];
  uint16_t *to = w->target + (size_t)w->written * w->pixel;
  if (w->tiles == 2) {
    const float(*high)[16] = w->sums[1][w->written];
    if (w->whole_lines) { /* past the caches: the lines need not be read first, and are not read again before long */
      for (int n = 0; n < SS_AMX_BLOCK; ++n) {
        _mm512_stream_si512((__m512i *)to, ss_amx_to_bf16(_mm512_load_ps(low[n]), _mm512_load_ps(high[n])));
        to += w->image;
      }
    } else {
      for (int n = 0; n < SS_AMX_BLOCK; ++n) {
        _mm512_storeu_si512(to, ss_amx_to_bf16(_mm512_load_ps(low[n]), _mm512_load_ps(high[n])));
        to += w->image;
      }
    }
  } else {
    for (int n = 0; n < SS_AMX_BLOCK; ++n) {
      _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(_mm512_load_ps(low[n])));
      to += w->image;
    }
  }
  ++w->written;
}

/* What is done after each step of the sums, while the matrix unit works. */
SS_AMX static __attribute__((noinline)) void between(worker *w) {
  if (w->written < w->finished) {
    write_pixel(w);
  }
  const size_t lines = w->lines < w->lines_a_step ? w->lines : w->lines_a_step;
  for (size_t i = 0; i < lines; ++i) {
    _mm_prefetch((const char *)(w->ahead + i * 64), _MM_HINT_T1);
  }
  w->ahead += lines * 64;
  w->lines -= lines;
}

SS_AMX static void write_rest(worker *w) {
  SS_AMX_FENCE();
  while (w->written < w->finished) {
    write_pixel(w);
  }
  SS_AMX_FENCE();
}

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
  const uint8_t *input;             /* pixel 0 of the first tap row, perhaps outside the map: see `valid` */
  ptrdiff_t row, step;              /* bytes from tap row to row, channel step to step */
  ptrdiff_t pixel;                  /* and from pixel to pixel */
  int line;                         /* and from image to image */
  const uint8_t *weights;           /* first tile */
  size_t weights_row, weights_step; /* bytes from tap row to row, channel step to step */
  size_t weights_output;            /* and from output tile to tile */
  int rows, steps;
  unsigned valid; /* bit i: input pixel i lies in the map */
} span;

#define PIXEL(i)                                              \
  if ((i) < inputs && (inside || (valid >> (i)) & 1u)) {      \
    _tile_stream_loadd(7, input + (i)*SS_AMX_TILE_BYTES, 64); \
    multiply_pixel((i), pixels, taps, step);                  \
  }

SS_AMX_INLINE void accumulate_as(const span *s, worker *w, const int pixels, const int taps, const int step,
                                 const bool inside) {
  const int inputs = step * (pixels - 1) + taps;
  const unsigned valid = s->valid;
  for (int row = 0; row < s->rows; ++row) {
    const uint8_t *input = s->input + row * s->row;
    const uint8_t *weights = s->weights + (size_t)row * s->weights_row;
    for (int k = 0; k < s->steps; ++k) {
      _tile_loadd(4, weights, 64);
      if (taps > 1) {
        _tile_loadd(5, weights + SS_AMX_TILE_BYTES, 64);
      }
      if (taps > 2) {
        _tile_loadd(6, weights + 2 * SS_AMX_TILE_BYTES, 64);
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
      between(w);
    }
  }
}

#define ACCUMULATE(pixels, taps, step)                               \
  case ((step)-1) * 12 + ((taps)-1) * 4 + (pixels)-1:                \
    if (s->valid == (1u << ((step) * ((pixels)-1) + (taps))) - 1u) { \
      accumulate_as(s, w, pixels, taps, step, true);                 \
    } else {                                                         \
      accumulate_as(s, w, pixels, taps, step, false);                \
    }                                                                \
    break;

SS_AMX static void accumulate(const span *s, worker *w, int pixels, int taps, int step) {
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

/* One tap column, two output tiles, one or two pixels: 4 loads for 4 products. Tiles 0 and 1 are the first output
 * tile's. */
SS_AMX static void accumulate_pair(const span *s, ptrdiff_t second_pixel, worker *w) {
  const ptrdiff_t line = s->line;
  const bool first = s->valid & 1u;
  const bool second = s->valid & 2u;
  for (int row = 0; row < s->rows; ++row) {
    const uint8_t *input = s->input + row * s->row;
    const uint8_t *weights = s->weights + (size_t)row * s->weights_row;
    for (int k = 0; k < s->steps; ++k) {
      _tile_loadd(4, weights, 64);
      _tile_loadd(5, weights + s->weights_output, 64);
      if (first) {
        _tile_loadd(7, input, line);
        _tile_dpbf16ps(0, 7, 4);
        _tile_dpbf16ps(2, 7, 5);
      }
      if (second) {
        _tile_loadd(7, input + second_pixel, line);
        _tile_dpbf16ps(1, 7, 4);
        _tile_dpbf16ps(3, 7, 5);
      }
      input += s->step;
      weights += s->weights_step;
      between(w);
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

/* A chunk's input as tiles: [block][slot][channel step][pixel] of 16 images x 32 channels (zeros beyond the channels),
 * where slot s is row first_row + s of the map. */
typedef struct packed_input {
  const uint8_t *tiles;
  int first_row, slots;
  size_t slot_bytes;
} packed_input;

/* The map's size in the units of the sweeps. */
static inline int map_height(const ss_amx_job *j) {
  return (j->in_height + j->pixel_step - 1) / j->pixel_step;
}

static inline int map_width(const ss_amx_job *j) {
  return (j->in_width + j->pixel_step - 1) / j->pixel_step;
}

/* Whether tiles are loaded from the map itself, or from rows of patches: with a 1x1 kernel a pixel of 16 images lies in
 * one piece, and every channel of it is used. */
static bool is_direct(const ss_amx_job *j) {
  return j->sweeps == 1 && j->sweep[0].taps_y == 1 && j->sweep[0].taps_x == 1 && j->sweep[0].in_y == 0 &&
         j->sweep[0].in_x == 0 && j->pixel_step == 1 && !j->joined && j->in_channels % 32 == 0 &&
         j->out_channels % 32 == 0;
}

static span direct_span(const ss_amx_job *j, const ss_amx_sweep *w, const uint8_t *rows, int tile, int row) {
  span s;
  memset(&s, 0, sizeof s);
  s.line = j->in_channels * (int)sizeof(uint16_t);
  s.pixel = (ptrdiff_t)s.line * SS_AMX_BLOCK;
  s.step = 64;
  s.weights_step = SS_AMX_TILE_BYTES;
  s.weights_output = s.weights_step * (size_t)j->steps;
  s.rows = 1;
  s.steps = j->steps;
  s.input = rows + (ptrdiff_t)row * j->in_width * s.pixel;
  s.weights = (const uint8_t *)j->packed + w->weights * SS_AMX_TILE_BYTES + (size_t)tile * s.weights_output;
  return s;
}

/* The span of output row `row` for one output tile: tap rows outside the map are left out. `tiles` is the input of the
 * block of images. Joined rows are two rows of the map, the first perhaps the one above it. */
static inline span make_span(const ss_amx_job *j, const ss_amx_sweep *w, const packed_input *input,
                             const uint8_t *tiles, int tile, int row) {
  if (is_direct(j)) {
    return direct_span(j, w, tiles, tile, j->patches == NULL ? row : row - input->first_row);
  }
  const int lowest = j->joined ? -1 : 0;
  const int advance = j->joined ? 2 : 1;
  const int first_row = row * w->in_step + w->in_y;
  const int skipped = first_row < lowest ? (lowest - first_row + advance - 1) / advance : 0;
  const int last = first_row < map_height(j) ? (map_height(j) - 1 - first_row) / advance : -1;
  span s;
  s.step = (ptrdiff_t)map_width(j) * SS_AMX_TILE_BYTES;
  s.pixel = SS_AMX_TILE_BYTES;
  s.line = 64;
  s.row = (ptrdiff_t)input->slot_bytes * advance;
  s.weights_step = (size_t)w->taps_x * SS_AMX_TILE_BYTES;
  s.weights_row = s.weights_step * (size_t)j->steps;
  s.weights_output = s.weights_row * (size_t)w->taps_y;
  s.rows = ss_amx_min(w->taps_y, last + 1) - skipped;
  s.steps = j->steps;
  s.input = tiles + (ptrdiff_t)(first_row + skipped * advance - input->first_row) * (ptrdiff_t)input->slot_bytes;
  s.weights = (const uint8_t *)j->packed + w->weights * SS_AMX_TILE_BYTES + (size_t)tile * s.weights_output +
              (size_t)skipped * s.weights_row;
  s.valid = 0;
  return s;
}

static inline unsigned inside_map(int x, int inputs, int width) {
  unsigned valid = 0;
  for (int i = 0; i < inputs; ++i) {
    valid |= (unsigned)(x + i >= 0 && x + i < width) << i;
  }
  return valid;
}

/* Sums of `pixels` output pixels from column `column` on, for the output tile of `row`'s weights. */
SS_AMX static void sum_pixels(const ss_amx_job *j, const ss_amx_sweep *w, const span *row, int column, int pixels,
                              const float *bias, worker *work) {
  START(0, bias)
  START(1, bias)
  START(2, bias)
  START(3, bias)
  for (int tap = 0; tap < w->taps_x; tap += 3) {
    const int taps = ss_amx_min(3, w->taps_x - tap);
    const int x = column * w->in_step + w->in_x + tap;
    span s = *row;
    s.valid = inside_map(x, w->in_step * (pixels - 1) + taps, map_width(j));
    s.input += (ptrdiff_t)x * SS_AMX_TILE_BYTES;
    s.weights += (size_t)tap * SS_AMX_TILE_BYTES;
    accumulate(&s, work, pixels, taps, w->in_step);
  }
  write_rest(work);
  _tile_stored(0, work->sums[0][0], 64);
  _tile_stored(1, work->sums[0][1], 64);
  _tile_stored(2, work->sums[0][2], 64);
  _tile_stored(3, work->sums[0][3], 64);
}

/* As above for one or two pixels and two output tiles, where there is one tap column. */
SS_AMX static void sum_pair(const ss_amx_job *j, const ss_amx_sweep *w, const span *row, int column, int pixels,
                            const float *bias, worker *work) {
  const float *second_bias = bias == NULL ? NULL : bias + SS_AMX_BLOCK;
  START(0, bias)
  START(1, bias)
  START(2, second_bias)
  START(3, second_bias)
  const int x = column * w->in_step + w->in_x;
  const unsigned wanted = pixels == 2 ? 3u : 1u;
  span s = *row;
  s.valid = (inside_map(x, 1, map_width(j)) | inside_map(x + w->in_step, 1, map_width(j)) << 1) & wanted;
  s.input += x * s.pixel;
  accumulate_pair(&s, w->in_step * s.pixel, work);
  write_rest(work);
  _tile_stored(0, work->sums[0][0], 64);
  _tile_stored(1, work->sums[0][1], 64);
  _tile_stored(2, work->sums[1][0], 64);
  _tile_stored(3, work->sums[1][1], 64);
}

/* One row of a sweep for output tiles [tile, tile + tiles), 1 or 2. */
SS_AMX static void sweep_row(const ss_amx_job *j, const ss_amx_sweep *w, const packed_input *input, const uint8_t *map,
                             int block, int tile, int tiles, int row, worker *work) {
  const size_t pixel = (size_t)j->out_channels * SS_AMX_BLOCK;
  const size_t y = (size_t)block * (size_t)j->out_height + (size_t)w->out_y + (size_t)row * (size_t)w->out_step;
  const float *bias = j->bias == NULL ? NULL : j->bias + tile * SS_AMX_BLOCK;
  const int group = tiles == 2 ? 2 : 4;
  const span s = make_span(j, w, input, map, tile, row);
  for (int column = 0; column < w->columns; column += group) {
    const int pixels = ss_amx_min(group, w->columns - column);
    const size_t x = (size_t)w->out_x + (size_t)column * (size_t)w->out_step;
    if (tiles == 2) {
      sum_pair(j, w, &s, column, pixels, bias, work);
    } else {
      sum_pixels(j, w, &s, column, pixels, bias, work);
    }
    SS_AMX_FENCE();
    work->target = j->output + (y * (size_t)j->out_width + x) * pixel + (size_t)tile * SS_AMX_BLOCK;
    work->finished = pixels;
    work->written = 0;
    work->tiles = tiles;
  }
}

/* ---- items ---- */

/* The rows of the map that output rows [first, last) of all sweeps need. */
static packed_input input_of_rows(const ss_amx_job *j, int first, int last) {
  int low = map_height(j);
  int high = -2;
  for (int s = 0; s < j->sweeps; ++s) {
    const ss_amx_sweep *w = &j->sweep[s];
    if (w->taps_y > 0) {
      low = ss_amx_min(low, first * w->in_step + w->in_y);
      high = ss_amx_max(high, (last - 1) * w->in_step + w->in_y + (w->taps_y - 1) * (j->joined ? 2 : 1));
    }
  }
  packed_input input;
  input.tiles = NULL;
  input.first_row = ss_amx_max(low, j->joined ? -1 : 0);
  input.slots = ss_amx_max(0, ss_amx_min(high, map_height(j) - 1) - input.first_row + 1);
  input.slot_bytes = (size_t)j->steps * (size_t)map_width(j) * SS_AMX_TILE_BYTES;
  return input;
}

static size_t weights_of_tile(const ss_amx_job *j) {
  return j->packed_bytes / (size_t)(j->out_channels / SS_AMX_BLOCK);
}

ss_amx_cut ss_amx_cut_job(const ss_amx_job *j, int threads) {
  const size_t budget = j->packed_bytes > 1024 * 1024 ? 1024 * 1024 : 512 * 1024; /* of input: more, to reuse weights */
  const int out_rows = j->sweep[0].rows;
  const int out_tiles = j->out_channels / SS_AMX_BLOCK;
  const size_t row = (size_t)j->steps * (size_t)map_width(j) * SS_AMX_TILE_BYTES * (size_t)j->sweep[0].in_step;
  const size_t plane = row * (size_t)out_rows;
  ss_amx_cut c;
  c.chunk_rows = plane > budget ? ss_amx_min(out_rows, ss_amx_max(j->sweep[0].taps_y == 1 ? 1 : 4, (int)(budget / row)))
                                : out_rows;
  c.row_chunks = (out_rows + c.chunk_rows - 1) / c.chunk_rows;
  c.chunk_blocks = 1;
  if (c.row_chunks == 1 && j->patches == NULL) {
    c.chunk_blocks = ss_amx_max(1, ss_amx_min(j->blocks / threads, (int)(budget / plane)));
  }
  c.block_chunks = (j->blocks + c.chunk_blocks - 1) / c.chunk_blocks;
  const int chunks = c.block_chunks * c.row_chunks;
  const int wanted = chunks < 4 * threads && chunks % threads != 0 ? (2 * threads + chunks - 1) / chunks : 1;
  c.chunk_tiles = ss_amx_max(2, (out_tiles + wanted - 1) / wanted);
  c.chunk_tiles += c.chunk_tiles % 2;
  c.tile_chunks = (out_tiles + c.chunk_tiles - 1) / c.chunk_tiles;
  c.items = chunks * c.tile_chunks;
  return c;
}

static size_t input_bytes(const ss_amx_job *j, const ss_amx_cut *c) {
  if (is_direct(j) && j->patches == NULL) {
    return 0;
  }
  size_t most = 0;
  for (int row = 0; row < j->sweep[0].rows; row += c->chunk_rows) {
    const packed_input input = input_of_rows(j, row, ss_amx_min(j->sweep[0].rows, row + c->chunk_rows));
    const size_t bytes = (size_t)c->chunk_blocks * (size_t)input.slots * input.slot_bytes;
    most = bytes > most ? bytes : most;
  }
  return most;
}

size_t ss_amx_item_scratch(const ss_amx_job *j, const ss_amx_cut *c) {
  const size_t patches = (size_t)j->in_width * SS_AMX_BLOCK * (size_t)j->in_channels * sizeof(uint16_t);
  return input_bytes(j, c) + (j->patches != NULL && !is_direct(j) ? patches : 0);
}

/* One row, from [width][16][channels] to [step][width][16][32]. Joined: the channels of two rows side by side; NULL is
 * a row of zeros. */
SS_AMX static void pack_row(const ss_amx_job *j, const uint16_t *from, const uint16_t *below, uint16_t *to) {
  const size_t channels = (size_t)j->in_channels;
  const int width = map_width(j);
  const size_t tile = SS_AMX_TILE_BYTES / sizeof(uint16_t);
  const int full = j->in_channels / 32;
  for (int x = 0; x < width; ++x) {
    const size_t pixel = (size_t)(x * j->pixel_step) * SS_AMX_BLOCK * channels;
    uint16_t *line = to + (size_t)x * tile;
    for (int n = 0; n < SS_AMX_BLOCK; ++n) {
      const size_t image = pixel + (size_t)n * channels;
      for (int k = 0; k < full; ++k) {
        _mm512_storeu_si512(line + (size_t)(k * width) * tile, _mm512_loadu_si512(from + image + k * 32));
      }
      if (full < j->steps) {
        const __m256i zero = _mm256_setzero_si256();
        const size_t rest = image + (size_t)full * 32;
        const __m256i low = from == NULL ? zero : _mm256_loadu_si256((const __m256i *)(from + rest));
        const __m256i high = below == NULL ? zero : _mm256_loadu_si256((const __m256i *)(below + rest));
        _mm512_storeu_si512(line + (size_t)(full * width) * tile,
                            _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
      }
      line += 32;
    }
  }
}

/* The input of image blocks [first, last): to `to`. */
static void pack_input(const ss_amx_job *j, const packed_input *input, int first, int last, uint8_t *to,
                       uint8_t *scratch) {
  const size_t row = (size_t)j->in_width * SS_AMX_BLOCK * (size_t)j->in_channels;
  for (int block = first; block < last; ++block) {
    for (int slot = 0; slot < input->slots; ++slot) {
      const int y = (input->first_row + slot) * j->pixel_step;
      if (j->patches != NULL) {
        const uint16_t *pictures = j->input + (size_t)block * ss_amx_pictures_size(j->patches);
        uint16_t *patches = (uint16_t *)(is_direct(j) ? to : scratch);
        ss_amx_patches_row(j->patches, pictures, y, patches);
        if (!is_direct(j)) {
          pack_row(j, patches, NULL, (uint16_t *)to);
        }
      } else {
        const uint16_t *map = j->input + (size_t)block * (size_t)j->in_height * row;
        const uint16_t *from = y < 0 ? NULL : map + (size_t)y * row;
        const uint16_t *below = j->joined && y + 1 < j->in_height ? map + (size_t)(y + 1) * row : NULL;
        pack_row(j, from, below, (uint16_t *)to);
      }
      to += input->slot_bytes;
    }
  }
}

/* The chunk that item `item` belongs to. */
typedef struct chunk {
  int first_row, last_row; /* of the first sweep, which has the most */
  int first_block, last_block;
} chunk;

static chunk chunk_of(const ss_amx_job *j, const ss_amx_cut *c, int item) {
  const int number = item / c->tile_chunks;
  chunk k;
  k.first_row = number % c->row_chunks * c->chunk_rows;
  k.last_row = ss_amx_min(j->sweep[0].rows, k.first_row + c->chunk_rows);
  k.first_block = number / c->row_chunks * c->chunk_blocks;
  k.last_block = ss_amx_min(j->blocks, k.first_block + c->chunk_blocks);
  return k;
}

/* Has the input of item `next` asked for while one like it is being worked on. */
static void look_ahead(const ss_amx_job *j, const ss_amx_cut *c, int next, worker *work) {
  const chunk k = chunk_of(j, c, next);
  const packed_input input = input_of_rows(j, k.first_row, k.last_row);
  const size_t row = (size_t)j->in_width * SS_AMX_BLOCK * (size_t)j->in_channels * sizeof(uint16_t);
  const int first_row = ss_amx_max(0, input.first_row) * j->pixel_step;
  const int rows = (k.last_block - k.first_block) * input.slots * j->pixel_step;
  const int rows_there = (j->blocks - k.first_block) * j->in_height - first_row;
  size_t steps = 0;
  for (int s = 0; s < j->sweeps; ++s) {
    const ss_amx_sweep *w = &j->sweep[s];
    steps += (size_t)((w->columns + 3) / 4 * w->taps_y * ((w->taps_x + 2) / 3));
  }
  steps *= (size_t)((k.last_block - k.first_block) * (k.last_row - k.first_row) * c->chunk_tiles) * (size_t)j->steps;
  work->ahead = (const uint8_t *)j->input + ((size_t)k.first_block * (size_t)j->in_height + (size_t)first_row) * row;
  work->lines = (size_t)ss_amx_max(0, ss_amx_min(rows, rows_there)) * row / 64;
  work->lines_a_step = steps == 0 ? 0 : work->lines / steps + 1;
}

/* Output tiles [first_tile, last_tile) of the chunk, for one sweep. */
SS_AMX static void run_sweep(const ss_amx_job *j, const ss_amx_sweep *w, const packed_input *input, const chunk *k,
                             int first_tile, int last_tile, worker *work) {
  const bool in_place = is_direct(j) && j->patches == NULL;
  const bool pairs = w->taps_x <= 1;
  const int last_row = ss_amx_min(w->rows, k->last_row);
  const size_t map = (size_t)input->slots * input->slot_bytes;
  const size_t plane = (size_t)j->in_height * (size_t)j->in_width * SS_AMX_BLOCK * (size_t)j->in_channels;
  const bool weights_fit = weights_of_tile(j) * (size_t)(last_tile - first_tile) <= 512 * 1024;
  const int rows_a_turn = weights_fit ? 1 : last_row - k->first_row; /* rows for one tile before the next tile */
  const int blocks_a_turn = weights_fit ? 1 : k->last_block - k->first_block;
  for (int first_block = k->first_block; first_block < k->last_block; first_block += blocks_a_turn) {
    for (int first_row = k->first_row; first_row < last_row; first_row += rows_a_turn) {
      for (int tile = first_tile; tile < last_tile; tile += pairs ? 2 : 1) {
        const int tiles = pairs ? ss_amx_min(2, last_tile - tile) : 1;
        for (int block = first_block; block < first_block + blocks_a_turn; ++block) {
          const uint8_t *tiles_of_block = in_place ? (const uint8_t *)(j->input + (size_t)block * plane)
                                                   : input->tiles + (size_t)(block - k->first_block) * map;
          for (int row = first_row; row < first_row + rows_a_turn; ++row) {
            sweep_row(j, w, input, tiles_of_block, block, tile, tiles, row, work);
          }
        }
      }
    }
  }
}

void ss_amx_run_items(const ss_amx_job *j, const ss_amx_cut *c, int first, int last, void *scratch) {
  worker work;
  memset((char *)&work + sizeof work.sums, 0, sizeof work - sizeof work.sums);
  work.image = (size_t)j->out_channels;
  work.ahead = (const uint8_t *)j->input;
  work.whole_lines = j->out_channels % (2 * SS_AMX_BLOCK) == 0;
  const int tiles = j->out_channels / SS_AMX_BLOCK;
  for (int item = first; item < last; ++item) {
    const chunk k = chunk_of(j, c, item);
    const int first_tile = item % c->tile_chunks * c->chunk_tiles;
    const int last_tile = ss_amx_min(tiles, first_tile + c->chunk_tiles);
    packed_input input = input_of_rows(j, k.first_row, k.last_row);
    input.tiles = scratch;
    if (!(is_direct(j) && j->patches == NULL) && (item == first || first_tile == 0)) {
      pack_input(j, &input, k.first_block, k.last_block, scratch, (uint8_t *)scratch + input_bytes(j, c));
      SS_AMX_FENCE();
    }
    work.lines = 0;
    if (item + 1 < last && j->patches == NULL && last_tile == tiles) {
      look_ahead(j, c, item + 1, &work);
    }
    for (int s = 0; s < j->sweeps; ++s) {
      work.pixel = (size_t)j->sweep[s].out_step * SS_AMX_BLOCK * work.image;
      run_sweep(j, &j->sweep[s], &input, &k, first_tile, last_tile, &work);
      write_rest(&work);
    }
  }
  _mm_sfence(); /* behind which the other threads see what went past the caches */
}

#endif
