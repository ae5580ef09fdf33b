/* The CPU's table of kernels. */
#include "engine/cpu/amx_convolution.h"
#include "engine/kernel.h"

static const ss_kernel *kernel(ss_operation operation) {
  static const ss_kernel *const table[SS_OP_COUNT] = {
#define SS_X(upper, lower) &ss_cpu_##lower,
      SS_OPERATIONS(SS_X)
#undef SS_X
  };
  return table[operation];
}

const ss_device *ss_device_cpu(void) {
  static const ss_device device = {"CPU", kernel, NULL};
  return &device;
}
