#include "eval/depth_metrics.h"

#include <math.h>

void ss_depth_add(ss_depth_sums *sums, const float *truth, const float *predicted, int64_t count) {
  double sum = 0.0, squares = 0.0;
  int64_t known = 0;
  for (int64_t i = 0; i < count; i++) {
    if (!(truth[i] > 0.0f)) {
      continue;
    }
    const double t = truth[i], p = predicted[i], difference = p - t, logarithm = log(p / t);
    const double ratio = p > t ? p / t : t / p;
    known++;
    sum += logarithm;
    squares += logarithm * logarithm;
    sums->relative += fabs(difference) / t;
    sums->square += difference * difference;
    sums->log10 += fabs(logarithm) / M_LN10;
    sums->within[0] += ratio < 1.25;
    sums->within[1] += ratio < 1.25 * 1.25;
    sums->within[2] += ratio < 1.25 * 1.25 * 1.25;
  }
  if (known > 0) {
    const double mean = sum / (double)known;
    sums->count += known;
    sums->square_log += squares;
    sums->pictures++;
    sums->variance += fmax(squares / (double)known - mean * mean, 0.0);
  }
}

ss_depth_metrics ss_depth_measure(const ss_depth_sums *sums) {
  const double n = sums->count > 0 ? (double)sums->count : NAN;
  ss_depth_metrics metrics = {
      .abs_rel = sums->relative / n,
      .rmse = sqrt(sums->square / n),
      .rmse_log = sqrt(sums->square_log / n),
      .log10 = sums->log10 / n,
      .scale_invariant = sqrt(sums->variance / (sums->pictures > 0 ? (double)sums->pictures : NAN))};
  for (int k = 0; k < 3; k++) {
    metrics.delta[k] = 100.0 * (double)sums->within[k] / n;
  }
  return metrics;
}
