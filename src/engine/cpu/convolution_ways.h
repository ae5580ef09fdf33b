/* The ways to compute the three convolution operations; convolution.c puts them together. */
#ifndef SS_ENGINE_CPU_CONVOLUTION_WAYS_H
#define SS_ENGINE_CPU_CONVOLUTION_WAYS_H

#include "engine/kernel.h"

/* convolution_loops.c: plain C, any layout, float32 sums (float64 for the weight's gradient). */
bool ss_convolution_loops_supports(const ss_node *node);
ss_status ss_convolution_loops_prepare(ss_step *step, ss_error *error);
ss_status ss_convolution_loops_run(const ss_step *step);

/* convolution_onednn.c: oneDNN on channels-last activations, or on whatever layout it prefers. Block16 tensors are
 * converted in and out. */
bool ss_convolution_onednn_supports(const ss_node *node);
bool ss_convolution_onednn_any_supports(const ss_node *node);
ss_status ss_convolution_onednn_prepare(ss_step *step, ss_error *error);
ss_status ss_convolution_onednn_any_prepare(ss_step *step, ss_error *error);
ss_status ss_convolution_onednn_run(const ss_step *step);
void ss_convolution_onednn_release(ss_step *step);

/* convolution_amx.c: bf16 or float32 in block16 layout on the matrix unit. */
bool ss_convolution_amx_supports(const ss_node *node);
ss_status ss_convolution_amx_prepare(ss_step *step, ss_error *error);
ss_status ss_convolution_amx_run(const ss_step *step);

/* Whether the AMX kernels take the node once its activations are in block16 layout. */
bool ss_convolution_amx_fits(const ss_node *node);

/* x (rows, channels), float32 or bf16, plus bias (channels) float32, in place. */
void ss_add_bias(void *x, ss_dtype dtype, int64_t rows, int64_t channels, const float *bias, int threads);

#endif
