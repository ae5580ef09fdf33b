/* Inside the planner: where each tensor lies in the one arena. Two tensors share bytes when no node needs both. */
#ifndef SS_ENGINE_PLACEMENT_H
#define SS_ENGINE_PLACEMENT_H

#include "engine/node.h"

#define SS_NO_PLACE SIZE_MAX

typedef struct ss_placement {
  size_t *offsets;         /* by tensor id; SS_NO_PLACE for what is not in the arena */
  size_t *scratch_offsets; /* by node */
  size_t bytes;            /* of the arena */
} ss_placement;

/* `scratch`: bytes each node needs while it runs. */
ss_status ss_placement_make(ss_placement *placement, const ss_graph *graph, const size_t *scratch, ss_error *error);
void ss_placement_free(ss_placement *placement);

#endif
