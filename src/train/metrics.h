/* What is logged while a run goes on: metrics.jsonl, and the same for TensorBoard. */
#ifndef SS_TRAIN_METRICS_H
#define SS_TRAIN_METRICS_H

#include "base/json.h"
#include "engine/parameters.h"

typedef struct ss_metrics ss_metrics;

/* First drops the lines of steps after `step` from metrics.jsonl (a run that was killed had logged on), and begins a
 * new event file that takes the place of what the others hold of them. */
ss_status ss_metrics_open(const char *out, int64_t step, ss_metrics **metrics, ss_error *error);
void ss_metrics_close(ss_metrics *metrics);

/* Appends a line, an object with its "step"; its numbers are TensorBoard's scalars. */
ss_status ss_metrics_append(ss_metrics *metrics, const cJSON *line, ss_error *error);
/* A PNG file of the run, as TensorBoard's image "samples". */
ss_status ss_metrics_picture(ss_metrics *metrics, int64_t step, const char *path, int width, int height,
                             ss_error *error);
/* The distribution of each trainable parameter, as TensorBoard's histograms "weights/NAME". */
ss_status ss_metrics_weights(ss_metrics *metrics, int64_t step, const ss_parameters *parameters, ss_error *error);

#endif
