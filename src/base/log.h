/* Messages for whoever runs the library, handed to a callback: the library itself never prints. */
#ifndef SS_BASE_LOG_H
#define SS_BASE_LOG_H

typedef enum ss_log_level { SS_LOG_NOTE, SS_LOG_WARNING } ss_log_level;

/* Receives one message, one line without a newline, valid only during the call. May be called from any thread, also
 * from several at once. */
typedef void ss_log_sink(void *context, ss_log_level level, const char *message);

/* Where messages go; copied freely. A zeroed struct, like a NULL handle, drops them. */
typedef struct ss_log {
  ss_log_sink *sink;
  void *context;
} ss_log;

/* What is worth knowing: a default chosen, a file left out. Messages are cut after 1023 bytes. */
void ss_log_note(const ss_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the user should do something about, though work goes on. */
void ss_log_warning(const ss_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
