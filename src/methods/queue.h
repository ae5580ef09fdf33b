/* The queue of keys: a dictionary of the last batches' embeddings, larger than a batch (MoCo, section 3.2, "Dictionary
 * as a queue"; lightly's memory bank). It is part of the parameters, so checkpoints hold it. */
#ifndef SS_METHODS_QUEUE_H
#define SS_METHODS_QUEUE_H

#include "methods/method.h"

/* The queue's keys (length, dims) float32, parameter "queue.keys": random directions at first, as MoCo's. */
ss_tensor *ss_queue(ss_graph *graph, int64_t length, int64_t dims);

/* The oldest keys go, `rows` new ones (rows, dims) take their places. SS_FAILED when there is no queue or it is shorter
 * than that. */
ss_status ss_queue_push(ss_parameters *parameters, const float *keys, int64_t rows, ss_error *error);

#endif
