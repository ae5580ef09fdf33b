/* What a semantic segmentation is worth, from its confusion matrix (Long, Shelhamer and Darrell, "Fully convolutional
 * networks for semantic segmentation", CVPR 2015, section 5). */
#ifndef SS_EVAL_SEGMENTATION_METRICS_H
#define SS_EVAL_SEGMENTATION_METRICS_H

#include <stdint.h>

/* All in per cent. Means are over the classes that occur, in the truth or as predicted; of accuracy, in the truth. The
 * background is a class like any other, as Pascal VOC counts. */
typedef struct ss_segmentation_metrics {
  double pixel_accuracy; /* sum_i n_ii / sum_i t_i */
  double mean_accuracy;  /* mean_i n_ii / t_i */
  double mean_iou;       /* mean_i n_ii / (t_i + sum_j n_ji - n_ii) */
  double weighted_iou;   /* IoU weighted by the share of pixels of the class */
} ss_segmentation_metrics;

/* Adds `count` pixels to confusion (classes, classes), rows by the truth, columns by what was predicted. Pixels whose
 * truth is not 0 to classes - 1 (void) are left out; predictions must be 0 to classes - 1. */
void ss_confusion_add(int64_t *confusion, int classes, const int32_t *truth, const int32_t *predicted, int64_t count);

/* The metrics, and iou (classes): of each class in per cent, NaN of those that do not occur. NaN without any pixel. */
ss_segmentation_metrics ss_segmentation_measure(const int64_t *confusion, int classes, double *iou);

#endif
