/* Weights as the tiles of the matrix unit's second operand. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_AMX_WEIGHTS_H
#define SS_ENGINE_CPU_AMX_WEIGHTS_H

#include "engine/cpu/amx_tile.h"

/* Where the tile for a tap goes: tap t = ky * kernel + kx of the weights, for the sum's step s (32 channels) and the 16
 * outputs of tile o, is tile number first[t] + o * tile_step[t] + s * depth_step[t]. A tile holds 16 rows of 16 outputs
 * x 2 channels of the sum. Where the sum has 16 channels, half[t] says which half of the tile a tap takes. */
typedef struct ss_amx_weight_order {
  int taps;
  int channels; /* of the sum */
  int steps;    /* tiles along the sum */
  int tiles;    /* tiles along the outputs */
  size_t first[49], tile_step[49], depth_step[49];
  int half[49];
} ss_amx_weight_order;

/* Transposes `rows` (1 to 16) rows of 16 float32, `stride` apart, to 16 rows 16 apart, zeros beyond column `rows`. */
void ss_amx_transpose(const float *from, size_t stride, int rows, float *to);

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
