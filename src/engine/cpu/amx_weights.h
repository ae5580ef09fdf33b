/* Weights as the tiles of the matrix unit's second operand. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_AMX_WEIGHTS_H
#define SS_ENGINE_CPU_AMX_WEIGHTS_H

#include "engine/cpu/amx_tile.h"

/* Where the tile for a tap goes: tap t = ky * kernel + kx of the weights, for the sum's step s (32 channels, or 16) and
 * the 16 outputs of tile o, is tile number first[t] + o * tile_step[t] + s * depth_step[t]. A tile holds depth/2 rows
 * of 16 outputs x 2 channels of the sum. */
typedef struct ss_amx_weight_order {
  int taps;
  int depth; /* channels of the sum in a tile: 32, or 16 where their number is not a multiple of 32 */
  int steps; /* tiles along the sum */
  int tiles; /* tiles along the outputs */
  size_t first[49], tile_step[49], depth_step[49];
} ss_amx_weight_order;

/* Packs output tile `tile`, step `step`: the sum runs over the input channels (forward). weights: [O][I][taps]. */
void ss_amx_pack_forward(const ss_amx_weight_order *order, const float *weights, int input_channels, int tile, int step,
                         uint16_t *packed);

/* As above, the sum runs over the output channels (backward data). */
void ss_amx_pack_backward(const ss_amx_weight_order *order, const float *weights, int input_channels, int tile,
                          int step, uint16_t *packed);

/* A first layer's: the sum runs over a patch's values (ky, kx, channel), zeros beyond the patch. One tap. */
void ss_amx_pack_patches(const ss_amx_weight_order *order, const float *weights, const ss_amx_convolution *shape,
                         int tile, int step, uint16_t *packed);

#endif
