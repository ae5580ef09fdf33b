/* Convolutions by oneDNN. Activations are channels last at the node's boundary; block16 ones go through scratch. */
#include "engine/convolution_geometry.h"
#include "engine/cpu/convolution_ways.h"
#include "engine/cpu/onednn.h"
#include "engine/cpu/relayout.h"

#include <stdlib.h>

/* Plain copies of what is in block16 layout come first in scratch, oneDNN's own part after them. */
typedef struct onednn_state {
  ss_onednn *onednn;
  size_t in_offset[2], out_offset; /* of the plain copies */
  size_t onednn_offset;
} onednn_state;

static size_t round_up(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/* x or y: (N, [D,] H, W, C) in memory, (N, C, [D,] H, W) to oneDNN. */
static ss_onednn_operand activation(const ss_tensor *tensor, bool any) {
  ss_onednn_operand operand = {.rank = tensor->shape.rank, .dtype = tensor->dtype, .inside = tensor->dtype, .any = any};
  const int last = tensor->shape.rank - 1;
  int64_t stride = 1;
  for (int axis = last; axis >= 0; axis--) {
    const int theirs = axis == 0 ? 0 : (axis == last ? 1 : axis + 1);
    operand.dims[theirs] = tensor->shape.dims[axis];
    operand.strides[theirs] = stride;
    stride *= tensor->shape.dims[axis];
  }
  return operand;
}

/* (O, I/groups, kernel...) float32; (groups, O/groups, I/groups, kernel...) to oneDNN if there are several. */
static ss_onednn_operand weight(const ss_convolution_geometry *g, ss_dtype inside) {
  const int extra = g->groups > 1 ? 1 : 0;
  ss_onednn_operand operand = {.rank = g->weight->shape.rank + extra, .dtype = SS_F32, .inside = inside, .any = true};
  for (int i = 0; i < g->weight->shape.rank; i++) {
    operand.dims[i + extra] = g->weight->shape.dims[i];
  }
  if (extra) {
    operand.dims[0] = g->groups;
    operand.dims[1] /= g->groups;
  }
  int64_t stride = 1;
  for (int i = operand.rank - 1; i >= 0; i--) {
    operand.strides[i] = stride;
    stride *= operand.dims[i];
  }
  return operand;
}

/* false where oneDNN's formula for the output's size does not hold (output padding beyond the stride). */
static bool describe(const ss_node *node, bool any, ss_onednn_problem *problem) {
  const ss_convolution_geometry g = ss_convolution_geometry_of(node);
  for (int i = 0; i < 3; i++) {
    const int64_t reach = g.dilation[i] * (g.kernel[i] - 1) + 1;
    if ((g.in[i] + 2 * g.padding[i] - reach) / g.stride[i] + 1 != g.out[i]) {
      return false;
    }
  }
  *problem = (ss_onednn_problem){.a = activation(g.x, any), .c = activation(g.y, any), .scale = 1.0f};
  switch (node->operation) {
    case SS_OP_CONVOLUTION_BACKWARD_DATA:
      problem->kind = SS_ONEDNN_CONVOLUTION_BACKWARD_DATA;
      problem->b = weight(&g, g.x->dtype);
      break;
    case SS_OP_CONVOLUTION_BACKWARD_WEIGHT:
      problem->kind = SS_ONEDNN_CONVOLUTION_BACKWARD_WEIGHT;
      problem->b = weight(&g, SS_F32);
      break;
    default:
      problem->kind = SS_ONEDNN_CONVOLUTION;
      problem->b = weight(&g, g.x->dtype);
      problem->bias = node->input_count > 2 && node->inputs[2];
      break;
  }
  for (int i = 0; i < g.spatial; i++) {
    problem->stride[i] = g.stride[3 - g.spatial + i];
    problem->padding[i] = g.padding[3 - g.spatial + i];
    problem->dilation[i] = g.dilation[3 - g.spatial + i];
  }
  return true;
}

static bool supports(const ss_node *node, bool any) {
  ss_onednn_problem problem;
  return describe(node, any, &problem) && ss_onednn_supports(&problem);
}

bool ss_convolution_onednn_supports(const ss_node *node) {
  return supports(node, false);
}

bool ss_convolution_onednn_any_supports(const ss_node *node) {
  return supports(node, true);
}

static size_t tensor_bytes(const ss_tensor *tensor) {
  return (size_t)ss_shape_count(tensor->shape) * ss_dtype_size(tensor->dtype);
}

static bool is_block16(const ss_tensor *tensor) {
  return tensor && tensor->layout == SS_LAYOUT_BLOCK16;
}

static ss_status prepare(ss_step *step, bool any, ss_error *error) {
  ss_onednn_problem problem;
  if (!describe(step->node, any, &problem)) {
    return ss_fail(error, SS_FAILED, "oneDNN has no such convolution");
  }
  onednn_state *state = calloc(1, sizeof *state);
  if (!state) {
    return ss_fail_memory(error, sizeof *state, "a convolution");
  }
  const ss_status status = ss_onednn_new(&state->onednn, &problem, step->threads, error);
  if (status != SS_OK) {
    free(state);
    return status;
  }
  size_t offset = 0;
  for (int i = 0; i < 2; i++) {
    state->in_offset[i] = offset;
    offset += is_block16(step->node->inputs[i]) ? round_up(tensor_bytes(step->node->inputs[i])) : 0;
  }
  state->out_offset = offset;
  offset += is_block16(step->node->outputs[0]) ? round_up(tensor_bytes(step->node->outputs[0])) : 0;
  state->onednn_offset = offset;
  step->scratch_bytes = offset + ss_onednn_scratch_bytes(state->onednn);
  step->state = state;
  return SS_OK;
}

ss_status ss_convolution_onednn_prepare(ss_step *step, ss_error *error) {
  return prepare(step, false, error);
}

ss_status ss_convolution_onednn_any_prepare(ss_step *step, ss_error *error) {
  return prepare(step, true, error);
}

ss_status ss_convolution_onednn_run(const ss_step *step) {
  const onednn_state *state = step->state;
  const ss_node *node = step->node;
  char *scratch = step->scratch;
  const void *in[2] = {step->in[0], step->in[1]};
  for (int i = 0; i < 2; i++) {
    const ss_tensor *tensor = node->inputs[i];
    if (is_block16(tensor)) {
      ss_relayout(in[i], SS_LAYOUT_BLOCK16, scratch + state->in_offset[i], SS_LAYOUT_PLAIN, tensor->shape,
                  tensor->dtype, step->threads);
      in[i] = scratch + state->in_offset[i];
    }
  }
  const ss_tensor *result = node->outputs[0];
  const bool relayout = is_block16(result);
  void *out = relayout ? scratch + state->out_offset : step->out[0];
  const void *bias = node->input_count > 2 ? step->in[2] : NULL;
  const bool forward = node->operation == SS_OP_CONVOLUTION;
  SS_TRY(ss_onednn_run(state->onednn, in[0], in[1], forward ? bias : NULL, out, scratch + state->onednn_offset));
  if (bias && !forward) { /* a transposed convolution's */
    const int64_t channels = ss_tensor_dim(result, -1);
    ss_add_bias(out, result->dtype, ss_shape_count(result->shape) / channels, channels, bias, step->threads);
  }
  if (relayout) {
    ss_relayout(out, SS_LAYOUT_PLAIN, step->out[0], SS_LAYOUT_BLOCK16, result->shape, result->dtype, step->threads);
  }
  return SS_OK;
}

void ss_convolution_onednn_release(ss_step *step) {
  onednn_state *state = step->state;
  if (state) {
    ss_onednn_free(state->onednn);
    free(state);
    step->state = NULL;
  }
}
