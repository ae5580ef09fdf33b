/* Learning from a few labels. */
#ifndef SS_DATA_LABELS_H
#define SS_DATA_LABELS_H

#include "base/random.h"
#include "base/status.h"

#include <stdbool.h>

/* Draws which labels are seen, for learning from a few of them: of each class `share` of its samples, rounded and at
 * least one. labels (count): 0 to classes - 1, or -1, which is never chosen. `chosen` (count) is filled. */
ss_status ss_labels_choose(const int32_t *labels, uint32_t count, int classes, double share, ss_random *random,
                           bool *chosen, ss_error *error);

#endif
