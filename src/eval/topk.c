#include "eval/topk.h"

#include <stdbool.h>

/* The rank of the label among the logits: how many are larger, equal ones before it counted as larger. A logit that is
 * no number is larger than any and smaller than any: never to the label's advantage. */
static int rank_of(const float *logits, int classes, int label) {
  int rank = 0;
  for (int c = 0; c < classes; c++) {
    const bool behind = logits[c] < logits[label] || (logits[c] == logits[label] && c > label);
    rank += c != label && !behind;
  }
  return rank;
}

void ss_topk_add(ss_topk *topk, const float *logits, const int32_t *labels, int64_t count, int classes) {
  topk->count += count;
  for (int64_t i = 0; i < count; i++) {
    if (labels[i] >= 0 && labels[i] < classes) {
      const int rank = rank_of(logits + i * classes, classes, labels[i]);
      topk->first += rank < 1;
      topk->five += rank < 5;
    }
  }
}

double ss_topk_top1(const ss_topk *topk) {
  return 100.0 * (double)topk->first / (double)topk->count;
}

double ss_topk_top5(const ss_topk *topk) {
  return 100.0 * (double)topk->five / (double)topk->count;
}
