#include "report/axis.h"

#include <math.h>
#include <stdio.h>

/* The smallest round step that is no smaller. */
static double round_step(double least) {
  const double power = pow(10.0, floor(log10(least)));
  const double steps[] = {1.0, 2.0, 5.0, 10.0};
  for (int i = 0; i < 4; i++) {
    if (steps[i] * power >= least * (1.0 - 1e-9)) {
      return steps[i] * power;
    }
  }
  return 10.0 * power;
}

static void put_right(double *low, double *high) {
  if (!isfinite(*low) || !isfinite(*high)) {
    *low = 0.0;
    *high = 1.0;
  }
  if (*high < *low) {
    const double other = *low;
    *low = *high;
    *high = other;
  }
  if (*high - *low <= 1e-9 * fmax(fabs(*low), fabs(*high))) {
    const double around = *low != 0.0 ? 0.5 * fabs(*low) : 1.0;
    *high += around;
    *low -= *low >= 0.0 && *low < around ? *low : around;
  }
}

ss_axis ss_axis_around(double low, double high, int most) {
  put_right(&low, &high);
  ss_axis axis = {.to = 1.0};
  double least = (high - low) / (most > 1 ? most : 1);
  do { /* rounding outwards may take one step more than there may be */
    axis.step = round_step(least);
    axis.low = axis.step * floor(low / axis.step + 1e-9);
    axis.high = axis.step * ceil(high / axis.step - 1e-9);
    least = axis.step * 1.01;
  } while (axis.high - axis.low > (most + 0.5) * axis.step);
  return axis;
}

ss_axis ss_axis_between(double low, double high, int most) {
  put_right(&low, &high);
  return (ss_axis){.low = low, .high = high, .step = round_step((high - low) / (most > 1 ? most : 1)), .to = 1.0};
}

double ss_axis_at(const ss_axis *axis, double value) {
  return axis->from + (axis->to - axis->from) * (value - axis->low) / (axis->high - axis->low);
}

static double first_tick(const ss_axis *axis) {
  return axis->step * ceil(axis->low / axis->step - 1e-9);
}

int ss_axis_tick_count(const ss_axis *axis) {
  return 1 + (int)floor((axis->high - first_tick(axis)) / axis->step + 1e-9);
}

double ss_axis_tick(const ss_axis *axis, int index) {
  const double tick = first_tick(axis) + index * axis->step;
  return fabs(tick) < 1e-9 * axis->step ? 0.0 : tick;
}

void ss_axis_label(const ss_axis *axis, double value, char label[32]) {
  const int digits = (int)fmax(0.0, -floor(log10(axis->step) + 1e-9));
  if (fabs(value) >= 1e6 || digits > 6) {
    snprintf(label, 32, "%.4g", value);
  } else {
    snprintf(label, 32, "%.*f", digits, value);
  }
}
