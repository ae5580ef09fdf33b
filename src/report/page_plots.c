/* Curves over the epochs, and the probe by layer. */
#include "report/page.h"
#include "report/plot.h"

#include <math.h>
#include <string.h>

enum { most_runs = 64, most_layers = 64 };

static int runs_of(const ss_report_page *report) {
  return report->run_count < most_runs ? report->run_count : most_runs;
}

static void append_run_legend(const ss_report_page *report, ss_text *text) {
  const char *names[most_runs];
  int colours[most_runs];
  const int count = runs_of(report);
  if (count < 2) {
    return;
  }
  for (int i = 0; i < count; i++) {
    names[i] = report->runs[i].name;
    colours[i] = ss_page_run_colour(i);
  }
  ss_plot_append_legend(names, colours, (size_t)count, text);
}

/* ---- curves ---- */

static void begin_figure(const char *caption, ss_text *text) {
  ss_text_append(text, "<figure><figcaption>");
  ss_html_escape(text, caption);
  ss_text_append(text, "</figcaption>\n");
}

static bool same_score(const ss_report_run *a, const ss_report_run *b) {
  return a->score_what && b->score_what && strcmp(a->score_what, b->score_what) == 0;
}

/* Runs whose pretext scores have one scale: percentages, or the same quantity. */
static bool same_scale(const ss_report_run *a, const ss_report_run *b) {
  return (a->score_per_cent && b->score_per_cent) || same_score(a, b);
}

/* One plot of a kind of curve: of all runs, or, with `like`, of those whose scores can be compared with its. */
static void append_plot(const ss_report_page *report, ss_report_curve_kind kind, const ss_report_run *like,
                        const char *caption, const char *unit, ss_text *text) {
  ss_plot_line lines[most_runs];
  ss_plot_level levels[most_runs];
  ss_line_plot plot = {.title = caption, .x_name = "epoch", .unit = unit, .lines = lines, .levels = levels};
  size_t longest = 0;
  for (int i = 0; i < runs_of(report); i++) {
    const ss_report_run *run = &report->runs[i];
    const ss_report_curve *curve = &run->curves[kind];
    if (curve->count == 0 || (like && !same_scale(like, run))) {
      continue;
    }
    const int colour = ss_page_run_colour(i);
    longest = curve->count > longest ? curve->count : longest;
    lines[plot.line_count++] =
        (ss_plot_line){.name = run->name, .x = curve->x, .y = curve->y, .count = curve->count, .colour = colour};
    if (kind == SS_CURVE_PRETEXT) {
      levels[plot.level_count++] =
          (ss_plot_level){.name = "chance", .y = run->chance, .colour = report->run_count > 1 ? colour : SS_PLOT_GREY};
    }
  }
  if (longest > 1) { /* a single point is no curve: the head has its figure */
    begin_figure(caption, text);
    ss_plot_append_lines(&plot, text);
    ss_text_append(text, "</figure>\n");
  }
}

/* A plot for each scale. */
static void append_pretext(const ss_report_page *report, ss_text *text) {
  for (int i = 0; i < runs_of(report); i++) {
    const ss_report_run *run = &report->runs[i];
    bool first = run->curves[SS_CURVE_PRETEXT].count > 0, alone = true;
    for (int k = 0; k < runs_of(report); k++) {
      const bool same =
          k != i && report->runs[k].curves[SS_CURVE_PRETEXT].count > 0 && same_scale(&report->runs[k], run);
      first = first && !(same && k < i);
      alone = alone && !(same && !same_score(&report->runs[k], run));
    }
    if (first) {
      ss_text caption = {0};
      ss_text_append(&caption, "Pretext score");
      if (alone && run->score_what) {
        ss_text_printf(&caption, ": %s", run->score_what);
      }
      append_plot(report, SS_CURVE_PRETEXT, run, caption.data ? caption.data : "Pretext score",
                  run->score_per_cent ? " %" : NULL, text);
      ss_text_free(&caption);
    }
  }
}

