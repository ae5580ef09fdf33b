/* Where a training step's time goes. */
#ifndef SS_TRAIN_PROFILE_H
#define SS_TRAIN_PROFILE_H

#include "engine/plan.h"

/* Writes OUT/profile.txt: the operations of a profiled plan by their share of the time, with their kernels. */
ss_status ss_profile_write(const ss_plan *plan, const char *out, ss_error *error);

#endif
