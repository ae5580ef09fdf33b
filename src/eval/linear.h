/* Linear probes: softmax regression on frozen features. */
#ifndef SS_EVAL_LINEAR_H
#define SS_EVAL_LINEAR_H

#include "features/features.h"

typedef enum ss_probe_protocol {
  SS_PROBE_LBFGS, /* standardised features, mean cross-entropy + 1e-4 x sum of squared weights, 100 iterations of L-BFGS
                   */
  SS_PROBE_SGD /* the papers': batch norm without affine, batch 192, SGD 0.9, weight decay 5e-4, 0.01 / 10 at 10 and 20
                  of 30 epochs */
} ss_probe_protocol;

typedef struct ss_probe_options {
  ss_probe_protocol protocol;
  int threads; /* 0: the processors there are */
  uint64_t seed;
  ss_ways *ways; /* kernel choices; may be NULL */
} ss_probe_options;

/* Accuracies on the test features, in per cent; top5 is 100 when there are at most five classes. */
typedef struct ss_probe_result {
  double top1, top5;
  double loss; /* of training, at the end */
} ss_probe_result;

/* Trains on `train` and measures on `test`. Labels are 0 to classes - 1. Both features are standardised in place
 * (L-BFGS). */
ss_status ss_probe_linear(ss_features *train, ss_features *test, int classes, const ss_probe_options *options,
                          ss_probe_result *result, ss_error *error);

/* Which classes each of the training samples shows: both (count, classes). */
typedef struct ss_label_sets {
  const float *targets; /* 1 it shows it, 0 it does not */
  const float *weights; /* 1; 0: left out (it is hard to say) */
  int classes;
} ss_label_sets;

/* A logistic regression for each class, of the L-BFGS protocol: standardised features, mean cross-entropy + 1e-4 x sum
 * of squared weights, 100 iterations for all together. `scores` (test count, classes) takes the logits of the test
 * features. Both features are standardised in place. */
ss_status ss_probe_label_sets(ss_features *train, ss_features *test, const ss_label_sets *sets,
                              const ss_probe_options *options, float *scores, ss_error *error);

#endif
