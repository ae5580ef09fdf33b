/* A first layer's input as patches of float32. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_SPLIT_PATCHES_H
#define SS_ENGINE_CPU_SPLIT_PATCHES_H

#include "engine/cpu/split_tile.h"

enum { SS_SPLIT_LONGEST_PATCH = 7 * 32 + 32 };

/* Bytes that ss_split_patch_rows fills. */
size_t ss_split_patch_rows_bytes(const ss_amx_convolution *shape);

/* Lays the input rows of output row `row` of a block of images apart, image by image, with their padding. */
void ss_split_patch_rows(const ss_amx_convolution *shape, const float *x, int block, int row, float *rows);

/* The patch of image n at output column x: (ky, kx, channel). Values beyond its length are left as they are, and a few
 * of those are written as they were. `patch` has SS_SPLIT_LONGEST_PATCH floats. */
void ss_split_patch(const ss_amx_convolution *shape, const float *rows, int x, int n, float *patch);

#endif
