/* Nearest rows: the arg min over a table of vectors that k-means and quantisation spend their time in. */
#ifndef SS_ENGINE_NEAREST_H
#define SS_ENGINE_NEAREST_H

#include "base/status.h"

#include <stdint.h>

/* nearest[i] = the row of c (k, d) with the least squared Euclidean distance to row i of x (n, d), the first of equals;
 * both row-major float32 and finite. Distances are compared as ||c||^2 / 2 - x.c, after the mean of c was subtracted
 * from both, with the error of float32 sums: rows nearer to each other than that may take each other's place. Each
 * row's answer is the same bits whatever n and the number of threads. k below 2^31 - 64; SS_NO_MEMORY is the only
 * error. */
ss_status ss_nearest(const float *x, int64_t n, const float *c, int64_t k, int64_t d, int threads, int32_t *nearest,
                     ss_error *error);

#endif
