/* The cosines of features with all others, a block of rows at a time. */
#ifndef SS_EVAL_COSINES_H
#define SS_EVAL_COSINES_H

#include "features/features.h"

#define SS_COSINE_ROWS 256 /* rows of a block, at most */

/* Takes the cosines (count, all->count) of rows first to first + count - 1. */
typedef ss_status (*ss_cosine_taker)(void *taker, const float *cosines, int64_t first, int64_t count, ss_error *error);

/* Compares each of `rows` with each of `all`, block by block in order: one matrix product each. A row of zeros has
 * cosine 0 with everything. threads 0: the processors there are; `ways`: kernel choices, may be NULL. SS_FAILED when
 * one of the two is empty or their dimensions differ. */
ss_status ss_cosines(const ss_features *all, const ss_features *rows, int threads, ss_ways *ways, ss_cosine_taker take,
                     void *taker, ss_error *error);

/* Writes the indices of the k largest of `count` cosines to `nearest` (k), the largest first; of equals the lower index
 * first. k is at most count. */
void ss_most_similar(const float *cosines, int64_t count, int k, int32_t *nearest);

#endif
