#include "engine/cuda/moves.cuh"
#include "engine/cuda/walk.cuh"

enum {
  TILE = 32,         /* a transpose's, both ways */
  TILE_ROWS = 8,     /* of a tile, at a time */
  TILED_FROM = 8,    /* shorter axes leave too much of a tile empty */
  SUMMED_COLUMNS = 4 /* that a thread of a gather's gradient adds up */
};

static int64_t ceiling(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

static int64_t product(const ss_shape *shape, int begin, int end) {
  int64_t count = 1;
  for (int i = begin; i < end; i++) {
    count *= shape->dims[i];
  }
  return count;
}

/* ---- SLICE and CONCATENATE ---- */

template <class T>
__global__ void copy_rows_kernel(T *to, int64_t to_stride, const T *from, int64_t from_stride, int64_t length,
                                 int64_t count) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const int64_t row = i / length, at = i - row * length;
    to[row * to_stride + at] = from[row * from_stride + at];
  }
}

template <class T>
static ss_status copy_packs(void *to, int64_t to_stride, const void *from, int64_t from_stride, int64_t bytes,
                            int64_t rows) {
  const int64_t pack = (int64_t)sizeof(T), count = rows * bytes / pack;
  return ss_launch(copy_rows_kernel<T>, ss_blocks(count), SS_CUDA_THREADS, (T *)to, to_stride / pack, (const T *)from,
                   from_stride / pack, bytes / pack, count);
}

/* Copies `rows` pieces of `bytes` bytes from and to places that many bytes apart. */
static ss_status copy_rows(void *to, int64_t to_stride, const void *from, int64_t from_stride, int64_t bytes,
                           int64_t rows) {
  const uint64_t places = (uint64_t)(uintptr_t)to | (uint64_t)(uintptr_t)from | (uint64_t)bytes;
  const uint64_t strides = rows > 1 ? (uint64_t)to_stride | (uint64_t)from_stride : 0;
  SS_WITH_PACKS(ss_pack_bytes(places | strides), T,
                return copy_packs<T>(to, to_stride, from, from_stride, bytes, rows));
}

static ss_status run_slice(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0];
  const ss_attributes *attributes = &step->node->attributes;
  const int axis = attributes->axis;
  const int64_t inner = product(&x->shape, axis + 1, x->shape.rank) * (int64_t)ss_dtype_size(x->dtype);
  const int64_t length = (attributes->end - attributes->begin) * inner;
  return copy_rows(step->out[0], length, (const char *)step->in[0] + attributes->begin * inner,
                   x->shape.dims[axis] * inner, length, product(&x->shape, 0, axis));
}

SS_CUDA_KERNEL(slice, run_slice);

static ss_status run_concatenate(const ss_step *step) {
  const ss_node *node = step->node;
  const ss_tensor *y = node->outputs[0];
  const int axis = node->attributes.axis;
  const int64_t inner = product(&y->shape, axis + 1, y->shape.rank) * (int64_t)ss_dtype_size(y->dtype);
  const int64_t rows = product(&y->shape, 0, axis);
  char *to = (char *)step->out[0];
  for (int i = 0; i < node->input_count; i++) {
    const int64_t length = node->inputs[i]->shape.dims[axis] * inner;
    SS_TRY(copy_rows(to, y->shape.dims[axis] * inner, step->in[i], length, length, rows));
    to += length;
  }
  return SS_OK;
}

SS_CUDA_KERNEL(concatenate, run_concatenate);

/* ---- TRANSPOSE, and PIXEL_SHUFFLE and its inverse, which are transposes ---- */

/* y in the order of its memory; `walk` follows in x. */
template <class T>
__global__ void permute_kernel(const T *x, T *y, int64_t count, ss_walk walk) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    y[i] = x[ss_walk_place(walk, 0, i)];
  }
}

/* Matrices (columns, rows) of x, of which rows are contiguous, to (rows, columns) of y; `outer` goes over the matrices,
 * its followers are x and y. */
typedef struct matrices {
  ss_walk outer;
  int64_t rows, columns;
  int64_t x_stride, y_stride; /* from a column to the next in x, from a row to the next in y */
} matrices;

template <class T>
__global__ void transpose_kernel(const T *x, T *y, matrices m) {
  __shared__ T tile[TILE][TILE + 1]; /* one more, so that a column's elements lie in different banks */
  const int64_t row_tiles = (m.rows + TILE - 1) / TILE, column_tiles = (m.columns + TILE - 1) / TILE;
  const int64_t rest = blockIdx.x / column_tiles, outer = rest / row_tiles;
  const int64_t column = (blockIdx.x - rest * column_tiles) * TILE, row = (rest - outer * row_tiles) * TILE;
  x += ss_walk_place(m.outer, 0, outer);
  y += ss_walk_place(m.outer, 1, outer);
  for (int i = (int)threadIdx.y; i < TILE; i += TILE_ROWS) {
    if (column + i < m.columns && row + threadIdx.x < m.rows) {
      tile[i][threadIdx.x] = x[(column + i) * m.x_stride + row + threadIdx.x];
    }
  }
  __syncthreads();
  for (int i = (int)threadIdx.y; i < TILE; i += TILE_ROWS) {
    if (row + i < m.rows && column + threadIdx.x < m.columns) {
      y[(row + i) * m.y_stride + column + threadIdx.x] = tile[threadIdx.x][i];
    }
  }
}

