#include "report/plot.h"

#include "report/axis.h"
#include "report/html.h"

#include <math.h>

enum { plot_width = 440, plot_height = 240, left = 48, right = 14, top = 16, bottom = 38, most_ticks = 5, few = 16 };

const char *ss_plot_colour_class(int colour) {
  static const char *const names[SS_PLOT_COLOURS] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};
  return colour < 0 ? "grey" : names[colour % SS_PLOT_COLOURS];
}

/* ---- what all plots have ---- */

static void begin_plot(const char *title, ss_text *text) {
  ss_text_printf(text, "<svg class=\"plot\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", plot_width, plot_height);
  ss_html_escape(text, title);
  ss_text_append(text, "\">\n");
}

static void append_text(ss_text *text, double x, double y, const char *anchor, const char *string, const char *more) {
  ss_text_printf(text, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
  ss_html_escape(text, string);
  ss_html_escape(text, more ? more : "");
  ss_text_append(text, "</text>\n");
}

/* The ticks of an upright axis, a line across the plot each. */
static void append_rows(const ss_axis *axis, const char *unit, ss_text *text) {
  const int ticks = ss_axis_tick_count(axis);
  for (int i = 0; i < ticks; i++) {
    const double value = ss_axis_tick(axis, i), y = ss_axis_at(axis, value);
    char label[32];
    ss_axis_label(axis, value, label);
    ss_text_printf(text, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", left, y, plot_width - right);
    append_text(text, left - 7, y + 4.0, "end", label, i == ticks - 1 ? unit : NULL);
  }
}

static void append_columns(const ss_axis *axis, const char *name, ss_text *text) {
  for (int i = 0; i < ss_axis_tick_count(axis); i++) {
    char label[32];
    const double value = ss_axis_tick(axis, i);
    ss_axis_label(axis, value, label);
    append_text(text, ss_axis_at(axis, value), plot_height - bottom + 16, "middle", label, NULL);
  }
  append_text(text, (left + plot_width - right) / 2.0, plot_height - 5, "middle", name ? name : "", NULL);
}

/* ---- lines ---- */

static bool shown(const ss_plot_line *line, size_t i) {
  return isfinite(line->x[i]) && isfinite(line->y[i]);
}

typedef struct range {
  double low, high;
} range;

static void widen(range *of, double value) {
  if (isfinite(value)) {
    of->low = fmin(of->low, value);
    of->high = fmax(of->high, value);
  }
}

static void find_ranges(const ss_line_plot *plot, range *x, range *y) {
  *x = *y = (range){INFINITY, -INFINITY};
  for (size_t k = 0; k < plot->line_count; k++) {
    for (size_t i = 0; i < plot->lines[k].count; i++) {
      if (shown(&plot->lines[k], i)) {
        widen(x, plot->lines[k].x[i]);
        widen(y, plot->lines[k].y[i]);
      }
    }
  }
  for (size_t k = 0; k < plot->level_count; k++) {
    widen(y, plot->levels[k].y);
  }
}

static void append_line(const ss_plot_line *line, const ss_axis *x, const ss_axis *y, const char *unit, ss_text *text) {
  ss_text_printf(text, "<g class=\"%s\"><path class=\"line\" d=\"", ss_plot_colour_class(line->colour));
  char pen = 'M';
  for (size_t i = 0; i < line->count; i++) {
    if (shown(line, i)) {
      ss_text_printf(text, "%c%.1f %.1f", pen, ss_axis_at(x, line->x[i]), ss_axis_at(y, line->y[i]));
      pen = 'L';
    }
  }
  ss_text_append(text, "\"/>\n");
  for (size_t i = 0; i < line->count && line->count <= few; i++) {
    if (shown(line, i)) {
      ss_text_printf(text, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>", ss_axis_at(x, line->x[i]),
                     ss_axis_at(y, line->y[i]));
      ss_html_escape(text, line->name);
      ss_text_append(text, ": ");
      ss_html_number(text, line->y[i]);
      ss_html_escape(text, unit ? unit : "");
      ss_text_append(text, "</title></circle>\n");
    }
  }
  ss_text_append(text, "</g>\n");
}

static void append_level(const ss_plot_level *level, const ss_axis *y, ss_text *text) {
  if (isfinite(level->y)) {
    const double at = ss_axis_at(y, level->y);
    ss_text_printf(text, "<g class=\"%s\"><path class=\"level\" d=\"M%d %.1fH%d\"/>",
                   ss_plot_colour_class(level->colour), left, at, plot_width - right);
    ss_text_printf(text, "<text class=\"own\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", plot_width - right,
                   at < top + 14 ? at + 14.0 : at - 5.0);
    ss_html_escape(text, level->name);
    ss_text_append(text, "</text></g>\n");
  }
}

void ss_plot_append_lines(const ss_line_plot *plot, ss_text *text) {
  range across, up;
  find_ranges(plot, &across, &up);
  ss_axis x = ss_axis_between(across.low, across.high, most_ticks), y = ss_axis_around(up.low, up.high, most_ticks);
  y.from = plot_height - bottom;
  y.to = top;
  x.from = left + 6;
  x.to = plot_width - right - 6;
  if (plot->x_labels) {
    x.low = -0.3;
    x.high = plot->x_label_count - 0.7;
  }
  begin_plot(plot->title, text);
  append_rows(&y, plot->unit, text);
  if (plot->x_labels) {
    for (int i = 0; i < plot->x_label_count; i++) {
      append_text(text, ss_axis_at(&x, i), plot_height - bottom + 16, "middle", plot->x_labels[i], NULL);
    }
  } else {
    append_columns(&x, plot->x_name, text);
  }
  for (size_t k = 0; k < plot->level_count; k++) {
    append_level(&plot->levels[k], &y, text);
  }
  for (size_t k = 0; k < plot->line_count; k++) {
    append_line(&plot->lines[k], &x, &y, plot->unit, text);
  }
  ss_text_append(text, "</svg>\n");
}

/* ---- bars ---- */

static void append_bar(const ss_bar_plot *plot, int group, int series, double x, double width, const ss_axis *y,
                       ss_text *text) {
  const double value = plot->values[group * plot->series_count + series];
  if (!isfinite(value)) {
    return;
  }
  const double at = ss_axis_at(y, value), height = y->from - at;
  ss_text_printf(text, "<rect class=\"bar %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"1.5\"><title>",
                 ss_plot_colour_class(plot->colours[series]), x, at, width, height > 0.0 ? height : 0.0);
  ss_html_escape(text, plot->groups[group]);
  ss_text_append(text, ", ");
  ss_html_escape(text, plot->series[series]);
  ss_text_append(text, ": ");
  ss_html_number(text, value);
  ss_html_escape(text, plot->unit ? plot->unit : "");
  ss_text_append(text, "</title></rect>\n");
}

void ss_plot_append_bars(const ss_bar_plot *plot, ss_text *text) {
  double high = 0.0;
  for (int i = 0; i < plot->group_count * plot->series_count; i++) {
    high = isfinite(plot->values[i]) ? fmax(high, plot->values[i]) : high;
  }
  ss_axis y = ss_axis_around(0.0, high, most_ticks);
  y.from = plot_height - bottom;
  y.to = top;
  begin_plot(plot->title, text);
  append_rows(&y, plot->unit, text);
  const double group_width = (double)(plot_width - left - right) / (plot->group_count > 0 ? plot->group_count : 1);
  const double bar = fmin(0.8 * group_width / (plot->series_count > 0 ? plot->series_count : 1), 34.0);
  for (int g = 0; g < plot->group_count; g++) {
    const double middle = left + (g + 0.5) * group_width;
    for (int s = 0; s < plot->series_count; s++) {
      append_bar(plot, g, s, middle + (s - 0.5 * plot->series_count) * bar + 1.0, bar - 2.0, &y, text);
    }
    append_text(text, middle, plot_height - bottom + 16, "middle", plot->groups[g], NULL);
  }
  ss_text_append(text, "</svg>\n");
}

void ss_plot_append_legend(const char *const *names, const int *colours, size_t count, ss_text *text) {
  ss_text_append(text, "<ul class=\"legend\">");
  for (size_t i = 0; i < count; i++) {
    ss_text_printf(text, "<li class=\"%s\"><span>", ss_plot_colour_class(colours[i]));
    ss_html_escape(text, names[i]);
    ss_text_append(text, "</span></li>");
  }
  ss_text_append(text, "</ul>\n");
}
