/* What elementwise.cu does for cudnn.c and cublaslt.c. */
#ifndef SS_ENGINE_CUDA_ELEMENTWISE_WAYS_H
#define SS_ENGINE_CUDA_ELEMENTWISE_WAYS_H

#include "engine/cuda/context.h"

/* `count` numbers, on the stream; to float32 or bf16. */
ss_status ss_cuda_convert(const void *from, ss_dtype from_dtype, void *to, ss_dtype to_dtype, int64_t count);
/* The ReLU of `count` numbers of float32 or bf16, in place. */
ss_status ss_cuda_relu(void *x, ss_dtype dtype, int64_t count);

#endif
