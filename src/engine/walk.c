#include "engine/walk.h"

#include <string.h>

enum { BLOCK = 16 };

ss_extent ss_extent_of(const ss_tensor *tensor) {
  return (ss_extent){tensor->shape, tensor->layout};
}

/* Strides of the axes (N / 16, 16, H, W, C) or, unsplit, of the shape's own, the last at rank - 1; 0 for length 1. */
static void strides_of(ss_extent extent, int rank, bool split, int64_t strides[SS_WALK_RANK]) {
  const ss_shape shape = extent.shape;
  memset(strides, 0, SS_WALK_RANK * sizeof(int64_t));
  int64_t own[SS_MAX_RANK] = {0};
  int64_t stride = 1;
  for (int i = shape.rank - 1; i >= 0; i--) {
    own[i] = stride;
    stride *= shape.dims[i];
  }
  int64_t inner = own[0]; /* from one image to the next in a block */
  if (extent.layout == SS_LAYOUT_BLOCK16) {
    inner = shape.dims[3];
    for (int i = 1; i < 3; i++) {
      own[i] *= BLOCK;
    }
  }
  for (int i = 0; i < shape.rank; i++) {
    const int axis = rank - shape.rank + i;
    if (shape.dims[i] == 1) {
      continue;
    }
    if (split && axis == 1) {
      strides[0] = own[0] * BLOCK;
      strides[1] = inner;
    } else {
      strides[axis] = own[i];
    }
  }
}

/* Drops axes of length 1 and joins neighbours whose strides, for everyone, are those of one axis. */
static void merge(ss_walk *walk) {
  int rank = 0;
  for (int i = 0; i < walk->rank; i++) {
    if (walk->sizes[i] == 1) {
      continue;
    }
    bool joins = rank > 0;
    for (int f = 0; joins && f < walk->followers; f++) {
      joins = walk->strides[f][rank - 1] == walk->strides[f][i] * walk->sizes[i];
    }
    if (joins) {
      walk->sizes[rank - 1] *= walk->sizes[i];
    } else {
      walk->sizes[rank++] = walk->sizes[i];
    }
    for (int f = 0; f < walk->followers; f++) {
      walk->strides[f][rank - 1] = walk->strides[f][i];
    }
  }
  if (rank == 0) {
    walk->sizes[rank++] = 1;
    for (int f = 0; f < walk->followers; f++) {
      walk->strides[f][0] = 0;
    }
  }
  walk->rank = rank;
}

ss_walk ss_walk_make(ss_extent leader, const ss_extent *followers, int count) {
  ss_walk walk = {.followers = count};
  bool split = leader.layout == SS_LAYOUT_BLOCK16;
  for (int f = 0; f < count; f++) {
    split |= followers[f].layout == SS_LAYOUT_BLOCK16;
  }
  walk.rank = leader.shape.rank + (split ? 1 : 0);
  int64_t sizes[SS_WALK_RANK];
  for (int i = 0; i < leader.shape.rank; i++) {
    sizes[walk.rank - leader.shape.rank + i] = leader.shape.dims[i];
  }
  if (split) {
    sizes[0] = leader.shape.dims[0] / BLOCK;
    sizes[1] = BLOCK;
  }
  int order[SS_WALK_RANK] = {0, 1, 2, 3, 4, 5};
  if (leader.layout == SS_LAYOUT_BLOCK16) { /* N / 16, H, W, 16, C */
    order[1] = 2;
    order[2] = 3;
    order[3] = 1;
  }
  for (int f = 0; f < count; f++) {
    int64_t strides[SS_WALK_RANK];
    strides_of(followers[f], walk.rank, split, strides);
    for (int i = 0; i < walk.rank; i++) {
      walk.strides[f][i] = strides[order[i]];
    }
  }
  for (int i = 0; i < walk.rank; i++) {
    walk.sizes[i] = sizes[order[i]];
  }
  merge(&walk);
  return walk;
}

int64_t ss_walk_row_length(const ss_walk *walk) {
  return walk->sizes[walk->rank - 1];
}

int64_t ss_walk_rows(const ss_walk *walk) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < walk->rank; i++) {
    rows *= walk->sizes[i];
  }
  return rows;
}

void ss_walk_row_places(const ss_walk *walk, int64_t row, int64_t places[SS_WALK_FOLLOWERS]) {
  memset(places, 0, SS_WALK_FOLLOWERS * sizeof(int64_t));
  for (int i = walk->rank - 2; i >= 0; i--) {
    const int64_t index = row % walk->sizes[i];
    row /= walk->sizes[i];
    for (int f = 0; f < walk->followers; f++) {
      places[f] += index * walk->strides[f][i];
    }
  }
}
