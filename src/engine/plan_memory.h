/* Inside the planner: where a plan's tensors are, on the device that computes and for the host to read and write. */
#ifndef SS_ENGINE_PLAN_MEMORY_H
#define SS_ENGINE_PLAN_MEMORY_H

#include "engine/kernel.h"
#include "engine/placement.h"
#include "engine/plan.h"

/* What the host sees of a tensor in a device's memory. */
typedef struct ss_mirror {
  void *there;        /* a constant's copy */
  void *host;         /* of the device's reserve_host */
  ss_feeder *feeder;  /* of an input that comes from the host */
  bool written_there; /* an input that does not */
  size_t bytes;
  int64_t of_run; /* the run whose result `host` has */
} ss_mirror;

typedef struct ss_plan_memory {
  const ss_device *device;
  const ss_graph *graph;
  ss_placement placement;
  char *arena;
  ss_mirror *mirrors; /* by tensor id; NULL where the device computes in the host's memory */
  int64_t runs;
  ss_status status; /* of bringing results: said by the next run */
  ss_error error;
} ss_plan_memory;

/* Places the graph's tensors, `scratch` bytes for each node, and takes the memory. */
ss_status ss_plan_memory_make(ss_plan_memory *memory, const ss_graph *graph, const ss_device *device,
                              const size_t *scratch, ss_error *error);
/* The bytes of a device's own memory that ss_plan_memory_make would take. */
ss_status ss_plan_memory_measure(const ss_graph *graph, const size_t *scratch, size_t *bytes, ss_error *error);
void ss_plan_memory_free(ss_plan_memory *memory);

/* Where the device has it: NULL for what is not in memory. A parameter has moved there before (residence.h). */
void *ss_plan_memory_there(const ss_plan_memory *memory, const ss_tensor *tensor);

/* Where the host has it: ss_plan_data. */
void *ss_plan_memory_here(ss_plan_memory *memory, const ss_tensor *tensor);

/* From now on the input is written where this says, on the device: ss_plan_input_place. */
void *ss_plan_memory_write_there(ss_plan_memory *memory, const ss_tensor *input);

/* Takes the inputs' values to the device. */
ss_status ss_plan_memory_feed(ss_plan_memory *memory, ss_error *error);

/* For the optimiser, of a plan: its device, where that has a tensor, and the parameters it computes with. */
const ss_device *ss_plan_device(const ss_plan *plan);
ss_parameters *ss_plan_parameters(const ss_plan *plan);
void *ss_plan_place(const ss_plan *plan, const ss_tensor *tensor);

#endif
