#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const size_t mapped_from = (size_t)4 << 20;

void *ss_alloc_aligned(size_t bytes) {
  if (bytes >= mapped_from) {
    const size_t huge_page = (size_t)2 << 20;
    if (bytes > SIZE_MAX - 2 * huge_page) {
      return NULL;
    }
    const size_t rounded = (bytes + huge_page - 1) & ~(huge_page - 1);
    char *map = mmap(NULL, rounded + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
      return NULL;
    }
    char *start = (char *)(((uintptr_t)map + huge_page - 1) & ~(uintptr_t)(huge_page - 1));
    if (start > map) {
      munmap(map, (size_t)(start - map));
    }
    const size_t tail = (size_t)(map + rounded + huge_page - (start + rounded));
    if (tail) {
      munmap(start + rounded, tail);
    }
    madvise(start, rounded, MADV_HUGEPAGE); /* only advice: small pages work as well */
    return start;
  }
  void *memory = NULL;
  if (posix_memalign(&memory, 64, bytes ? bytes : 64) != 0) {
    return NULL;
  }
  memset(memory, 0, bytes);
  return memory;
}

void ss_free_aligned(void *memory, size_t bytes) {
  if (!memory) {
    return;
  }
  if (bytes >= mapped_from) {
    const size_t huge_page = (size_t)2 << 20;
    munmap(memory, (bytes + huge_page - 1) & ~(huge_page - 1));
  } else {
    free(memory);
  }
}

ss_status ss_alloc(void **memory, size_t count, size_t size, const char *what, ss_error *error) {
  *memory = calloc(count ? count : 1, size ? size : 1);
  return *memory ? SS_OK : ss_fail_memory(error, count * size, what);
}
