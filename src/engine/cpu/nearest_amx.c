/* Nearest rows on the matrix unit. Tiles of 16 centroids x 16 points are summed two by two; a tile's rows then are
 * centroids and its columns points, so that the running maxima of 16 points are registers. A block of points stays in
 * the second-level cache, a pair of centroid tiles in the first, and no score is ever written farther than that. */
#include "engine/cpu/nearest.h"

#include "base/memory.h"
#include "engine/cpu/split_tile.h"

#include <math.h>
#include <omp.h>

#if defined(__x86_64__)

enum {
  TILE = SS_AMX_TILE_BYTES,
  SIDE = SS_AMX_BLOCK,
  PAIR = 2 * SS_AMX_BLOCK,   /* rows of two tiles */
  MOST_ROWS = 1024,          /* points of a block */
  BLOCK_BYTES = 1024 * 1024, /* of their tiles, at most: they share the second-level cache with the centroids */
  CHUNK_ROWS = 8192,         /* points a thread takes at a time */
  AHEAD = 4                  /* points that memory is asked for before they are packed */
};

/* The tries: products of parts and what parts they take. */
enum { TRIES = 3 };
static const int try_parts[TRIES] = {1, 2, 3};

/* Lengths of a vector v = high + middle + low: bounds of what products of its parts leave out. */
typedef struct lengths {
  float whole;  /* |v| */
  float rest;   /* |v - high| */
  float middle; /* |middle| */
  float low;    /* |low| */
} lengths;

typedef struct plan {
  const ss_nearest_job *job;
  int64_t steps;      /* tiles along d */
  int64_t pairs;      /* of tiles of centroids */
  uint8_t *centroids; /* [pair][part][step][tile of the pair] */
  float *bias;        /* -|c|^2 / 2; -inf beyond the last centroid */
  lengths most;       /* the greatest of the centroids' lengths */
  float sum_error;    /* of a float32 sum of d products, as a share of |x| |c|: what rounding is likely to make */
} plan;

/* What one thread works with. */
typedef struct worker {
  uint8_t *points; /* [pair][part][step][tile of the pair] */
  float *best, *second, *margin;
  int32_t *index;
  int64_t *pending[TRIES]; /* rows for each try */
  int64_t count[TRIES];
} worker;

static size_t part_bytes(const plan *p) {
  return (size_t)p->steps * 2 * TILE;
}

/* Rows of a block of a try, a multiple of PAIR. */
static int64_t block_rows(const plan *p, int attempt) {
  const int64_t pairs = (int64_t)((size_t)BLOCK_BYTES / ((size_t)try_parts[attempt] * part_bytes(p)));
  return pairs < 1 ? PAIR : pairs > MOST_ROWS / PAIR ? MOST_ROWS : pairs * PAIR;
}

/* Splits a row (NULL: zeros), moved and scaled, into parts; the parts of 32 values as 64 bytes, `part` bytes apart and
 * `step` bytes from one 32 to the next. */
SS_AMX static lengths split_row(const plan *p, const float *row, int parts, uint8_t *to, size_t part, size_t step) {
  const ss_nearest_job *job = p->job;
  __m512 whole = _mm512_setzero_ps(), rest = whole, middle = whole, low = whole;
  const __m512 scale = _mm512_set1_ps(job->scale);
  for (int64_t s = 0; s < p->steps; s++) {
    __m512i half[2][SS_SPLIT_PARTS];
    for (int h = 0; h < 2; h++) {
      const int64_t at = s * 32 + h * 16, left = job->d - at;
      const __mmask16 mask = !row || left <= 0 ? 0 : left >= 16 ? 0xFFFF : (__mmask16)((1u << left) - 1u);
      __m512 v = _mm512_setzero_ps();
      if (mask) {
        v = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, row + at), _mm512_maskz_loadu_ps(mask, job->shift + at));
        v = _mm512_mul_ps(v, scale);
      }
      ss_split(v, half[h]);
      const __m512 r = _mm512_sub_ps(v, _mm512_castsi512_ps(half[h][0]));
      const __m512 m = _mm512_castsi512_ps(half[h][1]);
      const __m512 l = _mm512_sub_ps(r, m);
      whole = _mm512_fmadd_ps(v, v, whole);
      rest = _mm512_fmadd_ps(r, r, rest);
      middle = _mm512_fmadd_ps(m, m, middle);
      low = _mm512_fmadd_ps(l, l, low);
    }
    for (int i = 0; i < parts; i++) {
      _mm512_store_si512(to + (size_t)i * part + (size_t)s * step, ss_split_row(half[0][i], half[1][i]));
    }
  }
  return (lengths){.whole = sqrtf(_mm512_reduce_add_ps(whole)),
                   .rest = sqrtf(_mm512_reduce_add_ps(rest)),
                   .middle = sqrtf(_mm512_reduce_add_ps(middle)),
                   .low = sqrtf(_mm512_reduce_add_ps(low))};
}

