#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static void send(const ss_log *log, ss_log_level level, const char *format, va_list arguments) {
  if (log && log->sink) {
    char message[1024];
    vsnprintf(message, sizeof message, format, arguments);
    log->sink(log->context, level, message);
  }
}

void ss_log_note(const ss_log *log, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  send(log, SS_LOG_NOTE, format, arguments);
  va_end(arguments);
}

void ss_log_warning(const ss_log *log, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  send(log, SS_LOG_WARNING, format, arguments);
  va_end(arguments);
}
