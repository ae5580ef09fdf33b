#include "engine/optimizer.h"

#include "base/memory.h"
#include "engine/optimizer_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { chunk_elements = 16384 };

static const char *const sgd_states[] = {"momentum"};
static const char *const adam_states[] = {"first", "second"};

static bool is_adam(const ss_optimizer *optimizer) {
  return optimizer->options.kind == SS_ADAM || optimizer->options.kind == SS_ADAMW;
}

static ss_status make_state(ss_optimizer_slot *slot, int index, const char *kind, ss_error *error) {
  const size_t bytes = (size_t)slot->parameter->count * sizeof(float);
  const size_t length = strlen(kind) + strlen(slot->parameter->name) + 2;
  slot->states[index] = ss_alloc_aligned(bytes);
  slot->names[index] = malloc(length);
  if (!slot->states[index] || !slot->names[index]) {
    return ss_fail_memory(error, bytes, "the optimiser");
  }
  snprintf(slot->names[index], length, "%s.%s", kind, slot->parameter->name);
  return SS_OK;
}

static ss_status make_slots(ss_optimizer *optimizer, const ss_graph *graph, const char *prefixes, ss_error *error) {
  const size_t count = ss_graph_gradient_count(graph);
  SS_TRY(ss_alloc((void **)&optimizer->slots, count, sizeof(ss_optimizer_slot), "the optimiser", error));
  const char *const *kinds = is_adam(optimizer) ? adam_states : sgd_states;
  optimizer->state_count = is_adam(optimizer) ? 2 : 1;
  size_t chunks = 0;
  for (size_t i = 0; i < count; i++) {
    ss_parameter *parameter = ss_graph_gradient_parameter(graph, i);
    if (!ss_parameter_matches(parameter, prefixes)) {
      continue;
    }
    ss_optimizer_slot *current = &optimizer->slots[optimizer->slot_count++];
    current->parameter = parameter;
    current->gradient = ss_graph_gradient_tensor(graph, i);
    for (int k = 0; k < optimizer->state_count; k++) {
      SS_TRY(make_state(current, k, kinds[k], error));
    }
    chunks += (size_t)((parameter->count + chunk_elements - 1) / chunk_elements);
  }
  SS_TRY(ss_alloc((void **)&optimizer->chunks, chunks, sizeof(ss_optimizer_chunk), "the optimiser", error));
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    const int64_t elements = optimizer->slots[i].parameter->count;
    for (int64_t begin = 0; begin < elements; begin += chunk_elements) {
      const int64_t end = begin + chunk_elements < elements ? begin + chunk_elements : elements;
      optimizer->chunks[optimizer->chunk_count++] = (ss_optimizer_chunk){.slot = (int)i, .begin = begin, .end = end};
    }
  }
  return SS_OK;
}

ss_status ss_optimizer_new(const ss_optimizer_options *options, const ss_graph *graph, const char *prefixes,
                           ss_optimizer **out, ss_error *error) {
  *out = NULL;
  ss_optimizer *optimizer = calloc(1, sizeof *optimizer);
  if (!optimizer) {
    return ss_fail_memory(error, sizeof *optimizer, "the optimiser");
  }
  optimizer->options = *options;
  if (optimizer->options.beta1 == 0.0f) {
    optimizer->options.beta1 = 0.9f;
  }
  if (optimizer->options.beta2 == 0.0f) {
    optimizer->options.beta2 = 0.999f;
  }
  if (optimizer->options.epsilon == 0.0f) {
    optimizer->options.epsilon = 1e-8f;
  }
  if (optimizer->options.trust == 0.0f) {
    optimizer->options.trust = 0.001f;
  }
  const ss_status status = make_slots(optimizer, graph, prefixes, error);
  if (status != SS_OK) {
    ss_optimizer_free(optimizer);
    return status;
  }
  *out = optimizer;
  return SS_OK;
}

void ss_optimizer_free(ss_optimizer *optimizer) {
  if (!optimizer) {
    return;
  }
  ss_optimizer_leave(optimizer);
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    for (int k = 0; k < SS_OPTIMIZER_STATES; k++) {
      ss_free_aligned(optimizer->slots[i].states[k], (size_t)optimizer->slots[i].parameter->count * sizeof(float));
      free(optimizer->slots[i].names[k]);
    }
  }
  free(optimizer->slots);
  free(optimizer->chunks);
  free(optimizer);
}

bool ss_optimizer_adapts(const ss_optimizer_slot *slot) {
  return !(slot->parameter->flags & SS_NORM_OR_BIAS);
}

float ss_optimizer_decay(const ss_optimizer *optimizer, const ss_optimizer_slot *slot) {
  const bool skip = optimizer->options.skip_norm_and_bias || optimizer->options.kind == SS_LARS;
  return skip && !ss_optimizer_adapts(slot) ? 0.0f : optimizer->options.weight_decay;
}

