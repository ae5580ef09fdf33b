#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

ss_status ss_fail(ss_error *error, ss_status status, const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
  }
  return status;
}

ss_status ss_fail_memory(ss_error *error, size_t bytes, const char *what) {
  return ss_fail(error, SS_NO_MEMORY, "not enough memory for %s (%.1f MB)", what, (double)bytes / 1e6);
}
