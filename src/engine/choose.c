#include "engine/choose.h"

#include "base/bfloat16.h"
#include "base/clock.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { timed_runs = 4, most_ways = 8 };

const char *ss_node_text(const ss_node *node, char text[160]) {
  char shape[80] = "";
  for (int k = 0; k < node->output_count; k++) {
    if (node->outputs[k]) {
      ss_shape_text(node->outputs[k]->shape, shape);
      break;
    }
  }
  snprintf(text, 160, "%s %s", ss_operation_define(node->operation)->name, shape);
  return text;
}

static int append_tensor(char *text, int size, const ss_tensor *tensor) {
  if (!tensor) {
    return snprintf(text, (size_t)size, " -");
  }
  int used = snprintf(text, (size_t)size, " %s%s", ss_dtype_name(tensor->dtype),
                      tensor->layout == SS_LAYOUT_BLOCK16 ? "/16:" : ":");
  for (int i = 0; i < tensor->shape.rank && used < size; i++) {
    used += snprintf(text + used, (size_t)(size - used), i ? "x%lld" : "%lld", (long long)tensor->shape.dims[i]);
  }
  return used;
}

/* Everything that a kernel's speed depends on. */
static void make_key(const ss_node *node, int threads, char key[512]) {
  const ss_attributes *a = &node->attributes;
  int used = snprintf(key, 512, "%s k%dx%dx%d s%d,%d,%d p%d,%d,%d d%d,%d,%d g%d t%d",
                      ss_operation_define(node->operation)->name, a->kernel[0], a->kernel[1], a->kernel[2],
                      a->stride[0], a->stride[1], a->stride[2], a->padding[0], a->padding[1], a->padding[2],
                      a->dilation[0], a->dilation[1], a->dilation[2], a->groups, threads);
  for (int k = 0; k < node->input_count && used < 512; k++) {
    used += append_tensor(key + used, 512 - used, node->inputs[k]);
  }
  if (used < 512) {
    used += snprintf(key + used, (size_t)(512 - used), " ->");
  }
  for (int k = 0; k < node->output_count && used < 512; k++) {
    used += append_tensor(key + used, 512 - used, node->outputs[k]);
  }
}

static size_t tensor_bytes(const ss_tensor *tensor) {
  return (size_t)ss_shape_count(tensor->shape) * ss_dtype_size(tensor->dtype);
}

/* Numbers as activations have them: about one, half of them zero. */
static void fill(void *data, const ss_tensor *tensor) {
  const int64_t count = ss_shape_count(tensor->shape);
  uint32_t state = 12345;
  for (int64_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    const float value = state >> 31 ? (float)(state & 0xFFFF) / 65536.0f : 0.0f;
    if (tensor->dtype == SS_F32) {
      ((float *)data)[i] = value;
    } else if (tensor->dtype == SS_BF16) {
      ((ss_bf16 *)data)[i] = ss_bf16_from_float(value);
    }
  }
}

/* Memory of its own for a node that is being timed. */
static ss_status make_buffers(ss_step *step, ss_error *error) {
  const ss_node *node = step->node;
  for (int k = 0; k < node->input_count + node->output_count; k++) {
    const ss_tensor *tensor = k < node->input_count ? node->inputs[k] : node->outputs[k - node->input_count];
    if (!tensor) {
      continue;
    }
    void *data = ss_alloc_aligned(tensor_bytes(tensor));
    if (!data) {
      return ss_fail_memory(error, tensor_bytes(tensor), "timing kernels");
    }
    if (k < node->input_count) {
      fill(data, tensor);
      step->in[k] = data;
    } else {
      step->out[k - node->input_count] = data;
    }
  }
  return SS_OK;
}

static void free_buffers(ss_step *step) {
  const ss_node *node = step->node;
  for (int k = 0; k < node->input_count; k++) {
    ss_free_aligned((void *)(uintptr_t)step->in[k], node->inputs[k] ? tensor_bytes(node->inputs[k]) : 0);
  }
  for (int k = 0; k < node->output_count; k++) {
    ss_free_aligned(step->out[k], node->outputs[k] ? tensor_bytes(node->outputs[k]) : 0);
  }
}

