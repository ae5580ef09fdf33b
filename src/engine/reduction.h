/* Inside the engine: the kinds of REDUCE nodes. */
#ifndef SS_ENGINE_REDUCTION_H
#define SS_ENGINE_REDUCTION_H

#include "engine/node.h"

/* REDUCE: over attributes.axes of the input; the output has them with length 1, or not at all (of all axes: shape (1)).
 * REDUCE_MAX_BACKWARD: (x, largest, its gradient), the last two with the reduced axes kept -> gradient of x, shared by
 * all that are the largest. BROADCAST: attributes.alpha x input, repeated to the output's shape. */
typedef enum ss_reduce_kind { SS_REDUCE_SUM, SS_REDUCE_MEAN, SS_REDUCE_MAX } ss_reduce_kind;

/* `shape` with the axes in `axes` kept with length 1. */
ss_shape ss_reduced_shape(ss_shape shape, unsigned axes);

#endif
