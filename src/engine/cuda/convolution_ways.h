/* What convolution.cu and cudnn.c do for each other. */
#ifndef SS_ENGINE_CUDA_CONVOLUTION_WAYS_H
#define SS_ENGINE_CUDA_CONVOLUTION_WAYS_H

#include "engine/cuda/context.h"

/* cudnn.c */
bool ss_cudnn_supports(const ss_node *node);
ss_status ss_cudnn_prepare(ss_step *step, ss_error *error);
ss_status ss_cudnn_run(const ss_step *step);
void ss_cudnn_release(ss_step *step);

/* convolution.cu: weights as the store has them, (outputs, inputs, taps) float32, to (outputs, taps, inputs) of the
 * type and back, on the stream. */
ss_status ss_cuda_pack_weights(const float *from, void *to, ss_dtype dtype, int64_t outputs, int64_t inputs,
                               int64_t taps);
ss_status ss_cuda_unpack_weights(const void *from, ss_dtype dtype, float *to, int64_t outputs, int64_t inputs,
                                 int64_t taps);
/* x (rows, channels) plus bias (channels), in place. */
ss_status ss_cuda_add_bias(void *x, ss_dtype dtype, int64_t rows, int64_t channels, const float *bias);

#endif
