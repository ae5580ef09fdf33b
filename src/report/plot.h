/* Plots as SVG: lines, bars and rows of dots, with one look (ss_plot_style). What is drawn takes its colours from the
 * page's variables, so that it follows light and dark; a plot that stands alone brings the light ones. Strings from
 * outside are escaped. Plots are 440 wide, so that their letters can be read on a phone. */
#ifndef SS_REPORT_PLOT_H
#define SS_REPORT_PLOT_H

#include "base/text.h"

#include <stdbool.h>

#define SS_PLOT_COLOURS 8 /* .s0 to .s7, told apart by eyes that do not tell red from green (Okabe and Ito) */
#define SS_PLOT_GREY (-1) /* for what others are compared with */

/* A line; points with a NaN are left out. Small ones have dots. */
typedef struct ss_plot_line {
  const char *name;
  const double *x, *y; /* (count) */
  size_t count;
  int colour;
} ss_plot_line;

/* A dashed line across the plot. */
typedef struct ss_plot_level {
  const char *name;
  double y; /* NaN: none */
  int colour;
} ss_plot_level;

typedef struct ss_line_plot {
  const char *title;  /* what it shows, in words */
  const char *x_name; /* under its axis */
  const char *unit;   /* of y, behind the highest tick: " %"; may be NULL */
  const ss_plot_line *lines;
  size_t line_count;
  const ss_plot_level *levels;
  size_t level_count;
  const char *const *x_labels; /* (x_label_count) names of x = 0, 1, ... in place of numbers; NULL: numbers */
  int x_label_count;
} ss_line_plot;

/* Groups of bars from zero up. */
typedef struct ss_bar_plot {
  const char *title;
  const char *unit;
  const char *const *groups; /* (group_count) */
  int group_count;
  const char *const *series; /* (series_count) */
  int series_count;
  const int *colours;   /* (series_count) */
  const double *values; /* (group_count, series_count); NaN: no bar */
} ss_bar_plot;

/* A dot on a row. */
typedef struct ss_plot_dot {
  int row;
  double value;
  const char *name;  /* above it */
  const char *title; /* when pointed at */
  int shade;         /* 0 light to 4 dark */
} ss_plot_dot;

/* Rows of dots, a name to the left of each: a picture that stands alone. */
typedef struct ss_dot_plot {
  const char *title;
  const char *const *names, *const *notes; /* (row_count); notes are paler, at the right of the names */
  int row_count;
  const ss_plot_dot *dots;
  size_t dot_count;
} ss_dot_plot;

void ss_plot_append_lines(const ss_line_plot *plot, ss_text *text);
void ss_plot_append_bars(const ss_bar_plot *plot, ss_text *text);
void ss_plot_append_dots(const ss_dot_plot *plot, ss_text *text);

/* An HTML list that names colours. */
void ss_plot_append_legend(const char *const *names, const int *colours, size_t count, ss_text *text);

/* The class of a colour: "s3", "grey". */
const char *ss_plot_colour_class(int colour);

/* The rules of the plots' classes, and the colours' variables for light and for dark. */
extern const char ss_plot_style[], ss_plot_light[], ss_plot_dark[];

#endif
