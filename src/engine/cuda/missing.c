/* What has no kernel on the GPU yet. Each line goes when its kernel comes. */
#include "engine/cuda/context.h"

const ss_kernel ss_cuda_prelu = {NULL, 0};
const ss_kernel ss_cuda_prelu_backward = {NULL, 0};
const ss_kernel ss_cuda_batch_norm = {NULL, 0};
const ss_kernel ss_cuda_batch_norm_backward = {NULL, 0};
const ss_kernel ss_cuda_layer_norm = {NULL, 0};
const ss_kernel ss_cuda_layer_norm_backward = {NULL, 0};
const ss_kernel ss_cuda_local_response_norm = {NULL, 0};
const ss_kernel ss_cuda_local_response_norm_backward = {NULL, 0};
const ss_kernel ss_cuda_l2_normalize = {NULL, 0};
const ss_kernel ss_cuda_l2_normalize_backward = {NULL, 0};
const ss_kernel ss_cuda_softmax = {NULL, 0};
const ss_kernel ss_cuda_softmax_backward = {NULL, 0};
const ss_kernel ss_cuda_pool = {NULL, 0};
const ss_kernel ss_cuda_pool_backward = {NULL, 0};
const ss_kernel ss_cuda_resize = {NULL, 0};
const ss_kernel ss_cuda_resize_backward = {NULL, 0};
const ss_kernel ss_cuda_cross_entropy = {NULL, 0};
const ss_kernel ss_cuda_cross_entropy_backward = {NULL, 0};
const ss_kernel ss_cuda_element_loss = {NULL, 0};
const ss_kernel ss_cuda_element_loss_backward = {NULL, 0};
const ss_kernel ss_cuda_accuracy = {NULL, 0};