/* A tile of 16 rows of 16 pairs of bf16, transposed as 32-bit words. */
SS_AMX_INLINE void transpose(const uint8_t *from, uint8_t *to) {
  const __m512i rows = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                          _mm512_set1_epi32(SIDE));
  for (int i = 0; i < SIDE; i++) {
    _mm512_store_si512(to + (size_t)i * 64, _mm512_i32gather_epi32(rows, (const int *)from + i, 4));
  }
}

static float greater(float a, float b) {
  return a > b ? a : b;
}

static void pack_centroids(plan *p) {
  const ss_nearest_job *job = p->job;
  float whole = 0.0f, rest = 0.0f, middle = 0.0f, low = 0.0f;
#pragma omp parallel for num_threads(job->threads) schedule(static) reduction(max : whole, rest, middle, low)
  for (int64_t row = 0; row < p->pairs * PAIR; row++) {
    uint8_t *to = p->centroids + (size_t)(row / PAIR) * SS_SPLIT_PARTS * part_bytes(p) +
                  (size_t)(row % PAIR / SIDE) * TILE + (size_t)(row % SIDE) * 64;
    const float *c = row < job->k ? job->c + row * job->d : NULL;
    const lengths l = split_row(p, c, SS_SPLIT_PARTS, to, part_bytes(p), (size_t)2 * TILE);
    whole = greater(whole, l.whole);
    rest = greater(rest, l.rest);
    middle = greater(middle, l.middle);
    low = greater(low, l.low);
    double square = 0.0;
    for (int64_t j = 0; c && j < job->d; j++) {
      const float moved = (c[j] - job->shift[j]) * job->scale;
      square += (double)moved * (double)moved;
    }
    p->bias[row] = c ? (float)(-0.5 * square) : -INFINITY;
  }
  p->most = (lengths){.whole = whole, .rest = rest, .middle = middle, .low = low};
}

/* How much a score of a point of these lengths may be wrong, twice, and a little more. */
static float margin_of(const plan *p, lengths v, int attempt) {
  const lengths c = p->most;
  const float rounding = p->sum_error * v.whole * c.whole + 0x1p-23f * c.whole * (c.whole + v.whole);
  const float parts = attempt == 0 ? v.rest * c.whole + (v.whole + v.rest) * c.rest
                                   : v.low * c.whole + v.middle * c.middle + (v.whole + v.low) * c.low;
  return 2.02f * (parts + rounding);
}

/* Asks the memory for a row. */
static inline void ask_for(const float *row, int64_t d) {
  for (int64_t j = 0; j < d; j += 16) {
    __builtin_prefetch(row + j);
  }
}

