/* Filters, samples, neighbours. */
#include "report/page.h"

void ss_page_filters(const ss_report_page *report, ss_text *text) {
  ss_page_begin("filters", "First-layer filters",
                "The weights of the first convolution, each between its own least and greatest.", text);
  ss_text_append(text, "<div class=\"runs\">\n");
  for (int i = 0; i < report->run_count; i++) {
    const ss_report_run *run = &report->runs[i];
    ss_page_begin_run(report, i, text);
    if (run->filters.bytes) {
      ss_html_img(text, &run->filters, "filters");
    } else {
      ss_page_missing(run->filters_missing ? run->filters_missing : "None.", text);
    }
    ss_page_end_run(report, text);
  }
  ss_text_append(text, "</div>\n");
  ss_page_end(text);
}

static void append_sample(const ss_report_sample *sample, const char *class_name, ss_text *text) {
  ss_text_printf(text, "<figure class=\"%s\">", class_name);
  ss_html_img(text, &sample->picture, "sheet");
  ss_text_append(text, "<figcaption>");
  ss_html_escape(text, sample->name);
  ss_text_append(text, "</figcaption></figure>\n");
}

void ss_page_samples(const ss_report_page *report, ss_text *text) {
  ss_page_begin("samples", "What the method saw and predicted", NULL, text);
  ss_text_append(text, "<div class=\"runs one\">\n");
  for (int i = 0; i < report->run_count; i++) {
    const ss_report_run *run = &report->runs[i];
    ss_page_begin_run(report, i, text);
    if (run->sample_count == 0) {
      ss_page_missing(run->samples_missing ? run->samples_missing : "None.", text);
    } else {
      append_sample(&run->samples[run->sample_count - 1], "last", text);
    }
    if (run->sample_count > 1) {
      ss_text_append(text, "<div class=\"strip\">\n");
      for (int k = 0; k + 1 < run->sample_count; k++) {
        append_sample(&run->samples[k], "earlier", text);
      }
      ss_text_append(text, "</div>\n");
    }
    ss_page_end_run(report, text);
  }
  ss_text_append(text, "</div>\n");
  ss_page_end(text);
}

static void append_found(const ss_report_found *found, bool query, ss_text *text) {
  ss_text_printf(text, "<td class=\"%s%s\">", query ? "query" : "found", found->same > 0 ? " same" : "");
  if (found->picture.bytes) {
    ss_text_append(text, "<span title=\"");
    ss_html_escape(text, found->picture.text ? found->picture.text : "");
    if (!query) {
      ss_text_printf(text, ", cosine %.2f", found->cosine);
    }
    ss_text_append(text, "\">");
    ss_html_img(text, &found->picture, "thumb");
    ss_text_append(text, "</span>");
  }
  ss_text_append(text, "</td>");
}

static void append_queries(const ss_report_run *run, ss_text *text) {
  bool known = false;
  ss_text_append(text, "<table class=\"neighbours\">\n<tbody>\n");
  for (int q = 0; q < run->query_count; q++) {
    const ss_report_query *query = &run->queries[q];
    ss_text_append(text, "<tr>");
    append_found(&query->query, true, text);
    for (int i = 0; i < query->found_count; i++) {
      append_found(&query->found[i], false, text);
      known = known || query->found[i].same >= 0;
    }
    ss_text_append(text, "</tr>\n");
  }
  ss_text_append(text, "</tbody></table>\n");
  if (known) {
    ss_text_append(text, "<p class=\"about\">✓ of the same class.</p>\n");
  }
}

void ss_page_neighbours(const ss_report_page *report, ss_text *text) {
  bool any = false;
  for (int i = 0; i < report->run_count; i++) {
    any = any || report->runs[i].query_count > 0;
  }
  if (!any) { /* the map has said why */
    return;
  }
  ss_page_begin("neighbours", "Nearest neighbours",
                "Some pictures (left), each with those whose features are most like its own, by cosine.", text);
  ss_text_append(text, "<div class=\"runs wider\">\n");
  for (int i = 0; i < report->run_count; i++) {
    ss_page_begin_run(report, i, text);
    if (report->runs[i].query_count > 0) {
      append_queries(&report->runs[i], text);
    } else {
      ss_page_missing(report->runs[i].pictures_missing ? report->runs[i].pictures_missing : "None.", text);
    }
    ss_page_end_run(report, text);
  }
  ss_text_append(text, "</div>\n");
  ss_page_end(text);
}
