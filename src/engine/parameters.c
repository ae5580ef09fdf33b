#include "engine/parameters.h"

#include "base/memory.h"
#include "base/random.h"
#include "engine/residence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ss_parameters *ss_parameters_new(uint64_t seed) {
  ss_parameters *parameters = calloc(1, sizeof *parameters);
  if (parameters) {
    parameters->seed = seed;
  }
  return parameters;
}

enum { drawn_together = 16384 }; /* initial values that one thread draws */

static void free_parameter(ss_parameter *parameter) {
  if (parameter) {
    ss_free_aligned(parameter->value, (size_t)parameter->count * ss_dtype_size(parameter->dtype));
    free(parameter->name);
    free(parameter);
  }
}

void ss_parameters_free(ss_parameters *parameters) {
  if (parameters) {
    ss_parameters_leave(parameters);
    for (size_t i = 0; i < parameters->count; i++) {
      free_parameter(parameters->items[i]);
    }
    free(parameters->items);
    free(parameters);
  }
}

size_t ss_parameters_count(const ss_parameters *parameters) {
  return parameters->count;
}

ss_parameter *ss_parameters_at(const ss_parameters *parameters, size_t index) {
  return parameters->items[index];
}

ss_parameter *ss_parameters_find(const ss_parameters *parameters, const char *name) {
  for (size_t i = 0; i < parameters->count; i++) {
    if (strcmp(parameters->items[i]->name, name) == 0) {
      return parameters->items[i];
    }
  }
  return NULL;
}

/* PyTorch's _calculate_fan_in_and_fan_out. */
static double fan(ss_shape shape, int axis) {
  double area = 1;
  for (int i = 2; i < shape.rank; i++) {
    area *= (double)shape.dims[i];
  }
  return area * (double)shape.dims[shape.rank > 1 ? axis : 0];
}

static void initialize(const ss_parameters *parameters, ss_parameter *parameter, ss_initializer initializer) {
  if (parameter->dtype == SS_I64) {
    int64_t *values = parameter->value;
    for (int64_t i = 0; i < parameter->count; i++) {
      values[i] = (int64_t)initializer.scale;
    }
    return;
  }
  if (parameter->dtype == SS_I32) {
    int32_t *values = parameter->value;
    for (int64_t i = 0; i < parameter->count; i++) {
      values[i] = (int32_t)initializer.scale;
    }
    return;
  }
  float *values = parameter->value;
  float deviation = initializer.scale, bound = initializer.scale;
  bool normal = initializer.kind == SS_INIT_NORMAL;
  switch (initializer.kind) {
    case SS_INIT_CONSTANT:
      for (int64_t i = 0; i < parameter->count; i++) {
        values[i] = initializer.scale;
      }
      return;
    case SS_INIT_KAIMING_NORMAL_FAN_OUT:
      deviation = (float)sqrt(2.0 / fan(parameter->shape, 0));
      normal = true;
      break;
    case SS_INIT_KAIMING_UNIFORM:
      bound = (float)(1.0 / sqrt(fan(parameter->shape, 1)));
      break;
    case SS_INIT_NORMAL:
    case SS_INIT_UNIFORM:
      break;
  }
  const ss_random first = ss_random_stream(parameters->seed, SS_RANDOM_WEIGHTS, 0, ss_hash_text(parameter->name), 0);
  const int64_t chunks = (parameter->count + drawn_together - 1) / drawn_together;
#pragma omp parallel for schedule(static)
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const int64_t begin = chunk * drawn_together;
    const int64_t end = begin + drawn_together < parameter->count ? begin + drawn_together : parameter->count;
    ss_random random = first; /* each number is where it would be if they were drawn one after the other */
    ss_random_skip(&random, (uint64_t)begin * (normal ? 2 : 1));
    for (int64_t i = begin; i < end; i++) {
      values[i] = normal ? deviation * ss_random_normal(&random) : ss_random_between(&random, -bound, bound);
    }
  }
}

static ss_status add(ss_parameters *parameters, ss_parameter *parameter, ss_error *error) {
  if (parameters->count == parameters->capacity) {
    const size_t capacity = parameters->capacity ? 2 * parameters->capacity : 64;
    ss_parameter **items = realloc(parameters->items, capacity * sizeof(ss_parameter *));
    if (!items) {
      return ss_fail_memory(error, capacity * sizeof(ss_parameter *), "parameters");
    }
    parameters->items = items;
    parameters->capacity = capacity;
  }
  parameters->items[parameters->count++] = parameter;
  return SS_OK;
}