/* Takes the axis of rows and the last, of columns, out of the walk. */
static matrices matrices_of(ss_walk walk, int row_axis) {
  const int last = walk.rank - 1;
  int64_t stride = 1;
  for (int i = last; i >= 0; i--) {
    walk.strides[1][i] = stride;
    stride *= walk.sizes[i];
  }
  matrices m = {};
  m.rows = walk.sizes[row_axis];
  m.columns = walk.sizes[last];
  m.x_stride = walk.strides[0][last];
  m.y_stride = walk.strides[1][row_axis];
  ss_walk *outer = &m.outer;
  outer->followers = 2;
  for (int i = 0; i < last; i++) {
    if (i != row_axis) {
      outer->sizes[outer->rank] = walk.sizes[i];
      outer->strides[0][outer->rank] = walk.strides[0][i];
      outer->strides[1][outer->rank++] = walk.strides[1][i];
    }
  }
  if (outer->rank == 0) {
    outer->sizes[outer->rank++] = 1;
  }
  return m;
}

/* Where the last axis stays the last, elements move in packs. */
static ss_walk in_packs(ss_walk walk, int64_t elements) {
  walk.sizes[walk.rank - 1] /= elements;
  for (int i = 0; i + 1 < walk.rank; i++) {
    walk.strides[0][i] /= elements;
  }
  return walk;
}

/* y's axis i is x's axis order[i]. */
static ss_status transpose(const void *x, void *y, ss_shape shape, const int *order, ss_dtype dtype) {
  const ss_walk walk = ss_walk_axes(shape, order, shape.rank);
  const int64_t count = ss_shape_count(shape), size = (int64_t)ss_dtype_size(dtype), last = walk.rank - 1;
  int row_axis = 0; /* along which x is contiguous */
  while (walk.strides[0][row_axis] != 1 && row_axis < last) {
    row_axis++;
  }
  if (walk.strides[0][last] == 1) {
    const uint64_t places = (uint64_t)(uintptr_t)x | (uint64_t)(uintptr_t)y | (uint64_t)(walk.sizes[last] * size);
    const int pack = ss_pack_bytes(places);
    const int64_t packs = count * size / pack;
    SS_WITH_PACKS(pack, T,
                  return ss_launch(permute_kernel<T>, ss_blocks(packs), SS_CUDA_THREADS, (const T *)x, (T *)y, packs,
                                   in_packs(walk, pack / size)));
  }
  if (walk.sizes[row_axis] < TILED_FROM || walk.sizes[last] < TILED_FROM) {
    SS_WITH_PACKS(
        size, T,
        return ss_launch(permute_kernel<T>, ss_blocks(count), SS_CUDA_THREADS, (const T *)x, (T *)y, count, walk));
  }
  const matrices m = matrices_of(walk, row_axis);
  const int64_t tiles = count / (m.rows * m.columns) * ceiling(m.rows, TILE) * ceiling(m.columns, TILE);
  SS_WITH_PACKS(
      size, T,
      return ss_launch(transpose_kernel<T>, dim3((unsigned)tiles), dim3(TILE, TILE_ROWS), (const T *)x, (T *)y, m));
}

static ss_status run_transpose(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0];
  return transpose(step->in[0], step->out[0], x->shape, step->node->attributes.order, x->dtype);
}

SS_CUDA_KERNEL(transpose, run_transpose);

/* Small (N H, W, C, r, r) and large (N H, r, W, r, C): channel c r^2 + i r + j of a small pixel is channel c of its
 * large pixel (i, j). */
static ss_status run_pixel_shuffle(const ss_step *step) {
  static const int order[] = {0, 3, 1, 4, 2};
  const ss_tensor *x = step->node->inputs[0];
  const int64_t *small = x->shape.dims, factor = step->node->attributes.groups;
  const int64_t dims[] = {small[0] * small[1], small[2], small[3] / (factor * factor), factor, factor};
  return transpose(step->in[0], step->out[0], ss_shape_make(5, dims), order, x->dtype);
}

static ss_status run_pixel_unshuffle(const ss_step *step) {
  static const int order[] = {0, 2, 4, 1, 3};
  const ss_tensor *x = step->node->inputs[0];
  const int64_t *large = x->shape.dims, factor = step->node->attributes.groups;
  const int64_t dims[] = {large[0] * large[1] / factor, factor, large[2] / factor, factor, large[3]};
  return transpose(step->in[0], step->out[0], ss_shape_make(5, dims), order, x->dtype);
}

