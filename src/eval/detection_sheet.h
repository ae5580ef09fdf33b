/* The picture of a detection: test pictures with the boxes that are there, and with those that networks found. */
#ifndef SS_EVAL_DETECTION_SHEET_H
#define SS_EVAL_DETECTION_SHEET_H

#include "eval/detection.h"

/* Draws up to eight test pictures, a row each: in the first column the true boxes, then one column for each network's
 * finds that are at least 0.3 sure and that no surer one overlaps much, in the right colour where the class and the box
 * (IoU 0.5) are right. `out` is overwritten. */
ss_status ss_detection_sheet(const ss_box_set *set, const ss_subset *test, const ss_detections *networks, int count,
                             ss_image *out, ss_error *error);

#endif