SS_AMX static void pack_points(const plan *p, worker *w, const int64_t *rows, int64_t count, int attempt,
                               uint8_t *scratch) {
  const int parts = try_parts[attempt];
  const size_t step = TILE, part = (size_t)p->steps * TILE; /* of scratch: [part][step] tiles of 16 points */
  for (int64_t first = 0; first < (count + PAIR - 1) / PAIR * PAIR; first += SIDE) {
    for (int64_t i = 0; i < SIDE; i++) {
      const int64_t at = first + i;
      const float *row = at < count ? p->job->x + rows[at] * p->job->d : NULL;
      if (at + AHEAD < count) {
        ask_for(p->job->x + rows[at + AHEAD] * p->job->d, p->job->d);
      }
      w->margin[at] = margin_of(p, split_row(p, row, parts, scratch + (size_t)i * 64, part, step), attempt);
    }
    uint8_t *to =
        w->points + (size_t)(first / PAIR) * (size_t)parts * part_bytes(p) + (size_t)(first % PAIR / SIDE) * TILE;
    for (int64_t tile = 0; tile < parts * p->steps; tile++) {
      transpose(scratch + (size_t)tile * TILE, to + (size_t)tile * 2 * TILE);
    }
  }
}

/* 16 scores: of one centroid with 16 points. */
SS_AMX_INLINE __m512 score(const float *sums, const float *bias, int row) {
  return _mm512_add_ps(_mm512_load_ps(sums + (ptrdiff_t)row * SIDE), _mm512_set1_ps(bias[row]));
}

/* Enters the scores of 16 centroids from `first` on into the running maxima of 16 points. Most tiles hold nothing above
 * what was there, which their own maximum tells with two instructions a row. */
SS_AMX_INLINE void enter(const float *sums, const float *bias, int first, __m512 *best, __m512 *second,
                         __m512i *index) {
  __m512 most[4];
  for (int i = 0; i < 4; i++) {
    most[i] = score(sums, bias, i);
  }
#pragma GCC unroll 12
  for (int r = 4; r < SIDE; r++) {
    most[r % 4] = _mm512_max_ps(most[r % 4], score(sums, bias, r));
  }
  const __m512 top = _mm512_max_ps(_mm512_max_ps(most[0], most[1]), _mm512_max_ps(most[2], most[3]));
  if (__builtin_expect(_mm512_cmp_ps_mask(top, *second, _CMP_GT_OQ) == 0, 1)) {
    return;
  }
  for (int r = 0; r < SIDE; r++) {
    const __m512 here = score(sums, bias, r);
    const __mmask16 more = _mm512_cmp_ps_mask(here, *best, _CMP_GT_OQ);
    *second = _mm512_max_ps(*second, _mm512_min_ps(here, *best));
    *best = _mm512_max_ps(here, *best);
    *index = _mm512_mask_mov_epi32(*index, more, _mm512_set1_epi32(first + r));
  }
}

/* The tiles that lie in `sums`: 0 and 1 are the first 16 centroids with the two tiles of points, 2 and 3 the others. */
SS_AMX_INLINE void enter_pair(const float *sums, const float *bias, int64_t first, worker *w, int64_t point) {
  for (int tile = 0; tile < 2; tile++) {
    const int64_t at = point + tile * SIDE;
    __m512 best = _mm512_load_ps(w->best + at), second = _mm512_load_ps(w->second + at);
    __m512i index = _mm512_load_si512(w->index + at);
    enter(sums + (ptrdiff_t)tile * SIDE * SIDE, bias, (int)first, &best, &second, &index);
    enter(sums + (ptrdiff_t)(tile + 2) * SIDE * SIDE, bias + SIDE, (int)first + SIDE, &best, &second, &index);
    _mm512_store_ps(w->best + at, best);
    _mm512_store_ps(w->second + at, second);
    _mm512_store_si512(w->index + at, index);
  }
}

