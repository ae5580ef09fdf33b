/* The GPU that a test is about. */
#ifndef TESTS_ENGINE_SUPPORT_GPU_H
#define TESTS_ENGINE_SUPPORT_GPU_H

#include "engine/device.h"

/* The GPU; where the build or the machine has none, the test is skipped and says why. */
const ss_device *support_gpu(void);

#endif
