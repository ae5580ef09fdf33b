#include "report/pool.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct ss_pool_block {
  struct ss_pool_block *next;
  void *memory;
};

ss_status ss_pool_take(ss_pool *pool, void *memory, ss_error *error) {
  if (!memory) {
    return SS_OK;
  }
  struct ss_pool_block *block = malloc(sizeof *block);
  if (!block) {
    free(memory);
    return ss_fail_memory(error, sizeof *block, "the report");
  }
  *block = (struct ss_pool_block){.next = pool->blocks, .memory = memory};
  pool->blocks = block;
  return SS_OK;
}

ss_status ss_pool_alloc(ss_pool *pool, void **memory, size_t count, size_t size, ss_error *error) {
  void *made = NULL;
  *memory = NULL;
  SS_TRY(ss_alloc(&made, count ? count : 1, size, "the report", error));
  SS_TRY(ss_pool_take(pool, made, error));
  *memory = made;
  return SS_OK;
}

ss_status ss_pool_text(ss_pool *pool, const char **text, ss_error *error, const char *format, ...) {
  va_list arguments;
  char *made = NULL;
  va_start(arguments, format);
  const int length = vasprintf(&made, format, arguments);
  va_end(arguments);
  *text = NULL;
  if (length < 0) {
    return ss_fail_memory(error, 1, "the report");
  }
  SS_TRY(ss_pool_take(pool, made, error));
  *text = made;
  return SS_OK;
}

void ss_pool_free(ss_pool *pool) {
  while (pool->blocks) {
    struct ss_pool_block *block = pool->blocks;
    pool->blocks = block->next;
    free(block->memory);
    free(block);
  }
}
