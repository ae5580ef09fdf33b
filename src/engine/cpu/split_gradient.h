/* The weight gradient's plan and its packed operands in split float32. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_SPLIT_GRADIENT_H
#define SS_ENGINE_CPU_SPLIT_GRADIENT_H

#include "engine/cpu/split_tile.h"

enum {
  SS_SPLIT_TILE_VALUES = 256,                            /* sums of a tile */
  SS_SPLIT_LINE = SS_SPLIT_PARTS * 64,                   /* bytes from line to line of packed x */
  SS_SPLIT_HALF_BYTES = 8 * SS_SPLIT_LINE,               /* a pixel of packed x, 16 channels */
  SS_SPLIT_DY_BYTES = SS_SPLIT_PARTS * SS_AMX_TILE_BYTES /* two pixels of packed dy, 16 channels */
};

typedef struct ss_split_gradient {
  const float *x, *dy;
  const ss_amx_convolution *shape;
  bool patches;                /* a first layer: x is made of patches, and the rest describes a 1x1 convolution */
  int blocks;                  /* batch / 16 */
  int height, width, channels; /* of x */
  int out_height, out_width, out_channels;
  int segments; /* a first layer's: rows that a row of the map is cut into */
  int kernel, stride, padding, taps;
  int out_tiles, in_tiles; /* channels / 16 */
  int pairs;               /* of pixels in an output row */
  int line;                /* pixels of one parity of a packed input row */
  int group_out, group_in; /* channel tiles of an item */
  int out_groups, in_groups;
  int chunk_blocks, chunk_rows; /* image blocks and output rows that are packed and summed at a time */
  int row_chunks, chunks;
  int slots;  /* packed input rows kept of a block; row y is in slot y % slots */
  int slices; /* groups of chunks */
  /* Bytes in packed dy ([tile][block][row][pair]) and packed x ([tile][block][slot][pixel]). */
  size_t dy_row, dy_block, dy_tile, x_slot, x_block, x_tile;
} ss_split_gradient;

/* A chunk. */
typedef struct ss_split_chunk {
  int first_block, blocks; /* image blocks */
  int first_row, rows;     /* output rows */
  int low, high;           /* input rows in the map that they need, high excluded */
} ss_split_chunk;

/* dy of a chunk, channel tiles [tile, tile + tiles): tiles of 16 channels x (2 pixels x 16 images), in parts. */
void ss_split_gradient_pack_dy(const ss_split_gradient *g, const ss_split_chunk *c, int tile, int tiles,
                               uint8_t *packed);

/* Input rows [from, c->high), channel tiles [tile, tile + tiles): half tiles of 8 lines of 16 channels x 2 images, each
 * line in parts; pixel u - padding is at place u / stride of parity u % stride, parities one after the other. scratch:
 * ss_split_gradient_patches_bytes, kept from call to call with `laid`, which row of patches it holds (-1: none). */
void ss_split_gradient_pack_x(const ss_split_gradient *g, const ss_split_chunk *c, int from, int tile, int tiles,
                              uint8_t *packed, float *scratch, int *laid);

size_t ss_split_gradient_patches_bytes(const ss_split_gradient *g);

#endif
