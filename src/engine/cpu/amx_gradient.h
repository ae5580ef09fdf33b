/* The weight gradient's plan and its packed operands. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_AMX_GRADIENT_H
#define SS_ENGINE_CPU_AMX_GRADIENT_H

#include "engine/cpu/amx_tile.h"

#define SS_AMX_TILE_VALUES 256 /* float32 sums of a tile */

typedef struct ss_amx_gradient {
  const uint16_t *x, *dy;
  const ss_amx_convolution *shape;
  bool patches;                /* a first layer: x is made of patches, and the rest describes a 1x1 convolution */
  int blocks;                  /* batch / 16 */
  int height, width, channels; /* of x */
  int out_height, out_width, out_channels;
  int kernel, stride, padding, taps;
  int out_tiles, in_tiles;      /* channels / 16 */
  int pairs;                    /* of pixels in an output row */
  int line;                     /* pixels of one parity of a packed input row */
  bool columns;                 /* sums run down columns of pixels (3x3, stride 1) */
  int chunk_blocks, chunk_rows; /* image blocks and output rows of a chunk */
  int row_chunks, chunks;
  int chunk_slots; /* input rows of a chunk with chunk_rows rows */
  int slices;      /* groups of chunks */
  /* Bytes in packed dy, tiles of 16 channels x 2 pixels x 16 images: from row to row, pair of pixels to pair, image
   * block to block, channel tile to tile. */
  size_t dy_row, dy_pair, dy_block, dy_tile;
  /* Bytes in packed x, half tiles of 8 lines of 16 channels x 2 images: from line to line, pixel to pixel, slot (row)
   * to slot, image block to block, channel tile to tile. */
  size_t x_line, x_pixel, x_slot, x_block, x_tile;
  int group_out, group_in; /* channel tiles an item takes; a thread packs group_in in parts of `part_in` */
  int part_in;
  int out_groups, in_groups;
} ss_amx_gradient;

/* A chunk: what is packed and summed at a time. */
typedef struct ss_amx_chunk {
  int first_block, blocks; /* image blocks */
  int first_row, rows;     /* output rows */
} ss_amx_chunk;

/* dy of a chunk, channel tiles [tile, tile + tiles). */
void ss_amx_gradient_pack_dy(const ss_amx_gradient *g, const ss_amx_chunk *c, int tile, int tiles, uint8_t *packed);

/* The input rows that a chunk needs, channel tiles [tile, tile + tiles). Slot s is row first_row * stride - padding +
 * s; pixel u - padding is at place u / stride of parity u % stride, parities one after the other. Rows outside the map
 * are not written. scratch: of a first layer, ss_amx_gradient_patches_bytes. */
void ss_amx_gradient_pack_x(const ss_amx_gradient *g, const ss_amx_chunk *c, int tile, int tiles, uint8_t *packed,
                            uint8_t *scratch);

size_t ss_amx_gradient_patches_bytes(const ss_amx_gradient *g);

#endif
