#include "engine/optimizer.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { chunk_elements = 16384, most_states = 3 };

/* What an optimiser remembers of one parameter. */
typedef struct slot_record {
  ss_parameter *parameter;
  ss_tensor *gradient;
  float *states[most_states]; /* momentum, or first and second moment; last: the accumulated gradient */
  char *names[most_states];
  double adaptation; /* LARS: the local learning rate */
} slot_record;

/* A part of a parameter: what one thread updates at a time, and one summand of its norms. */
typedef struct chunk_record {
  int slot;
  int64_t begin, end;
  double weight_square, gradient_square;
} chunk_record;

struct ss_optimizer {
  ss_optimizer_options options;
  slot_record *slots;
  size_t slot_count;
  chunk_record *chunks;
  size_t chunk_count;
  int state_count; /* without the accumulated gradient */
  int64_t updates;
  int accumulated;
};

static const char *const sgd_states[] = {"momentum"};
static const char *const adam_states[] = {"first", "second"};

static bool is_adam(const ss_optimizer *optimizer) {
  return optimizer->options.kind == SS_ADAM || optimizer->options.kind == SS_ADAMW;
}

static ss_status make_state(slot_record *slot, int index, const char *kind, ss_error *error) {
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
  SS_TRY(ss_alloc((void **)&optimizer->slots, count, sizeof(slot_record), "the optimiser", error));
  const char *const *kinds = is_adam(optimizer) ? adam_states : sgd_states;
  optimizer->state_count = is_adam(optimizer) ? 2 : 1;
  size_t chunks = 0;
  for (size_t i = 0; i < count; i++) {
    ss_parameter *parameter = ss_graph_gradient_parameter(graph, i);
    if (!ss_parameter_matches(parameter, prefixes)) {
      continue;
    }
    slot_record *current = &optimizer->slots[optimizer->slot_count++];
    current->parameter = parameter;
    current->gradient = ss_graph_gradient_tensor(graph, i);
    for (int k = 0; k < optimizer->state_count; k++) {
      SS_TRY(make_state(current, k, kinds[k], error));
    }
    chunks += (size_t)((parameter->count + chunk_elements - 1) / chunk_elements);
  }
  SS_TRY(ss_alloc((void **)&optimizer->chunks, chunks, sizeof(chunk_record), "the optimiser", error));
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    const int64_t elements = optimizer->slots[i].parameter->count;
    for (int64_t begin = 0; begin < elements; begin += chunk_elements) {
      const int64_t end = begin + chunk_elements < elements ? begin + chunk_elements : elements;
      optimizer->chunks[optimizer->chunk_count++] = (chunk_record){.slot = (int)i, .begin = begin, .end = end};
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
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    for (int k = 0; k < most_states; k++) {
      ss_free_aligned(optimizer->slots[i].states[k], (size_t)optimizer->slots[i].parameter->count * sizeof(float));
      free(optimizer->slots[i].names[k]);
    }
  }
  free(optimizer->slots);
  free(optimizer->chunks);
  free(optimizer);
}

static bool is_adapted(const slot_record *slot) {
  return !(slot->parameter->flags & SS_NORM_OR_BIAS);
}

static float decay_of(const ss_optimizer *optimizer, const slot_record *slot) {
  const bool skip = optimizer->options.skip_norm_and_bias || optimizer->options.kind == SS_LARS;
  return skip && !is_adapted(slot) ? 0.0f : optimizer->options.weight_decay;
}

/* You et al. 2017, section 4: trust ||w|| / (||g|| + decay ||w||), from the chunks' sums in their order; clipped, that
 * is itself the rate, and at most `rate`. */