SS_CUDA_KERNEL(pixel_shuffle, run_pixel_shuffle);
SS_CUDA_KERNEL(pixel_unshuffle, run_pixel_unshuffle);

/* ---- GATHER ---- */

/* What is out of range reads row 0. */
__device__ static __forceinline__ int64_t row_of(int32_t index, int64_t rows) {
  return index >= 0 && index < rows ? index : 0;
}

template <class T>
__global__ void gather_kernel(const T *x, const int32_t *indices, T *y, int64_t rows, int64_t length, int64_t count) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const int64_t row = i / length;
    y[i] = x[row_of(indices[row], rows) * length + i - row * length];
  }
}

static ss_status run_gather(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0], *y = step->node->outputs[0];
  const int64_t bytes = product(&x->shape, 1, x->shape.rank) * (int64_t)ss_dtype_size(x->dtype);
  const uint64_t places = (uint64_t)(uintptr_t)step->in[0] | (uint64_t)(uintptr_t)step->out[0] | (uint64_t)bytes;
  const int pack = ss_pack_bytes(places);
  const int64_t length = bytes / pack, count = y->shape.dims[0] * length;
  SS_WITH_PACKS(pack, T,
                return ss_launch(gather_kernel<T>, ss_blocks(count), SS_CUDA_THREADS, (const T *)step->in[0],
                                 (const int32_t *)step->in[1], (T *)step->out[0], x->shape.dims[0], length, count));
}

SS_CUDA_KERNEL(gather, run_gather);

/* A block adds up, for a row of x, the gradients of all that read it, in their order: it goes over the indices, a
 * thread for each of SS_CUDA_THREADS, lists those who read its row, and then takes a thread for each column. */
template <class T>
__global__ void gather_backward_kernel(const T *gradient, const int32_t *indices, T *dx, int64_t rows, int64_t columns,
                                       int64_t count) {
  constexpr int warps = SS_CUDA_THREADS / SS_CUDA_WARP;
  __shared__ unsigned reading[2][warps]; /* by turns, so that one barrier is enough */
  __shared__ int64_t readers[SS_CUDA_THREADS];
  const int thread = (int)threadIdx.x, warp = thread / SS_CUDA_WARP, lane = thread % SS_CUDA_WARP;
  const int64_t row = blockIdx.x % rows;
  const int64_t column = blockIdx.x / rows * (SS_CUDA_THREADS * SUMMED_COLUMNS) + thread;
  float sums[SUMMED_COLUMNS] = {};
  int turn = 0;
  for (int64_t first = 0; first < count; first += SS_CUDA_THREADS, turn = 1 - turn) {
    const int64_t reader = first + thread;
    const bool reads = reader < count && row_of(indices[reader], rows) == row;
    const unsigned lanes = __ballot_sync(0xFFFFFFFFu, reads);
    if (lane == 0) {
      reading[turn][warp] = lanes;
    }
    __syncthreads();
    int all = 0, before = __popc(lanes & ((1u << lane) - 1));
    for (int i = 0; i < warps; i++) {
      const int some = __popc(reading[turn][i]);
      all += some;
      before += i < warp ? some : 0;
    }
    if (all == 0) {
      continue;
    }
    if (reads) {
      readers[before] = reader;
    }
    __syncthreads();
#pragma unroll 4
    for (int i = 0; i < all; i++) {
      const T *from = gradient + readers[i] * columns;
      for (int k = 0; k < SUMMED_COLUMNS; k++) {
        const int64_t at = column + k * SS_CUDA_THREADS;
        sums[k] += at < columns ? ss_widen(from[at]) : 0.0f;
      }
    }
  }
  for (int k = 0; k < SUMMED_COLUMNS; k++) {
    const int64_t at = column + k * SS_CUDA_THREADS;
    if (at < columns) {
      dx[row * columns + at] = ss_narrow<T>(sums[k]);
    }
  }
}

template <class T>
static ss_status gather_backward(const ss_step *step) {
  const ss_tensor *dx = step->node->outputs[0];
  const int64_t rows = dx->shape.dims[0], columns = product(&dx->shape, 1, dx->shape.rank);
  const int64_t blocks = rows * ceiling(columns, SS_CUDA_THREADS * SUMMED_COLUMNS);
  return ss_launch(gather_backward_kernel<T>, dim3((unsigned)blocks), SS_CUDA_THREADS, (const T *)step->in[0],
                   (const int32_t *)step->in[1], (T *)step->out[0], rows, columns,
                   step->node->inputs[1]->shape.dims[0]);
}

static ss_status run_gather_backward(const ss_step *step) {
  SS_WITH_FLOATS(step->node->outputs[0]->dtype, T, return gather_backward<T>(step));
}

SS_CUDA_KERNEL(gather_backward, run_gather_backward);
