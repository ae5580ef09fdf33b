/* The view that classifiers are trained on. */
#ifndef SS_EVAL_CLASSIFICATION_VIEW_H
#define SS_EVAL_CLASSIFICATION_VIEW_H

#include "augment/scratch.h"
#include "base/random.h"

/* Pictures that end up with at most so many pixels a side are shifted instead of cut and stretched. */
#define SS_SHIFTED_VIEW_MOST 64

/* Makes a random view of a picture, `size` x `size`, 8 bits, in `out`; `work` is another image. Above 64 px as
 * torchvision's reference for classification: a random resized crop (scale 0.08 to 1, ratio 3/4 to 4/3) and a flip. Up
 * to 64 px as is usual on CIFAR (He et al. 2016, section 4.2): the test view (the whole of a square picture) with a
 * border of size / 8 black pixels (4 at 32 px), a random `size` x `size` part of that, and a flip. */
ss_status ss_classification_view(const ss_image *picture, int size, ss_random *random, ss_view_scratch *scratch,
                                 ss_image *work, ss_image *out, ss_error *error);

#endif