ss_status ss_parameters_get(ss_parameters *parameters, const char *name, ss_dtype dtype, ss_shape shape,
                            ss_initializer initializer, unsigned flags, ss_parameter **out, ss_error *error) {
  ss_parameter *parameter = ss_parameters_find(parameters, name);
  if (parameter) {
    if (parameter->dtype != dtype || !ss_shape_equal(parameter->shape, shape)) {
      char has[80], wants[80];
      return ss_fail(error, SS_FAILED, "parameter %s has shape %s, the network needs %s", name,
                     ss_shape_text(parameter->shape, has), ss_shape_text(shape, wants));
    }
    *out = parameter;
    return SS_OK;
  }
  const int64_t count = ss_shape_count(shape);
  parameter = calloc(1, sizeof *parameter);
  if (!parameter) {
    return ss_fail_memory(error, sizeof *parameter, name);
  }
  parameter->dtype = dtype;
  parameter->shape = shape;
  parameter->count = count;
  parameter->flags = flags;
  parameter->name = strdup(name);
  parameter->value = ss_alloc_aligned((size_t)count * ss_dtype_size(dtype));
  if (!parameter->name || !parameter->value || add(parameters, parameter, error) != SS_OK) {
    free_parameter(parameter);
    return ss_fail_memory(error, (size_t)count * ss_dtype_size(dtype), name);
  }
  initialize(parameters, parameter, initializer);
  *out = parameter;
  return SS_OK;
}

bool ss_parameter_matches(const ss_parameter *parameter, const char *prefixes) {
  for (const char *prefix = prefixes;; prefix++) {
    const size_t length = strcspn(prefix, "|");
    if (strncmp(parameter->name, prefix, length) == 0) {
      return true;
    }
    prefix += length;
    if (!*prefix) {
      return false;
    }
  }
}

/* What a target is averaged from. */
static ss_status find_source(const ss_parameters *parameters, const ss_parameter *target, const char *target_prefix,
                             const char *source_prefix, const ss_parameter **out, ss_error *error) {
  char name[1024];
  if (snprintf(name, sizeof name, "%s%s", source_prefix, target->name + strlen(target_prefix)) >= (int)sizeof name) {
    return ss_fail(error, SS_FAILED, "the parameter name is too long: %s", target->name);
  }
  const ss_parameter *source = ss_parameters_find(parameters, name);
  if (!source || source->dtype != target->dtype || !ss_shape_equal(source->shape, target->shape)) {
    return ss_fail(error, SS_FAILED, "no parameter %s of the shape of %s to average from", name, target->name);
  }
  *out = source;
  return SS_OK;
}

static void average_here(const ss_parameter *target, const ss_parameter *source, float momentum) {
  if (target->dtype != SS_F32) {
    memcpy(target->value, source->value, (size_t)target->count * ss_dtype_size(target->dtype));
    return;
  }
  float *to = target->value;
  const float *from = source->value;
  const int64_t count = target->count;
#pragma omp parallel for simd schedule(static) if (count > 65536)
  for (int64_t k = 0; k < count; k++) {
    to[k] = momentum * to[k] + (1.0f - momentum) * from[k];
  }
}

enum { pairs_together = 64 };

/* Pairs of one sweep over the device's memory. */
typedef struct pair_list {
  ss_pair pairs[pairs_together];
  size_t count;
  float momentum;
  const ss_device_sweeps *sweeps;
} pair_list;

static ss_status flush(pair_list *list, ss_error *error) {
  const size_t count = list->count;
  list->count = 0;
  return count ? list->sweeps->blend(list->pairs, count, list->momentum, 1.0f - list->momentum, error) : SS_OK;
}

static ss_status average_there(pair_list *list, const ss_parameter *target, const ss_parameter *source,
                               ss_error *error) {
  list->pairs[list->count++] = (ss_pair){target->there, source->there, target->count};
  return list->count == pairs_together ? flush(list, error) : SS_OK;
}

ss_status ss_parameters_average(ss_parameters *parameters, const char *target_prefix, const char *source_prefix,
                                float momentum, bool buffers, ss_error *error) {
  /* Buffers, counters among them, are copied at the start of a run: on the host. */
  const bool there = !buffers && parameters->newest == SS_NEWEST_DEVICE;
  pair_list list = {.momentum = momentum, .sweeps = there ? parameters->device->sweeps : NULL};
  if (!there) {
    SS_TRY(ss_parameters_settle(parameters, error));
  }
  for (size_t i = 0; i < parameters->count; i++) {
    const ss_parameter *target = parameters->items[i], *source = NULL;
    if (strncmp(target->name, target_prefix, strlen(target_prefix)) != 0 ||
        (!(target->flags & SS_TRAINABLE) && !buffers)) {
      continue;
    }
    SS_TRY(find_source(parameters, target, target_prefix, source_prefix, &source, error));
    if (there) {
      SS_TRY(average_there(&list, target, source, error));
    } else {
      average_here(target, source, momentum);
    }
  }
  return flush(&list, error);
}
