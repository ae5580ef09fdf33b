/* Binds the AMX kernels, those of bf16 (amx_convolution.h) and those of float32 (split_convolution.h), to convolution
 * nodes. */
#include "engine/convolution_geometry.h"
#include "engine/cpu/amx_convolution.h"
#include "engine/cpu/convolution_ways.h"
#include "engine/cpu/split_convolution.h"

#include <limits.h>

static bool is_small(int64_t value) {
  return value <= INT_MAX / 2;
}

/* false when the kernels' description cannot hold the convolution. */
static bool describe(const ss_convolution_geometry *g, ss_amx_convolution *shape) {
  if (g->spatial != 2 || g->groups != 1 || g->dilation[1] != 1 || g->dilation[2] != 1 || g->kernel[1] != g->kernel[2] ||
      g->stride[1] != g->stride[2] || g->padding[1] != g->padding[2]) {
    return false;
  }
  if (!is_small(g->batch) || !is_small(g->in[1]) || !is_small(g->in[2]) || !is_small(g->input_channels) ||
      !is_small(g->output_channels) || !is_small(g->kernel[1]) || !is_small(g->stride[1]) || !is_small(g->padding[1])) {
    return false;
  }
  *shape = (ss_amx_convolution){.batch = (int)g->batch,
                                .height = (int)g->in[1],
                                .width = (int)g->in[2],
                                .input_channels = (int)g->input_channels,
                                .output_channels = (int)g->output_channels,
                                .kernel = (int)g->kernel[1],
                                .stride = (int)g->stride[1],
                                .padding = (int)g->padding[1]};
  return true;
}

bool ss_convolution_amx_fits(const ss_node *node) {
  const ss_convolution_geometry g = ss_convolution_geometry_of(node);
  ss_amx_convolution shape;
  const bool dtypes = g.x->dtype == g.y->dtype && (g.x->dtype == SS_BF16 || g.x->dtype == SS_F32);
  if (!ss_amx_available() || !dtypes || !describe(&g, &shape)) {
    return false;
  }
  /* The float32 kernels' first layers are smaller, and their pictures in blocks. */
  const bool first_layer = shape.input_channels % 16 != 0;
  if (g.x->dtype == SS_F32 && first_layer &&
      (shape.kernel > 7 || shape.stride > 2 || shape.kernel * shape.input_channels > 32)) {
    return false;
  }
  const bool supported = node->operation == SS_OP_CONVOLUTION_BACKWARD_DATA
                             ? ss_amx_convolution_supports_backward_data(&shape)
                             : ss_amx_convolution_supports(&shape);
  /* A transposed convolution with output padding may have a larger x than the convolution's formula gives. */
  return supported && ss_amx_convolution_out_height(&shape) == g.out[1] &&
         ss_amx_convolution_out_width(&shape) == g.out[2];
}

bool ss_convolution_amx_supports(const ss_node *node) {
  if (!ss_convolution_amx_fits(node)) {
    return false;
  }
  const ss_convolution_geometry g = ss_convolution_geometry_of(node);
  /* A first layer's pictures are plain in bf16. */
  const bool plain = g.input_channels % 16 != 0 && g.x->dtype == SS_BF16;
  const ss_layout of_x = plain ? SS_LAYOUT_PLAIN : SS_LAYOUT_BLOCK16;
  return g.x->layout == of_x && g.y->layout == SS_LAYOUT_BLOCK16 && g.weight->layout == SS_LAYOUT_PLAIN;
}

ss_status ss_convolution_amx_prepare(ss_step *step, ss_error *error) {
  (void)error;
  const ss_convolution_geometry g = ss_convolution_geometry_of(step->node);
  const bool split = g.x->dtype == SS_F32;
  ss_amx_convolution shape;
  if (describe(&g, &shape)) {
    switch (step->node->operation) {
      case SS_OP_CONVOLUTION_BACKWARD_DATA:
        step->scratch_bytes = split ? ss_split_convolution_data_scratch(&shape, step->threads)
                                    : ss_amx_convolution_data_scratch(&shape, step->threads);
        break;
      case SS_OP_CONVOLUTION_BACKWARD_WEIGHT:
        step->scratch_bytes = split ? ss_split_convolution_weight_scratch(&shape, step->threads)
                                    : ss_amx_convolution_weight_scratch(&shape, step->threads);
        break;
      default:
        step->scratch_bytes = split ? ss_split_convolution_forward_scratch(&shape, step->threads)
                                    : ss_amx_convolution_forward_scratch(&shape, step->threads);
        break;
    }
  }
  return SS_OK;
}

static void run_split(const ss_step *step, const ss_amx_convolution *shape) {
  switch (step->node->operation) {
    case SS_OP_CONVOLUTION_BACKWARD_DATA:
      ss_split_convolution_backward_data(shape, step->in[0], step->in[1], step->out[0], step->scratch, step->threads);
      break;
    case SS_OP_CONVOLUTION_BACKWARD_WEIGHT:
      ss_split_convolution_backward_weight(shape, step->in[0], step->in[1], step->out[0], step->scratch, step->threads);
      break;
    default:
      ss_split_convolution_forward(shape, step->in[0], step->in[1], step->in[2], step->out[0], step->scratch,
                                   step->threads);
      break;
  }
}

static void run_bf16(const ss_step *step, const ss_amx_convolution *shape) {
  switch (step->node->operation) {
    case SS_OP_CONVOLUTION_BACKWARD_DATA:
      ss_amx_convolution_backward_data(shape, step->in[0], step->in[1], step->out[0], step->scratch, step->threads);
      break;
    case SS_OP_CONVOLUTION_BACKWARD_WEIGHT:
      ss_amx_convolution_backward_weight(shape, step->in[0], step->in[1], step->out[0], step->scratch, step->threads);
      break;
    default:
      ss_amx_convolution_forward(shape, step->in[0], step->in[1], step->in[2], step->out[0], step->scratch,
                                 step->threads);
      break;
  }
}

ss_status ss_convolution_amx_run(const ss_step *step) {
  const ss_convolution_geometry g = ss_convolution_geometry_of(step->node);
  ss_amx_convolution shape;
  if (!describe(&g, &shape)) {
    return SS_FAILED;
  }
  if (g.x->dtype == SS_F32) {
    run_split(step, &shape);
  } else {
    run_bf16(step, &shape);
  }
  if (step->node->operation == SS_OP_CONVOLUTION_BACKWARD_DATA && step->in[2]) {
    ss_add_bias(step->out[0], g.x->dtype, g.batch * g.in[1] * g.in[2], g.input_channels, step->in[2], step->threads);
  }
  return SS_OK;
}
