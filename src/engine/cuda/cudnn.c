/* The three convolution nodes by cuDNN, which wants weights in the activations' type and order. */
#include "engine/convolution_geometry.h"
#include "engine/cuda/convolution_ways.h"
#include "engine/cuda/cudnn_graph.h"
#include "engine/cuda/elementwise_ways.h"

#include <stdlib.h>

/* ---- plans are shared: a network has the same convolution many times ---- */

typedef struct shared_plan {
  ss_cudnn_problem problem;
  ss_cudnn_plan *plan; /* NULL: cuDNN has none */
  int uses;
  struct shared_plan *next;
} shared_plan;

static shared_plan *plans;

static ss_status acquire(const ss_cudnn_problem *problem, shared_plan **out, ss_error *error) {
  *out = plans;
  while (*out && !ss_cudnn_problem_equal(&(*out)->problem, problem)) {
    *out = (*out)->next;
  }
  if (!*out) {
    shared_plan *made = calloc(1, sizeof *made);
    if (!made) {
      return ss_fail_memory(error, sizeof *made, "a convolution");
    }
    const ss_status status = ss_cudnn_plan_new(problem, &made->plan, error);
    if (status != SS_OK) {
      free(made);
      return status;
    }
    made->problem = *problem;
    made->next = plans;
    *out = plans = made;
  }
  (*out)->uses++;
  return SS_OK;
}

static void give_back(shared_plan *shared) {
  if (shared && --shared->uses == 0) {
    shared_plan **place = &plans;
    while (*place != shared) {
      place = &(*place)->next;
    }
    *place = shared->next;
    ss_cudnn_plan_free(shared->plan);
    free(shared);
  }
}

/* ---- the ways ---- */

/* Scratch: the packed weights or their gradient, the bias in the activations' type, what the engine wants. */
typedef struct cudnn_state {
  shared_plan *shared;
  bool bias_after, relu_after; /* the engine does not do it */
  size_t bias_offset, engine_offset;
} cudnn_state;

static bool has_bias(const ss_node *node) {
  return node->operation != SS_OP_CONVOLUTION_BACKWARD_WEIGHT && node->input_count > 2 && node->inputs[2];
}

static bool has_relu(const ss_node *node) {
  return node->operation == SS_OP_CONVOLUTION && (node->attributes.flags & SS_CONVOLUTION_RELU);
}

/* (O, I/groups, kernel...) as it is packed. */
static ss_shape packed_shape(ss_shape weight) {
  ss_shape packed = weight;
  for (int i = 1; i < weight.rank - 1; i++) {
    packed.dims[i] = weight.dims[i + 1];
  }
  packed.dims[weight.rank - 1] = weight.dims[1];
  return packed;
}

/* false where cuDNN's formula for y's size does not hold (output padding beyond the stride). A ReLU comes behind a
 * bias, of zeros where the node has none: the engines that cuDNN brings along want one, and what it compiles instead
 * for each shape takes up to seconds to make and is, where cuDNN chooses, made for an A100 even on an H100. */
static bool describe(const ss_node *node, ss_cudnn_problem *problem) {
  const ss_convolution_geometry g = ss_convolution_geometry_of(node);
  *problem = (ss_cudnn_problem){.operation = node->operation,
                                .dtype = g.x->dtype,
                                .tf32 = g.x->dtype == SS_F32 && node->attributes.tf32,
                                .bias = node->operation == SS_OP_CONVOLUTION && (has_bias(node) || has_relu(node)),
                                .relu = has_relu(node),
                                .x = g.x->shape,
                                .y = g.y->shape,
                                .weight = packed_shape(g.weight->shape)};
  for (int i = 0; i < 3; i++) {
    const int64_t reach = g.dilation[i] * (g.kernel[i] - 1) + 1;
    if ((g.in[i] + 2 * g.padding[i] - reach) / g.stride[i] + 1 != g.out[i]) {
      return false;
    }
  }
  for (int i = 0; i < g.spatial; i++) {
    problem->stride[i] = g.stride[3 - g.spatial + i];
    problem->padding[i] = g.padding[3 - g.spatial + i];
    problem->dilation[i] = g.dilation[3 - g.spatial + i];
  }
  return true;
}

/* The plan of the problem, or where there is none with the ReLU or the bias, of less. */
static ss_status find_plan(const ss_node *node, ss_cudnn_problem *problem, shared_plan **out, ss_error *error) {
  SS_TRY(acquire(problem, out, error));
  while (!(*out)->plan && problem->bias) {
    give_back(*out);
    problem->bias = problem->relu && has_bias(node);
    problem->relu = false;
    SS_TRY(acquire(problem, out, error));
  }
  return SS_OK;
}

