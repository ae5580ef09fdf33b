/* What has no kernel on the GPU yet. Each line goes when its kernel comes. */
#include "engine/cuda/context.h"

