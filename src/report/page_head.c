/* The head of the page: what was run, whether it learned, its figures. */
#include "report/page.h"
#include "report/plot.h"

#include <math.h>

/* ---- did it learn? ---- */

/* A score as it is shown: with its unit. */
static void append_score(const ss_report_run *run, double value, ss_text *text) {
  if (run->score_per_cent) {
    ss_html_per_cent(text, value);
  } else {
    ss_html_number(text, value);
  }
}

/* How far the score is from chance to perfect, -1 to 1: 0.05 is worth calling learned. NaN: not known. Where there is
 * no perfect score, in shares of chance. */
static double score_gain(const ss_report_run *run) {
  const double sign = run->score_higher_is_better ? 1.0 : -1.0;
  const double room = run->score_per_cent && run->score_higher_is_better ? 100.0 - run->chance : fabs(run->chance);
  return room > 0.0 ? sign * (run->score - run->chance) / room : NAN;
}

static void append_task_sentence(const ss_report_run *run, double gain, ss_text *text) {
  if (isnan(gain)) {
    return;
  }
  const char *how = gain > 0.05   ? "It has learned its pretext task: "
                    : gain > 0.01 ? "It has begun to learn its pretext task: "
                                  : "It has not learned its pretext task: ";
  ss_text_append(text, how);
  append_score(run, run->score, text);
  ss_text_append(text, " where chance is ");
  append_score(run, run->chance, text);
  ss_text_append(text, ".");
}

/* What the features are worth beside those of the same network untrained, by the best that is known. */
static bool find_worth(const ss_report_run *run, double *own, double *untrained, const char **what) {
  if (run->map.count > 0 && !isnan(run->map.knn) && !isnan(run->map.knn_untrained)) {
    *own = run->map.knn;
    *untrained = run->map.knn_untrained;
    *what = "k‑NN among the pictures of the map";
    return true;
  }
  double best = -INFINITY, best_untrained = -INFINITY;
  for (int i = 0; i < run->layer_count; i++) {
    best = fmax(best, run->layers[i].top1[SS_PROBED_PRETRAINED]);
    best_untrained = fmax(best_untrained, run->layers[i].top1[SS_PROBED_RANDOM]);
  }
  *own = best;
  *untrained = best_untrained;
  *what = "linear probe of the best layer";
  return isfinite(best) && isfinite(best_untrained);
}

void ss_report_append_verdict(const ss_report_run *run, ss_text *text) {
  double own = NAN, untrained = NAN;
  const char *what = NULL;
  const double gain = score_gain(run);
  append_task_sentence(run, gain, text);
  if (!isnan(run->spread) && run->spread < 0.05) {
    ss_text_append(text, text->length > 0 ? " " : "");
    ss_text_append(text, "Its embeddings have collapsed: they are nearly the same for every picture.");
  }
  if (find_worth(run, &own, &untrained, &what)) {
    ss_text_append(text, text->length > 0 ? " " : "");
    const double lead = own - untrained;
    ss_text_append(text, lead > 1.0    ? "Its features know more about the classes than the same network untrained: "
                         : lead > -1.0 ? "Its features are as good as the same network’s untrained: "
                                       : "Its features are worse than the same network’s untrained: ");
    ss_html_per_cent(text, own);
    ss_text_append(text, " against ");
    ss_html_per_cent(text, untrained);
    ss_text_printf(text, " (%s).", what);
  } else if (text->length == 0) {
    ss_text_append(text, "Nothing is known yet of how well it has learned.");
  }
}

static void append_verdict(const ss_report_run *run, ss_text *text) {
  ss_text sentence = {0};
  ss_report_append_verdict(run, &sentence);
  ss_html_escape(text, sentence.data ? sentence.data : "");
  text->failed = text->failed || sentence.failed;
  ss_text_free(&sentence);
}

/* ---- figures ---- */

/* The linear probe's best layer; -1: none was probed. */
static int best_layer(const ss_report_run *run) {
  int best = -1;
  for (int i = 0; i < run->layer_count; i++) {
    const double top1 = run->layers[i].top1[SS_PROBED_PRETRAINED];
    if (isfinite(top1) && (best < 0 || top1 > run->layers[best].top1[SS_PROBED_PRETRAINED])) {
      best = i;
    }
  }
  return best;
}

static void append_time(double seconds, ss_text *text) {
  if (!isfinite(seconds)) {
    ss_text_append(text, "–");
  } else if (seconds < 100.0) {
    ss_text_printf(text, "%.0f s", seconds);
  } else if (seconds < 6000.0) {
    ss_text_printf(text, "%.0f min", seconds / 60.0);
  } else {
    ss_text_printf(text, "%.1f h", seconds / 3600.0);
  }
}

static double best_knn(const ss_report_run *run) {
  return !isnan(run->knn_measured) ? run->knn_measured : !isnan(run->knn) ? run->knn : run->map.knn;
}

static void begin_figure(const char *name, ss_text *text) {
  ss_text_printf(text, "<div><dt>%s</dt><dd>", name);
}

static void append_note(const char *words, double value, ss_text *text) {
  if (isfinite(value)) {
    ss_text_printf(text, "<small>%s ", words);
    ss_html_per_cent(text, value);
    ss_text_append(text, "</small>");
  }
}

