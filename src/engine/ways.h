/* Which of several ways (kernels) computes a node fastest on this machine: found by timing at plan time, remembered
 * for the user and for the run. */
#ifndef SS_ENGINE_WAYS_H
#define SS_ENGINE_WAYS_H

#include "base/status.h"

#include <stdbool.h>

typedef struct ss_ways ss_ways;

ss_ways *ss_ways_new(void); /* empty; NULL when there is no memory */
void ss_ways_free(ss_ways *ways);

/* The way remembered for `key`, or NULL. */
const char *ss_ways_find(const ss_ways *ways, const char *key);
/* `times` says what each way took, "amx 1.20, onednn 3.41" in ms; NULL: not known. */
ss_status ss_ways_set(ss_ways *ways, const char *key, const char *way, const char *times, ss_error *error);
/* What was measured when `key` was chosen; "" where that is not known. */
const char *ss_ways_times(const ss_ways *ways, const char *key);

/* Adds the choices of `from` for keys that `ways` does not have, as not used yet. */
ss_status ss_ways_merge(ss_ways *ways, const ss_ways *from, ss_error *error);

size_t ss_ways_count(const ss_ways *ways);
void ss_ways_at(const ss_ways *ways, size_t index, const char **key, const char **way);

/* Keys used (found or set) since the object was made, so that a run's config.json holds its own choices only. */
bool ss_ways_used(const ss_ways *ways, size_t index);

/* Reads and writes the file as a JSON object of key: {"way": ..., "ms": times}. A missing file is empty; one that is
 * not what it should be is ignored (it is a cache) and then replaced. */
ss_status ss_ways_load(ss_ways *ways, const char *path, ss_error *error);
ss_status ss_ways_save(const ss_ways *ways, const char *path, ss_error *error);

#endif
