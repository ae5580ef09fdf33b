/* Inside the planner: where each tensor lies in the one arena. Two tensors share bytes when no node needs both. */
#ifndef SS_ENGINE_PLACEMENT_H
#define SS_ENGINE_PLACEMENT_H

#include "engine/gradient_buckets.h"

#define SS_NO_PLACE SIZE_MAX

typedef struct ss_placement {
  size_t *offsets;         /* by tensor id; SS_NO_PLACE for what is not in the arena */
  size_t *scratch_offsets; /* by node */
  size_t bytes;            /* of the arena */
  ss_gradient_buckets buckets;
} ss_placement;

/* `scratch`: bytes each node needs while it runs. Gradients lie in buckets of at most `bucket_bytes`; 0: anywhere. */
ss_status ss_placement_make(ss_placement *placement, const ss_graph *graph, const size_t *scratch, size_t bucket_bytes,
                            ss_error *error);
void ss_placement_free(ss_placement *placement);

/* The tensor whose memory it is: of a view, what is viewed. */
const ss_tensor *ss_placement_root(const ss_tensor *tensor);
/* What a tensor of that many bytes takes of the arena. */
size_t ss_placement_aligned(size_t bytes);

#endif