void ss_page_curves(const ss_report_page *report, ss_text *text) {
  bool any = false;
  ss_page_begin("curves", "Learning curves", NULL, text);
  for (int i = 0; i < runs_of(report); i++) {
    any = any || !report->runs[i].curves_missing;
    if (report->runs[i].curves_missing) {
      ss_page_missing(report->runs[i].curves_missing, text);
    }
  }
  if (any) {
    append_run_legend(report, text);
    ss_text_append(text, "<div class=\"plots\">\n");
    append_plot(report, SS_CURVE_LOSS, NULL, "Loss", NULL, text);
    append_pretext(report, text);
    append_plot(report, SS_CURVE_KNN, NULL, "k-NN accuracy of the backbone", " %", text);
    append_plot(report, SS_CURVE_SPREAD, NULL, "Spread of the embeddings: 1 in all directions, 0 collapsed", NULL,
                text);
    append_plot(report, SS_CURVE_RATE, NULL, "Learning rate", NULL, text);
    append_plot(report, SS_CURVE_SPEED, NULL, "Images per second", NULL, text);
    ss_text_append(text, "</div>\n");
  }
  ss_page_end(text);
}

/* ---- probe ---- */

static const char *const networks[SS_PROBED] = {"pretrained", "random", "rescaled", "supervised"};
static const char *const network_titles[SS_PROBED] = {"Pretrained", "Untrained", "Untrained, rescaled", "Supervised"};
static const int network_colours[SS_PROBED] = {0, SS_PLOT_GREY, 4, 1};

static bool has_network(const ss_report_run *run, int network) {
  bool has = false;
  for (int i = 0; i < run->layer_count; i++) {
    has = has || isfinite(run->layers[i].top1[network]);
  }
  return has;
}

static void append_bars(const ss_report_run *run, ss_text *text) {
  const char *groups[most_layers], *series[SS_PROBED];
  int colours[SS_PROBED], shown[SS_PROBED], count = 0;
  double values[most_layers * SS_PROBED];
  for (int n = 0; n < SS_PROBED; n++) {
    if (has_network(run, n)) {
      shown[count] = n;
      series[count] = networks[n];
      colours[count++] = network_colours[n];
    }
  }
  const int layers = run->layer_count < most_layers ? run->layer_count : most_layers;
  for (int i = 0; i < layers; i++) {
    groups[i] = run->layers[i].name;
    for (int n = 0; n < count; n++) {
      values[i * count + n] = run->layers[i].top1[shown[n]];
    }
  }
  const ss_bar_plot plot = {.title = "Accuracy of a linear probe by layer",
                            .unit = " %",
                            .groups = groups,
                            .group_count = layers,
                            .series = series,
                            .series_count = count,
                            .colours = colours,
                            .values = values};
  const char *titles[SS_PROBED];
  for (int n = 0; n < count; n++) {
    titles[n] = network_titles[shown[n]];
  }
  ss_plot_append_legend(titles, colours, (size_t)count, text);
  ss_plot_append_bars(&plot, text);
}

static void append_probe_table(const ss_report_run *run, ss_text *text) {
  int best = 0;
  ss_text_append(text, "<div class=\"wide\"><table>\n<thead><tr><th>Layer</th>");
  for (int n = 0; n < SS_PROBED; n++) {
    if (has_network(run, n)) {
      ss_text_printf(text, "<th>%s</th>", network_titles[n]);
    }
  }
  ss_text_append(text, "</tr></thead>\n<tbody>\n");
  for (int i = 0; i < run->layer_count; i++) {
    best = run->layers[i].top1[SS_PROBED_PRETRAINED] > run->layers[best].top1[SS_PROBED_PRETRAINED] ? i : best;
  }
  for (int i = 0; i < run->layer_count; i++) {
    ss_text_printf(text, "<tr%s><th scope=\"row\">", i == best && run->layer_count > 1 ? " class=\"best\"" : "");
    ss_html_escape(text, run->layers[i].name);
    ss_text_append(text, "</th>");
    for (int n = 0; n < SS_PROBED; n++) {
      if (has_network(run, n)) {
        ss_text_append(text, "<td>");
        ss_html_per_cent(text, run->layers[i].top1[n]);
        ss_text_append(text, "</td>");
      }
    }
    ss_text_append(text, "</tr>\n");
  }
  ss_text_append(text, "</tbody></table></div>\n<p class=\"about\">");
  ss_html_number(text, run->probe_train);
  ss_text_append(text, " training and ");
  ss_html_number(text, run->probe_test);
  ss_text_append(text, " test pictures of ");
  ss_html_escape(text, run->probe_data ? run->probe_data : "unnamed data");
  ss_text_append(text, ".");
  if (!isnan(run->knn_measured)) {
    ss_text_append(text, " k-NN on the last layer: ");
    ss_html_per_cent(text, run->knn_measured);
    ss_text_printf(text, " (k = %d).", run->knn_measured_k);
  }
  if (run->probe_note) {
    ss_text_append(text, " ");
    ss_html_escape(text, run->probe_note);
  }
  ss_text_append(text, "</p>\n");
}

