/* Inside engine/cuda: sweeps over tensors of (groups, rows, channels) that keep something for each channel: sums over
 * the rows, or numbers that all rows are computed with.
 *
 * A block has a stripe of a group's rows and a tile of its channels. A thread has `width` channels that lie side by
 * side, so that what it keeps for them stays in registers, and goes down the stripe's rows in steps. Sums are made in a
 * fixed order: a thread's in float32, some rows at a time; a block's and the stripes' in double. */
#ifndef SS_ENGINE_CUDA_STRIPES_CUH
#define SS_ENGINE_CUDA_STRIPES_CUH

#include "engine/cuda/launch.cuh"

enum {
  SS_STRIPE_WIDTH = 8,      /* channels of a thread, where their number is a multiple of it; else 1 */
  SS_STRIPE_CHANNELS = 8,   /* of a block that adds the stripes' sums */
  SS_STRIPE_MOST_ROWS = 512 /* of a thread: a bound on the rounding of its sums */
};

typedef struct ss_stripes {
  int64_t rows, share; /* of a group, of a stripe */
  int channels, width;
  int across, down; /* a block's threads: a row takes `across` of them */
  int count;        /* stripes of a group */
  int tiles, groups;
} ss_stripes;

/* How to sweep over x with `width` channels a thread. */
static inline ss_stripes ss_stripes_wide(const ss_tensor *x, int groups, int width) {
  enum { widest_tile = 32, blocks_together = 4, least_rows = 4 };
  ss_stripes of;
  of.groups = groups;
  of.channels = (int)x->shape.dims[x->shape.rank - 1];
  of.rows = ss_shape_count(x->shape) / of.channels / groups;
  of.width = width;
  const int columns = of.channels / of.width;
  of.tiles = (columns + widest_tile - 1) / widest_tile;
  of.across = (columns + of.tiles - 1) / of.tiles;
  of.down = SS_CUDA_THREADS / of.across;
  /* As many stripes as fill the GPU at once, unless their rows would be too few or too many. */
  const int64_t filling = (int64_t)ss_cuda_multiprocessors() * blocks_together / (of.tiles * groups);
  const int64_t most = of.rows / (of.down * least_rows);
  const int64_t least = of.rows / (of.down * SS_STRIPE_MOST_ROWS) + 1;
  const int64_t wanted = filling < most ? filling : most;
  const int64_t count = wanted > least ? wanted : least;
  of.share = (of.rows + count - 1) / count;
  of.count = (int)((of.rows + of.share - 1) / of.share);
  return of;
}

/* With as many channels a thread as can be. */
static inline ss_stripes ss_stripes_of(const ss_tensor *x, int groups) {
  const bool whole = x->shape.dims[x->shape.rank - 1] % SS_STRIPE_WIDTH == 0;
  return ss_stripes_wide(x, groups, whole ? SS_STRIPE_WIDTH : 1);
}

static inline dim3 ss_stripes_grid(const ss_stripes *of) {
  return dim3((unsigned)of->count, (unsigned)of->tiles, (unsigned)of->groups);
}

/* The statement with T, the type of x's elements, WIDTH, the channels of a thread, and `of`, how to sweep over x. */
#define SS_WITH_STRIPES(x, groups, T, WIDTH, of, statement) \
  do {                                                      \
    const ss_stripes of = ss_stripes_of(x, groups);         \
    if (of.width == SS_STRIPE_WIDTH) {                      \
      constexpr int WIDTH = SS_STRIPE_WIDTH;                \
      SS_WITH_FLOATS((x)->dtype, T, statement);             \
    } else {                                                \
      constexpr int WIDTH = 1;                              \
      SS_WITH_FLOATS((x)->dtype, T, statement);             \
    }                                                       \
  } while (0)

/* What a thread has: `rows` rows of channels [channel, channel + width), element `at` the first, `step` elements apart.
 * A thread for which nothing is left has no rows, and a channel that may be read for. */
typedef struct ss_stripe_place {
  int64_t at, step, rows;
  int group, channel;
} ss_stripe_place;

__device__ static __forceinline__ ss_stripe_place ss_stripe_place_of(const ss_stripes &of) {
  const int column = blockIdx.y * of.across + threadIdx.x % of.across, line = threadIdx.x / of.across;
  const bool used = line < of.down && column * of.width < of.channels;
  const int64_t first = blockIdx.x * of.share + line;
  const int64_t end = (blockIdx.x + 1) * of.share < of.rows ? (blockIdx.x + 1) * of.share : of.rows;
  ss_stripe_place place;
  place.group = blockIdx.z;
  place.channel = used ? column * of.width : 0;
  place.rows = used && first < end ? (end - first + of.down - 1) / of.down : 0;
  place.at = (place.group * of.rows + first) * of.channels + place.channel;
  place.step = (int64_t)of.down * of.channels;
  return place;
}

/* Rows that a thread reads before it computes with them, so that enough is on its way from memory. */
template <class T, int WIDTH>
__host__ __device__ constexpr int ss_stripe_rows_at_once(void) {
  return sizeof(T) * WIDTH <= 16 ? 4 : 2;
}

template <int ROWS, class T, int WIDTH>
__device__ static __forceinline__ void ss_stripe_read(const T *from, int64_t at, int64_t step,
                                                      ss_pack<T, WIDTH> (&rows)[ROWS]) {
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    rows[r] = *(const ss_pack<T, WIDTH> *)(from + at + r * step);
  }
}

template <class T, int WIDTH>
__device__ static __forceinline__ void ss_stripe_write(T *to, int64_t at, const ss_pack<T, WIDTH> &row) {
  *(ss_pack<T, WIDTH> *)(to + at) = row;
}

