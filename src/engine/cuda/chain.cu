/* CHAIN: each thread computes the instructions one after the other for its element. All threads take the same turns, so
 * telling the instructions apart costs little beside the memory that the tensors in between would take. */
#include "engine/cuda/launch.cuh"
#include "engine/cuda/unary.cuh"
#include "engine/cuda/walk.cuh"
extern "C" {
#include "engine/chain.h"
}

enum { NOT_BROADCAST = -1 };

struct chain_input {
  const void *data;
  ss_dtype dtype;
  int follower; /* of the walk; NOT_BROADCAST: it lies as the output does */
};

/* A kernel's parameter as a whole, and small enough to be one. */
struct chain_work {
  ss_chain chain;
  chain_input inputs[SS_MAX_INPUTS];
  int input_count;
  ss_walk walk;
};

__device__ static __forceinline__ float read_element(const chain_input &input, int64_t at) {
  switch (input.dtype) {
    case SS_BF16:
      return ss_widen(((const bfloat16 *)input.data)[at]);
    case SS_I32:
      return ss_widen(((const int32_t *)input.data)[at]);
    case SS_U8:
      return ss_widen(((const uint8_t *)input.data)[at]);
    default: /* SS_F32 */
      return ((const float *)input.data)[at];
  }
}

__device__ static __forceinline__ float compute(const ss_chain_instruction &instruction, float a, float b) {
  switch (instruction.operation) {
    case SS_OP_UNARY:
      return ss_unary_value(instruction.kind, a, instruction.alpha, instruction.beta);
    case SS_OP_UNARY_BACKWARD:
      return ss_unary_slope(instruction.kind, a, b, instruction.alpha);
    case SS_OP_BINARY:
      return ss_binary_value(instruction.kind, a, b);
    default: /* SS_OP_CAST */
      return a;
  }
}

template <class Y>
__global__ void chain_kernel(chain_work work, Y *y, int64_t count) {
  float values[SS_MAX_INPUTS + SS_CHAIN_LENGTH]; /* by operand */
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    for (int k = 0; k < work.input_count; k++) {
      const chain_input &input = work.inputs[k];
      values[k] =
          read_element(input, input.follower == NOT_BROADCAST ? i : ss_walk_place(work.walk, input.follower, i));
    }
    float value = 0.0f;
    for (int k = 0; k < work.chain.length; k++) {
      const ss_chain_instruction &instruction = work.chain.instructions[k];
      value = compute(instruction, values[instruction.operands[0]], values[instruction.operands[1]]);
      value = instruction.dtype == SS_BF16 ? ss_widen(ss_narrow<bfloat16>(value)) : value;
      values[SS_MAX_INPUTS + k] = value;
    }
    y[i] = ss_narrow<Y>(value);
  }
}

static chain_work work_of(const ss_step *step) {
  const ss_node *node = step->node;
  const ss_tensor *y = node->outputs[0];
  chain_work work = {};
  work.chain = *node->chain;
  work.input_count = node->input_count;
  ss_extent followers[SS_WALK_FOLLOWERS];
  int broadcast = 0;
  for (int k = 0; k < node->input_count; k++) {
    const ss_tensor *x = node->inputs[k];
    work.inputs[k] = {step->in[k], x->dtype, NOT_BROADCAST};
    if (ss_shape_count(x->shape) != ss_shape_count(y->shape)) {
      work.inputs[k].follower = broadcast;
      followers[broadcast++] = ss_extent_of(x);
    }
  }
  work.walk = ss_walk_make(ss_extent_of(y), followers, broadcast);
  return work;
}

static ss_status run(const ss_step *step) {
  const ss_tensor *y = step->node->outputs[0];
  const int64_t count = ss_shape_count(y->shape);
  SS_WITH_FLOATS(
      y->dtype, Y,
      return ss_launch(chain_kernel<Y>, ss_blocks(count), SS_CUDA_THREADS, work_of(step), (Y *)step->out[0], count));
}

SS_CUDA_KERNEL(chain, run);
