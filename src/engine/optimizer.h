/* Optimisers: one fused sweep over all parameters. */
#ifndef SS_ENGINE_OPTIMIZER_H
#define SS_ENGINE_OPTIMIZER_H

#include "engine/plan.h"

typedef enum ss_optimizer_kind {
  SS_SGD,  /* PyTorch's SGD with momentum (and Nesterov) */
  SS_LARS, /* You et al. 2017, as SimCLR uses it: trust 0.001; norms and biases neither adapted nor decayed */
  SS_ADAM, /* Kingma and Ba 2015; weight decay as L2 */
  SS_ADAMW /* Loshchilov and Hutter 2019; decoupled weight decay */
} ss_optimizer_kind;

typedef struct ss_optimizer_options {
  ss_optimizer_kind kind;
  float momentum; /* SGD, LARS */
  bool nesterov;
  float beta1, beta2, epsilon; /* Adam: 0.9, 0.999, 1e-8 where zero */
  float weight_decay;
  bool skip_norm_and_bias; /* no weight decay for SS_NORM_OR_BIAS; always so for LARS */
  float trust;             /* LARS: 0 means 0.001 */
  bool clip_trust;         /* LARS: no parameter's rate is above `rate` (NVIDIA's LARC, solo-learn's clip_lr) */
} ss_optimizer_options;

typedef struct ss_optimizer ss_optimizer;

/* For the parameters that have gradients in `graph` whose names match `prefixes` (ss_parameter_matches). */
ss_status ss_optimizer_new(const ss_optimizer_options *options, const ss_graph *graph, const char *prefixes,
                           ss_optimizer **out, ss_error *error);
void ss_optimizer_free(ss_optimizer *optimizer);

/* Makes the memory that accumulating needs; to be called before the first step with accumulate > 1. */
ss_status ss_optimizer_reserve_accumulation(ss_optimizer *optimizer, ss_error *error);

/* Takes the memory that its state needs on a device that has its own; else the first step does. */
ss_status ss_optimizer_reserve(ss_optimizer *optimizer, const ss_device *device, ss_error *error);

/* One update from the gradients in `plan` at learning rate `rate`. With `accumulate` > 1, the k-th call of every
 * `accumulate` adds gradients up; the last one updates with their mean. */
ss_status ss_optimizer_step(ss_optimizer *optimizer, const ss_plan *plan, float rate, int accumulate, ss_error *error);

/* Brings the state to the host, before it is read or written (ss_parameters_settle). */
ss_status ss_optimizer_settle(ss_optimizer *optimizer, ss_error *error);

/* Forgets what it remembers (momentum, squares) of the parameters whose names match `prefixes`: their values are new.
 */
ss_status ss_optimizer_forget(ss_optimizer *optimizer, const char *prefixes, ss_error *error);

/* The state to be saved, as named float32 arrays ("momentum.NAME", "first.NAME", "second.NAME", "accumulated.NAME") and
 * two counters: updates done, and gradients accumulated since. */
size_t ss_optimizer_state_count(const ss_optimizer *optimizer);
void ss_optimizer_state_at(const ss_optimizer *optimizer, size_t index, const char **name, ss_shape *shape,
                           float **values);
int64_t ss_optimizer_updates(const ss_optimizer *optimizer);
int ss_optimizer_accumulated(const ss_optimizer *optimizer);
void ss_optimizer_set_counters(ss_optimizer *optimizer, int64_t updates, int accumulated);

#endif
