/* Decoded pictures kept in memory. */
#ifndef SS_DATA_CACHE_H
#define SS_DATA_CACHE_H

#include "base/image.h"

#include <stdbool.h>

typedef struct ss_cache ss_cache;

/* A cache for `count` pictures that together may take `bytes`. It closes itself, taking no more, once the mean of those
 * it has seen says that all will not fit. */
ss_status ss_cache_create(ss_cache **cache, uint32_t count, size_t bytes, ss_error *error);
void ss_cache_free(ss_cache *cache); /* NULL is fine */

/* Any thread: the kept picture as a view, which holds until ss_cache_free and must not be freed; false if not kept. */
bool ss_cache_get(const ss_cache *cache, uint32_t index, ss_image *view);

/* Any thread: keeps a copy if there is room; memory that cannot be had is no failure. */
void ss_cache_put(ss_cache *cache, uint32_t index, const ss_image *image);

size_t ss_cache_bytes(ss_cache *cache); /* of pictures kept */

#endif
