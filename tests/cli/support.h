/* What tests of commands share: the program run in a folder of the test's own. */
#ifndef TESTS_CLI_SUPPORT_H
#define TESTS_CLI_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

extern char support_folder[256];
extern char support_output[65536]; /* of the last run, both streams */

/* Makes the folder, which is also where the program caches; 0, or -1. */
int support_set_up(void **state);
/* Removes it with all that is in it. */
int support_tear_down(void **state);

/* Runs the program in the folder; its exit status. */
int support_run(const char *words);
/* Runs it; fails the test unless it ends with `status` and says `text`. */
void support_expect(const char *words, int status, const char *text);

/* The JSON object on the last line of the output, which is cut there; the caller deletes it. */
cJSON *support_last_line(void);
double support_number(const cJSON *json, const char *key);

#endif
