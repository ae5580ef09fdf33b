/* Contrastive predictive coding: what its files share. */
#ifndef SS_METHODS_IMAGE_CPC_H
#define SS_METHODS_IMAGE_CPC_H

#include "augment/view.h"
#include "methods/patches.h"

/* How pictures are cut, and what is predicted. */
typedef struct ss_coding {
  ss_view_options crop, patch;
  ss_patch_grid grid; /* of the pieces that are shown */
  int side;           /* of a patch */
  bool augment;       /* the patches */
  float drop;
  int cells, nearest, farthest; /* farthest < cells */
} ss_coding;

#define SS_CODING_SHOWN 12 /* pictures of a batch, the first, whose predictions are shown */

/* The method's picture. Its prediction is (SS_CODING_SHOWN or the batch, rows predicted x cells, patches of the batch):
 * the logits of the rows `nearest` to `farthest` below the lowest one that has them all. */
ss_status ss_coding_picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error);

#endif