/* You et al. 2017, section 4: trust ||w|| / (||g|| + decay ||w||), from the chunks' sums in their order; clipped, that
 * is itself the rate, and at most `rate`. */
static void find_adaptation(ss_optimizer *optimizer, const ss_plan *plan, float rate, float scale, bool from_sum) {
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < optimizer->chunk_count; i++) {
    ss_optimizer_chunk *chunk = &optimizer->chunks[i];
    const ss_optimizer_slot *slot = &optimizer->slots[chunk->slot];
    const float *weight = slot->parameter->value;
    const float *gradient =
        from_sum ? slot->states[SS_OPTIMIZER_STATES - 1] : (const float *)ss_plan_data(plan, slot->gradient);
    double w = 0.0, g = 0.0;
    for (int64_t k = chunk->begin; k < chunk->end; k++) {
      const float scaled = scale * gradient[k];
      w += (double)weight[k] * weight[k];
      g += (double)scaled * scaled;
    }
    chunk->weight_square = w;
    chunk->gradient_square = g;
  }
  size_t next = 0;
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    ss_optimizer_slot *slot = &optimizer->slots[i];
    double w = 0.0, g = 0.0;
    for (; next < optimizer->chunk_count && optimizer->chunks[next].slot == (int)i; next++) {
      w += optimizer->chunks[next].weight_square;
      g += optimizer->chunks[next].gradient_square;
    }
    w = sqrt(w);
    g = sqrt(g);
    slot->adaptation = ss_optimizer_adapts(slot) && w > 0.0 && g > 0.0
                           ? optimizer->options.trust * w / (g + ss_optimizer_decay(optimizer, slot) * w)
                           : 1.0;
    if (optimizer->options.clip_trust && ss_optimizer_adapts(slot)) {
      slot->adaptation = slot->adaptation < rate ? slot->adaptation / rate : 1.0;
    }
  }
}

/* v = momentum v + g + decay w;  w -= rate v  (with Nesterov: w -= rate (g + decay w + momentum v)). The first update
 * sets v, as PyTorch's does; from zero that is the same. For LARS g + decay w is scaled by the adaptation. */
static void update_sgd(float *restrict weight, const float *restrict gradient, float *restrict velocity, int64_t count,
                       float scale, float rate, float momentum, float decay, float adaptation, bool nesterov) {
  for (int64_t k = 0; k < count; k++) {
    const float g = adaptation * (scale * gradient[k] + decay * weight[k]);
    const float v = momentum * velocity[k] + g;
    velocity[k] = v;
    weight[k] -= rate * (nesterov ? g + momentum * v : v);
  }
}

float ss_optimizer_adam_step(const ss_optimizer_options *options, float rate, int64_t updates) {
  return (float)(rate / (1.0 - pow(options->beta1, (double)updates)));
}

float ss_optimizer_adam_root(const ss_optimizer_options *options, int64_t updates) {
  return (float)(1.0 / sqrt(1.0 - pow(options->beta2, (double)updates)));
}

/* Kingma and Ba 2015, algorithm 1, with PyTorch's order of operations. */
static void update_adam(float *restrict weight, const float *restrict gradient, float *restrict first,
                        float *restrict second, int64_t count, float scale, float rate, float decay, float decoupled,
                        const ss_optimizer_options *options, int64_t updates) {
  const float beta1 = options->beta1, beta2 = options->beta2, epsilon = options->epsilon;
  const float step = ss_optimizer_adam_step(options, rate, updates), root = ss_optimizer_adam_root(options, updates);
  for (int64_t k = 0; k < count; k++) {
    const float w = weight[k] * (1.0f - rate * decoupled);
    const float g = scale * gradient[k] + decay * w;
    first[k] = beta1 * first[k] + (1.0f - beta1) * g;
    second[k] = beta2 * second[k] + (1.0f - beta2) * g * g;
    weight[k] = w - step * first[k] / (sqrtf(second[k]) * root + epsilon);
  }
}

static void accumulate(ss_optimizer *optimizer, const ss_plan *plan) {
  const bool first = optimizer->accumulated == 0;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < optimizer->chunk_count; i++) {
    const ss_optimizer_chunk *chunk = &optimizer->chunks[i];
    const ss_optimizer_slot *slot = &optimizer->slots[chunk->slot];
    const float *gradient = ss_plan_data(plan, slot->gradient);
    float *sum = slot->states[SS_OPTIMIZER_STATES - 1];
    for (int64_t k = chunk->begin; k < chunk->end; k++) {
      sum[k] = first ? gradient[k] : sum[k] + gradient[k];
    }
  }
}

