/* selfsup: self-supervised visual learning. The public C API.
 *
 * Every function that can fail returns an ss_status and, where it takes an ss_error, leaves one line there that says
 * what is wrong, about which file or value, and what to do. No function prints, exits, or keeps global state.
 */
#ifndef SELFSUP_SELFSUP_H
#define SELFSUP_SELFSUP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SS_API __attribute__((visibility("default")))

/* The outcome of a call. SS_USAGE: the caller's words are wrong (an unknown option, a value out of range). SS_FAILED:
 * the world's are (a missing file, corrupt data). SS_INTERRUPTED: stopped on request, state saved. */
typedef enum ss_status {
  SS_OK = 0,
  SS_FAILED = 1,
  SS_USAGE = 2,
  SS_NO_MEMORY = 3,
  SS_INTERRUPTED = 4,
} ss_status;

/* One line of explanation, without a final full stop or newline; empty while nothing failed. */
typedef struct ss_error {
  char message[512];
} ss_error;

#ifdef __cplusplus
}
#endif
#endif
