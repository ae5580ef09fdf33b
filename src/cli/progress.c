#include "cli/progress.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { bar_cells = 24 };
static const double terminal_pause = 0.2, line_pause = 10.0;

void ss_progress_start(ss_progress_display *display) {
  *display = (ss_progress_display){.terminal = isatty(STDERR_FILENO) == 1, .last_shown = -1e9};
}

static void duration_text(double seconds, char text[32]) {
  const long total = (long)(seconds + 0.5);
  if (total >= 3600) {
    snprintf(text, 32, "%ld h %02ld min", total / 3600, total / 60 % 60);
  } else if (total >= 60) {
    snprintf(text, 32, "%ld min %02ld s", total / 60, total % 60);
  } else {
    snprintf(text, 32, "%ld s", total);
  }
}

static void erase(ss_progress_display *display) {
  if (display->drawn) {
    fprintf(stderr, "\r\033[K");
    display->drawn = false;
  }
}

void ss_progress_show(ss_progress_display *display, const ss_progress *progress) {
  const double now = ss_clock_seconds();
  const bool last = progress->step == progress->steps;
  if (!last && now - display->last_shown < (display->terminal ? terminal_pause : line_pause)) {
    return;
  }
  display->last_shown = now;
  char left[32], spread[32] = "";
  duration_text(progress->seconds_left, left);
  if (!isnan(progress->spread)) {
    snprintf(spread, sizeof spread, "  spread %.2f", progress->spread);
  }
  if (display->terminal) {
    erase(display);
    const double done = progress->steps > 0 ? (double)progress->step / (double)progress->steps : 1.0;
    for (int i = 0; i < bar_cells; i++) {
      fputs(i < (int)(done * bar_cells + 0.5) ? "\xe2\x94\x81" : "\xe2\x94\x80", stderr);
    }
    fprintf(stderr, " %3.0f %%  %lld/%lld  loss %.4f%s  %.0f images/s  %s left", 100.0 * done,
            (long long)progress->step, (long long)progress->steps, progress->loss, spread, progress->images_per_s,
            left);
    display->drawn = true;
  } else {
    fprintf(stderr, "step %lld/%lld  epoch %.2f  loss %.4f%s  lr %.4f  %.1f images/s  %s left\n",
            (long long)progress->step, (long long)progress->steps, progress->epoch, progress->loss, spread,
            progress->rate, progress->images_per_s, left);
  }
  fflush(stderr);
}

void ss_progress_note(ss_progress_display *display, const char *line) {
  erase(display);
  fprintf(stderr, "%s\n", line);
}

void ss_progress_end(ss_progress_display *display) {
  if (display->drawn) {
    fprintf(stderr, "\n");
    display->drawn = false;
  }
}
