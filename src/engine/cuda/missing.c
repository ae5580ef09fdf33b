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
const ss_kernel ss_cuda_convolution = {NULL, 0};
const ss_kernel ss_cuda_convolution_backward_data = {NULL, 0};
const ss_kernel ss_cuda_convolution_backward_weight = {NULL, 0};
const ss_kernel ss_cuda_linear = {NULL, 0};
const ss_kernel ss_cuda_matmul = {NULL, 0};
const ss_kernel ss_cuda_gru = {NULL, 0};
const ss_kernel ss_cuda_gru_backward = {NULL, 0};
const ss_kernel ss_cuda_dropout = {NULL, 0};
const ss_kernel ss_cuda_pool = {NULL, 0};
const ss_kernel ss_cuda_pool_backward = {NULL, 0};
const ss_kernel ss_cuda_resize = {NULL, 0};
const ss_kernel ss_cuda_resize_backward = {NULL, 0};
const ss_kernel ss_cuda_cross_entropy = {NULL, 0};
const ss_kernel ss_cuda_cross_entropy_backward = {NULL, 0};
const ss_kernel ss_cuda_element_loss = {NULL, 0};
const ss_kernel ss_cuda_element_loss_backward = {NULL, 0};
const ss_kernel ss_cuda_accuracy = {NULL, 0};
const ss_kernel ss_cuda_relayout = {NULL, 0};
const ss_device_sweeps ss_cuda_sweeps = {NULL, NULL};
