/* Maximum pooling with AVX-512, forward and backward, in either layout. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_POOLING_AVX512_H
#define SS_ENGINE_CPU_POOLING_AVX512_H

#include "engine/kernel.h"

/* A maximum over (N, H, W, C) whose tensors share a layout and whose pixels fill vectors. */
bool ss_pool_avx512_supports(const ss_node *node);
ss_status ss_pool_avx512_run(const ss_step *step);
bool ss_pool_backward_avx512_supports(const ss_node *node);
ss_status ss_pool_backward_avx512_run(const ss_step *step);

#endif
