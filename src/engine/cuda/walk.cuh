/* Inside engine/cuda: where a tensor that is broadcast, permuted or cut has the element that belongs to another's. */
#ifndef SS_ENGINE_CUDA_WALK_CUH
#define SS_ENGINE_CUDA_WALK_CUH

#include "engine/cuda/launch.cuh"
extern "C" {
#include "engine/walk.h"
}

/* The follower's place for the leader's element `at`. A walk is small: kernels take it by value. */
__device__ static __forceinline__ int64_t ss_walk_place(const ss_walk &walk, int follower, int64_t at) {
  int64_t place = 0;
  for (int i = walk.rank - 1; i > 0; i--) {
    const int64_t rest = at / walk.sizes[i];
    place += (at - rest * walk.sizes[i]) * walk.strides[follower][i];
    at = rest;
  }
  return place + at * walk.strides[follower][0];
}

#endif
