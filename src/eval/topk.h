/* Top-1 and top-5 accuracy. */
#ifndef SS_EVAL_TOPK_H
#define SS_EVAL_TOPK_H

#include <stdint.h>

/* Counted so far; a zeroed struct is empty. */
typedef struct ss_topk {
  int64_t count, first, five; /* rows; those whose label is the largest logit, is among the five largest */
} ss_topk;

/* Counts rows of logits (count, classes). Of equal logits the lower class counts as larger. A label that is no class
 * counts as wrong. */
void ss_topk_add(ss_topk *topk, const float *logits, const int32_t *labels, int64_t count, int classes);

/* In per cent; top-5 is 100 when there are at most five classes. */
double ss_topk_top1(const ss_topk *topk);
double ss_topk_top5(const ss_topk *topk);

#endif
