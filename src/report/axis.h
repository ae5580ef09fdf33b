/* Axes of plots: round numbers around the values, and where they lie. */
#ifndef SS_REPORT_AXIS_H
#define SS_REPORT_AXIS_H

/* Ticks at low, low + step, ... high; low is drawn at `from`, high at `to` (pixels). */
typedef struct ss_axis {
  double low, high, step;
  double from, to;
} ss_axis;

/* The axis with the smallest step of 1, 2 or 5 times a power of ten that has at most `most` steps (at least 1) from
 * `low` to `high`, both of them among its ticks or between. Values that are not finite or all the same are fine. */
ss_axis ss_axis_around(double low, double high, int most);
/* The same with `low` and `high` themselves as its ends, where they need not be ticks: for what lies across, like
 * time. */
ss_axis ss_axis_between(double low, double high, int most);

double ss_axis_at(const ss_axis *axis, double value); /* pixels */
int ss_axis_tick_count(const ss_axis *axis);
double ss_axis_tick(const ss_axis *axis, int index);
/* With as many digits as the step has, and no more: "0.25", "40". */
void ss_axis_label(const ss_axis *axis, double value, char label[32]);

#endif