static void find_adaptation(ss_optimizer *optimizer, const ss_plan *plan, float rate, float scale, bool from_sum) {
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < optimizer->chunk_count; i++) {
    chunk_record *chunk = &optimizer->chunks[i];
    const slot_record *slot = &optimizer->slots[chunk->slot];
    const float *weight = slot->parameter->value;
    const float *gradient =
        from_sum ? slot->states[most_states - 1] : (const float *)ss_plan_data(plan, slot->gradient);
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
    slot_record *slot = &optimizer->slots[i];
    double w = 0.0, g = 0.0;
    for (; next < optimizer->chunk_count && optimizer->chunks[next].slot == (int)i; next++) {
      w += optimizer->chunks[next].weight_square;
      g += optimizer->chunks[next].gradient_square;
    }
    w = sqrt(w);
    g = sqrt(g);
    slot->adaptation = is_adapted(slot) && w > 0.0 && g > 0.0
                           ? optimizer->options.trust * w / (g + decay_of(optimizer, slot) * w)
                           : 1.0;
    if (optimizer->options.clip_trust && is_adapted(slot)) {
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

/* Kingma and Ba 2015, algorithm 1, with PyTorch's order of operations. */
static void update_adam(float *restrict weight, const float *restrict gradient, float *restrict first,
                        float *restrict second, int64_t count, float scale, float rate, float decay, float decoupled,
                        const ss_optimizer_options *options, int64_t updates) {
  const float beta1 = options->beta1, beta2 = options->beta2, epsilon = options->epsilon;
  const float step = (float)(rate / (1.0 - pow(beta1, (double)updates)));
  const float root = (float)(1.0 / sqrt(1.0 - pow(beta2, (double)updates)));
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
    const chunk_record *chunk = &optimizer->chunks[i];
    const slot_record *slot = &optimizer->slots[chunk->slot];
    const float *gradient = ss_plan_data(plan, slot->gradient);
    float *sum = slot->states[most_states - 1];
    for (int64_t k = chunk->begin; k < chunk->end; k++) {
      sum[k] = first ? gradient[k] : sum[k] + gradient[k];
    }
  }
  optimizer->accumulated++;
}

static void update_chunk(const ss_optimizer *optimizer, const ss_plan *plan, const chunk_record *chunk, float rate,
                         float scale, bool from_sum) {
  const ss_optimizer_options *options = &optimizer->options;
  const slot_record *slot = &optimizer->slots[chunk->slot];
  float *weight = (float *)slot->parameter->value + chunk->begin;
  const float *gradient =
      (from_sum ? slot->states[most_states - 1] : (const float *)ss_plan_data(plan, slot->gradient)) + chunk->begin;
  const int64_t count = chunk->end - chunk->begin;
  const float decay = decay_of(optimizer, slot);
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
    if (!optimizer->slots[i].states[most_states - 1]) {
      SS_TRY(make_state(&optimizer->slots[i], most_states - 1, "accumulated", error));
    }
  }
  return SS_OK;
}

bool ss_optimizer_step(ss_optimizer *optimizer, const ss_plan *plan, float rate, int accumulate_count) {
  const bool from_sum = accumulate_count > 1;
  if (from_sum) {
    accumulate(optimizer, plan);
    if (optimizer->accumulated < accumulate_count) {
      return false;
    }
    optimizer->accumulated = 0;
  }
  const float scale = from_sum ? 1.0f / (float)accumulate_count : 1.0f;
  optimizer->updates++;
  if (optimizer->options.kind == SS_LARS) {
    find_adaptation(optimizer, plan, rate, scale, from_sum);
  }
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < optimizer->chunk_count; i++) {
    update_chunk(optimizer, plan, &optimizer->chunks[i], rate, scale, from_sum);
  }
  return true;
}

void ss_optimizer_forget(ss_optimizer *optimizer, const char *prefixes) {
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    const slot_record *slot = &optimizer->slots[i];
    for (int k = 0; k < most_states && ss_parameter_matches(slot->parameter, prefixes); k++) {
      if (slot->states[k]) {
        memset(slot->states[k], 0, (size_t)slot->parameter->count * sizeof(float));
      }
    }
  }
}

/* States in order of slot, then kind; those that were never made are left out. */
static bool locate(const ss_optimizer *optimizer, size_t index, const slot_record **found, int *state) {
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    for (int k = 0; k < most_states; k++) {
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
    for (int k = 0; k < most_states; k++) {
      count += optimizer->slots[i].states[k] != NULL;
    }
  }
  return count;
}

void ss_optimizer_state_at(const ss_optimizer *optimizer, size_t index, const char **name, ss_shape *shape,
                           float **values) {
  const slot_record *found = NULL;
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
