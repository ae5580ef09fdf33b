/* Depth from a single picture as a dense task: the logarithm of the depth at each pixel. */
#ifndef SS_EVAL_DEPTH_TASK_H
#define SS_EVAL_DEPTH_TASK_H

#include "eval/dense_transfer.h"
#include "eval/depth_metrics.h"

/* What the task needs to know and what it has summed up. */
typedef struct ss_depth {
  double scale;  /* the map's units a metre */
  float nearest; /* depths in metres between which pictures are coloured */
  float farthest;
  float middle; /* the training part's median, and its logarithm */
  float log_middle;
  ss_depth_sums sums;
  float *truth, *predicted; /* of a picture; owned */
  size_t capacity;
} ss_depth;

/* From the training part's counts of values (ss_dense_set_survey). SS_FAILED when nothing was measured in it. */
ss_status ss_depth_start(ss_depth *depth, double scale, const uint64_t *train_values, ss_error *error);
void ss_depth_free(ss_depth *depth);

/* The task: the scale-invariant error in log space with lambda 0.5 (Eigen, Puhrsch and Fergus 2014, equation 4); what
 * is shown n times as large is n times as near (their section 3.3). It sums up in `depth`, which it borrows. */
ss_dense_task ss_depth_task(ss_depth *depth);

/* The metrics of what was summed up, which then begins anew. */
ss_depth_metrics ss_depth_take(ss_depth *depth);

/* The metrics of predicting the training part's median everywhere, on the test part's counts of values; without the
 * scale-invariant error, which those do not tell. */
ss_depth_metrics ss_depth_constant(const ss_depth *depth, const uint64_t *test_values);

#endif