/* A failure of cuDNN's is left for prepare to tell: nobody should be served slowly by the loops without a word. */
bool ss_cudnn_supports(const ss_node *node) {
  static shared_plan *latest; /* kept for prepare, which comes next */
  ss_cudnn_problem problem;
  shared_plan *found = NULL;
  if (!describe(node, &problem)) {
    return false;
  }
  if (find_plan(node, &problem, &found, NULL) != SS_OK) {
    return true;
  }
  give_back(latest);
  latest = found;
  return found->plan != NULL;
}

static size_t round_up(size_t bytes) {
  return (bytes + SS_CUDA_ALIGNMENT - 1) / SS_CUDA_ALIGNMENT * SS_CUDA_ALIGNMENT;
}

ss_status ss_cudnn_prepare(ss_step *step, ss_error *error) {
  ss_cudnn_problem problem;
  (void)describe(step->node, &problem);
  cudnn_state *state = calloc(1, sizeof *state);
  if (!state) {
    return ss_fail_memory(error, sizeof *state, "a convolution");
  }
  step->state = state;
  SS_TRY(find_plan(step->node, &problem, &state->shared, error));
  if (!state->shared->plan) {
    return ss_fail(error, SS_FAILED, "cuDNN has no such convolution");
  }
  const size_t size = ss_dtype_size(problem.dtype);
  state->bias_after = has_bias(step->node) && !problem.bias;
  state->relu_after = has_relu(step->node) && !problem.relu;
  state->bias_offset = round_up((size_t)ss_shape_count(problem.weight) * size);
  state->engine_offset = state->bias_offset + (problem.bias ? round_up((size_t)problem.weight.dims[0] * size) : 0);
  step->scratch_bytes = SS_CUDA_ALIGNMENT + state->engine_offset + ss_cudnn_plan_scratch_bytes(state->shared->plan);
  return SS_OK;
}

/* dw, from which the store's is unpacked. */
static ss_status run_backward_weight(const ss_step *step, const cudnn_state *state, char *scratch) {
  const ss_cudnn_problem *p = &state->shared->problem;
  const int64_t outputs = p->weight.dims[0], inputs = p->weight.dims[p->weight.rank - 1];
  SS_TRY(
      ss_cudnn_plan_run(state->shared->plan, step->in[0], scratch, step->in[1], NULL, scratch + state->engine_offset));
  return ss_cuda_unpack_weights(scratch, p->dtype, step->out[0], outputs, inputs,
                                ss_shape_count(p->weight) / outputs / inputs);
}

/* The bias as the engine wants it. */
static ss_status write_bias(const ss_step *step, const ss_cudnn_problem *p, void *bias) {
  const int64_t count = p->weight.dims[0];
  if (has_bias(step->node)) {
    return ss_cuda_convert(step->in[2], SS_F32, bias, p->dtype, count);
  }
  const size_t bytes = (size_t)count * ss_dtype_size(p->dtype);
  return cudaMemsetAsync(bias, 0, bytes, ss_cuda_stream()) == cudaSuccess ? SS_OK : SS_FAILED;
}

static ss_status run_with_weights(const ss_step *step, const cudnn_state *state, char *scratch) {
  const ss_cudnn_problem *p = &state->shared->problem;
  const int64_t outputs = p->weight.dims[0], inputs = p->weight.dims[p->weight.rank - 1];
  const bool forward = p->operation == SS_OP_CONVOLUTION;
  const void *x = forward ? step->in[0] : step->out[0], *y = forward ? step->out[0] : step->in[0];
  char *bias = scratch + state->bias_offset;
  SS_TRY(ss_cuda_pack_weights(step->in[1], scratch, p->dtype, outputs, inputs,
                              ss_shape_count(p->weight) / outputs / inputs));
  if (p->bias) {
    SS_TRY(write_bias(step, p, bias));
  }
  SS_TRY(ss_cudnn_plan_run(state->shared->plan, x, scratch, y, bias, scratch + state->engine_offset));
  const ss_tensor *result = step->node->outputs[0];
  const int64_t count = ss_shape_count(result->shape), channels = ss_tensor_dim(result, -1);
  if (state->bias_after) {
    SS_TRY(ss_cuda_add_bias(step->out[0], result->dtype, count / channels, channels, step->in[2]));
  }
  return state->relu_after ? ss_cuda_relu(step->out[0], result->dtype, count) : SS_OK;
}

ss_status ss_cudnn_run(const ss_step *step) {
  const cudnn_state *state = step->state;
  char *scratch = ss_cuda_aligned(step->scratch);
  return step->node->operation == SS_OP_CONVOLUTION_BACKWARD_WEIGHT ? run_backward_weight(step, state, scratch)
                                                                    : run_with_weights(step, state, scratch);
}

void ss_cudnn_release(ss_step *step) {
  cudnn_state *state = step->state;
  if (state) {
    give_back(state->shared);
    free(state);
    step->state = NULL;
  }
}
