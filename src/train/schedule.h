/* Learning rates over a run. */
#ifndef SS_TRAIN_SCHEDULE_H
#define SS_TRAIN_SCHEDULE_H

#include "methods/option.h"

/* The rate of update `step` (0 to steps - 1). warmup (epochs): linear from lr / warm-up steps up to lr. Then cosine to
 * zero as PyTorch's CosineAnnealingLR over the rest, step (lr x gamma^k after the k-th of the epochs in milestones), or
 * constant. */
double ss_schedule_rate(const ss_settings *settings, int64_t step, int64_t steps, int64_t steps_per_epoch);

#endif
