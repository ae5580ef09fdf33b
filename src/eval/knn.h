/* Weighted k-nearest-neighbour classification of frozen features (Wu et al. 2018, section 3.4): no training, so a quick
 * and honest look at what was learned. */
#ifndef SS_EVAL_KNN_H
#define SS_EVAL_KNN_H

#include "features/features.h"

typedef struct ss_knn_options {
  int k;             /* 20 */
  float temperature; /* 0.07 */
  int threads;       /* 0: the processors there are */
  ss_ways *ways;     /* kernel choices; may be NULL */
} ss_knn_options;
#define SS_KNN_DEFAULTS \
  { .k = 20, .temperature = 0.07f }

/* top1: the share of test features, in per cent, whose class gathers the most exp(cosine / temperature) among their k
 * most similar training features. Of equal similarities the earlier one counts. SS_FAILED when the dimensions differ.
 */
ss_status ss_knn(const ss_features *train, const ss_features *test, int classes, const ss_knn_options *options,
                 double *top1, ss_error *error);

#endif
