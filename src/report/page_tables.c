/* Where the time goes, and the configuration. */
#include "report/page.h"

#include <math.h>
#include <string.h>

/* ---- operations ---- */

static void append_operations(const ss_report_run *run, ss_text *text) {
  enum { most = 12 };
  const int count = run->operation_count < most ? run->operation_count : most;
  double listed = 0.0;
  ss_text_append(text,
                 "<div class=\"wide\"><table class=\"operations\">\n<thead><tr><th>Operation</th><th>ms</th>"
                 "<th>Share</th><th></th><th>Of peak</th><th class=\"word\">Kernel</th><th class=\"word\">Sizes</th>"
                 "</tr></thead>\n<tbody>\n");
  const double largest = count > 0 ? run->operations[0].ms : 1.0;
  for (int i = 0; i < count; i++) {
    const ss_report_operation *row = &run->operations[i];
    ss_text_append(text, "<tr><th scope=\"row\">");
    ss_html_escape(text, row->name);
    ss_text_printf(text, "</th><td>%.2f</td><td>", row->ms);
    ss_html_per_cent(text, run->step_ms > 0.0 ? 100.0 * row->ms / run->step_ms : NAN);
    ss_text_printf(text, "</td><td class=\"share\"><span style=\"width:%.1f%%\"></span></td><td>",
                   largest > 0.0 ? 100.0 * row->ms / largest : 0.0);
    if (row->best_ms > 0.0 && row->ms > 0.0) {
      ss_text_printf(text, "%.0f\u202f%%", fmin(100.0 * row->best_ms / row->ms, 100.0));
    }
    ss_text_append(text, "</td><td class=\"word\">");
    ss_html_escape(text, row->kernel);
    ss_text_append(text, "</td><td class=\"word sizes\">");
    ss_html_escape(text, row->sizes);
    ss_text_append(text, "</td></tr>\n");
    listed += row->ms;
  }
  ss_text_append(text, "</tbody></table></div>\n<p class=\"about\">A step takes ");
  ss_text_printf(text, "%.1f ms", run->step_ms);
  if (run->operation_count > count) {
    ss_text_printf(text, "; the other %d rows take %.1f ms of it", run->operation_count - count, run->step_ms - listed);
  }
  ss_text_append(text,
                 ". Of peak: the share of the time that the work would take at this machine’s measured best.</p>\n");
}

void ss_page_operations(const ss_report_page *report, ss_text *text) {
  ss_page_begin("time", "Where a step’s time goes", NULL, text);
  for (int i = 0; i < report->run_count; i++) {
    const ss_report_run *run = &report->runs[i];
    ss_page_begin_run(report, i, text);
    if (run->operation_count > 0) {
      append_operations(run, text);
    } else {
      ss_page_missing(run->operations_missing ? run->operations_missing : "Not measured.", text);
    }
    ss_page_end_run(report, text);
  }
  ss_page_end(text);
}

/* ---- configuration ---- */

static const char *find_value(const ss_report_run *run, const char *name) {
  for (int i = 0; i < run->setting_count; i++) {
    if (strcmp(run->settings[i].name, name) == 0) {
      return run->settings[i].value;
    }
  }
  return NULL;
}

static bool same_text(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static void append_setting(const ss_report_page *report, const char *name, ss_text *text) {
  bool differs = false;
  for (int i = 1; i < report->run_count; i++) {
    differs = differs || !same_text(find_value(&report->runs[0], name), find_value(&report->runs[i], name));
  }
  ss_text_append(text, differs ? "<tr class=\"differs\"><th scope=\"row\">≠ " : "<tr><th scope=\"row\">");
  ss_html_escape(text, name);
  ss_text_append(text, "</th>");
  for (int i = 0; i < report->run_count; i++) {
    const char *value = find_value(&report->runs[i], name);
    ss_text_append(text, "<td class=\"word\">");
    ss_html_escape(text, value && *value ? value : "–");
    ss_text_append(text, "</td>");
  }
  ss_text_append(text, "</tr>\n");
}

/* A setting is listed with the first run that has it. */
static bool listed_before(const ss_report_page *report, int run, const char *name) {
  for (int i = 0; i < run; i++) {
    if (find_value(&report->runs[i], name)) {
      return true;
    }
  }
  return false;
}

void ss_page_configuration(const ss_report_page *report, ss_text *text) {
  ss_page_begin("configuration", "Configuration", NULL, text);
  ss_text_append(text, "<details><summary>Every option</summary>\n<div class=\"wide\"><table class=\"options\">\n");
  if (report->run_count > 1) {
    ss_text_append(text, "<thead><tr><th>Option</th>");
    for (int i = 0; i < report->run_count; i++) {
      ss_text_append(text, "<th class=\"word\">");
      ss_html_escape(text, report->runs[i].name);
      ss_text_append(text, "</th>");
    }
    ss_text_append(text, "</tr></thead>\n");
  }
  ss_text_append(text, "<tbody>\n");
  for (int i = 0; i < report->run_count; i++) {
    for (int k = 0; k < report->runs[i].setting_count; k++) {
      if (!listed_before(report, i, report->runs[i].settings[k].name)) {
        append_setting(report, report->runs[i].settings[k].name, text);
      }
    }
  }
  ss_text_append(text, "</tbody></table></div>\n</details>\n");
  ss_page_end(text);
}
