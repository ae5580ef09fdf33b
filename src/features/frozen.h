/* A frozen backbone planned for a batch: what of it is read, and its output for pictures as the model takes them. */
#ifndef SS_FEATURES_FROZEN_H
#define SS_FEATURES_FROZEN_H

#include "engine/plan.h"
#include "nets/model.h"

#define SS_LAST_LAYER (-1)    /* the backbone's output: the global average of its last layer */
#define SS_LAYER_NUMBERS 9216 /* of a layer's map that is averaged down */

typedef struct ss_frozen_options {
  const int *layers; /* (count) SS_LAST_LAYER or the index of a layer */
  int count;
  bool whole; /* a layer's map as it is, instead of averaged down to at most SS_LAYER_NUMBERS numbers */
  int batch;  /* pictures at a time */
  int size;   /* pixels a side */
  int threads;
  ss_ways *ways;           /* may be NULL */
  const ss_device *device; /* what computes the network; NULL: the processors */
} ss_frozen_options;

typedef struct ss_frozen {
  int count;
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *images;                     /* (batch, size, size, 3) */
  ss_tensor *outputs[SS_MAX_LAYERS + 1]; /* (batch, D) float32 */
  int sides[SS_MAX_LAYERS + 1][2];       /* rows and columns of places in each row of numbers; 1, 1 of the output */
} ss_frozen;

/* Records and plans. SS_USAGE for a layer that there is not. The model must outlive it. Zeroed after an error. */
ss_status ss_frozen_open(const ss_model *model, const ss_frozen_options *options, ss_frozen *frozen, ss_error *error);
/* Records alone, to see the outputs' shapes: no plan. */
ss_status ss_frozen_record(const ss_model *model, const ss_frozen_options *options, ss_frozen *frozen, ss_error *error);
void ss_frozen_close(ss_frozen *frozen); /* a zeroed one is fine */

/* The batch in which `count` pictures are computed where `batch` (0: 256) is asked for: halved while half of it still
 * holds them all. The kernels depend on it, and so may the last bits of the features. */
int ss_frozen_batch(int batch, size_t count);

/* Layers of the model's backbone, in order of depth; their names. At most SS_MAX_LAYERS. */
ss_status ss_feature_layers(const ss_model *model, int *count, const char *names[SS_MAX_LAYERS], ss_error *error);

#endif
