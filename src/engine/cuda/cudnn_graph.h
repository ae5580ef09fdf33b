/* Inside engine/cuda: a convolution as a graph of cuDNN's, and the engine that computes it. */
#ifndef SS_ENGINE_CUDA_CUDNN_GRAPH_H
#define SS_ENGINE_CUDA_CUDNN_GRAPH_H

#include "engine/node.h"

/* One of the three convolution nodes, all of whose tensors are of one type; sums are float32. Channels are last in
 * memory: x (N, ..., I), y (N, ..., O), the weight (O, ..., I/groups). */
typedef struct ss_cudnn_problem {
  ss_operation operation;
  ss_dtype dtype;
  bool tf32; /* allowed, of float32 */
  bool bias; /* of CONVOLUTION; added to the sums before they are rounded */
  bool relu; /* of the sum with the bias, which must be there: cuDNN has engines of its own for the two together */
  ss_shape x, y, weight;
  int64_t stride[3], padding[3], dilation[3]; /* of as many axes as there are */
} ss_cudnn_problem;

bool ss_cudnn_problem_equal(const ss_cudnn_problem *a, const ss_cudnn_problem *b);

typedef struct ss_cudnn_plan ss_cudnn_plan;

/* *out is NULL where no engine of cuDNN's computes this, the same bits at each run and no less exactly than the type
 * asks for: float32 by float32 products, or TF32 where that is allowed. */
ss_status ss_cudnn_plan_new(const ss_cudnn_problem *problem, ss_cudnn_plan **out, ss_error *error);
void ss_cudnn_plan_free(ss_cudnn_plan *plan); /* NULL is fine */

size_t ss_cudnn_plan_scratch_bytes(const ss_cudnn_plan *plan);
/* On the stream; which of x, y and weight is written the operation says. Scratch is aligned to SS_CUDA_ALIGNMENT. */
ss_status ss_cudnn_plan_run(const ss_cudnn_plan *plan, const void *x, const void *weight, const void *y,
                            const void *bias, void *scratch);

#endif
