/* Between the two layouts of (N, H, W, C) tensors, for the RELAYOUT node and inside kernels that know only one. */
#ifndef SS_ENGINE_CPU_RELAYOUT_H
#define SS_ENGINE_CPU_RELAYOUT_H

#include "engine/tensor.h"

/* Copies `from` to `to`, which do not overlap, from one layout to the other; a block16 side needs N a multiple of 16.
 */
void ss_relayout(const void *from, ss_layout from_layout, void *to, ss_layout to_layout, ss_shape shape, ss_dtype dtype,
                 int threads);

#endif
