/* What has no kernel on the GPU yet. Each line goes when its kernel comes. */
#include "engine/cuda/context.h"

const ss_device_sweeps ss_cuda_sweeps = {NULL, NULL};