/* The sum of a few rows' values, in pairs. */
template <int ROWS>
__device__ static __forceinline__ float ss_stripe_pairs(float (&values)[ROWS]) {
#pragma unroll
  for (int half = ROWS / 2; half > 0; half /= 2) {
#pragma unroll
    for (int r = 0; r < half; r++) {
      values[r] += values[r + half];
    }
  }
  return values[0];
}

/* Bytes of the blocks' sums: SUMS for each stripe and channel. */
static inline size_t ss_stripes_bytes(const ss_stripes *of, int sums) {
  return (size_t)of->groups * (size_t)of->count * (size_t)sums * (size_t)of->channels * sizeof(double);
}

__device__ static __forceinline__ int64_t ss_stripe_sums_at(const ss_stripes &of, int group, int64_t stripe, int sums) {
  return (group * (int64_t)of.count + stripe) * sums * of.channels;
}

/* Adds the sums of the block's threads; they are then the stripe's in `partials`, (groups, stripes, SUMS, channels).
 * All threads of the block come here, once. */
template <int SUMS, int WIDTH>
__device__ static void ss_stripe_add(const ss_stripes &of, const float (&sums)[SUMS][WIDTH], double *partials) {
  __shared__ float shared[SUMS][WIDTH][SS_CUDA_THREADS];
  for (int k = 0; k < SUMS; k++) {
    for (int v = 0; v < WIDTH; v++) {
      shared[k][v][threadIdx.x] = sums[k][v];
    }
  }
  __syncthreads();
  const int64_t place = ss_stripe_sums_at(of, blockIdx.z, blockIdx.x, SUMS);
  for (int i = threadIdx.x; i < SUMS * WIDTH * of.across; i += SS_CUDA_THREADS) {
    const int across = i % of.across, v = i / of.across % WIDTH, k = i / of.across / WIDTH;
    const int channel = (blockIdx.y * of.across + across) * WIDTH + v;
    double sum = 0.0;
    for (int line = 0; line < of.down; line++) {
      sum += (double)shared[k][v][line * of.across + across];
    }
    if (channel < of.channels) {
      partials[place + (int64_t)k * of.channels + channel] = sum;
    }
  }
}

/* ---- the sums of all stripes, by blocks of SS_STRIPE_CHANNELS channels ---- */

static inline dim3 ss_stripe_totals_grid(const ss_stripes *of) {
  return dim3((unsigned)((of->channels + SS_STRIPE_CHANNELS - 1) / SS_STRIPE_CHANNELS));
}

/* The thread's channel, which may be one too many. */
__device__ static __forceinline__ int ss_stripe_totals_channel(void) {
  return blockIdx.x * SS_STRIPE_CHANNELS + threadIdx.x % SS_STRIPE_CHANNELS;
}

/* Whether the thread is the first that has its channel, and the channel is one. */
__device__ static __forceinline__ bool ss_stripe_totals_writes(const ss_stripes &of) {
  return threadIdx.x < SS_STRIPE_CHANNELS && ss_stripe_totals_channel() < of.channels;
}

/* The sums over a group's rows for the thread's channel. All threads of the block come here. */
template <int SUMS>
__device__ static void ss_stripe_totals(const ss_stripes &of, const double *partials, int group,
                                        double (&totals)[SUMS]) {
  enum { deep = SS_CUDA_THREADS / SS_STRIPE_CHANNELS };
  __shared__ double shared[SUMS][SS_CUDA_THREADS / SS_CUDA_WARP][SS_STRIPE_CHANNELS];
  const int channel = ss_stripe_totals_channel(), column = threadIdx.x % SS_STRIPE_CHANNELS;
  for (int k = 0; k < SUMS; k++) {
    totals[k] = 0.0;
  }
  if (channel < of.channels) {
    for (int stripe = threadIdx.x / SS_STRIPE_CHANNELS; stripe < of.count; stripe += deep) {
      const double *sums = partials + ss_stripe_sums_at(of, group, stripe, SUMS);
      for (int k = 0; k < SUMS; k++) {
        totals[k] += sums[(int64_t)k * of.channels + channel];
      }
    }
  }
  __syncthreads(); /* an earlier call's have been read */
  for (int k = 0; k < SUMS; k++) {
    for (int lanes = SS_STRIPE_CHANNELS; lanes < SS_CUDA_WARP; lanes *= 2) {
      totals[k] += __shfl_xor_sync(0xFFFFFFFFu, totals[k], lanes);
    }
    if (threadIdx.x % SS_CUDA_WARP < SS_STRIPE_CHANNELS) {
      shared[k][threadIdx.x / SS_CUDA_WARP][column] = totals[k];
    }
  }
  __syncthreads();
  for (int k = 0; k < SUMS; k++) {
    totals[k] = 0.0;
    for (int warp = 0; warp < SS_CUDA_THREADS / SS_CUDA_WARP; warp++) {
      totals[k] += shared[k][warp][column];
    }
  }
}

/* Writes the sums of a tensor of one group, but those whose place is NULL. */
template <int SUMS>
struct ss_stripe_outputs {
  float *of[SUMS];
};
template <int SUMS>
__global__ void ss_stripe_finish_kernel(const double *partials, ss_stripes of, ss_stripe_outputs<SUMS> outputs) {
  double totals[SUMS];
  ss_stripe_totals(of, partials, 0, totals);
  for (int k = 0; k < SUMS; k++) {
    if (outputs.of[k] && ss_stripe_totals_writes(of)) {
      outputs.of[k][ss_stripe_totals_channel()] = (float)totals[k];
    }
  }
}

#endif
