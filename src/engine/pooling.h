/* POOL: x -> y and, for a maximum whose gradient is wanted, the winners: where in its window each maximum lies, U8
 * where that is enough, else I32. POOL_BACKWARD: dy, winners (or absent) -> dx. ss_attributes.kind: below; kernel,
 * stride, padding: always in the order D, H, W; flags: SS_POOL_COUNT_PADDING. RESIZE: x -> y; RESIZE_BACKWARD: dy ->
 * dx; bilinear, sizes from the shapes. */
#ifndef SS_ENGINE_POOLING_H
#define SS_ENGINE_POOLING_H

#include "engine/node.h"

typedef enum ss_pool_kind {
  SS_POOL_MAX,
  SS_POOL_AVERAGE,
  SS_POOL_ADAPTIVE_MAX, /* windows from the sizes of x and y alone */
  SS_POOL_ADAPTIVE_AVERAGE
} ss_pool_kind;

typedef enum ss_pool_flags { SS_POOL_COUNT_PADDING = 1 } ss_pool_flags;

/* One spatial axis. */
typedef struct ss_pool_axis {
  int64_t in, out;
  int64_t kernel, stride, padding; /* kernel: of an adaptive axis the largest window */
  bool adaptive;
} ss_pool_axis;

/* Axis 0 to 2 (D, H, W) of pooling x to y; axis D of (N, H, W, C) has length 1. */
ss_pool_axis ss_pool_axis_of(const ss_attributes *attributes, ss_shape x, ss_shape y, int axis);
/* The inputs [*begin, *end) of output `place`, padding left out. */
void ss_pool_window(const ss_pool_axis *axis, int64_t place, int64_t *begin, int64_t *end);
/* The outputs [*begin, *end) whose windows hold input `place`. */
void ss_pool_readers(const ss_pool_axis *axis, int64_t place, int64_t *begin, int64_t *end);

#endif
