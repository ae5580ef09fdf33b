/* What computes: the processors, or a GPU. Only the engine knows what a device is; the rest hands it on. */
#ifndef SS_ENGINE_DEVICE_H
#define SS_ENGINE_DEVICE_H

#include "base/status.h"

#include <stdbool.h>

typedef struct ss_device ss_device;

/* The device "cpu", or "cuda", the first GPU that CUDA shows (CUDA_VISIBLE_DEVICES chooses). SS_FAILED says why there
 * is none: this build has no CUDA, no driver, no GPU. Opened once; there is nothing to close. */
ss_status ss_device_open(const char *name, const ss_device **out, ss_error *error);

/* Whether ss_device_open knows "cuda" in this build. */
bool ss_device_has_cuda(void);

/* Whether it has memory of its own, to which what it computes with is taken. */
bool ss_device_has_memory(const ss_device *device);

/* Bytes of it that are free; 0 where it has none. */
size_t ss_device_available_memory(const ss_device *device);

/* "CPU" or "NVIDIA H100 80GB HBM3, 79 GB (CUDA)"; NULL is the CPU. */
const char *ss_device_describe(const ss_device *device);

#endif
