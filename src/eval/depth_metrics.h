/* What predicted depths are worth (Eigen, Puhrsch and Fergus, "Depth map prediction from a single image using a
 * multi-scale deep network", NIPS 2014, section 4; log10: Saxena, Sun and Ng, "Make3D", PAMI 2009). */
#ifndef SS_EVAL_DEPTH_METRICS_H
#define SS_EVAL_DEPTH_METRICS_H

#include <stdint.h>

/* Sums over the pixels seen so far; zeroed at first. */
typedef struct ss_depth_sums {
  int64_t count;
  double relative, square, log10, square_log;
  int64_t pictures; /* of which anything was measured */
  double variance;  /* of log p - log t within each picture, summed over them */
  int64_t within[3];
} ss_depth_sums;

/* Means over all pixels of all pictures, but for the last. */
typedef struct ss_depth_metrics {
  double abs_rel;         /* |p - t| / t */
  double rmse;            /* sqrt of the mean (p - t)^2, in metres */
  double rmse_log;        /* the same of natural logarithms */
  double log10;           /* |log10 p - log10 t| */
  double delta[3];        /* per cent of pixels with max(p / t, t / p) < 1.25, 1.25^2, 1.25^3 */
  double scale_invariant; /* sqrt of the mean over pictures of 1/n sum d^2 - 1/n^2 (sum d)^2, d = log p - log t
                             (equation 1): how wrong the shape is, whatever the scale */
} ss_depth_metrics;

/* Adds a picture of `count` pixels: depths in metres. Those whose truth is not above 0 (nothing measured) are left out;
 * predictions must be above 0. */
void ss_depth_add(ss_depth_sums *sums, const float *truth, const float *predicted, int64_t count);

/* NaN without any pixel. */
ss_depth_metrics ss_depth_measure(const ss_depth_sums *sums);

#endif
