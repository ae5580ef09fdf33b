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

/* Over axes of a plain tensor in the order that is given, joined where they lie like one; follower 0 is the place in
 * the tensor. */
static inline ss_walk ss_walk_axes(ss_shape shape, const int *axes, int count) {
  ss_walk walk = {};
  int64_t own[SS_MAX_RANK], stride = 1, *sizes = walk.sizes, *strides = walk.strides[0];
  for (int i = shape.rank - 1; i >= 0; i--) {
    own[i] = stride;
    stride *= shape.dims[i];
  }
  for (int i = 0; i < count; i++) {
    const int64_t size = shape.dims[axes[i]];
    if (size == 1) {
      continue;
    }
    if (walk.rank > 0 && strides[walk.rank - 1] == own[axes[i]] * size) {
      sizes[walk.rank - 1] *= size;
      strides[walk.rank - 1] = own[axes[i]];
    } else {
      sizes[walk.rank] = size;
      strides[walk.rank++] = own[axes[i]];
    }
  }
  if (walk.rank == 0) {
    sizes[walk.rank++] = 1;
  }
  walk.followers = 1;
  return walk;
}

#endif
