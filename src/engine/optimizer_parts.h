/* Inside the optimiser: what it is made of, and its work on a device with memory of its own. */
#ifndef SS_ENGINE_OPTIMIZER_PARTS_H
#define SS_ENGINE_OPTIMIZER_PARTS_H

#include "engine/kernel.h"
#include "engine/optimizer.h"
#include "engine/plan_memory.h"

enum { SS_OPTIMIZER_STATES = 3 };

/* What an optimiser remembers of one parameter. */
typedef struct ss_optimizer_slot {
  ss_parameter *parameter;
  ss_tensor *gradient;
  float *states[SS_OPTIMIZER_STATES]; /* momentum, or first and second moment; last: the accumulated gradient */
  char *names[SS_OPTIMIZER_STATES];
  float *there[SS_OPTIMIZER_STATES]; /* the states' copies in a device's memory, or NULL */
  double adaptation;                 /* LARS: the local learning rate */
} ss_optimizer_slot;

/* A part of a parameter: what one thread updates at a time, and one summand of its norms. */
typedef struct ss_optimizer_chunk {
  int slot;
  int64_t begin, end;
  double weight_square, gradient_square;
} ss_optimizer_chunk;

struct ss_optimizer {
  ss_optimizer_options options;
  ss_optimizer_slot *slots;
  size_t slot_count;
  ss_optimizer_chunk *chunks;
  size_t chunk_count;
  int state_count; /* without the accumulated gradient */
  int64_t updates;
  int accumulated;
  const ss_device *device; /* where the copies are; NULL: there are none */
  bool there_newest;
};

/* LARS: whether the parameter has a rate of its own. */
bool ss_optimizer_adapts(const ss_optimizer_slot *slot);
/* Its weight decay. */
float ss_optimizer_decay(const ss_optimizer *optimizer, const ss_optimizer_slot *slot);
/* Adam's rate, and the factor of the second moment's root, with the corrections of bias. */
float ss_optimizer_adam_step(const ss_optimizer_options *options, float rate, int64_t updates);
float ss_optimizer_adam_root(const ss_optimizer_options *options, int64_t updates);

/* ---- optimizer_there.c ---- */

/* Brings the states to the plan's device, where they are not there already. */
ss_status ss_optimizer_move(ss_optimizer *optimizer, const ss_plan *plan, ss_error *error);
/* Gives back the copies. */
void ss_optimizer_leave(ss_optimizer *optimizer);
/* Adds the plan's gradients to the sums. */
ss_status ss_optimizer_accumulate_there(const ss_optimizer *optimizer, const ss_plan *plan, ss_error *error);
ss_status ss_optimizer_update_there(const ss_optimizer *optimizer, const ss_plan *plan, float rate, float scale,
                                    bool from_sum, ss_error *error);

#endif
