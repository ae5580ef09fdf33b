/* Text: building strings, reading numbers strictly, and "did you mean". */
#ifndef SS_BASE_TEXT_H
#define SS_BASE_TEXT_H

#include "base/status.h"

#include <stdbool.h>

/* A string that grows. A zeroed struct is an empty one; `data` is NULL until something was appended, then always ends
 * in 0. An allocation that fails is remembered: appending goes on doing nothing, and ss_text_finish or ss_text_check
 * says so, so that a page of output needs one check at its end. */
typedef struct ss_text {
  char *data;
  size_t length;
  size_t capacity;
  bool failed;
} ss_text;

void ss_text_append(ss_text *text, const char *string);
void ss_text_append_bytes(ss_text *text, const char *bytes, size_t count);
void ss_text_printf(ss_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* SS_OK, or SS_NO_MEMORY if an append has failed. */
ss_status ss_text_check(const ss_text *text, ss_error *error);

/* Hands the string (never NULL on SS_OK) over to the caller, who frees it with free(), and empties `text`. */
ss_status ss_text_finish(ss_text *text, char **string, ss_error *error);

void ss_text_free(ss_text *text); /* and zeroes it, ready for use again */

/* The candidate nearest to `word` by edit distance (insert, delete, replace and swap of neighbours cost 1 each, case
 * is ignored), or NULL if none is near enough to be what was meant: more than a third of the word (at least 1, for
 * words of 3 letters on 2) must not change. The first of equals. NULL candidates are skipped. */
const char *ss_text_nearest(const char *word, const char *const *candidates, size_t count);

/* Strict readers: the whole string must be the number, without blanks. On an error *value is left alone and the message
 * names `what` (an option, a key) and what was expected. Bounds are inclusive. Status SS_USAGE on any error. */
ss_status ss_text_int(const char *string, const char *what, int64_t low, int64_t high, int64_t *value, ss_error *error);
ss_status ss_text_float(const char *string, const char *what, double low, double high, double *value, ss_error *error);

/* The plain decimal number (no hexadecimal, infinity, blanks) at the start of `string`, with a point whatever the
 * locale: its end, or NULL if there is none. */
const char *ss_text_read_decimal(const char *string, double *number);
/* Writes `value` as printf's %g does, with a point whatever the locale. */
void ss_text_write_decimal(double value, char text[32]);

/* 0 to 1, as "0.1", "10%" or "1/10". */
ss_status ss_text_fraction(const char *string, const char *what, double *value, ss_error *error);

/* Bytes: a whole or decimal number and a unit: none or B, K, M, G, T (powers of 1000, also KB, MB...), KiB, MiB, GiB,
 * TiB (powers of 1024); case is ignored. */
ss_status ss_text_bytes(const char *string, const char *what, uint64_t *value, ss_error *error);

/* 1, true, yes, on; 0, false, no, off. */
ss_status ss_text_bool(const char *string, const char *what, bool *value, ss_error *error);

#endif
