/* The program as a child of itself: a command in a process of its own, whose result is the JSON object that it prints
 * last. */
#ifndef SS_CLI_CHILD_H
#define SS_CLI_CHILD_H

#include "base/json.h"

/* Runs `selfsup WORDS...` (ended by NULL, the program's name left out). Its standard error is this program's. On SS_OK
 * *json is what it printed last, the caller's. SS_FAILED when it could not be started, failed (it has said why) or
 * printed none; SS_INTERRUPTED when this program was asked to stop meanwhile (the child is asked too). */
ss_status ss_child_run(const char *const *words, cJSON **json, ss_error *error);

/* Ctrl-C and SIGTERM are kept for ss_child_run from here on. */
void ss_child_watch_signals(void);

#endif
