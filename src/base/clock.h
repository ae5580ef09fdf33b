/* Time that only goes forward, for measuring. */
#ifndef SS_BASE_CLOCK_H
#define SS_BASE_CLOCK_H

#include <time.h>

/* Seconds since some fixed moment. */
static inline double ss_clock_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#endif
