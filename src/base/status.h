/* Errors: a status to return and a message to leave on the caller's handle. */
#ifndef SS_BASE_STATUS_H
#define SS_BASE_STATUS_H

#include <selfsup/selfsup.h>

/* Leaves the formatted message in `error` (which may be NULL). Returns 0. */
int ss_error_set(ss_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline ss_status ss_status_after(int message_set, ss_status status) {
  (void)message_set;
  return status;
}

/* Leaves the formatted message in `error` and returns `status`, so that a failing function can write
 * `return ss_fail(error, SS_FAILED, "no such folder: %s", path);`. A macro so that compilers and analysers see which
 * status that is. */
#define ss_fail(error, status, ...) ss_status_after(ss_error_set((error), __VA_ARGS__), (status))

/* As ss_fail with SS_NO_MEMORY, for an allocation of `bytes` for `what`. */
static inline ss_status ss_fail_memory(ss_error *error, size_t bytes, const char *what) {
  return ss_fail(error, SS_NO_MEMORY, "not enough memory for %s (%.1f MB)", what, (double)bytes / 1e6);
}

/* Returns from the calling function with the status of `call` unless that is SS_OK. */
#define SS_TRY(call)                        \
  do {                                      \
    const ss_status ss_try_status = (call); \
    if (ss_try_status != SS_OK) {           \
      return ss_try_status;                 \
    }                                       \
  } while (0)

#endif
