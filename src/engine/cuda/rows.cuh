/* Inside engine/cuda: work on rows of the last axis, each by a team of threads: a warp, or a block where rows are long.
 *   for (int64_t row = ss_team_first<TEAM>(); row < rows; row += ss_team_stride<TEAM>())
 *     for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) */
#ifndef SS_ENGINE_CUDA_ROWS_CUH
#define SS_ENGINE_CUDA_ROWS_CUH

#include "engine/cuda/launch.cuh"

enum { SS_WARP_LONGEST_ROW = 1024 };

static inline int64_t ss_rows_length(const ss_step *step) {
  const ss_shape *shape = &step->node->inputs[0]->shape;
  return shape->dims[shape->rank - 1];
}

static inline int64_t ss_rows_count(const ss_step *step) {
  return ss_shape_count(step->node->inputs[0]->shape) / ss_rows_length(step);
}

template <int TEAM>
__device__ static __forceinline__ int64_t ss_team_first(void) {
  return ss_first() / TEAM;
}
template <int TEAM>
__device__ static __forceinline__ int64_t ss_team_stride(void) {
  return ss_stride() / TEAM;
}
template <int TEAM>
__device__ static __forceinline__ int ss_team_member(void) {
  return threadIdx.x % TEAM;
}

/* Over the team's threads, in every one of them. */
template <int TEAM, class N>
__device__ static __forceinline__ N ss_team_sum(N value) {
  return TEAM == SS_CUDA_WARP ? ss_warp_sum(value) : ss_block_sum(value);
}
template <int TEAM>
__device__ static __forceinline__ float ss_team_largest(float value) {
  return TEAM == SS_CUDA_WARP ? ss_warp_largest(value) : ss_block_largest(value);
}

/* The statement with T, the type of the step's elements, and TEAM, the threads for each of its rows. */
#define SS_WITH_ROWS(step, TEAM, T, statement)                     \
  do {                                                             \
    const ss_dtype dtype_of_rows = (step)->node->inputs[0]->dtype; \
    if (ss_rows_length(step) <= SS_WARP_LONGEST_ROW) {             \
      constexpr int TEAM = SS_CUDA_WARP;                           \
      SS_WITH_FLOATS(dtype_of_rows, T, statement);                 \
    } else {                                                       \
      constexpr int TEAM = SS_CUDA_THREADS;                        \
      SS_WITH_FLOATS(dtype_of_rows, T, statement);                 \
    }                                                              \
  } while (0)

#endif
