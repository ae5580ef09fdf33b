/* Semantic segmentation as a dense task: a class for each pixel. */
#ifndef SS_EVAL_SEGMENTATION_TASK_H
#define SS_EVAL_SEGMENTATION_TASK_H

#include "eval/dense_transfer.h"
#include "eval/segmentation_metrics.h"

/* What the task has counted. Opaque. */
typedef struct ss_segmentation ss_segmentation;

/* train_values: the training part's counts of values (ss_dense_set_survey). SS_FAILED for fewer than two classes. */
ss_status ss_segmentation_new(const uint64_t *train_values, int classes, ss_segmentation **out, ss_error *error);
void ss_segmentation_free(ss_segmentation *segmentation);

/* The task: softmax cross-entropy over the pixels that are not void. It counts into `segmentation`, which it borrows.
 */
ss_dense_task ss_segmentation_task(ss_segmentation *segmentation);

/* The metrics of what was counted, from which counting then begins anew; iou (classes). */
ss_segmentation_metrics ss_segmentation_take(ss_segmentation *segmentation, double *iou);

/* The metrics of predicting the training part's most frequent class everywhere, from the parts' counts of values; iou
 * (classes). */
ss_status ss_segmentation_constant(const uint64_t *train_values, const uint64_t *test_values, int classes,
                                   ss_segmentation_metrics *metrics, double *iou, ss_error *error);

#endif
