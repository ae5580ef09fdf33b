/* Pictures by the cluster that the network puts them into. */
#ifndef SS_METHODS_CLUSTER_SHEET_H
#define SS_METHODS_CLUSTER_SHEET_H

#include "methods/method.h"

/* A sheet of a batch's samples, a row for each of the clusters predicted most often; logits (batch, classes), pictures
 * (batch, size, size, 3). */
ss_status ss_sheet_of_clusters(const ss_task *task, const float *pictures, const float *logits, int64_t classes,
                               int batch, ss_image *out, ss_error *error);

#endif