static void append_figures(const ss_report_run *run, ss_text *text) {
  ss_text_append(text, "<dl class=\"figures\">\n");
  if (!isnan(run->score)) {
    begin_figure("Pretext score", text);
    append_score(run, run->score, text);
    if (isfinite(run->chance)) {
      ss_text_append(text, "<small>chance ");
      append_score(run, run->chance, text);
      ss_text_append(text, "</small>");
    }
    ss_text_append(text, "</dd></div>\n");
  }
  const int layer = best_layer(run);
  if (layer >= 0) {
    begin_figure("Linear probe", text);
    ss_html_per_cent(text, run->layers[layer].top1[SS_PROBED_PRETRAINED]);
    ss_text_append(text, "<small>at ");
    ss_html_escape(text, run->layers[layer].name);
    ss_text_append(text, "</small></dd></div>\n");
  }
  if (!isnan(best_knn(run))) {
    begin_figure("k‑NN", text);
    ss_html_per_cent(text, best_knn(run));
    append_note("untrained", isnan(run->knn_measured) && isnan(run->knn) ? run->map.knn_untrained : NAN, text);
    ss_text_append(text, "</dd></div>\n");
  }
  begin_figure("Final loss", text);
  ss_html_number(text, run->loss);
  ss_text_append(text, "</dd></div>\n");
  begin_figure("Training time", text);
  append_time(run->seconds, text);
  ss_text_append(text, "</dd></div>\n");
  begin_figure("Speed", text);
  ss_html_number(text, run->images_per_s);
  ss_text_append(text, "<small>images/s</small></dd></div>\n</dl>\n");
}

static void append_fact(const char *name, const char *value, ss_text *text) {
  if (value) {
    ss_text_printf(text, "<div><dt>%s</dt><dd>", name);
    ss_html_escape(text, value);
    ss_text_append(text, "</dd></div>\n");
  }
}

static void append_facts(const ss_report_run *run, ss_text *text) {
  ss_text_append(text, "<dl class=\"facts\">\n");
  append_fact("Method", run->method, text);
  append_fact("Learns from", run->summary, text);
  append_fact("Paper", run->paper, text);
  append_fact("Data", run->data, text);
  append_fact("Network", run->network, text);
  if (!isnan(run->epochs)) {
    ss_text_append(text, "<div><dt>Trained for</dt><dd>");
    ss_html_number(text, run->epochs);
    ss_text_append(text, " epochs, ");
    ss_html_number(text, run->steps);
    ss_text_append(text, " steps</dd></div>\n");
  }
  append_fact("Pretext score", run->score_what, text);
  append_fact("Run", run->path, text);
  ss_text_append(text, "</dl>\n");
}

/* ---- several runs ---- */

static void append_cell(double value, ss_text *text) {
  ss_text_append(text, "<td>");
  ss_html_number(text, value);
  ss_text_append(text, "</td>");
}

static void append_row(const ss_report_run *run, int index, ss_text *text) {
  const int layer = best_layer(run);
  ss_text_printf(text, "<tr><th class=\"%s\" scope=\"row\"><span>", ss_plot_colour_class(ss_page_run_colour(index)));
  ss_html_escape(text, run->name);
  ss_text_append(text, "</span></th><td class=\"word\">");
  ss_html_escape(text, run->method ? run->method : "–");
  ss_text_append(text, "</td><td>");
  append_score(run, run->score, text);
  ss_text_append(text, "</td><td>");
  append_score(run, run->chance, text);
  ss_text_append(text, "</td><td>");
  ss_html_per_cent(text, layer < 0 ? NAN : run->layers[layer].top1[SS_PROBED_PRETRAINED]);
  ss_text_append(text, "</td><td>");
  ss_html_per_cent(text, best_knn(run));
  ss_text_append(text, "</td>");
  append_cell(run->loss, text);
  append_cell(run->epochs, text);
  ss_text_append(text, "<td>");
  append_time(run->seconds, text);
  ss_text_append(text, "</td>");
  append_cell(run->images_per_s, text);
  ss_text_append(text, "</tr>\n");
}

static void append_comparison(const ss_report_page *report, ss_text *text) {
  ss_text_append(
      text,
      "<div class=\"wide\"><table>\n<thead><tr><th>Run</th><th "
      "class=\"word\">Method</th><th>Pretext</th><th>Chance</th>"
      "<th>Linear probe</th><th>k‑NN</th><th>Loss</th><th>Epochs</th><th>Time</th><th>Images/s</th></tr></thead>\n"
      "<tbody>\n");
  for (int i = 0; i < report->run_count; i++) {
    append_row(&report->runs[i], i, text);
  }
  ss_text_append(text, "</tbody></table></div>\n<div class=\"runs\">\n");
  for (int i = 0; i < report->run_count; i++) {
    ss_page_begin_run(report, i, text);
    ss_text_append(text, "<p>");
    append_verdict(&report->runs[i], text);
    ss_text_append(text, "</p>\n<details><summary>About this run</summary>\n");
    append_facts(&report->runs[i], text);
    ss_text_append(text, "</details>\n");
    ss_page_end_run(report, text);
  }
  ss_text_append(text, "</div>\n");
}

void ss_page_head(const ss_report_page *report, ss_text *text) {
  if (report->run_count > 1) {
    append_comparison(report, text);
  } else if (report->run_count == 1) {
    ss_text_append(text, "<p class=\"verdict\">");
    append_verdict(&report->runs[0], text);
    ss_text_append(text, "</p>\n");
    append_figures(&report->runs[0], text);
    append_facts(&report->runs[0], text);
  }
}
