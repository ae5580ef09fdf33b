/* What batch norm's two kernels share: how they cut the rows. Internal to engine/cpu.
 *
 * A group is (rows, C) in memory, whatever the layout. It is read as wide rows of `width` = repeat x C numbers, a
 * multiple of 16 and at least 64, so that loops over columns fill vectors for any C, and cut into chunks by its shape
 * alone, so that sums have the same bits for any number of threads. */
#ifndef SS_ENGINE_CPU_BATCH_NORM_H
#define SS_ENGINE_CPU_BATCH_NORM_H

#include "engine/node.h"

enum { SS_BN_TILE = 2048 }; /* numbers worked on at a time */

typedef struct ss_bn_view {
  ss_dtype dtype;
  int64_t channels;
  int64_t repeat, width;
  int groups;
  int64_t group_count; /* elements of a group */
  int64_t chunk_count; /* elements of a chunk but the last of a group: a multiple of width */
  int group_chunks;    /* chunks of a group */
  int chunks;          /* of all groups */
  int64_t mask_bytes;  /* of a group */
  bool avx512;         /* the sweeps are those of batch_norm_avx512.h */
} ss_bn_view;

/* A range of a group's elements, or of a chunk's. */
typedef struct ss_bn_range {
  int group;
  int64_t begin, end; /* within the group */
} ss_bn_range;

ss_bn_view ss_bn_view_of(const ss_node *node, const ss_tensor *x);
ss_bn_range ss_bn_chunk(const ss_bn_view *view, int chunk);
/* The elements from `at` (within a group) that fit a tile: some wide rows, the last perhaps not whole, or a part of
 * one. */
int64_t ss_bn_tile(const ss_bn_view *view, int64_t at, int64_t end);

static inline size_t ss_bn_bytes(const ss_bn_view *view, int64_t elements) {
  return (size_t)elements * ss_dtype_size(view->dtype);
}

/* Element `at` of a tensor of the view's type. */
static inline const void *ss_bn_at(const ss_bn_view *view, const void *data, int64_t at) {
  return (const char *)data + ss_bn_bytes(view, at);
}

/* Sums that a thread makes over a chunk, by column. */
typedef struct ss_bn_sums {
  float *first, *second;   /* of a block of rows */
  double *total1, *total2; /* of the chunk */
  float *shift;            /* about which moments are taken */
} ss_bn_sums;

size_t ss_bn_sums_bytes(const ss_bn_view *view);
ss_bn_sums ss_bn_sums_in(const ss_bn_view *view, char *memory);
/* Adds the block's sums to the chunk's and clears them. */
void ss_bn_sums_flush(const ss_bn_view *view, const ss_bn_sums *sums);
/* Adds the chunk's sums over the columns that repeat a channel: they are then at the channel's number. */
void ss_bn_sums_fold(const ss_bn_view *view, const ss_bn_sums *sums);

#endif
