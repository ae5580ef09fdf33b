/* Working memory of the image transforms: owned by one thread, used again for every picture, so that in steady state
 * no transform allocates. */
#ifndef SS_AUGMENT_SCRATCH_H
#define SS_AUGMENT_SCRATCH_H

#include "base/image.h"

/* What a piece of working memory is for; a transform never keeps anything there between calls. */
typedef enum ss_scratch_slot {
  SS_SCRATCH_TAPS,    /* filter weights and their places */
  SS_SCRATCH_COLUMNS, /* a strip of rows, transposed */
  SS_SCRATCH_STRIP,   /* the same strip after the horizontal pass */
  SS_SCRATCH_ROWS,    /* all rows after a first pass */
  SS_SCRATCH_LINE,    /* one row of sums */
  SS_SCRATCH_SLOTS
} ss_scratch_slot;

/* A zeroed struct is valid and empty. */
typedef struct ss_view_scratch {
  void *memory[SS_SCRATCH_SLOTS];
  size_t bytes[SS_SCRATCH_SLOTS];
} ss_view_scratch;

/* At least `bytes` bytes, aligned to 64, in *memory; what the slot held before is lost. */
ss_status ss_scratch_get(ss_view_scratch *scratch, ss_scratch_slot slot, size_t bytes, void **memory, ss_error *error);

/* Frees everything and zeroes the struct. */
void ss_scratch_free(ss_view_scratch *scratch);

#endif
