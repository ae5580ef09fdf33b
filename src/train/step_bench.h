/* A training step timed alone: the graph and the update on one batch again and again, without the loader. */
#ifndef SS_TRAIN_STEP_BENCH_H
#define SS_TRAIN_STEP_BENCH_H

#include "train/profile.h"
#include "train/session.h"

typedef struct ss_step_times {
  double median_ms, least_ms;
  double images_per_s; /* samples, not views, at the median */
  double arena_mb;     /* all tensors of the first player's graph */
} ss_step_times;

/* Makes one batch with the session's loader (ss_session_open and _record went before), runs two steps to warm up and
 * `steps` that count, then some for the profile. `profile` gets the profile of the first player's plan; it is the
 * session's. */
ss_status ss_step_bench(ss_session *session, int steps, ss_step_times *times, ss_profile *profile, ss_error *error);

#endif
