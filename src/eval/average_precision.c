#include "eval/average_precision.h"

#include <math.h>
#include <stdlib.h>

static int by_cosine(const void *a, const void *b) {
  const ss_ranked *x = a, *y = b;
  if (x->cosine != y->cosine) {
    return x->cosine > y->cosine ? -1 : 1;
  }
  return x->row < y->row ? -1 : 1;
}

double ss_average_precision(const float *cosines, const int32_t *labels, int64_t count, int32_t label,
                            ss_ranked *order) {
  for (int64_t i = 0; i < count; i++) {
    order[i] = (ss_ranked){.cosine = cosines[i], .row = (int32_t)i};
  }
  qsort(order, (size_t)count, sizeof *order, by_cosine);
  int64_t right = 0;
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) {
    if (labels[order[i].row] == label) {
      right++;
      sum += (double)right / (double)(i + 1);
    }
  }
  return right > 0 ? sum / (double)right : NAN;
}
