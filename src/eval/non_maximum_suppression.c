#include "eval/non_maximum_suppression.h"

/* The surest of boxes[0..count), the first of equals. */
static size_t surest(const ss_found_box *boxes, size_t count) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++) {
    best = boxes[i].score > boxes[best].score ? i : best;
  }
  return best;
}

/* The kept ones grow from the front; what is left stands behind them in its old order. */
size_t ss_non_maximum_suppression(ss_found_box *boxes, size_t count, double most_iou, size_t most) {
  size_t kept = 0;
  while (kept < count && kept < most) {
    const size_t at = kept + surest(boxes + kept, count - kept);
    const ss_found_box best = boxes[at];
    size_t left = count;
    for (size_t i = count; i-- > kept;) { /* from the end, so that the order of what is left holds */
      const bool same = boxes[i].label == best.label;
      if (i != at && !(same && ss_bounding_box_iou(&boxes[i].box, &best.box) > most_iou)) {
        boxes[--left] = boxes[i];
      }
    }
    const size_t rest = count - left;
    boxes[kept++] = best;
    for (size_t i = 0; i < rest; i++) {
      boxes[kept + i] = boxes[left + i];
    }
    count = kept + rest;
  }
  return kept;
}
