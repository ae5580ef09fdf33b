/* Rows of dots. */
#include "report/axis.h"
#include "report/html.h"
#include "report/plot.h"

#include <math.h>

enum { plot_width = 800, label_width = 300, row_height = 30, top = 54, bottom = 44, right = 30, most_ticks = 9 };

static void append_columns(const ss_axis *axis, int height, ss_text *text) {
  for (int i = 0; i < ss_axis_tick_count(axis); i++) {
    const double value = ss_axis_tick(axis, i), x = ss_axis_at(axis, value);
    char label[32];
    ss_axis_label(axis, value, label);
    ss_text_printf(
        text, "<path class=\"grid\" d=\"M%.1f %dV%d\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x,
        top - 8, height - bottom + 4, x, height - bottom + 22, label);
  }
}

static void append_dot(const ss_plot_dot *dot, const ss_axis *axis, double y, ss_text *text) {
  static const char *const shades[] = {"#8db8e8", "#5b93d6", "#2f6db8", "#174a8b", "#0b2d5c"};
  const double x = ss_axis_at(axis, dot->value);
  ss_text_printf(text, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"6\" fill=\"%s\"><title>", x, y,
                 shades[dot->shade < 0   ? 0
                        : dot->shade > 4 ? 4
                                         : dot->shade]);
  ss_html_escape(text, dot->title);
  ss_text_printf(text, "</title></circle>\n<text class=\"small\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x,
                 y - 9.0);
  ss_html_escape(text, dot->name);
  ss_text_append(text, "</text>\n");
}

/* A row: its name, what joins its dots, the dots. */
static void append_row(const ss_dot_plot *plot, int row, const ss_axis *axis, ss_text *text) {
  const double y = top + (row + 0.5) * row_height;
  double first = INFINITY, last = -INFINITY;
  for (size_t i = 0; i < plot->dot_count; i++) {
    if (plot->dots[i].row == row) {
      first = fmin(first, ss_axis_at(axis, plot->dots[i].value));
      last = fmax(last, ss_axis_at(axis, plot->dots[i].value));
    }
  }
  ss_text_printf(text, "<text class=\"dark\" x=\"18\" y=\"%.1f\">", y + 4.0);
  ss_html_escape(text, plot->names[row]);
  ss_text_printf(text, "</text>\n<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", label_width - 20, y + 4.0);
  ss_html_escape(text, plot->notes[row]);
  ss_text_append(text, "</text>\n");
  if (first <= last) {
    ss_text_printf(text, "<path class=\"join\" d=\"M%.1f %.1fH%.1f\"/>\n", first, y, last);
  }
  for (size_t i = 0; i < plot->dot_count; i++) {
    if (plot->dots[i].row == row) {
      append_dot(&plot->dots[i], axis, y, text);
    }
  }
}

void ss_plot_append_dots(const ss_dot_plot *plot, ss_text *text) {
  const int height = top + plot->row_count * row_height + bottom;
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < plot->dot_count; i++) {
    low = fmin(low, plot->dots[i].value);
    high = fmax(high, plot->dots[i].value);
  }
  ss_axis axis = ss_axis_around(low, high, most_ticks);
  axis.from = label_width;
  axis.to = plot_width - right;
  ss_text_printf(
      text,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" viewBox=\"0 0 %d %d\" width=\"%d\" "
      "height=\"%d\">\n<style>:root{%s}\n%s.plot .small{font-size:10px}.plot .head{font-size:15px}\n"
      ".plot .join{stroke:#b8c2cc;stroke-width:2}</style>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n<text class=\"dark head\" x=\"18\" y=\"24\">",
      plot_width, height, plot_width, height, ss_plot_light, ss_plot_style);
  ss_html_escape(text, plot->title);
  ss_text_append(text, "</text>\n");
  if (plot->dot_count > 0) {
    append_columns(&axis, height, text);
  }
  for (int row = 0; row < plot->row_count; row++) {
    append_row(plot, row, &axis, text);
  }
  ss_text_append(text, "</svg>\n");
}
