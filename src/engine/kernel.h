/* Inside the engine: how a device computes nodes. */
#ifndef SS_ENGINE_KERNEL_H
#define SS_ENGINE_KERNEL_H

#include "engine/device.h"
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
  const uint64_t *random_step; /* the run's step and seed: two numbers; in the device's memory */
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

/* What takes one input to a device. */
typedef struct ss_feeder ss_feeder;

/* Memory of a device that has its own, and its work, which is done in the order of these calls and of the ways' runs
 * while the host goes on. A failure of the device stays: every later call says it again. */
typedef struct ss_device_memory {
  /* `bytes` of it, filled with zeros, aligned to 256; SS_NO_MEMORY says how much there is. `what` it is for: "the
   * batch". */
  ss_status (*reserve)(size_t bytes, const char *what, void **out, ss_error *error);
  size_t (*available)(void);           /* bytes that reserve could give */
  void (*release)(void *memory);       /* after the work that uses it; NULL is fine */
  void *(*reserve_host)(size_t bytes); /* memory of the host that the device copies fast; NULL: none */
  void (*release_host)(void *memory);  /* NULL is fine */
  /* `from` may be written again on return. */
  ss_status (*upload)(void *to, const void *from, size_t bytes, ss_error *error);
  /* upload for what changes at each step: of memory of reserve_host, copied while earlier work goes on. */
  ss_status (*open_feeder)(size_t bytes, ss_feeder **out, ss_error *error);
  ss_status (*feed)(ss_feeder *feeder, void *to, const void *from, size_t bytes, ss_error *error);
  void (*close_feeder)(ss_feeder *feeder);                                          /* NULL is fine */
  ss_status (*download)(void *to, const void *from, size_t bytes, ss_error *error); /* after all work before it */
  ss_status (*wait)(ss_error *error);                                               /* for all work before it */
  /* What is asked for between the two is not done but kept, to be replayed as a whole. */
  ss_status (*begin_recording)(ss_error *error);
  ss_status (*end_recording)(void **recording, ss_error *error);
  ss_status (*replay)(void *recording, ss_error *error);
  void (*release_recording)(void *recording); /* NULL is fine */
} ss_device_memory;

/* Arrays of one sweep over many parameters, in the device's memory. */
typedef struct ss_pair {
  float *target;
  const float *source;
  int64_t count;
} ss_pair;

typedef struct ss_update_piece {
  float *weight;
  const float *gradient;
  float *first, *second; /* momentum; or Adam's moments */
  int64_t count;
  float decay;
  int adapted; /* LARS: has a rate of its own */
} ss_update_piece;

/* What an optimiser does with each piece: optimizer.c says the formulas. */
typedef struct ss_update_rule {
  int kind; /* ss_optimizer_kind */
  int nesterov, clip_trust;
  float rate, scale; /* the gradients are scaled */
  float momentum, trust;
  float beta1, beta2, epsilon;
  float step, root; /* Adam: with the corrections of bias */
} ss_update_rule;

typedef struct ss_device_sweeps {
  /* target = keep target + add source */
  ss_status (*blend)(const ss_pair *pairs, size_t count, float keep, float add, ss_error *error);
  ss_status (*update)(const ss_update_piece *pieces, size_t count, const ss_update_rule *rule, ss_error *error);
} ss_device_sweeps;

/* Pictures in the device's memory and views of them: pictures_table.h. */
typedef struct ss_device_pictures_table ss_device_pictures_table;

/* The table of a device. */
struct ss_device {
  const char *name;
  const ss_kernel *(*kernel)(ss_operation operation);
  bool (*wants_block16)(
      const ss_node *node);       /* whether a convolution would run faster on block16 tensors; NULL: never */
  bool fuses_epilogues;           /* its convolutions and products do a ReLU that follows: pass_epilogues.c */
  bool fuses_chains;              /* has a kernel for CHAIN: element-wise nodes are merged where they can be */
  const ss_device_memory *memory; /* NULL: computes in the host's, and is done when a call returns; so for the rest */
  const ss_device_sweeps *sweeps;
  const ss_device_pictures_table *pictures;
};

const ss_device *ss_device_cpu(void);
/* The device of plans that ask for none: the processors, or what the build is told (SS_DEFAULT_DEVICE), so that any
 * test can be run on it. */
ss_status ss_device_default(const ss_device **out, ss_error *error);

#define SS_X(upper, lower) extern const ss_kernel ss_cpu_##lower;
SS_OPERATIONS(SS_X)
#undef SS_X

/* A kernel with the one way `run`, for operations that need no preparation. */
#define SS_CPU_LOOPS(lower, run_function)                                           \
  static const ss_way lower##_ways[] = {{"loops", NULL, NULL, run_function, NULL}}; \
  const ss_kernel ss_cpu_##lower = {lower##_ways, 1}

#endif
