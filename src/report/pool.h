/* What a report is made of lives as long as the report: memory that is freed at once. */
#ifndef SS_REPORT_POOL_H
#define SS_REPORT_POOL_H

#include "base/status.h"

/* A zeroed struct is empty. */
typedef struct ss_pool {
  struct ss_pool_block *blocks;
} ss_pool;

/* count * size zeroed bytes. */
ss_status ss_pool_alloc(ss_pool *pool, void **memory, size_t count, size_t size, ss_error *error);
/* A formatted text. */
ss_status ss_pool_text(ss_pool *pool, const char **text, ss_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Takes over what was allocated with malloc, in success and failure; NULL is fine. */
ss_status ss_pool_take(ss_pool *pool, void *memory, ss_error *error);
void ss_pool_free(ss_pool *pool);

#endif
