/* Inside engine/cuda/pictures.cu: how a block of threads shares out the rows of a view, a warp a row. */
#ifndef SS_ENGINE_CUDA_PICTURES_ROWS_CUH
#define SS_ENGINE_CUDA_PICTURES_ROWS_CUH

#include "engine/cuda/launch.cuh"

/* for (int y = first_row(); y < rows; y += row_step())
 *   for (int x = first_column(); x < columns; x += SS_CUDA_WARP) */
__device__ static __forceinline__ int first_row(void) {
  return (int)threadIdx.x / SS_CUDA_WARP;
}
__device__ static __forceinline__ int row_step(void) {
  return (int)blockDim.x / SS_CUDA_WARP;
}
__device__ static __forceinline__ int first_column(void) {
  return (int)threadIdx.x % SS_CUDA_WARP;
}

__device__ static __forceinline__ uint8_t clip_to_byte(int value) {
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

#endif
