/* Inside engine/cuda: the mean of many numbers, in double: each block of a kernel leaves its part of the sum, another
 * kernel adds the parts. */
#ifndef SS_ENGINE_CUDA_MEAN_CUH
#define SS_ENGINE_CUDA_MEAN_CUH

#include "engine/cuda/launch.cuh"

struct ss_part {
  double sum, weight;
};

/* Leaves the block's part. All its SS_CUDA_THREADS threads come here, each with what it has of both. */
__device__ static void ss_leave_part(ss_part *parts, double sum, double weight) {
  sum = ss_block_sum(sum);
  weight = ss_block_sum(weight);
  if (threadIdx.x == 0) {
    parts[blockIdx.x].sum = sum;
    parts[blockIdx.x].weight = weight;
  }
}

/* mean = sum / weight of all parts, 0 where nothing has any weight. */
static __global__ void ss_mean_kernel(const ss_part *parts, int count, float *mean) {
  double sum = 0.0, weight = 0.0;
  for (int i = (int)threadIdx.x; i < count; i += SS_CUDA_THREADS) {
    sum += parts[i].sum;
    weight += parts[i].weight;
  }
  sum = ss_block_sum(sum);
  weight = ss_block_sum(weight);
  if (threadIdx.x == 0) {
    *mean = weight != 0.0 ? (float)(sum / weight) : 0.0f;
  }
}

/* After the kernel of `blocks` blocks that left the parts in the step's scratch. */
static ss_status ss_launch_mean(const ss_step *step, dim3 blocks) {
  return ss_launch(ss_mean_kernel, 1, SS_CUDA_THREADS, (const ss_part *)step->scratch, (int)blocks.x,
                   (float *)step->out[0]);
}

#endif
