/* Reading what a run has left, for the report. */
#ifndef SS_CLI_REPORT_RUN_H
#define SS_CLI_REPORT_RUN_H

#include "report/report.h"

/* Fills everything but the pictures of the data (map, queries) from the files of the run folder `path`. What is not
 * there leaves a sentence that names the command that makes it. SS_FAILED where there is no run folder, or its
 * config.json cannot be read. */
ss_status ss_report_read_run(ss_pool *pool, const char *path, ss_report_run *run, ss_error *error);

/* Fills filters from backbone.safetensors and samples from samples/, downscaled (report_pictures.c). */
ss_status ss_report_read_filters(ss_pool *pool, ss_report_run *run, ss_error *error);
ss_status ss_report_read_samples(ss_pool *pool, ss_report_run *run, ss_error *error);

#endif
