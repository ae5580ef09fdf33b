/* The trainer: pretrains a backbone with a method, into a run folder. */
#ifndef SS_TRAIN_TRAINER_H
#define SS_TRAIN_TRAINER_H

#include "train/config.h"

/* Whoever runs a trainer may watch it. All are optional; all are called from the thread that called ss_train, but for
 * note, which may come from a loader thread too, one at a time there. */
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

typedef struct ss_train_request {
  ss_config *config; /* resolved and completed by the trainer; the caller's */
  const char *out;   /* the run folder */
  bool resume;
  bool profile; /* writes profile.txt, profile.json and trace.json beside the metrics */
  ss_observer observer;
} ss_train_request;

/* Trains. SS_INTERRUPTED: stopped on request, checkpoint saved. SS_FAILED with a message otherwise; the last checkpoint
 * stays. */
ss_status ss_train(const ss_train_request *request, ss_train_result *result, ss_error *error);

#endif
