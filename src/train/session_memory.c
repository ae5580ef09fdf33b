/* The largest batch for which a device has the memory, where the one that was asked for is too large. */
#include "train/session.h"

enum { most_tries = 12 };

/* Adds what the plan of one graph takes. */
static ss_status add_graph(const ss_session *session, const ss_task *task, bool training, int player, size_t *bytes,
                           ss_error *error) {
  ss_recorded recorded = {0};
  size_t own = 0;
  ss_status status = ss_session_record_graph(session, task, training, player, &recorded, error);
  if (status == SS_OK && (training || recorded.build.score)) {
    const ss_plan_options options = ss_session_plan_options(session);
    status = ss_plan_measure(recorded.graph, &options, &own, error);
  }
  ss_graph_free(recorded.graph);
  *bytes += own;
  return status;
}

/* What all plans of the run take with this batch. */
static ss_status measure(const ss_session *session, int batch, size_t *bytes, ss_error *error) {
  const ss_method *method = session->config->method;
  ss_tensor *const *losses = session->players[0].build.losses;
  ss_task task = session->task;
  *bytes = 0;
  task.batch = batch;
  for (int p = 0; p < SS_MAX_PLAYERS && (p == 0 || (method->players[p] && losses[p])); p++) {
    SS_TRY(add_graph(session, &task, true, p, bytes, error));
  }
  if ((int)session->held.count < batch) {
    task.batch = (int)session->held.count;
  }
  return task.batch < 2 ? SS_OK : add_graph(session, &task, false, 0, bytes, error);
}

/* Batches that are looked at are multiples of this: about a sixteenth of themselves. */
static int step_at(int batch) {
  int step = 1;
  while (step * 16 <= batch) {
    step *= 2;
  }
  return step;
}

/* The largest such batch whose plans take no more than `available`: memory grows with the batch in nearly a straight
 * line, so that two batches tell where to look next. 0 if there is none. */
static ss_status find_largest(const ss_session *session, size_t whole_bytes, size_t available, int *out,
                              ss_error *error) {
  int above = session->task.batch, below = 0; /* too large; fits */
  double above_bytes = (double)whole_bytes, below_bytes = 0.0;
  for (int tries = 0; tries < most_tries; tries++) {
    const double share = ((double)available - below_bytes) / (above_bytes - below_bytes);
    int next = below == 0 ? above / 2 : below + (int)(share * (above - below));
    next -= next % step_at(next);
    next = next > below ? next : below + step_at(below);
    next = next < above ? next : above - step_at(above);
    if (next <= below || next < 2) {
      break;
    }
    size_t bytes = 0;
    SS_TRY(measure(session, next, &bytes, error));
    if (bytes <= available) {
      below = next;
      below_bytes = (double)bytes;
    } else {
      above = next;
      above_bytes = (double)bytes;
    }
  }
  *out = below;
  return SS_OK;
}

ss_status ss_session_tell_memory(ss_session *session, ss_error *error) {
  const int batch = session->task.batch;
  for (int p = 0; p < session->player_count; p++) {
    ss_plan_free(session->players[p].plan);
    session->players[p].plan = NULL;
  }
  const size_t available = ss_device_available_memory(session->device);
  size_t bytes = 0;
  int largest = 0;
  if (measure(session, batch, &bytes, NULL) != SS_OK || bytes <= available) {
    return SS_NO_MEMORY; /* something else was too large: the message is what there is to say */
  }
  if (find_largest(session, bytes, available, &largest, NULL) != SS_OK) {
    largest = 0; /* some methods take not every batch */
  }
  const double megabytes = (double)bytes / 1e6, free_megabytes = (double)available / 1e6;
  return largest == 0
             ? ss_fail(error, SS_NO_MEMORY,
                       "not enough memory on the GPU for a batch of %d: it takes %.0f MB, %.0f MB are free; use a "
                       "smaller --batch, --size or --width",
                       batch, megabytes, free_megabytes)
             : ss_fail(
                   error, SS_NO_MEMORY,
                   "not enough memory on the GPU for a batch of %d: it takes %.0f MB, %.0f MB are free; the largest "
                   "that fits is --batch %d",
                   batch, megabytes, free_megabytes, largest);
}