static void update_chunk(const ss_optimizer *optimizer, const ss_plan *plan, const ss_optimizer_chunk *chunk,
                         float rate, float scale, bool from_sum) {
  const ss_optimizer_options *options = &optimizer->options;
  const ss_optimizer_slot *slot = &optimizer->slots[chunk->slot];
  float *weight = (float *)slot->parameter->value + chunk->begin;
  const float *gradient =
      (from_sum ? slot->states[SS_OPTIMIZER_STATES - 1] : (const float *)ss_plan_data(plan, slot->gradient)) +
      chunk->begin;
  const int64_t count = chunk->end - chunk->begin;
  const float decay = ss_optimizer_decay(optimizer, slot);
  switch (options->kind) {
    case SS_SGD:
    case SS_LARS:
      update_sgd(weight, gradient, slot->states[0] + chunk->begin, count, scale, rate, options->momentum, decay,
                 options->kind == SS_LARS ? (float)slot->adaptation : 1.0f, options->nesterov);
      break;
    case SS_ADAM:
    case SS_ADAMW:
      update_adam(weight, gradient, slot->states[0] + chunk->begin, slot->states[1] + chunk->begin, count, scale, rate,
                  options->kind == SS_ADAM ? decay : 0.0f, options->kind == SS_ADAMW ? decay : 0.0f, options,
                  optimizer->updates);
      break;
  }
}

ss_status ss_optimizer_reserve_accumulation(ss_optimizer *optimizer, ss_error *error) {
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    if (!optimizer->slots[i].states[SS_OPTIMIZER_STATES - 1]) {
      SS_TRY(make_state(&optimizer->slots[i], SS_OPTIMIZER_STATES - 1, "accumulated", error));
    }
  }
  return SS_OK;
}

static void update_here(ss_optimizer *optimizer, const ss_plan *plan, float rate, float scale, bool from_sum) {
  if (optimizer->options.kind == SS_LARS) {
    find_adaptation(optimizer, plan, rate, scale, from_sum);
  }
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < optimizer->chunk_count; i++) {
    update_chunk(optimizer, plan, &optimizer->chunks[i], rate, scale, from_sum);
  }
}

ss_status ss_optimizer_step(ss_optimizer *optimizer, const ss_plan *plan, float rate, int accumulate_count,
                            ss_error *error) {
  const bool from_sum = accumulate_count > 1, there = ss_plan_device(plan)->memory != NULL;
  SS_TRY(there ? ss_optimizer_move(optimizer, plan, error) : ss_optimizer_settle(optimizer, error));
  if (from_sum) {
    if (there) {
      SS_TRY(ss_optimizer_accumulate_there(optimizer, plan, error));
    } else {
      accumulate(optimizer, plan);
    }
    optimizer->accumulated++;
    if (optimizer->accumulated < accumulate_count) {
      return SS_OK;
    }
    optimizer->accumulated = 0;
  }
  const float scale = from_sum ? 1.0f / (float)accumulate_count : 1.0f;
  optimizer->updates++;
  if (there) {
    return ss_optimizer_update_there(optimizer, plan, rate, scale, from_sum, error);
  }
  update_here(optimizer, plan, rate, scale, from_sum);
  return SS_OK;
}

ss_status ss_optimizer_forget(ss_optimizer *optimizer, const char *prefixes, ss_error *error) {
  SS_TRY(ss_optimizer_settle(optimizer, error));
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    const ss_optimizer_slot *slot = &optimizer->slots[i];
    for (int k = 0; k < SS_OPTIMIZER_STATES && ss_parameter_matches(slot->parameter, prefixes); k++) {
      if (slot->states[k]) {
        memset(slot->states[k], 0, (size_t)slot->parameter->count * sizeof(float));
      }
    }
  }
  return SS_OK;
}

/* States in order of slot, then kind; those that were never made are left out. */
static bool locate(const ss_optimizer *optimizer, size_t index, const ss_optimizer_slot **found, int *state) {
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    for (int k = 0; k < SS_OPTIMIZER_STATES; k++) {
      if (optimizer->slots[i].states[k] && index-- == 0) {
        *found = &optimizer->slots[i];
        *state = k;
        return true;
      }
    }
  }
  return false;
}

size_t ss_optimizer_state_count(const ss_optimizer *optimizer) {
  size_t count = 0;
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    for (int k = 0; k < SS_OPTIMIZER_STATES; k++) {
      count += optimizer->slots[i].states[k] != NULL;
    }
  }
  return count;
}

void ss_optimizer_state_at(const ss_optimizer *optimizer, size_t index, const char **name, ss_shape *shape,
                           float **values) {
  const ss_optimizer_slot *found = NULL;
  int state = 0;
  if (locate(optimizer, index, &found, &state)) {
    *name = found->names[state];
    *shape = found->parameter->shape;
    *values = found->states[state];
  }
}

int64_t ss_optimizer_updates(const ss_optimizer *optimizer) {
  return optimizer->updates;
}

int ss_optimizer_accumulated(const ss_optimizer *optimizer) {
  return optimizer->accumulated;
}

void ss_optimizer_set_counters(ss_optimizer *optimizer, int64_t updates, int accumulated) {
  optimizer->updates = updates;
  optimizer->accumulated = accumulated;
}
