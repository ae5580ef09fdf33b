/* A run folder: its files, and what is in a checkpoint. */
#ifndef SS_TRAIN_RUN_H
#define SS_TRAIN_RUN_H

#include "engine/optimizer.h"
#include "train/config.h"

/* "OUT/NAME", owned by the caller. */
ss_status ss_run_path(const char *out, const char *name, char **path, ss_error *error);

/* Whether this is a run folder: one with a config.json. */
bool ss_run_exists(const char *out);
/* A new run must not be one that exists (it has a config.json): an error that says --resume. */
ss_status ss_run_check_new(const char *out, ss_error *error);
/* Makes the run's folders, where they are missing. */
ss_status ss_run_create(const char *out, ss_error *error);

bool ss_run_has_checkpoint(const char *out);

/* What a run is at, at the end of an update. */
typedef struct ss_run_state {
  const ss_task *task;
  ss_parameters *parameters;
  ss_optimizer *optimizers[SS_MAX_PLAYERS];
  int players;
  int64_t step;    /* updates done */
  int64_t batches; /* batches consumed, step x accumulate */
} ss_run_state;

/* checkpoint.safetensors: parameters, optimisers, the method's state, counters. The same state is the same bytes. */
ss_status ss_checkpoint_write(const char *out, const ss_run_state *state, ss_error *error);
/* Reads it back into a state whose parameters, optimisers and arrays exist already. Nothing is changed on an error. */
ss_status ss_checkpoint_read(const char *out, ss_run_state *state, ss_error *error);

#endif