/* Seconds that one run takes, the least of a few; stops early when it is hopeless beside `best`. A way that cannot be
 * prepared (the library refuses the shape) is never the fastest. */
static ss_status time_way(ss_step *step, const ss_way *way, double best, double *seconds, ss_error *error) {
  step->way = way;
  step->state = NULL;
  step->scratch = NULL;
  step->scratch_bytes = 0;
  *seconds = 1e30;
  if (way->prepare && way->prepare(step, NULL) != SS_OK) {
    if (way->release) {
      way->release(step);
    }
    return SS_OK;
  }
  ss_status status = SS_OK;
  step->scratch = ss_alloc_aligned(step->scratch_bytes);
  if (!step->scratch) {
    status = ss_fail_memory(error, step->scratch_bytes, "timing kernels");
  }
  for (int run = 0; run < timed_runs && status == SS_OK; run++) {
    const double start = ss_clock_seconds();
    if (way->run(step) != SS_OK) {
      *seconds = 1e30;
      break;
    }
    const double taken = ss_clock_seconds() - start;
    if (run > 0 && taken < *seconds) { /* the first run warms the caches */
      *seconds = taken;
    }
    if (taken > 3.0 * best) {
      *seconds = taken;
      break;
    }
  }
  ss_free_aligned(step->scratch, step->scratch_bytes);
  if (way->release) {
    way->release(step);
  }
  return status;
}

/* The ways that support the node; the plain reference only where there is no other. */
static int list_candidates(const ss_node *node, const ss_kernel *kernel, const ss_way **candidates) {
  int count = 0;
  const ss_way *reference = NULL;
  for (int i = 0; i < kernel->count && count < most_ways; i++) {
    const ss_way *candidate = &kernel->ways[i];
    if (candidate->supports && !candidate->supports(node)) {
      continue;
    }
    if (strcmp(candidate->name, "loops") == 0) {
      reference = candidate;
    } else {
      candidates[count++] = candidate;
    }
  }
  if (count == 0 && reference) {
    candidates[count++] = reference;
  }
  return count;
}

/* Times the candidates on memory of their own. */
static ss_status time_candidates(const ss_node *node, int threads, const ss_way *const *candidates, int count,
                                 ss_choice *choice, ss_error *error) {
  const uint64_t random_step[2] = {0, 0};
  ss_step step = {.node = node, .threads = threads, .random_step = random_step};
  ss_status status = make_buffers(&step, error);
  double best = 1e30;
  size_t used = 0;
  for (int i = 0; i < count && status == SS_OK; i++) {
    double seconds;
    status = time_way(&step, candidates[i], best, &seconds, error);
    if (seconds < best) {
      best = seconds;
      choice->way = candidates[i];
    }
    if (seconds < 1e30 && used < sizeof choice->times) {
      used += (size_t)snprintf(choice->times + used, sizeof choice->times - used, "%s%s %.3g", used ? ", " : "",
                               candidates[i]->name, 1e3 * seconds);
    }
  }
  free_buffers(&step);
  return status;
}

ss_status ss_choose_way(const ss_node *node, const ss_device *device, int threads, ss_ways *ways, ss_choice *choice,
                        ss_error *error) {
  char text[160];
  const ss_way *candidates[most_ways];
  const int count = list_candidates(node, device->kernel(node->operation), candidates);
  if (count == 0) {
    return ss_fail(error, SS_FAILED, "no kernel of the %s computes %s", device->name, ss_node_text(node, text));
  }
  *choice = (ss_choice){.way = candidates[0]};
  if (count == 1 || device->memory) { /* a device of its own has one way, or a library that chooses */
    return SS_OK;
  }
  char key[512];
  make_key(node, threads, key);
  const char *known = ss_ways_find(ways, key);
  for (int i = 0; known && i < count; i++) {
    if (strcmp(candidates[i]->name, known) == 0) {
      choice->way = candidates[i];
      snprintf(choice->times, sizeof choice->times, "%s", ss_ways_times(ways, key));
      return SS_OK;
    }
  }
  SS_TRY(time_candidates(node, threads, candidates, count, choice, error));
  return ss_ways_set(ways, key, choice->way->name, choice->times, error);
}
