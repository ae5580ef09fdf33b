/* The map of the embeddings: a drawing that shows all without JavaScript, the thumbnails with it. */
#include "report/page.h"
#include "report/plot.h"

#include <math.h>

enum { width = 600, height = 480, margin = 14, marks = 5 };

/* The marks of classes: eight colours, then the same of another shape. */
static const char symbols[] =
    "<svg class=\"symbols\" aria-hidden=\"true\"><defs>"
    "<circle id=\"m0\" r=\"3.6\"/><path id=\"m1\" d=\"M-3.2-3.2h6.4v6.4h-6.4z\"/><path id=\"m2\" d=\"M0-4.4L4.2 "
    "3.2H-4.2z\"/>"
    "<path id=\"m3\" d=\"M0-4.5L4.5 0L0 4.5L-4.5 0z\"/><path id=\"m4\" d=\"M0 4.4L4.2-3.2H-4.2z\"/></defs></svg>\n";

static const char *mark_colour(const ss_report_map *map, int class_index) {
  if (map->class_count == 0) {
    return ss_plot_colour_class(0);
  }
  return class_index < 0 ? "grey" : ss_plot_colour_class(class_index % SS_PLOT_COLOURS);
}

static int mark_shape(int class_index) {
  return class_index < 0 ? 0 : class_index / SS_PLOT_COLOURS % marks;
}

static const float *place_of(const ss_report_point *point, bool tsne) {
  return tsne ? point->tsne : point->plane;
}

/* The name and class of a point, two lines. */
static void append_title(const ss_report_map *map, const ss_report_point *point, ss_text *text) {
  ss_text_append(text, "<title>");
  if (point->class_index >= 0 && point->class_index < map->class_count) {
    ss_html_escape(text, map->classes[point->class_index]);
    ss_text_append(text, "\n");
  }
  ss_html_escape(text, point->name ? point->name : "");
  ss_text_append(text, "</title>");
}

/* The points of one of the two maps, scaled to the drawing, both directions alike. */
static void append_points(const ss_report_map *map, bool tsne, bool titled, ss_text *text) {
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  for (int i = 0; i < map->count; i++) {
    for (int c = 0; c < 2; c++) {
      const double at = (double)place_of(&map->points[i], tsne)[c];
      low[c] = fmin(low[c], at);
      high[c] = fmax(high[c], at);
    }
  }
  const double scale =
      fmin((width - 2 * margin) / fmax(high[0] - low[0], 1e-12), (height - 2 * margin) / fmax(high[1] - low[1], 1e-12));
  ss_text_printf(text, "<g class=\"%s\">\n", tsne ? "tsne" : "plane");
  for (int i = 0; i < map->count; i++) {
    const ss_report_point *point = &map->points[i];
    const float *at = place_of(point, tsne);
    const double x = width / 2.0 + scale * ((double)at[0] - (low[0] + high[0]) / 2.0);
    const double y = height / 2.0 - scale * ((double)at[1] - (low[1] + high[1]) / 2.0);
    ss_text_printf(text, "<use href=\"#m%d\" x=\"%.1f\" y=\"%.1f\" class=\"%s\" data-k=\"%d\">",
                   mark_shape(point->class_index), x, y, mark_colour(map, point->class_index), point->class_index);
    if (titled) {
      append_title(map, point, text);
    }
    ss_text_append(text, "</use>\n");
  }
  ss_text_append(text, "</g>\n");
}

static void append_classes(const ss_report_map *map, ss_text *text) {
  ss_text_append(text, "<p class=\"classes\">");
  for (int i = 0; i < map->class_count; i++) {
    ss_text_printf(
        text,
        "<button type=\"button\" data-k=\"%d\" aria-pressed=\"false\"><svg class=\"%s\" viewBox=\"-7 -7 14 14\" "
        "aria-hidden=\"true\"><use href=\"#m%d\"/></svg>",
        i, mark_colour(map, i), mark_shape(i));
    ss_html_escape(text, map->classes[i]);
    ss_text_append(text, "</button> ");
  }
  ss_text_append(text, "</p>\n");
}

/* The switch works by itself: two radio buttons, and rules that hide the map that is not chosen. */
static void append_switch(int run, ss_text *text) {
  ss_text_printf(text,
                 "<input type=\"radio\" name=\"map%d\" id=\"tsne%d\" class=\"to-tsne\" checked>"
                 "<input type=\"radio\" name=\"map%d\" id=\"plane%d\" class=\"to-plane\">\n"
                 "<p class=\"switch\"><label for=\"tsne%d\">t-SNE</label><label for=\"plane%d\">PCA</label></p>\n",
                 run, run, run, run, run, run);
}

static void append_map(const ss_report_page *report, int run, ss_text *text) {
  const ss_report_map *map = &report->runs[run].map;
  const ss_report_sprite *sprite = &report->sprites[map->sprite];
  ss_text_printf(text, "<div class=\"map%s\" data-columns=\"%d\" data-rows=\"%d\">\n",
                 map->has_tsne ? "" : " only-plane", sprite->columns, sprite->rows);
  if (map->has_tsne) {
    append_switch(run, text);
  }
  ss_text_printf(text,
                 "<div class=\"chart\"><div class=\"ground\"><svg viewBox=\"0 0 %d %d\" tabindex=\"0\" role=\"group\" "
                 "aria-label=\"Map of %d "
                 "pictures; arrow keys go from one to the next\">\n",
                 width, height, map->count);
  if (map->has_tsne) {
    append_points(map, true, true, text);
  }
  append_points(map, false, !map->has_tsne, text);
  ss_text_printf(text,
                 "<circle class=\"ring\" r=\"9\" hidden></circle></svg><div class=\"tip\" role=\"status\" hidden>"
                 "<div class=\"face sprite%d\"></div><p></p></div></div>\n",
                 map->sprite);
  if (map->class_count > 0) {
    append_classes(map, text);
  }
  ss_text_append(text, "</div>\n");
  if (!isnan(map->knn)) {
    ss_text_append(text, "<p class=\"about\">k-NN among these ");
    ss_html_number(text, map->count);
    ss_text_printf(text, " pictures (k = %d, a picture left out of its own neighbours): ", map->knn_k);
    ss_html_per_cent(text, map->knn);
    if (!isnan(map->knn_untrained)) {
      ss_text_append(text, ", untrained ");
      ss_html_per_cent(text, map->knn_untrained);
    }
    ss_text_append(text, ".</p>\n");
  }
  ss_text_append(text, "</div>\n");
}

void ss_page_map(const ss_report_page *report, ss_text *text) {
  ss_page_begin("map", "Map of the embeddings",
                "Each mark is a picture; pictures whose features are alike lie together. Point at one to see it.",
                text);
  ss_text_append(text, symbols);
  ss_text_append(text, report->run_count > 1 ? "<div class=\"runs wider\">\n" : "<div>\n");
  for (int i = 0; i < report->run_count; i++) {
    const ss_report_run *run = &report->runs[i];
    ss_page_begin_run(report, i, text);
    if (run->map.count > 0) {
      append_map(report, i, text);
    } else {
      ss_page_missing(run->pictures_missing ? run->pictures_missing : "None.", text);
    }
    ss_page_end_run(report, text);
  }
  ss_text_append(text, "</div>\n");
  ss_page_end(text);
}