/* All centroids with a block of points. */
SS_AMX_INLINE void sweep(const plan *p, worker *w, int64_t count, const int attempt) {
  float sums[2][4 * SIDE * SIDE] __attribute__((aligned(64)));
  const size_t part = part_bytes(p), points = (size_t)try_parts[attempt] * part;
  for (int64_t pair = 0; pair < p->pairs; pair++) {
    const uint8_t *centroids = p->centroids + (size_t)pair * SS_SPLIT_PARTS * part;
    const float *bias = p->bias + pair * PAIR;
    const int64_t first = pair * PAIR;
    for (int64_t at = 0; at < count; at += PAIR) {
      const uint8_t *a = centroids, *b = w->points + (size_t)(at / PAIR) * points;
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int64_t s = 0; s < p->steps; s++) {
        if (attempt == 2) {
          SS_SPLIT_TWO_BY_TWO(a, a + TILE, part, 64, b, b + TILE, part, 64)
        } else if (attempt == 1) {
          _tile_loadd(4, a + part, 64);
          _tile_loadd(6, b, 64);
          _tile_loadd(7, b + TILE, 64);
          _tile_loadd(5, a + TILE + part, 64);
          SS_SPLIT_FOUR()
          _tile_loadd(4, a, 64);
          _tile_loadd(5, a + TILE, 64);
          SS_SPLIT_FOUR()
          _tile_loadd(6, b + part, 64);
          _tile_loadd(7, b + TILE + part, 64);
          SS_SPLIT_FOUR()
        } else {
          _tile_loadd(4, a, 64);
          _tile_loadd(6, b, 64);
          _tile_loadd(7, b + TILE, 64);
          _tile_loadd(5, a + TILE, 64);
          SS_SPLIT_FOUR()
        }
        a += (ptrdiff_t)2 * TILE;
        b += (ptrdiff_t)2 * TILE;
      }
      /* The vector unit looks at the sums before while the matrix unit makes these. */
      float *to = sums[at / PAIR % 2];
      if (at > 0) {
        enter_pair(sums[(at / PAIR + 1) % 2], bias, first, w, at - PAIR);
      }
      SS_AMX_FENCE();
      _tile_stored(0, to, 64);
      _tile_stored(1, to + SIDE * SIDE, 64);
      _tile_stored(2, to + 2 * SIDE * SIDE, 64);
      _tile_stored(3, to + 3 * SIDE * SIDE, 64);
      SS_AMX_FENCE();
    }
    const int64_t last = (count - 1) / PAIR;
    enter_pair(sums[last % 2], bias, first, w, last * PAIR);
  }
}

SS_AMX static void sweep_one(const plan *p, worker *w, int64_t count) {
  sweep(p, w, count, 0);
}

SS_AMX static void sweep_three(const plan *p, worker *w, int64_t count) {
  sweep(p, w, count, 1);
}

SS_AMX static void sweep_six(const plan *p, worker *w, int64_t count) {
  sweep(p, w, count, 2);
}

/* Rows of a block: decided, or left for the next try. */
static void run_block(const plan *p, worker *w, const int64_t *rows, int64_t count, int attempt, uint8_t *scratch) {
  static void (*const sweeps[TRIES])(const plan *, worker *, int64_t) = {sweep_one, sweep_three, sweep_six};
  pack_points(p, w, rows, count, attempt, scratch);
  for (int64_t i = 0; i < MOST_ROWS; i++) {
    w->best[i] = -INFINITY;
    w->second[i] = -INFINITY;
    w->index[i] = 0;
  }
  SS_AMX_FENCE();
  sweeps[attempt](p, w, count);
  for (int64_t i = 0; i < count; i++) {
    if (attempt + 1 < TRIES && !(w->best[i] - w->second[i] > w->margin[i])) {
      w->pending[attempt + 1][w->count[attempt + 1]++] = rows[i];
    } else {
      p->job->nearest[rows[i]] = w->index[i];
    }
  }
}

/* Rows [first, last), at most CHUNK_ROWS. Where the first try decides little for the first block, the others do
 * without it: what is decided is the same either way. */
