/* Errors: a status to return and a message to leave on the caller's handle. */
#ifndef SS_BASE_STATUS_H
#define SS_BASE_STATUS_H

#include <selfsup/selfsup.h>

/* Leaves the formatted message in `error` (which may be NULL) and returns `status`, so that a failing function can
 * write `return ss_fail(error, SS_FAILED, "no such folder: %s", path);`. */
ss_status ss_fail(ss_error *error, ss_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As ss_fail with SS_NO_MEMORY, for an allocation of `bytes` for `what`. */
ss_status ss_fail_memory(ss_error *error, size_t bytes, const char *what);

/* Returns from the calling function with the status of `call` unless that is SS_OK. */
#define SS_TRY(call)                        \
  do {                                      \
    const ss_status ss_try_status = (call); \
    if (ss_try_status != SS_OK) {           \
      return ss_try_status;                 \
    }                                       \
  } while (0)

#endif
