/* Of boxes that overlap much, the surest alone is kept. */
#ifndef SS_EVAL_NON_MAXIMUM_SUPPRESSION_H
#define SS_EVAL_NON_MAXIMUM_SUPPRESSION_H

#include "eval/detection_metrics.h"

/* Keeps, of one picture's boxes, those that no surer one of the same class overlaps by an IoU above `most_iou`, at most
 * `most` of them, the surest first (of equals the earlier). Works in place; returns how many are left. O(count x left).
 */
size_t ss_non_maximum_suppression(ss_found_box *boxes, size_t count, double most_iou, size_t most);

#endif
