/* Inside the trainer: everything a run has in memory. */
#ifndef SS_TRAIN_SESSION_H
#define SS_TRAIN_SESSION_H

#include "data/loader.h"
#include "engine/plan.h"
#include "train/device_views.h"
#include "train/metrics.h"
#include "train/run.h"
#include "train/trainer.h"

#define SS_HELD_OUT_MOST 1000 /* samples that the pretext score is measured on */

/* One graph with its plan: a player's training step, or the evaluation of the score. */
typedef struct ss_recorded {
  ss_graph *graph;
  ss_plan *plan;
  ss_build build;
} ss_recorded;

/* What a loader thread owns. */
typedef struct ss_worker {
  ss_view_scratch scratch;
  ss_image work[SS_WORK_IMAGES];
} ss_worker;

/* What an evaluation gives: means over the held-out samples, NaN where there is none. */
typedef struct ss_held_scores {
  double score, chance; /* in the unit they are shown in */
  double reports[SS_MAX_REPORTS];
} ss_held_scores;

typedef struct ss_session {
  ss_config *config;
  const ss_observer *observer;
  const ss_source *source; /* the configuration's, or `opened` */
  ss_source *opened;
  ss_subset train, held;
  uint32_t *ranks; /* of each sample of the source: its place in train or in held */
  int32_t *labels; /* of train's samples */
  bool held_out;   /* held was taken from the training part */
  ss_task task, held_task;
  bool configured;
  const ss_device *device;
  ss_parameters *parameters;
  ss_recorded players[SS_MAX_PLAYERS];
  ss_optimizer *optimizers[SS_MAX_PLAYERS];
  int player_count;
  ss_recorded evaluation; /* plan NULL: the method has no score, or there is nothing to measure it on */
  ss_loader *loader;
  ss_device_views *device_views; /* NULL: the processors make all views */
  ss_worker *workers; /* the training loader's threads', and after them that of scoring, which goes on beside them */
  int worker_count;   /* of the training loader */
  int64_t step, batches, steps, steps_per_epoch;
  int accumulate;
} ss_session;

/* Opens the data, completes the configuration and configures the method. */
ss_status ss_session_open(ss_session *session, ss_config *config, const ss_observer *observer, ss_error *error);
/* Records and plans the graphs, draws the initial weights. */
ss_status ss_session_record(ss_session *session, ss_error *error);
/* Records the method's graph on a batch of the task's, in training with the player's gradients. */
ss_status ss_session_record_graph(const ss_session *session, const ss_task *task, bool training, int player,
                                  ss_recorded *recorded, ss_error *error);
/* How the session plans its graphs. */
ss_plan_options ss_session_plan_options(const ss_session *session);
/* SS_NO_MEMORY with, in place of the message that is there, what the batch takes of the device's memory, what is free
 * and the largest batch that fits. The session has no plans then. */
ss_status ss_session_tell_memory(ss_session *session, ss_error *error);
/* Starts the loader where session->batches says. It keeps decoded pictures if they fit in `cache_bytes`. */
ss_status ss_session_start_loader(ss_session *session, size_t cache_bytes, ss_error *error);
void ss_session_close(ss_session *session);
/* What every loader of a session has in common; to it come the samples, the batch and how it ends. */
ss_loader_options ss_session_loader_options(ss_session *session, bool held_out);
/* What the loader's threads own, once. */
ss_status ss_session_make_workers(ss_session *session, ss_error *error);

/* Copies a batch's slots, sample by sample, into a graph's inputs, view by view. */
void ss_session_fill(const ss_task *task, const ss_recorded *recorded, const ss_batch *batch);
/* The same for a player's graph and a batch of the session's loader, whose views may be made on the device. */
ss_status ss_session_fill_player(ss_session *session, int player, const ss_batch *batch, ss_error *error);

ss_run_state ss_session_state(ss_session *session);
/* Sends a line to the observer. */
void ss_session_note(const ss_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Measures the pretext score on the held-out samples. */
ss_status ss_session_score(ss_session *session, ss_held_scores *scores, ss_error *error);

/* The spread of the embeddings of the last step: sqrt(D) x the mean over dimensions of the deviation of the normalised
 * embeddings (SimSiam, section 4.1): 1 when they fill the sphere, 0 when all are one. NaN without embeddings. */
double ss_session_spread(const ss_session *session);

/* Draws samples/NAME.png of the last batch and logs it. */
ss_status ss_session_picture(const ss_session *session, const char *out, const char *name, ss_metrics *metrics,
                             ss_error *error);

/* ss_task.features of the session, which is its context. */
ss_status ss_session_features(void *session, const ss_feature_request *request, ss_error *error);

/* Merges the configuration of an existing run into what the user asks for now. SS_USAGE naming what differs. */
ss_status ss_resume_merge(ss_config *config, const ss_config *before, ss_error *error);

#endif
