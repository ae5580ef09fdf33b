/* Average precision of a ranking by cosine. */
#ifndef SS_EVAL_AVERAGE_PRECISION_H
#define SS_EVAL_AVERAGE_PRECISION_H

#include <stdint.h>

typedef struct ss_ranked {
  float cosine;
  int32_t row;
} ss_ranked;

/* Ranks `count` rows by their cosine, of equals the earlier first: the mean, over the rows with `label`, of the share
 * of that label among all rows up to there (Philbin et al. 2007, section 3.1); NaN where no row has it. `order` (count)
 * is room to work in. */
double ss_average_precision(const float *cosines, const int32_t *labels, int64_t count, int32_t label,
                            ss_ranked *order);

#endif
