#include "data/labels.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

ss_status ss_labels_choose(const int32_t *labels, uint32_t count, int classes, double share, ss_random *random,
                           bool *chosen, ss_error *error) {
  uint32_t *left = NULL, *order = NULL; /* what each class may still take; positions in a random order */
  ss_status status = ss_alloc((void **)&left, (size_t)classes, sizeof *left, "the classes", error);
  if (status == SS_OK) {
    status = ss_alloc((void **)&order, count, sizeof *order, "the labels", error);
  }
  for (uint32_t i = 0; i < count && status == SS_OK; i++) {
    order[i] = i;
    if (labels[i] >= 0) {
      left[labels[i]]++;
    }
  }
  for (int c = 0; c < classes && status == SS_OK; c++) {
    const uint32_t quota = (uint32_t)lround(share * left[c]);
    left[c] = quota > 0 ? quota : 1;
  }
  if (status == SS_OK) {
    ss_random_shuffle(random, order, count);
  }
  for (uint32_t i = 0; i < count && status == SS_OK; i++) {
    const int32_t label = labels[order[i]];
    chosen[order[i]] = label >= 0 && left[label] > 0;
    if (chosen[order[i]]) {
      left[label]--;
    }
  }
  free(left);
  free(order);
  return status;
}
