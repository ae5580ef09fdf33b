#include "engine/cuda/context.h"

#include <stdio.h>

static struct {
  bool opened;
  cudaStream_t stream;
  int multiprocessors;
  char text[320];
} context;

ss_status ss_cuda_check(cudaError_t result, const char *what, ss_error *error) {
  return result == cudaSuccess
             ? SS_OK
             : ss_fail(error, SS_FAILED, "the GPU failed at %s: %s", what, cudaGetErrorString(result));
}

/* Never asked for: a reshape is a view, and only the processors have tensors in block16. */
const ss_kernel ss_cuda_reshape = {NULL, 0};
const ss_kernel ss_cuda_relayout = {NULL, 0};

static const ss_kernel *kernel(ss_operation operation) {
  static const ss_kernel *const table[SS_OP_COUNT] = {
#define SS_X(upper, lower) &ss_cuda_##lower,
      SS_OPERATIONS(SS_X)
#undef SS_X
  };
  return table[operation];
}

ss_status ss_cuda_open(const ss_device **out, ss_error *error) {
  static const ss_device device = {.name = "GPU",
                                   .kernel = kernel,
                                   .fuses_epilogues = true,
                                   .fuses_chains = true,
                                   .memory = &ss_cuda_memory,
                                   .sweeps = &ss_cuda_sweeps,
                                   .pictures = &ss_cuda_pictures};
  if (!context.opened) {
    int count = 0;
    const cudaError_t found = cudaGetDeviceCount(&count);
    if (found != cudaSuccess || count < 1) {
      return ss_fail(error, SS_FAILED, "no GPU for --device cuda: %s; use --device cpu",
                     found != cudaSuccess ? cudaGetErrorString(found) : "there is none");
    }
    struct cudaDeviceProp properties;
    SS_TRY(ss_cuda_check(cudaSetDevice(0), "its start", error));
    SS_TRY(ss_cuda_check(cudaGetDeviceProperties(&properties, 0), "its start", error));
    SS_TRY(ss_cuda_check(cudaStreamCreateWithFlags(&context.stream, cudaStreamNonBlocking), "its start", error));
    context.multiprocessors = properties.multiProcessorCount;
    snprintf(context.text, sizeof context.text, "%s, %.0f GB (CUDA)", properties.name,
             (double)properties.totalGlobalMem / 1e9);
    context.opened = true;
  }
  *out = &device;
  return SS_OK;
}

const char *ss_cuda_describe(void) {
  return context.text;
}

int ss_cuda_multiprocessors(void) {
  return context.multiprocessors;
}

cudaStream_t ss_cuda_stream(void) {
  return context.stream;
}
