/* The trainer: pretrains a backbone with a method, into a run folder. */
#ifndef SS_TRAIN_TRAINER_H
#define SS_TRAIN_TRAINER_H

#include "train/config.h"

/* What a run tells while it goes on. */
typedef struct ss_progress {
  int64_t step, steps; /* updates done, and in all */
  double epoch;        /* epochs done */
  double loss;         /* mean since the last report */
  double rate;         /* learning rate */
  double images_per_s; /* source images, since the last report */
  double seconds_left;
  double data_wait_fraction; /* of the time since the last report */
  double spread;             /* of the embeddings: 1 spread over all directions, 0 collapsed; NaN without embeddings */
} ss_progress;

/* Whoever runs a trainer may watch it. All are optional; all are called from the thread that called ss_train. */
typedef struct ss_observer {
  void *context;
  void (*progress)(void *context, const ss_progress *progress);
  void (*planned)(void *context, const ss_config *config); /* kernels are chosen and config.json is written */
  void (*note)(void *context, const char *line);           /* one line worth reading, without a newline */
  bool (*should_stop)(void *context);                      /* asked at each step: save and return SS_INTERRUPTED */
  /* Every knn_every epochs where the data has labels: measures the backbone ("backbone. ..." in `parameters`), per
   * cent. */
  ss_status (*measure)(void *context, const ss_parameters *parameters, const ss_backbone_options *backbone,
                       double *accuracy, ss_error *error);
} ss_observer;

/* The figures of a finished (or interrupted) run: what `pretrain --json` prints. */
typedef struct ss_train_result {
  int64_t steps;
  double epochs;
  int64_t images_seen;
  double images_per_s; /* steady state: without the first steps */
  double step_ms;      /* median */
  double data_wait_fraction;
  double loss;          /* of the last steps */
  double score, chance; /* NaN where there is none */
  double seconds;       /* of this call */
  double peak_rss_mb;
  bool finished_before; /* there was nothing left to do */
} ss_train_result;

typedef struct ss_train_request {
  ss_config *config; /* resolved and completed by the trainer; the caller's */
  const char *out;   /* the run folder */
  bool resume;
  bool profile; /* writes profile.txt and trace.json beside the metrics */
  ss_observer observer;
} ss_train_request;

/* Trains. SS_INTERRUPTED: stopped on request, checkpoint saved. SS_FAILED with a message otherwise; the last checkpoint
 * stays. */
ss_status ss_train(const ss_train_request *request, ss_train_result *result, ss_error *error);

#endif
