/* Inside the report: the parts of the page. */
#ifndef SS_REPORT_PAGE_H
#define SS_REPORT_PAGE_H

#include "report/report.h"

extern const char ss_page_style[], ss_page_print_style[], ss_page_script[];

/* <section> with a heading and, under it, a line of what it shows (may be NULL). */
void ss_page_begin(const char *id, const char *heading, const char *about, ss_text *text);
void ss_page_end(ss_text *text);

/* A paragraph in place of what is missing. */
void ss_page_missing(const char *sentence, ss_text *text);

/* Where there are several runs: the beginning of what belongs to one of them, under its name. */
void ss_page_begin_run(const ss_report_page *report, int run, ss_text *text);
void ss_page_end_run(const ss_report_page *report, ss_text *text);

/* The colour of a run: the first for a single one. */
int ss_page_run_colour(int run);

void ss_page_head(const ss_report_page *report, ss_text *text);
void ss_page_curves(const ss_report_page *report, ss_text *text);
void ss_page_probe(const ss_report_page *report, ss_text *text);
void ss_page_filters(const ss_report_page *report, ss_text *text);
void ss_page_samples(const ss_report_page *report, ss_text *text);
void ss_page_neighbours(const ss_report_page *report, ss_text *text);
void ss_page_map(const ss_report_page *report, ss_text *text);
void ss_page_operations(const ss_report_page *report, ss_text *text);
void ss_page_configuration(const ss_report_page *report, ss_text *text);

#endif
