/* The CPU's table of kernels. */
#include "engine/cpu/convolution_ways.h"
#include "engine/kernel.h"

/* Never asked for: the planner makes chains only for devices that fuse them. */
const ss_kernel ss_cpu_chain = {NULL, 0};

static const ss_kernel *kernel(ss_operation operation) {
  static const ss_kernel *const table[SS_OP_COUNT] = {
#define SS_X(upper, lower) &ss_cpu_##lower,
      SS_OPERATIONS(SS_X)
#undef SS_X
  };
  return table[operation];
}

static bool wants_block16(const ss_node *node) {
  switch (node->operation) {
    case SS_OP_CONVOLUTION:
    case SS_OP_CONVOLUTION_BACKWARD_DATA:
    case SS_OP_CONVOLUTION_BACKWARD_WEIGHT:
      return ss_convolution_amx_fits(node);
    default:
      return false;
  }
}

const ss_device *ss_device_cpu(void) {
  static const ss_device device = {.name = "CPU", .kernel = kernel, .wants_block16 = wants_block16};
  return &device;
}
