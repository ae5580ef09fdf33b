#include "engine/device.h"

#include "engine/kernel.h"

#include <string.h>

#ifndef SS_DEFAULT_DEVICE
#define SS_DEFAULT_DEVICE "cpu"
#endif

#if SS_CUDA
#include "engine/cuda/context.h"
#endif

bool ss_device_has_cuda(void) {
#if SS_CUDA
  return true;
#else
  return false;
#endif
}

ss_status ss_device_open(const char *name, const ss_device **out, ss_error *error) {
  *out = NULL;
  if (strcmp(name, "cpu") == 0) {
    *out = ss_device_cpu();
    return SS_OK;
  }
  if (strcmp(name, "cuda") != 0) {
    return ss_fail(error, SS_USAGE, "there is no device %s; there are cpu and cuda", name);
  }
#if SS_CUDA
  return ss_cuda_open(out, error);
#else
  return ss_fail(error, SS_FAILED, "this build has no CUDA; build where nvcc is (make CUDA=1), or use --device cpu");
#endif
}

bool ss_device_has_memory(const ss_device *device) {
  return device && device->memory;
}

size_t ss_device_available_memory(const ss_device *device) {
  return ss_device_has_memory(device) ? device->memory->available() : 0;
}

const char *ss_device_describe(const ss_device *device) {
#if SS_CUDA
  if (device && device->memory) {
    return ss_cuda_describe();
  }
#endif
  return device ? device->name : ss_device_cpu()->name;
}

ss_status ss_device_default(const ss_device **out, ss_error *error) {
  return ss_device_open(SS_DEFAULT_DEVICE, out, error);
}
