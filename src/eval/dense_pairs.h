/* Batches of pictures with what a dense task is to predict at each pixel. */
#ifndef SS_EVAL_DENSE_PAIRS_H
#define SS_EVAL_DENSE_PAIRS_H

#include "data/dense_set.h"
#include "data/loader.h"
#include "nets/model.h"

/* A pixel's target, as the loss's input reads it. */
typedef union ss_dense_target {
  int32_t label;
  float number;
} ss_dense_target;

/* Writes the target of a pixel whose map has `value`; returns whether it counts. `zoom` is how much larger things are
 * shown than in the whole picture. */
typedef bool (*ss_dense_target_of)(const void *context, uint16_t value, float zoom, ss_dense_target *target);

typedef struct ss_dense_pairs_options {
  int size;    /* pixels a side: pictures are resized to that square, whatever their shape */
  int batch;   /* at a time */
  int threads; /* of the loader; at least 1 */
  /* In training: a random part of the picture, at least so much of its area, mirrored half of the time, in a new order
   * each epoch; targets are made of the same part by the nearest pixel. 0: the whole picture, in order, once, without
   * targets. */
  float min_scale;
  ss_dense_target_of target;
  const void *context; /* of target */
  uint64_t seed;
  double max_bad;
  ss_loader_bad bad; /* with a NULL context; may be NULL */
} ss_dense_pairs_options;

typedef struct ss_dense_pairs ss_dense_pairs;

/* All are borrowed until close. In training, the subset has at least `batch` samples. */
ss_status ss_dense_pairs_open(const ss_model *model, const ss_dense_set *set, const ss_subset *subset,
                              const ss_dense_pairs_options *options, ss_dense_pairs **out, ss_error *error);
void ss_dense_pairs_close(ss_dense_pairs *pairs);

/* Where a batch goes. */
typedef struct ss_dense_batch {
  float *images;            /* (batch, size, size, 3), as the model takes them */
  ss_dense_target *targets; /* (batch, size, size) or NULL */
  float *weights;           /* (batch, size, size): 1 / pixels of that picture that count, 0 for others; or NULL */
  const uint32_t *samples;  /* set by next: valid until the one after */
  int count;                /* set by next; 0: the end, which comes in testing alone */
} ss_dense_batch;

ss_status ss_dense_pairs_next(ss_dense_pairs *pairs, ss_dense_batch *batch, ss_error *error);

#endif
