/* Batches of pictures with what a detector is to say of each of its places. */
#ifndef SS_EVAL_BOX_PAIRS_H
#define SS_EVAL_BOX_PAIRS_H

#include "data/box_set.h"
#include "data/loader.h"
#include "eval/fcos.h"
#include "nets/model.h"

typedef struct ss_box_pairs_options {
  int batch;   /* at a time */
  int threads; /* of the loader; at least 1 */
  /* In training: a random part of the picture, at least so much of its area, mirrored half of the time, in a new order
   * each epoch, with targets; a box stays if its centre does, cut at the part's edges (Liu et al., SSD, ECCV 2016,
   * section 2.2). 0: the whole picture, in order, once. */
  float min_scale;
  uint64_t seed;
  double max_bad;
  ss_loader_bad bad; /* with a NULL context; may be NULL */
} ss_box_pairs_options;

typedef struct ss_box_pairs ss_box_pairs;

/* All are borrowed until close. Pictures are resized to a square of grid->size, whatever their shape. In training, the
 * subset has at least `batch` samples. */
ss_status ss_box_pairs_open(const ss_model *model, const ss_box_set *set, const ss_subset *subset,
                            const ss_fcos_grid *grid, const ss_box_pairs_options *options, ss_box_pairs **out,
                            ss_error *error);
void ss_box_pairs_close(ss_box_pairs *pairs);

/* Where a batch goes: each with the batch in front. */
typedef struct ss_box_batch {
  float *images;           /* (batch, size, size, 3), as the model takes them */
  ss_fcos_targets targets; /* NULLs in testing */
  float *per_object;       /* (1): 1 / places with an object in the batch, 1 where there is none; NULL in testing */
  const uint32_t *samples; /* set by next: valid until the one after */
  int count;               /* set by next; 0: the end, which comes in testing alone */
} ss_box_batch;

ss_status ss_box_pairs_next(ss_box_pairs *pairs, ss_box_batch *batch, ss_error *error);

#endif
