/* Aligned memory for tensors and batches. */
#ifndef SS_BASE_MEMORY_H
#define SS_BASE_MEMORY_H

#include "base/status.h"

/* `bytes` zeroed bytes aligned to 64 (to 2 MB, with huge pages asked for, from 4 MB on); NULL when there are none.
 * Freed with ss_free_aligned and the same `bytes`. */
void *ss_alloc_aligned(size_t bytes);
void ss_free_aligned(void *memory, size_t bytes);

/* count * size zeroed bytes, with a message when there are none; freed with free(). */
ss_status ss_alloc(void **memory, size_t count, size_t size, const char *what, ss_error *error);

#endif
