/* Looking on while a backbone is pretrained: k-NN accuracy, where the data has classes. Nothing of the training
 * changes. */
#ifndef SS_EVAL_WATCH_H
#define SS_EVAL_WATCH_H

#include "features/features.h"
#include "train/config.h"

#define SS_WATCH_TRAIN 5000 /* samples at most, classes in turn */
#define SS_WATCH_TEST 1000

typedef struct ss_watch ss_watch;

/* Opens DATA, or reads `source` in its place, which is borrowed, unless that is NULL. *watch is NULL, with SS_OK, where
 * there is nothing to measure: no labels, or no test part can be made. The options' `ways` must outlive it; `layer` is
 * not read. */
ss_status ss_watch_open(const char *data, const ss_source *source, const ss_feature_options *options, ss_watch **watch,
                        ss_error *error);
void ss_watch_close(ss_watch *watch); /* NULL is fine */

/* The k-NN accuracy, in per cent, of the parameters "backbone. ..." of a store, which are copied first. */
ss_status ss_watch_measure(const ss_watch *watch, const ss_parameters *parameters, const ss_backbone_options *backbone,
                           double *top1, ss_error *error);

/* What an observer's `measure` needs: a watch over a run's data, opened at the first measurement, when the
 * configuration is complete. Zeroed but for `config`, which must outlive it. */
typedef struct ss_run_watch {
  const ss_config *config;
  ss_watch *watch; /* NULL: not opened yet, or nothing to measure */
  bool opened;
} ss_run_watch;

/* ss_watch_measure of the run's data; `top1` stays as it is where there is nothing to measure. */
ss_status ss_run_watch_measure(ss_run_watch *run, const ss_parameters *parameters, const ss_backbone_options *backbone,
                               double *top1, ss_error *error);
void ss_run_watch_close(ss_run_watch *run);

#endif
