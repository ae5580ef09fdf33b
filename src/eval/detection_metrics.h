/* How well boxes were found: average precision as Pascal VOC and as COCO count it. */
#ifndef SS_EVAL_DETECTION_METRICS_H
#define SS_EVAL_DETECTION_METRICS_H

#include "base/bounding_box.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A box that is there. `ignored` (VOC's difficult): it need not be found, and finding it is neither right nor wrong. */
typedef struct ss_true_box {
  int32_t picture; /* 0 to pictures - 1 */
  int32_t label;   /* 0 to classes - 1 */
  ss_bounding_box box;
  bool ignored;
} ss_true_box;

/* A box that was found. */
typedef struct ss_found_box {
  int32_t picture;
  int32_t label;
  float score; /* larger: surer */
  ss_bounding_box box;
} ss_found_box;

typedef struct ss_boxes {
  const ss_true_box *truth;
  size_t truth_count;
  const ss_found_box *found;
  size_t found_count;
  int pictures, classes;
} ss_boxes;

/* In per cent. Means are over the classes that have a box that is not ignored; NaN where there is none. */
typedef struct ss_detection_score {
  double voc_ap50;       /* VOC from 2010 on: the area under the envelope of precision over recall, IoU 0.5 */
  double voc07_ap50;     /* VOC 2007: mean precision at recall 0, 0.1 ... 1 */
  double ap, ap50, ap75; /* COCO: 101 recalls; mean over IoU 0.5, 0.55 ... 0.95, at 0.5, at 0.75; 100 boxes a picture */
} ss_detection_score;

/* Of boxes of equal score the one found first counts as the surer. VOC (Everingham et al., IJCV 2010, section 4.4; the
 * devkit's VOCevaldet): a found box belongs to the true box of its class that it overlaps most; the second that belongs
 * to one is wrong. COCO (Lin et al., ECCV 2014; cocoeval): it belongs to the one of those not yet taken that it
 * overlaps most. `per_class` (classes) or NULL takes each class's voc_ap50, NaN of one without boxes. SS_FAILED for
 * labels or pictures out of range and scores that are NaN. */
ss_status ss_detection_measure(const ss_boxes *boxes, ss_detection_score *score, double *per_class, ss_error *error);

#endif
