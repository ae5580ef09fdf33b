/* Inside the engine: how a device computes nodes. */
#ifndef SS_ENGINE_KERNEL_H
#define SS_ENGINE_KERNEL_H

#include "engine/node.h"

/* One node, ready to run. in and out point into the arena, the store, inputs or constants (NULL where absent). */
typedef struct ss_step {
  const ss_node *node;
  const void *in[SS_MAX_INPUTS];
  void *out[SS_MAX_OUTPUTS];
  void *scratch;        /* scratch_bytes bytes, aligned to 64, contents undefined at each run */
  size_t scratch_bytes; /* set by prepare */
  void *state;          /* the way's own, made by prepare, freed by release */
  const struct ss_way *way;
  const uint64_t *random_step; /* the run's step and seed: two numbers */
  int threads;
} ss_step;

/* One way to compute an operation. */
typedef struct ss_way {
  const char *name;                                     /* "onednn", "amx", "loops" ... */
  bool (*supports)(const ss_node *node);                /* NULL: every node of the operation, in plain layout */
  ss_status (*prepare)(ss_step *step, ss_error *error); /* NULL: nothing to do; tensors have no memory yet */
  ss_status (*run)(const ss_step *step);                /* not SS_OK only if the library underneath fails */
  void (*release)(ss_step *step);                       /* NULL: state is NULL */
} ss_way;

/* An operation on a device: its ways, best guess first; the planner times those that support a node if there are
 * several. A way called "loops" is the plain reference: taken only where no other supports the node. */
typedef struct ss_kernel {
  const ss_way *ways;
  int count;
} ss_kernel;

/* The table of a device. */
typedef struct ss_device {
  const char *name;
  const ss_kernel *(*kernel)(ss_operation operation);
  bool (*wants_block16)(
      const ss_node *node); /* whether a convolution would run faster on block16 tensors; NULL: never */
} ss_device;

const ss_device *ss_device_cpu(void);

#define SS_X(upper, lower) extern const ss_kernel ss_cpu_##lower;
SS_OPERATIONS(SS_X)
#undef SS_X

/* A kernel with the one way `run`, for operations that need no preparation. */
#define SS_CPU_LOOPS(lower, run_function)                                           \
  static const ss_way lower##_ways[] = {{"loops", NULL, NULL, run_function, NULL}}; \
  const ss_kernel ss_cpu_##lower = {lower##_ways, 1}

#endif
