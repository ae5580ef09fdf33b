#include "augment/scratch.h"

#include "base/memory.h"

#include <string.h>

ss_status ss_scratch_get(ss_view_scratch *scratch, ss_scratch_slot slot, size_t bytes, void **memory, ss_error *error) {
  if (bytes > scratch->bytes[slot]) {
    /* A quarter more than asked, so that pictures of slowly growing sizes do not each allocate. */
    const size_t grown = bytes + bytes / 4 + 64;
    void *fresh = ss_alloc_aligned(grown);
    if (!fresh) {
      return ss_fail_memory(error, grown, "working memory of the image transforms");
    }
    ss_free_aligned(scratch->memory[slot], scratch->bytes[slot]);
    scratch->memory[slot] = fresh;
    scratch->bytes[slot] = grown;
  }
  *memory = scratch->memory[slot];
  return SS_OK;
}

void ss_scratch_free(ss_view_scratch *scratch) {
  for (int i = 0; i < SS_SCRATCH_SLOTS; i++) {
    ss_free_aligned(scratch->memory[i], scratch->bytes[i]);
  }
  memset(scratch, 0, sizeof *scratch);
}
