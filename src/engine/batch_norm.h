/* What the rule, the kernels and the fusing pass of batch norm share.
 *
 * BATCH_NORM: attributes alpha: epsilon, beta: momentum, groups, flags. y = (x - mean) / sqrt(variance + epsilon)
 * weight + bias [+ residual], [then ReLU]; mean and variance of each group of the batch (training) or the running ones.
 * BATCH_NORM_BACKWARD: attributes groups and flags are the forward node's. */
#ifndef SS_ENGINE_BATCH_NORM_H
#define SS_ENGINE_BATCH_NORM_H

#include "engine/node.h"

typedef enum ss_batch_norm_flags {
  SS_BATCH_NORM_TRAINING = 1, /* statistics of the batch; the running ones are updated, group after group */
  SS_BATCH_NORM_RELU = 2,     /* ReLU at the end */
  SS_BATCH_NORM_RESIDUAL = 4, /* the residual is added before the ReLU */
  SS_BATCH_NORM_HELD = 16,    /* in training: the running statistics and the counter stay as they are */
  SS_BATCH_NORM_SAVED = 8 /* the running mean and variance are a forward node's SS_BN_MEAN and SS_BN_INVERSE instead:
                           * its y again, to the bit; nothing is updated */
} ss_batch_norm_flags;

typedef enum ss_batch_norm_input {
  SS_BN_X,
  SS_BN_WEIGHT,       /* (C) or absent */
  SS_BN_BIAS,         /* (C) or absent */
  SS_BN_RUNNING_MEAN, /* (C), written in training */
  SS_BN_RUNNING_VAR,  /* (C), written in training */
  SS_BN_COUNTER,      /* num_batches_tracked (1) int64, written in training */
  SS_BN_RESIDUAL,     /* x's shape and type, or absent */
  SS_BN_INPUTS
} ss_batch_norm_input;

typedef enum ss_batch_norm_output {
  SS_BN_Y,       /* x's shape and type */
  SS_BN_MEAN,    /* (groups, C) float32 */
  SS_BN_INVERSE, /* (groups, C) float32: 1 / sqrt(variance + epsilon) */
  SS_BN_MASK, /* ss_batch_norm_mask_shape, U8: which elements the ReLU let through; absent without the ReLU, and where
               * no gradient is wanted */
  SS_BN_OUTPUTS
} ss_batch_norm_output;

typedef enum ss_batch_norm_backward_input {
  SS_BNB_DY,
  SS_BNB_X,
  SS_BNB_WEIGHT, /* or absent */
  SS_BNB_MEAN,
  SS_BNB_INVERSE,
  SS_BNB_MASK, /* or absent */
  SS_BNB_DY2,  /* a second gradient of y, of dy's type, added to dy on the fly; or absent */
  SS_BNB_INPUTS
} ss_batch_norm_backward_input;

typedef enum ss_batch_norm_backward_output { /* each may be absent */
                                             SS_BNB_DX,
                                             SS_BNB_DWEIGHT, /* (C) float32 */
                                             SS_BNB_DBIAS,   /* (C) float32 */
                                             SS_BNB_DRESIDUAL,
                                             SS_BNB_OUTPUTS
} ss_batch_norm_backward_output;

/* Bits in the order of memory, each group's starting at a whole byte: (groups ceil(count / groups / 8)). */
ss_shape ss_batch_norm_mask_shape(ss_shape x, int groups);

#endif
