/* Progress on standard error: a bar on a terminal, a line now and then otherwise. */
#ifndef SS_CLI_PROGRESS_H
#define SS_CLI_PROGRESS_H

#include "train/trainer.h"

typedef struct ss_progress_display {
  bool terminal;
  bool drawn;        /* a bar is on the screen's last line */
  double last_shown; /* seconds */
} ss_progress_display;

void ss_progress_start(ss_progress_display *display);
void ss_progress_show(ss_progress_display *display, const ss_progress *progress);
/* A line of its own, above the bar. */
void ss_progress_note(ss_progress_display *display, const char *line);
/* Ends the bar's line. */
void ss_progress_end(ss_progress_display *display);

#endif