static void run_chunk(const plan *p, worker *w, int64_t first, int64_t last, uint8_t *scratch) {
  w->count[0] = last - first;
  w->count[1] = w->count[2] = 0;
  for (int64_t i = 0; i < last - first; i++) {
    w->pending[0][i] = first + i;
  }
  for (int attempt = 0; attempt < TRIES; attempt++) {
    const int64_t rows = block_rows(p, attempt), all = w->count[attempt];
    for (int64_t at = 0; at < all; at += rows) {
      const int64_t count = all - at < rows ? all - at : rows;
      run_block(p, w, w->pending[attempt] + at, count, attempt, scratch);
      if (attempt == 0 && at == 0 && w->count[1] > count * 3 / 4) {
        for (int64_t i = count; i < all; i++) {
          w->pending[1][w->count[1]++] = w->pending[0][i];
        }
        break;
      }
    }
  }
}

bool ss_nearest_amx_supports(const ss_nearest_job *job) {
  return ss_amx_available() && job->d <= 1 << 20;
}

/* Bytes of one thread's worker: points, scratch for 16 of them, maxima, rows. */
static size_t worker_bytes(const plan *p, size_t points) {
  return points + SS_SPLIT_PARTS * (size_t)p->steps * TILE + (size_t)4 * MOST_ROWS * sizeof(float) +
         (size_t)TRIES * CHUNK_ROWS * sizeof(int64_t);
}

static void run(const plan *p, uint8_t *memory, size_t points) {
  const ss_nearest_job *job = p->job;
  const int64_t share = (job->n + job->threads - 1) / job->threads;
  const int64_t chunk = share < CHUNK_ROWS ? (share + PAIR - 1) / PAIR * PAIR : CHUNK_ROWS;
  const int64_t chunks = (job->n + chunk - 1) / chunk;
#pragma omp parallel num_threads(job->threads)
  {
    uint8_t *own = memory + worker_bytes(p, points) * (size_t)omp_get_thread_num();
    uint8_t *scratch = own + points;
    worker w = {.points = own, .best = (float *)(scratch + SS_SPLIT_PARTS * (size_t)p->steps * TILE)};
    w.second = w.best + MOST_ROWS;
    w.margin = w.second + MOST_ROWS;
    w.index = (int32_t *)(w.margin + MOST_ROWS);
    for (int attempt = 0; attempt < TRIES; attempt++) {
      w.pending[attempt] = (int64_t *)(w.index + MOST_ROWS) + (size_t)attempt * CHUNK_ROWS;
    }
    ss_amx_configure();
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < chunks; i++) {
      const int64_t last = (i + 1) * chunk;
      run_chunk(p, &w, i * chunk, last < job->n ? last : job->n, scratch);
    }
    ss_amx_release();
  }
}

ss_status ss_nearest_amx(const ss_nearest_job *job, ss_error *error) {
  plan p = {.job = job,
            .steps = (job->d + 31) / 32,
            .pairs = (job->k + PAIR - 1) / PAIR,
            .sum_error = 4.0f * sqrtf((float)job->d) * 0x1p-24f};
  const size_t tiles = (size_t)p.pairs * SS_SPLIT_PARTS * part_bytes(&p);
  const size_t table = tiles + (size_t)(p.pairs * PAIR) * sizeof(float);
  size_t points = 0;
  for (int attempt = 0; attempt < TRIES; attempt++) {
    const size_t bytes = (size_t)(block_rows(&p, attempt) / PAIR) * (size_t)try_parts[attempt] * part_bytes(&p);
    points = bytes > points ? bytes : points;
  }
  const size_t own = worker_bytes(&p, points) * (size_t)job->threads;
  uint8_t *memory = ss_alloc_aligned(own);
  p.centroids = ss_alloc_aligned(table);
  ss_status status = SS_OK;
  if (memory && p.centroids) {
    p.bias = (float *)(p.centroids + tiles);
    pack_centroids(&p);
    run(&p, memory, points);
  } else {
    status = ss_fail_memory(error, own + table, "the products with centroids");
  }
  ss_free_aligned(memory, own);
  ss_free_aligned(p.centroids, table);
  return status;
}

#else

bool ss_nearest_amx_supports(const ss_nearest_job *job) {
  (void)job;
  return false;
}

ss_status ss_nearest_amx(const ss_nearest_job *job, ss_error *error) {
  return ss_nearest_sgemm(job, error);
}

#endif
