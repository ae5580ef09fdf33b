/* The triplet loss on instances: views of the same thing nearer to one another than to views of others. */
#ifndef SS_METHODS_TRIPLET_H
#define SS_METHODS_TRIPLET_H

#include "engine/operations.h"

#define SS_SOFT_MARGIN (-1.0f)

/* Embeddings (views * N, D), view by view, normalised inside; views and N at least 2. For each the distance to the
 * farthest view of the same instance minus that to the nearest of another, d: the mean of max(0, d + margin), or with
 * SS_SOFT_MARGIN of log(1 + exp d) (Hermans, Beyer, Leibe, "In Defense of the Triplet Loss", equation 5, batch hard).
 */
ss_tensor *ss_batch_hard_loss(ss_graph *graph, ss_tensor *embeddings, int views, float margin);

/* The share of them whose nearest other one is of the same instance. */
ss_tensor *ss_nearest_instance_score(ss_graph *graph, ss_tensor *embeddings, int views);
/* That share if all are alike: (views - 1) / (views * instances - 1). */
double ss_nearest_instance_chance(int views, int instances);

#endif
