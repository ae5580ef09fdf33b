/* Inside engine/cuda: elementwise.cu's cast, for what a library wants in another type. */
#ifndef SS_ENGINE_CUDA_CONVERT_H
#define SS_ENGINE_CUDA_CONVERT_H

#include "engine/cuda/context.h"

/* `count` numbers, on the stream; to float32 or bf16. */
ss_status ss_cuda_convert(const void *from, ss_dtype from_dtype, void *to, ss_dtype to_dtype, int64_t count);

#endif
