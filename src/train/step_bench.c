#include "train/step_bench.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { warm_steps = 2, profiled_steps = 5 };

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* One update of each player from the batch. The rate is so small that the weights stay what they are. */
static ss_status step(ss_session *session, const ss_batch *batch, uint64_t index, ss_profile *profile,
                      ss_error *error) {
  for (int p = 0; p < session->player_count; p++) {
    const ss_recorded *player = &session->players[p];
    double begin = ss_clock_seconds();
    SS_TRY(ss_session_fill_player(session, p, batch, error));
    ss_phase_end(&profile->phases[SS_PHASE_FILL], begin);
    SS_TRY(ss_plan_run(player->plan, index, error));
    begin = ss_clock_seconds();
    SS_TRY(ss_optimizer_step(session->optimizers[p], player->plan, 1e-8f, 1, error));
    ss_phase_end(&profile->phases[SS_PHASE_UPDATE], begin);
    (void)ss_plan_data(player->plan, player->build.losses[p]); /* done when its loss is here */
  }
  return SS_OK;
}

/* The profile is of steps of its own: on a GPU it takes each kernel's time by waiting for it. */
static ss_status time_steps(ss_session *session, const ss_batch *batch, int steps, double *seconds, ss_profile *profile,
                            ss_error *error) {
  uint64_t index = 0;
  for (int k = -warm_steps; k < steps; k++) {
    const double begin = ss_clock_seconds();
    SS_TRY(step(session, batch, index++, profile, error));
    if (k >= 0) {
      seconds[k] = ss_clock_seconds() - begin;
    }
  }
  memset(profile->phases, 0, sizeof profile->phases);
  ss_plan_enable_profile(session->players[0].plan, true);
  for (int k = 0; k < (steps < profiled_steps ? steps : profiled_steps); k++) {
    SS_TRY(step(session, batch, index++, profile, error));
  }
  return SS_OK;
}

ss_status ss_step_bench(ss_session *session, int steps, ss_step_times *times, ss_profile *profile, ss_error *error) {
  const ss_method *method = session->config->method; /* what it does before an epoch is no part of a step */
  if (method->untrained) {
    return ss_fail(error, SS_USAGE, "%s takes no training steps", method->name);
  }
  double *seconds = NULL;
  ss_batch batch = {0};
  ss_profile_begin(profile, session->players[0].plan, session->device, session->config->settings);
  SS_TRY(ss_alloc((void **)&seconds, (size_t)steps, sizeof *seconds, "the step times", error));
  ss_status status = ss_session_start_loader(session, 1, error);
  if (status == SS_OK) {
    status = ss_loader_next(session->loader, &batch, error);
  }
  if (status == SS_OK) {
    status = time_steps(session, &batch, steps, seconds, profile, error);
  }
  if (status == SS_OK) {
    qsort(seconds, (size_t)steps, sizeof *seconds, by_value);
    const double median = seconds[steps / 2];
    *times = (ss_step_times){.median_ms = 1e3 * median,
                             .least_ms = 1e3 * seconds[0],
                             .arena_mb = 1e-6 * (double)ss_plan_arena_bytes(profile->plan),
                             .images_per_s = median > 0.0 ? (double)session->task.batch / median : 0.0};
  }
  free(seconds);
  return status;
}
