/* A plan: a recorded graph with every tensor placed in one arena and a way chosen for every node. Running it allocates
 * nothing. */
#ifndef SS_ENGINE_PLAN_H
#define SS_ENGINE_PLAN_H

#include "engine/graph.h"
#include "engine/ways.h"

typedef struct ss_plan ss_plan;

typedef struct ss_plan_options {
  const ss_device *device; /* what computes; NULL: the processors */
  int threads;             /* 0: all processors this process may use */
  ss_ways *ways;           /* choices made before, and where new ones are kept; may be NULL */
  bool recompute;          /* batch norms' outputs are made again for the backward pass instead of kept: less memory */
  bool separate;           /* nothing is fused for the device: for tests and for finding mistakes */
} ss_plan_options;

/* Runs the passes over the graph, places its tensors and prepares its kernels. The graph must outlive the plan and not
 * be recorded into any more. A graph with a mistake: its status. */
ss_status ss_plan_new(ss_graph *graph, const ss_plan_options *options, ss_plan **out, ss_error *error);
void ss_plan_free(ss_plan *plan);

/* The bytes of the device's memory that a plan would take besides the parameters, found without taking them; 0 for a
 * device that computes in the host's memory. The graph serves for nothing else then. */
ss_status ss_plan_measure(ss_graph *graph, const ss_plan_options *options, size_t *bytes, ss_error *error);

/* Executes the nodes in order. `step` keys dropout's random numbers. */
ss_status ss_plan_run(ss_plan *plan, uint64_t step, ss_error *error);

/* Where an input is to be written, or a kept tensor, constant or gradient to be read, in the host's memory; NULL for
 * others. On a device with memory of its own an input is taken from there at each run, and a result is brought there by
 * this call, which waits for it: to be asked for again after each run. */
void *ss_plan_data(const ss_plan *plan, const ss_tensor *tensor);

/* The input's place in the memory of a device that has its own: from now on the caller has it written there before each
 * run, by work queued on that device (engine/pictures.h), and nothing is taken from the host; ss_plan_data brings it as
 * it brings a result. NULL, and nothing has changed, where the plan computes in the host's memory or has no such input.
 */
void *ss_plan_input_place(ss_plan *plan, const ss_tensor *input);

size_t ss_plan_arena_bytes(const ss_plan *plan); /* of the device's memory */
size_t ss_plan_node_count(const ss_plan *plan);

/* Time by node, for --profile and bench: measured while enabled. Index runs over nodes in order of execution. The texts
 * are the plan's. */
typedef struct ss_node_profile {
  const char *operation;
  const char *way;         /* the kernel; "" for a view, which is not executed */
  const char *times;       /* why it was chosen: "amx 1.20, onednn 3.41" in ms; "" for an only way */
  const char *sizes;       /* "256x32x32x64, 3x3, 64": ss_node_sizes */
  double flops;            /* of one run, of products alone */
  bool bf16;               /* of bf16 numbers */
  double bytes;            /* of one run, at the least */
  double seconds;          /* summed over runs */
  int64_t runs;            /* while enabled */
  double begin, last_time; /* of the last run: when (ss_clock_seconds), and how long */
} ss_node_profile;
void ss_plan_enable_profile(ss_plan *plan, bool enable);
ss_node_profile ss_plan_profile(const ss_plan *plan, size_t index);

#endif
