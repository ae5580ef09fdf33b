/* What kernels are written with (cuda_runtime_api.h beside this file). */
#ifndef SS_EMULATE_CUDA_RUNTIME_H
#define SS_EMULATE_CUDA_RUNTIME_H

#include "cuda_runtime_api.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static /* blocks run one after the other */
#define __launch_bounds__(...)

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {
  }
};
/* Of the thread that runs now. */
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

void __syncthreads(void);
void __syncwarp(unsigned mask = 0xFFFFFFFFu);

/* Writes `value` where the warp's other lanes see it, and reads lane `from`'s. */
uint64_t emulated_exchange(uint64_t value, int from);
int emulated_lane(void);
/* Bit i is lane i's. */
unsigned emulated_ballot(bool value);

template <class T>
static inline T emulated_shuffle(T value, int from) {
  uint64_t bits = 0;
  static_assert(sizeof value <= sizeof bits, "a shuffle of at most 64 bits");
  memcpy(&bits, &value, sizeof value);
  bits = emulated_exchange(bits, from);
  memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
static inline T __shfl_xor_sync(unsigned, T value, int lanes) {
  return emulated_shuffle(value, emulated_lane() ^ lanes);
}
template <class T>
static inline T __shfl_down_sync(unsigned, T value, int lanes) {
  return emulated_shuffle(value, emulated_lane() + lanes < 32 ? emulated_lane() + lanes : emulated_lane());
}
template <class T>
static inline T __shfl_sync(unsigned, T value, int lane) {
  return emulated_shuffle(value, lane);
}
static inline unsigned __ballot_sync(unsigned, int value) {
  return emulated_ballot(value != 0);
}
static inline int __popc(unsigned bits) {
  return __builtin_popcount(bits);
}
static inline float rsqrtf(float x) {
  return 1.0f / sqrtf(x);
}
static inline unsigned __umulhi(unsigned a, unsigned b) {
  return (unsigned)(((uint64_t)a * b) >> 32);
}

/* Runs `body` once for each thread of each block; records it where work is being recorded. */
void emulated_launch(dim3 grid, dim3 block, const std::function<void()> &body);

#endif
