/* The page: its frame, and the order of its parts. */
#include "report/page.h"

#include "report/plot.h"

void ss_page_begin(const char *id, const char *heading, const char *about, ss_text *text) {
  ss_text_printf(text, "<section id=\"%s\">\n<h2>%s</h2>\n", id, heading);
  if (about) {
    ss_text_append(text, "<p class=\"about\">");
    ss_html_escape(text, about);
    ss_text_append(text, "</p>\n");
  }
}

void ss_page_end(ss_text *text) {
  ss_text_append(text, "</section>\n");
}

void ss_page_missing(const char *sentence, ss_text *text) {
  ss_text_append(text, "<p class=\"missing\">");
  bool code = false;
  for (const char *at = sentence; *at; at++) { /* `commands` stand out */
    if (*at == '`') {
      ss_text_append(text, code ? "</code>" : "<code>");
      code = !code;
    } else {
      const char *end = at;
      while (end[1] && end[1] != '`') {
        end++;
      }
      ss_text part = {0};
      ss_text_append_bytes(&part, at, (size_t)(end - at) + 1);
      ss_html_escape(text, part.data ? part.data : "");
      text->failed = text->failed || part.failed;
      ss_text_free(&part);
      at = end;
    }
  }
  ss_text_append(text, code ? "</code></p>\n" : "</p>\n");
}

int ss_page_run_colour(int run) {
  return run % SS_PLOT_COLOURS;
}

void ss_page_begin_run(const ss_report_page *report, int run, ss_text *text) {
  ss_text_append(text, "<div class=\"run\">\n");
  if (report->run_count > 1) {
    ss_text_printf(text, "<h3 class=\"%s\"><span>", ss_plot_colour_class(ss_page_run_colour(run)));
    ss_html_escape(text, report->runs[run].name);
    ss_text_append(text, "</span></h3>\n");
  }
}

void ss_page_end_run(const ss_report_page *report, ss_text *text) {
  (void)report;
  ss_text_append(text, "</div>\n");
}

static void append_style(const ss_report_page *report, ss_text *text) {
  ss_text_append(text, "<style>\n:root{color-scheme:light dark;");
  ss_text_append(text, ss_plot_light);
  ss_text_append(text, "}\n@media screen and (prefers-color-scheme:dark){:root{");
  ss_text_append(text, ss_plot_dark);
  ss_text_append(text, "}}\n");
  ss_text_append(text, ss_plot_style);
  ss_text_append(text, ss_page_style);
  ss_text_append(text, ss_page_print_style);
  for (int i = 0; i < report->sprite_count; i++) {
    const ss_report_sprite *sprite = &report->sprites[i];
    ss_text_printf(text, ".sprite%d{background-size:%d00%% auto;background-image:url(", i, sprite->columns);
    ss_html_data_uri(text, sprite->picture.type, sprite->picture.bytes, sprite->picture.size);
    ss_text_append(text, ")}\n");
  }
  ss_text_append(text, "</style>\n");
}

static void append_title(const ss_report_page *report, ss_text *text) {
  if (report->title) {
    ss_html_escape(text, report->title);
    return;
  }
  for (int i = 0; i < report->run_count; i++) {
    ss_text_append(text, i == 0 ? "" : i + 1 < report->run_count ? ", " : " and ");
    ss_html_escape(text, report->runs[i].name);
  }
}

void ss_report_append(const ss_report_page *report, ss_text *text) {
  ss_text_append(text,
                 "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                 "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>");
  append_title(report, text);
  ss_text_append(text, "</title>\n");
  append_style(report, text);
  ss_text_append(text, "</head>\n<body>\n<main>\n<header>\n<p class=\"kind\">selfsup report</p>\n<h1>");
  append_title(report, text);
  ss_text_append(text, "</h1>\n");
  ss_page_head(report, text);
  ss_text_append(text, "</header>\n");
  ss_page_curves(report, text);
  ss_page_probe(report, text);
  ss_page_map(report, text);
  ss_page_neighbours(report, text);
  ss_page_samples(report, text);
  ss_page_filters(report, text);
  ss_page_operations(report, text);
  ss_page_configuration(report, text);
  ss_text_append(text, "<footer><p>Made by selfsup ");
  ss_html_escape(text, report->version ? report->version : "");
  ss_text_append(text, report->made ? ", " : "");
  ss_html_escape(text, report->made ? report->made : "");
  ss_text_append(text, ".</p></footer>\n</main>\n<script>\n");
  ss_text_append(text, ss_page_script);
  ss_text_append(text, "</script>\n</body>\n</html>\n");
}
