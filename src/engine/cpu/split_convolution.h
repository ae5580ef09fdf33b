/* Direct float32 convolution on the matrix unit (AMX), which knows only bf16: each operand is split into three parts of
 * bf16 (split_tile.h), and six products of parts make one of float32. Errors are those of float32 sums: what is left
 * out is below 2^-26 of a product. At 16 products of 16x16x32 a float32 product of that size takes 6/16 of the cycles
 * of the vector unit's.
 *
 * Shapes, layout (block16) and demands are those of amx_convolution.h with float32 activations. Every result is the
 * same to the last bit whatever the number of threads. Infinite inputs give NaN. */
#ifndef SS_ENGINE_CPU_SPLIT_CONVOLUTION_H
#define SS_ENGINE_CPU_SPLIT_CONVOLUTION_H

#include "engine/cpu/amx_convolution.h"

/* Bytes of scratch that the functions below need when run on up to `threads` threads. */
size_t ss_split_convolution_forward_scratch(const ss_amx_convolution *shape, int threads);
size_t ss_split_convolution_data_scratch(const ss_amx_convolution *shape, int threads);
size_t ss_split_convolution_weight_scratch(const ss_amx_convolution *shape, int threads);

/* y = convolution of x with weights [O][I][kernel][kernel], plus bias [O] where that is not NULL. */
void ss_split_convolution_forward(const ss_amx_convolution *shape, const float *x, const float *weights,
                                  const float *bias, float *y, void *scratch, int threads);

/* dx = gradient with respect to x, overwritten. */
void ss_split_convolution_backward_data(const ss_amx_convolution *shape, const float *dy, const float *weights,
                                        float *dx, void *scratch, int threads);

/* dw [O][I][kernel][kernel] = gradient with respect to the weights, overwritten. */
void ss_split_convolution_backward_weight(const ss_amx_convolution *shape, const float *x, const float *dy, float *dw,
                                          void *scratch, int threads);

#endif