/* Whether two runs were probed at the same layers, and so share a plot. */
static bool same_layers(const ss_report_run *a, const ss_report_run *b) {
  bool same = a->layer_count == b->layer_count && a->layer_count > 0;
  for (int i = 0; same && i < a->layer_count; i++) {
    same = strcmp(a->layers[i].name, b->layers[i].name) == 0;
  }
  return same;
}

/* A line a run; that of the first run's untrained network for comparison. */
static void append_common_plot(const ss_report_page *report, ss_text *text) {
  double x[most_layers], y[most_runs + 1][most_layers];
  const char *labels[most_layers];
  ss_plot_line lines[most_runs + 1];
  const ss_report_run *first = &report->runs[0];
  ss_line_plot plot = {
      .title = "Accuracy of a linear probe by layer", .unit = " %", .lines = lines, .x_labels = labels};
  plot.x_label_count = first->layer_count < most_layers ? first->layer_count : most_layers;
  for (int k = 0; k <= runs_of(report); k++) {
    const bool untrained = k == runs_of(report);
    const ss_report_run *run = untrained ? first : &report->runs[k];
    for (int i = 0; i < plot.x_label_count; i++) {
      x[i] = i;
      labels[i] = first->layers[i].name;
      y[k][i] = run->layers[i].top1[untrained ? SS_PROBED_RANDOM : SS_PROBED_PRETRAINED];
    }
    if (!untrained || has_network(first, SS_PROBED_RANDOM)) {
      lines[plot.line_count++] = (ss_plot_line){.name = untrained ? "untrained" : run->name,
                                                .x = x,
                                                .y = y[k],
                                                .count = (size_t)plot.x_label_count,
                                                .colour = untrained ? SS_PLOT_GREY : ss_page_run_colour(k)};
    }
  }
  const char *names[most_runs + 1];
  int colours[most_runs + 1];
  for (size_t i = 0; i < plot.line_count; i++) {
    names[i] = lines[i].name;
    colours[i] = lines[i].colour;
  }
  ss_plot_append_legend(names, colours, plot.line_count, text);
  ss_text_append(text, "<div class=\"narrow\">\n");
  ss_plot_append_lines(&plot, text);
  ss_text_append(text, "</div>\n");
}

void ss_page_probe(const ss_report_page *report, ss_text *text) {
  ss_page_begin(
      "probe", "What the features are worth",
      "A linear classifier on the frozen network’s features, layer by layer, beside networks that are its measure.",
      text);
  bool common = report->run_count > 1;
  for (int i = 1; i < runs_of(report); i++) {
    common = common && same_layers(&report->runs[0], &report->runs[i]);
  }
  if (common) {
    append_common_plot(report, text);
  }
  ss_text_append(text, "<div class=\"runs\">\n");
  for (int i = 0; i < report->run_count; i++) {
    const ss_report_run *run = &report->runs[i];
    ss_page_begin_run(report, i, text);
    if (run->layer_count == 0) {
      ss_page_missing(run->probe_missing ? run->probe_missing : "Not measured.", text);
    } else {
      ss_text_append(text, report->run_count == 1 ? "<div class=\"beside\">\n<figure>\n" : "");
      if (!common) {
        append_bars(run, text);
      }
      ss_text_append(text, report->run_count == 1 ? "</figure>\n<div>\n" : "");
      append_probe_table(run, text);
      ss_text_append(text, report->run_count == 1 ? "</div>\n</div>\n" : "");
    }
    ss_page_end_run(report, text);
  }
  ss_text_append(text, "</div>\n");
  ss_page_end(text);
}
