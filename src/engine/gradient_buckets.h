/* Inside the planner: gradients that lie side by side, in the order in which the backward pass makes them, so that
 * several devices can add theirs up a bucket at a time while the pass goes on (Li et al., PyTorch Distributed, VLDB
 * 2020, section 3.2). */
#ifndef SS_ENGINE_GRADIENT_BUCKETS_H
#define SS_ENGINE_GRADIENT_BUCKETS_H

#include "engine/node.h"

/* Enough for a link between GPUs to be busy with, few enough that the last one ends soon after the pass. */
#define SS_BUCKET_BYTES ((size_t)25 << 20)

typedef struct ss_gradient_bucket {
  size_t bytes;  /* each gradient begins at a multiple of 64 */
  size_t offset; /* in the arena: placement.h */
  int complete;  /* the index of the node after which all of it is there */
} ss_gradient_bucket;

typedef struct ss_gradient_buckets {
  ss_gradient_bucket *items; /* in the order in which they are complete */
  size_t count;
  int *of;        /* by tensor id: the bucket of the tensor's memory; -1: none */
  size_t *inside; /* by tensor id: where in the bucket */
} ss_gradient_buckets;

/* Buckets of at most `most_bytes`, or of one gradient; none for 0. */
ss_status ss_gradient_buckets_make(ss_gradient_buckets *buckets, const ss_graph *graph, size_t most_bytes,
                                   ss_error *error);
void ss_gradient_buckets_free(ss_gradient_buckets *buckets);

#endif
