#include "eval/depth_metrics.h"

#include <math.h>

void ss_depth_add(ss_depth_sums *sums, const float *truth, const float *predicted, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (!(truth[i] > 0.0f)) {
      continue;
    }
    const double t = truth[i], p = predicted[i], difference = p - t, logarithm = log(p / t);
    const double ratio = p > t ? p / t : t / p;
    sums->count++;
    sums->relative += fabs(difference) / t;
    sums->square += difference * difference;
    sums->log10 += fabs(logarithm) / M_LN10;
    sums->square_log += logarithm * logarithm;
    sums->within[0] += ratio < 1.25;
    sums->within[1] += ratio < 1.25 * 1.25;
    sums->within[2] += ratio < 1.25 * 1.25 * 1.25;
  }
}

ss_depth_metrics ss_depth_measure(const ss_depth_sums *sums) {
  const double n = sums->count > 0 ? (double)sums->count : NAN;
  ss_depth_metrics metrics = {.abs_rel = sums->relative / n,
                              .rmse = sqrt(sums->square / n),
                              .rmse_log = sqrt(sums->square_log / n),
                              .log10 = sums->log10 / n};
  for (int k = 0; k < 3; k++) {
    metrics.delta[k] = 100.0 * (double)sums->within[k] / n;
  }
  return metrics;
}
