/* Parts of the counting method: its loss and score, and what it shows. */
#ifndef SS_METHODS_IMAGE_COUNTING_H
#define SS_METHODS_IMAGE_COUNTING_H

#include "methods/method.h"

#define SS_COUNTING_TILES 4

/* The counts of N pictures: (N, F) each. */
typedef struct ss_counts {
  ss_tensor *whole;  /* phi(D x), of the down-sampled picture */
  ss_tensor *summed; /* the sum of phi(T_j x) over its four tiles */
} ss_counts;

/* From phi (5N, F) of all down-sampled pictures, then all first tiles, all second ones ... */
ss_counts ss_counts_of(ss_graph *graph, ss_tensor *phi);

/* Equation 4, the mean over x, with the next picture of the batch as y (the last one's is the first):
 * |phi(D x) - sum_j phi(T_j x)|^2 + max(0, margin - |phi(D y) - sum_j phi(T_j x)|^2). `distance`, if not NULL, is given
 * the mean of the first term. */
ss_tensor *ss_counting_loss(ss_graph *graph, ss_counts counts, float margin, ss_tensor **distance);

/* The share of pictures whose tiles' summed counts are nearer to the picture's own than to any other's of the batch. */
ss_tensor *ss_counting_score(ss_graph *graph, ss_counts counts);

/* Columns of the down-sampled picture, its tiles, and the 16 most frequent counts: the picture's upwards, those of its
 * tiles together downwards, framed by whether the picture was found by them. */
ss_status ss_sheet_of_counts(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error);

#endif
