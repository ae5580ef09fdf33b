/* Inside the kernels: going over a tensor in the order of its memory while others, broadcast to it or in another
 * layout, are followed by strides. */
#ifndef SS_ENGINE_WALK_H
#define SS_ENGINE_WALK_H

#include "engine/node.h"

#define SS_WALK_RANK (SS_MAX_RANK + 1) /* the batch axis of a block16 tensor is two */
#define SS_WALK_FOLLOWERS 3

/* A shape as it lies in memory. */
typedef struct ss_extent {
  ss_shape shape;
  ss_layout layout;
} ss_extent;

/* Axes outermost first: the leader's memory is visited from first to last element; follower f's place moves by
 * strides[f][i] elements along axis i, 0 where it is broadcast. Axes that nobody tells apart are merged, so rank is
 * small; it is at least 1. */
typedef struct ss_walk {
  int rank;
  int64_t sizes[SS_WALK_RANK];
  int64_t strides[SS_WALK_FOLLOWERS][SS_WALK_RANK];
  int followers;
} ss_walk;

ss_extent ss_extent_of(const ss_tensor *tensor);

/* Followers broadcast to the leader's shape (last axes aligned). */
ss_walk ss_walk_make(ss_extent leader, const ss_extent *followers, int count);

/* The number of elements along the last axis, and of such rows. */
int64_t ss_walk_row_length(const ss_walk *walk);
int64_t ss_walk_rows(const ss_walk *walk);

/* Where the followers are at the beginning of a row. */
void ss_walk_row_places(const ss_walk *walk, int64_t row, int64_t places[SS_WALK_FOLLOWERS]);

#endif
