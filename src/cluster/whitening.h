/* Principal components and whitening, as DeepCluster prepares features for k-means (Caron 2018, section 3.3: PCA to 256
 * dimensions, whitened, each row scaled to length one). */
#ifndef SS_CLUSTER_WHITENING_H
#define SS_CLUSTER_WHITENING_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* y = matrix (x - mean). A zeroed struct is an empty one. */
typedef struct ss_whitening {
  int64_t d;          /* dimensions in */
  int64_t components; /* and out */
  float *mean;        /* (d) */
  float *matrix;      /* (components, d) principal axes, the greatest variance first, each over the deviation along it;
                         of an axis the number of greatest magnitude is positive */
  double *variances;  /* (components) along the axes, of n - 1 degrees of freedom */
} ss_whitening;

/* Fits to the rows of x (n, d): n >= 2, 1 <= components <= d. Variances below `epsilon` (0 to 1) of the greatest count
 * as that: directions in which there is next to nothing (all of those beyond n - 1) come out small instead of as noise
 * blown up. 1e-6 suits float32. Rows that are all the same give a matrix of zeros. Numbers that are not finite or
 * beyond 1e15 are errors. On an error *out is empty; freed with ss_whitening_free. */
ss_status ss_whitening_fit(const float *x, int64_t n, int64_t d, int64_t components, double epsilon, int threads,
                           ss_whitening *out, ss_error *error);
void ss_whitening_free(ss_whitening *whitening);

/* y (n, components) = the rows of x (n, d) whitened; with `normalise` each scaled to length one (rows of zeros stay).
 */
ss_status ss_whitening_apply(const ss_whitening *whitening, const float *x, int64_t n, bool normalise, int threads,
                             float *y, ss_error *error);

#endif
