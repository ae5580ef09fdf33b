/* Inside engine/cuda: launching kernels, and what most of them are made of. */
#ifndef SS_ENGINE_CUDA_LAUNCH_CUH
#define SS_ENGINE_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

extern "C" {
#include "engine/kernel.h"
}
#include "engine/cuda/context.h"

enum { SS_CUDA_THREADS = 256, SS_CUDA_WARP = 32 };

/* bfloat16 in memory; computed with as float. */
struct bfloat16 {
  uint16_t bits;
};

__host__ __device__ static __forceinline__ float ss_widen(float x) {
  return x;
}
__host__ __device__ static __forceinline__ float ss_widen(bfloat16 x) {
  const uint32_t bits = (uint32_t)x.bits << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
__host__ __device__ static __forceinline__ float ss_widen(int32_t x) {
  return (float)x;
}

__host__ __device__ static __forceinline__ float ss_widen(uint8_t x) {
  return (float)x;
}

/* Rounds to the nearest, ties to even; a NaN stays one: the CPU's ss_element_narrow. */
template <class T>
__host__ __device__ static __forceinline__ T ss_narrow(float value);
template <>
__host__ __device__ __forceinline__ float ss_narrow<float>(float value) {
  return value;
}
template <>
__host__ __device__ __forceinline__ bfloat16 ss_narrow<bfloat16>(float value) {
  bfloat16 result;
#ifdef __CUDA_ARCH__
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
#else
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
  result.bits = (uint16_t)(((bits & 0x7FFFFFFFu) > 0x7F800000u ? bits | 0x00400000u : rounded) >> 16);
#endif
  return result;
}

/* What a ReLU makes of an element; a NaN stays one. Of what is rounded already, so that a fused node's are the bits of
 * two. */
template <class T>
__device__ static __forceinline__ T ss_rectify(T value) {
  return ss_widen(value) < 0.0f ? ss_narrow<T>(0.0f) : value;
}

/* N elements that one thread reads or writes at once. */
template <class T, int N>
struct alignas(sizeof(T) * N) ss_pack {
  T element[N];
};

/* Launches kernel(arguments...) on the stream; the status is of the launch alone. */
template <class... Parameters, class... Arguments>
static ss_status ss_launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, Arguments... arguments) {
#ifdef SS_CUDA_EMULATED
  emulated_launch(grid, block, [=] { kernel(static_cast<Parameters>(arguments)...); });
  return SS_OK;
#else
  /* clang-format off */
  kernel<<<grid, block, 0, ss_cuda_stream()>>>(static_cast<Parameters>(arguments)...);
  /* clang-format on */
  return cudaGetLastError() == cudaSuccess ? SS_OK : SS_FAILED;
#endif
}

/* Blocks for a loop over `count` items by
 *   for (int64_t i = ss_first(); i < count; i += ss_stride())
 * with a thread an item, as many as keep the GPU busy. */
static inline dim3 ss_blocks(int64_t count) {
  const int64_t wanted = (count + SS_CUDA_THREADS - 1) / SS_CUDA_THREADS;
  const int64_t most = (int64_t)ss_cuda_multiprocessors() * 16;
  return dim3((unsigned)(wanted < 1 ? 1 : wanted < most ? wanted : most));
}
__device__ static __forceinline__ int64_t ss_first(void) {
  return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}
__device__ static __forceinline__ int64_t ss_stride(void) {
  return (int64_t)gridDim.x * blockDim.x;
}

/* The sum, or the largest, over the warp's 32 lanes, in every lane: the same order of additions at each run. */
template <class T>
__device__ static __forceinline__ T ss_warp_sum(T value) {
  for (int lanes = SS_CUDA_WARP / 2; lanes > 0; lanes /= 2) {
    value += __shfl_xor_sync(0xFFFFFFFFu, value, lanes);
  }
  return value;
}
template <class T>
__device__ static __forceinline__ T ss_warp_largest(T value) {
  for (int lanes = SS_CUDA_WARP / 2; lanes > 0; lanes /= 2) {
    const T other = __shfl_xor_sync(0xFFFFFFFFu, value, lanes);
    value = other > value ? other : value;
  }
  return value;
}

/* The same over a block of SS_CUDA_THREADS threads, in every thread. All threads must come here. */
template <class T>
__device__ static T ss_block_sum(T value) {
  __shared__ T warps[SS_CUDA_THREADS / SS_CUDA_WARP];
  value = ss_warp_sum(value);
  __syncthreads(); /* an earlier call's have been read */
  if (threadIdx.x % SS_CUDA_WARP == 0) {
    warps[threadIdx.x / SS_CUDA_WARP] = value;
  }
  __syncthreads();
  T sum = 0;
  for (int i = 0; i < SS_CUDA_THREADS / SS_CUDA_WARP; i++) {
    sum += warps[i];
  }
  return sum;
}
template <class T>
__device__ static T ss_block_largest(T value) {
  __shared__ T warps[SS_CUDA_THREADS / SS_CUDA_WARP];
  value = ss_warp_largest(value);
  __syncthreads();
  if (threadIdx.x % SS_CUDA_WARP == 0) {
    warps[threadIdx.x / SS_CUDA_WARP] = value;
  }
  __syncthreads();
  T largest = warps[0];
  for (int i = 1; i < SS_CUDA_THREADS / SS_CUDA_WARP; i++) {
    largest = warps[i] > largest ? warps[i] : largest;
  }
  return largest;
}

/* Calls function<T>(arguments...) for the type T of float32 or bf16 elements: SS_WITH_FLOATS(dtype, T, return f<T>(x)).
 */
#define SS_WITH_FLOATS(dtype, T, statement) \
  do {                                      \
    if ((dtype) == SS_BF16) {               \
      using T = bfloat16;                   \
      statement;                            \
    } else {                                \
      using T = float;                      \
      statement;                            \
    }                                       \
  } while (0)

#endif
