/* What matmul.cu and cublaslt.c do for each other. */
#ifndef SS_ENGINE_CUDA_MATMUL_WAYS_H
#define SS_ENGINE_CUDA_MATMUL_WAYS_H

#include "engine/cuda/context.h"

/* cublaslt.c */
bool ss_cublaslt_supports(const ss_node *node);
ss_status ss_cublaslt_prepare(ss_step *step, ss_error *error);
ss_status ss_cublaslt_run(const ss_step *step);
void ss_cublaslt_release(ss_step *step);

#endif
