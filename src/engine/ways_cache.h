/* The user's cache of kernel choices, ${XDG_CACHE_HOME:-~/.cache}/selfsup/kernels-PROCESSOR.json. */
#ifndef SS_ENGINE_WAYS_CACHE_H
#define SS_ENGINE_WAYS_CACHE_H

#include "engine/ways.h"

/* Adds what the cache knows and `ways` does not. A cache that cannot be read is as good as none. */
ss_status ss_ways_cache_load(ss_ways *ways, ss_error *error);
/* Writes all choices; a cache that cannot be written is not missed. */
void ss_ways_cache_save(const ss_ways *ways);

#endif
