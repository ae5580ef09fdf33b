/* Inside engine/cuda: the GPU and the stream that all its work goes through, in order. */
#ifndef SS_ENGINE_CUDA_CONTEXT_H
#define SS_ENGINE_CUDA_CONTEXT_H

#include "engine/kernel.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Takes the first GPU there is; once, and the same one ever after. */
ss_status ss_cuda_open(const ss_device **out, ss_error *error);

/* "NVIDIA H100 80GB HBM3, 85 GB (CUDA)" */
const char *ss_cuda_describe(void);

/* How many blocks fill the GPU: its multiprocessors. */
int ss_cuda_multiprocessors(void);

cudaStream_t ss_cuda_stream(void);

/* SS_OK, or SS_FAILED with what CUDA says of `what`. */
ss_status ss_cuda_check(cudaError_t result, const char *what, ss_error *error);

/* What the libraries may want of their memory; a step's scratch is aligned to less. */
enum { SS_CUDA_ALIGNMENT = 256 };
static inline void *ss_cuda_aligned(void *memory) {
  return (void *)(((uintptr_t)memory + SS_CUDA_ALIGNMENT - 1) / SS_CUDA_ALIGNMENT * SS_CUDA_ALIGNMENT);
}

extern const ss_device_memory ss_cuda_memory;
extern const ss_device_sweeps ss_cuda_sweeps;
extern const ss_device_pictures_table ss_cuda_pictures;

#define SS_X(upper, lower) extern const ss_kernel ss_cuda_##lower;
SS_OPERATIONS(SS_X)
#undef SS_X

#ifdef __cplusplus
}
#endif

/* A kernel with the one way `run`, for operations that need no preparation. */
#define SS_CUDA_KERNEL(lower, run_function)                                        \
  static const ss_way lower##_ways[] = {{"cuda", NULL, NULL, run_function, NULL}}; \
  const ss_kernel ss_cuda_##lower = {lower##_ways, 1}

#endif
