/* Direct bf16 convolution for training on processors with AMX (Intel, from Sapphire Rapids).
 *
 * Layout "block16": activations are bf16 in blocks of 16 images, [N/16][H][W][16][C], that is, element (n, y, x, c)
 * lies at (((n / 16 * H + y) * W + x) * 16 + n % 16) * C + c. A tile of the matrix unit is then 16 images x 32 channels
 * at one pixel, with a constant stride at every pixel of every map size: borders and small maps waste nothing. Weights
 * and their gradient are float32 [O][I][kernel][kernel] (torchvision's order). Products of bf16 values are accumulated
 * in float32; outputs are rounded to bf16, nearest even.
 *
 * Every result is the same to the last bit whatever the number of threads. */
#ifndef SS_ENGINE_CPU_AMX_CONVOLUTION_H
#define SS_ENGINE_CPU_AMX_CONVOLUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* x: [batch/16][height][width][16][input_channels], but a first layer's (1 to 4 channels) pictures are plain,
 * [batch][height][width][input_channels], so that parts of rows are contiguous; y:
 * [batch/16][out_height][out_width][16][output_channels] with out = (in + 2 * padding - kernel) / stride + 1, rounded
 * down. */
typedef struct ss_amx_convolution {
  int batch, height, width;
  int input_channels, output_channels;
  int kernel, stride, padding; /* the same along both axes */
} ss_amx_convolution;

int ss_amx_convolution_out_height(const ss_amx_convolution *shape);
int ss_amx_convolution_out_width(const ss_amx_convolution *shape);

/* Whether this processor has AMX with bf16 and the system lets this process use it (asked once, then remembered). */
bool ss_amx_available(void);

/* Whether the kernels below take this shape: batch a multiple of 16; output_channels a multiple of 16; input_channels a
 * multiple of 16, kernel 1 to 7, stride 1 or 2; or (a first layer: forward and weight gradient only) input_channels 1
 * to 4, kernel 1 to 11 with kernel * input_channels <= 64, stride 1 to 4; padding 0 to kernel - 1; an output of at
 * least one pixel. */
bool ss_amx_convolution_supports(const ss_amx_convolution *shape);
bool ss_amx_convolution_supports_backward_data(const ss_amx_convolution *shape);

/* Bytes of scratch that the functions below need when run on up to `threads` threads. */
size_t ss_amx_convolution_forward_scratch(const ss_amx_convolution *shape, int threads);
size_t ss_amx_convolution_data_scratch(const ss_amx_convolution *shape, int threads);
size_t ss_amx_convolution_weight_scratch(const ss_amx_convolution *shape, int threads);

/* The kernels. All need ss_amx_available() and a supported shape; x, y, dx, dy and scratch aligned to 64 bytes, not
 * overlapping; scratch of at least the size above for the same `threads` (>= 1), its contents neither read nor kept. */

/* y = convolution of x with weights, plus bias [O] where that is not NULL. */
void ss_amx_convolution_forward(const ss_amx_convolution *shape, const uint16_t *x, const float *weights,
                                const float *bias, uint16_t *y, void *scratch, int threads);

/* dx = gradient with respect to x, overwritten. */
void ss_amx_convolution_backward_data(const ss_amx_convolution *shape, const uint16_t *dy, const float *weights,
                                      uint16_t *dx, void *scratch, int threads);

/* dw [O][I][kernel][kernel] = gradient with respect to the weights, overwritten. */
void ss_amx_convolution_backward_weight(const ss_amx_convolution *shape, const uint16_t *x, const uint16_t *dy,
                                        float *dw, void *scratch, int threads);

#endif
