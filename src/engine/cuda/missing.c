/* What has no kernel on the GPU yet. Each line goes when its kernel comes. */
#include "engine/cuda/context.h"

const ss_kernel ss_cuda_reshape = {NULL, 0};
const ss_kernel ss_cuda_slice = {NULL, 0};
const ss_kernel ss_cuda_concatenate = {NULL, 0};
const ss_kernel ss_cuda_transpose = {NULL, 0};
const ss_kernel ss_cuda_gather = {NULL, 0};
const ss_kernel ss_cuda_gather_backward = {NULL, 0};
const ss_kernel ss_cuda_pad = {NULL, 0};
const ss_kernel ss_cuda_pad_backward = {NULL, 0};
const ss_kernel ss_cuda_pixel_shuffle = {NULL, 0};
const ss_kernel ss_cuda_pixel_unshuffle = {NULL, 0};
const ss_kernel ss_cuda_dropout = {NULL, 0};
const ss_kernel ss_cuda_relayout = {NULL, 0};
const ss_device_sweeps ss_cuda_sweeps = {NULL, NULL};
