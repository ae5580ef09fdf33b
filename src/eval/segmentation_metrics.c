#include "eval/segmentation_metrics.h"

#include <math.h>

void ss_confusion_add(int64_t *confusion, int classes, const int32_t *truth, const int32_t *predicted, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (truth[i] >= 0 && truth[i] < classes) {
      confusion[(int64_t)truth[i] * classes + predicted[i]]++;
    }
  }
}

ss_segmentation_metrics ss_segmentation_measure(const int64_t *confusion, int classes, double *iou) {
  double all = 0.0, right = 0.0, accuracies = 0.0, ious = 0.0, weighted = 0.0;
  int in_truth = 0, occurring = 0;
  for (int i = 0; i < classes; i++) {
    int64_t truth = 0, predicted = 0; /* t_i and sum_j n_ji */
    for (int j = 0; j < classes; j++) {
      truth += confusion[(int64_t)i * classes + j];
      predicted += confusion[(int64_t)j * classes + i];
    }
    const int64_t hit = confusion[(int64_t)i * classes + i], either = truth + predicted - hit;
    all += (double)truth;
    right += (double)hit;
    if (truth > 0) {
      accuracies += (double)hit / (double)truth;
      in_truth++;
    }
    iou[i] = either > 0 ? 100.0 * (double)hit / (double)either : NAN;
    if (either > 0) {
      ious += iou[i];
      weighted += (double)truth * iou[i];
      occurring++;
    }
  }
  if (all == 0.0) {
    return (ss_segmentation_metrics){NAN, NAN, NAN, NAN};
  }
  return (ss_segmentation_metrics){100.0 * right / all, 100.0 * accuracies / in_truth, ious / occurring,
                                   weighted / all};
}
