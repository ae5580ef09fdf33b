/* Inside engine/cuda: matrix products in tiles, for the kernels that are made of them. */
#ifndef SS_ENGINE_CUDA_PRODUCT_CUH
#define SS_ENGINE_CUDA_PRODUCT_CUH

#include "engine/cuda/launch.cuh"

enum { SS_CUDA_TILE = 16 };

/* Strides are in elements; one of them is 1. */
template <class T>
struct ss_matrix {
  const T *values;
  int64_t rows, columns, row_stride, column_stride;
};

__host__ __device__ static __forceinline__ int64_t ss_tiles(int64_t size) {
  return (size + SS_CUDA_TILE - 1) / SS_CUDA_TILE;
}

/* The tile of m at (row, column) with zeros around the matrix, each number rounded to an Inside. Neighbouring threads
 * read neighbours in memory. */
template <class Inside, class T>
__device__ static __forceinline__ void ss_load_tile(float (*tile)[SS_CUDA_TILE + 1], const ss_matrix<T> &m, int64_t row,
                                                    int64_t column) {
  const bool along_rows = m.column_stride == 1;
  const int r = along_rows ? threadIdx.y : threadIdx.x, c = along_rows ? threadIdx.x : threadIdx.y;
  float value = 0.0f;
  if (row + r < m.rows && column + c < m.columns) {
    value = ss_widen(m.values[(row + r) * m.row_stride + (column + c) * m.column_stride]);
  }
  tile[r][c] = ss_widen(ss_narrow<Inside>(value));
}

/* Element (row + threadIdx.y, column + threadIdx.x) of a b, for a block of SS_CUDA_TILE x SS_CUDA_TILE threads, which
 * must all come here. */
template <class Inside, class A, class B>
__device__ static float ss_tile_product(const ss_matrix<A> &a, const ss_matrix<B> &b, int64_t row, int64_t column) {
  __shared__ float left[SS_CUDA_TILE][SS_CUDA_TILE + 1], right[SS_CUDA_TILE][SS_CUDA_TILE + 1]; /* other banks */
  float sum = 0.0f;
  for (int64_t k = 0; k < a.columns; k += SS_CUDA_TILE) {
    __syncthreads(); /* the tiles before have been read */
    ss_load_tile<Inside>(left, a, row, k);
    ss_load_tile<Inside>(right, b, k, column);
    __syncthreads();
    float part = 0.0f;
    for (int i = 0; i < SS_CUDA_TILE; i++) {
      part += left[threadIdx.y][i] * right[i][threadIdx.x];
    }
    sum += part;
  }
  return sum;
}

#endif
