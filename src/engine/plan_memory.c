#include "engine/plan_memory.h"

#include "base/memory.h"
#include "base/system.h"
#include "engine/residence.h"

#include <stdlib.h>
#include <string.h>

static size_t bytes_of(const ss_tensor *tensor) {
  return (size_t)ss_shape_count(tensor->shape) * ss_dtype_size(tensor->dtype);
}

void *ss_plan_memory_there(const ss_plan_memory *memory, const ss_tensor *tensor) {
  const ss_tensor *root = ss_placement_root(tensor);
  switch (root->kind) {
    case SS_TENSOR_PARAMETER:
      return ss_parameter_place(root->parameter, memory->device);
    case SS_TENSOR_CONSTANT:
      return memory->mirrors ? memory->mirrors[root->id].there : root->constant;
    case SS_TENSOR_INPUT:
    case SS_TENSOR_ACTIVATION:
      break;
  }
  const size_t offset = memory->placement.offsets[root->id];
  return offset == SS_NO_PLACE ? NULL : memory->arena + offset;
}

static ss_status reserve_host(ss_mirror *mirror, size_t bytes, const ss_device_memory *device, const char *what,
                              ss_error *error) {
  mirror->bytes = bytes;
  mirror->of_run = -1;
  mirror->host = device->reserve_host(bytes);
  return mirror->host ? SS_OK : ss_fail_memory(error, bytes, what);
}

/* Results are brought when they are asked for, once a run. */
static void *bring(ss_plan_memory *memory, const ss_tensor *tensor) {
  const ss_device_memory *device = memory->device->memory;
  ss_mirror *mirror = &memory->mirrors[tensor->id];
  const void *there = ss_plan_memory_there(memory, tensor);
  if (!there) {
    return NULL;
  }
  if (!mirror->host) { /* a gradient, or an input that is written there */
    const ss_status status = reserve_host(mirror, bytes_of(tensor), device, "a result", &memory->error);
    memory->status = memory->status == SS_OK ? status : memory->status;
  }
  if (mirror->host && mirror->of_run != memory->runs && memory->status == SS_OK) {
    memory->status = device->download(mirror->host, there, mirror->bytes, &memory->error);
    mirror->of_run = memory->runs;
  }
  return mirror->host;
}

void *ss_plan_memory_here(ss_plan_memory *memory, const ss_tensor *tensor) {
  const ss_tensor *root = ss_placement_root(tensor);
  if (!memory->mirrors) {
    return ss_plan_memory_there(memory, tensor);
  }
  switch (root->kind) {
    case SS_TENSOR_PARAMETER:
      if (memory->status == SS_OK) { /* the first failure is the one that is told */
        memory->status = ss_parameters_settle(memory->graph->parameters, &memory->error);
      }
      return root->parameter->value;
    case SS_TENSOR_CONSTANT:
      return root->constant;
    case SS_TENSOR_INPUT:
      if (memory->mirrors[root->id].written_there) {
        break;
      }
      return memory->mirrors[root->id].host;
    case SS_TENSOR_ACTIVATION:
      break;
  }
  return bring(memory, tensor);
}

void *ss_plan_memory_write_there(ss_plan_memory *memory, const ss_tensor *input) {
  void *there = ss_plan_memory_there(memory, input);
  if (!memory->mirrors || input->kind != SS_TENSOR_INPUT || !there) {
    return NULL;
  }
  ss_mirror *mirror = &memory->mirrors[input->id];
  if (!mirror->written_there) {
    const ss_device_memory *device = memory->device->memory;
    device->close_feeder(mirror->feeder);
    device->release_host(mirror->host);
    *mirror = (ss_mirror){.written_there = true};
  }
  return there;
}

ss_status ss_plan_memory_feed(ss_plan_memory *memory, ss_error *error) {
  if (!memory->mirrors) {
    return SS_OK;
  }
  if (memory->status != SS_OK) {
    return ss_fail(error, memory->status, "%s", memory->error.message);
  }
  for (size_t i = 0; i < memory->graph->tensor_count; i++) {
    const ss_tensor *tensor = memory->graph->tensors[i];
    const ss_mirror *mirror = &memory->mirrors[tensor->id];
    if (tensor->kind == SS_TENSOR_INPUT && mirror->feeder) {
      SS_TRY(memory->device->memory->feed(mirror->feeder, ss_plan_memory_there(memory, tensor), mirror->host,
                                          mirror->bytes, error));
    }
  }
  memory->runs++;
  return SS_OK;
}

static bool is_gradient(const ss_graph *graph, const ss_tensor *tensor) {
  for (size_t i = 0; i < graph->gradient_count; i++) {
    if (graph->gradient_tensors[i] == tensor) {
      return true;
    }
  }
  return false;
}

/* Copies of the constants, and the memory by which inputs come and results go: gradients stay on the device, as a rule.
 */
static ss_status make_mirrors(ss_plan_memory *memory, ss_error *error) {
  const ss_graph *graph = memory->graph;
  const ss_device_memory *device = memory->device->memory;
  SS_TRY(ss_alloc((void **)&memory->mirrors, graph->tensor_count, sizeof *memory->mirrors, "the plan", error));
  for (size_t i = 0; i < graph->tensor_count; i++) {
    const ss_tensor *tensor = graph->tensors[i];
    ss_mirror *mirror = &memory->mirrors[tensor->id];
    const size_t bytes = bytes_of(tensor);
    if (tensor->kind == SS_TENSOR_CONSTANT) {
      SS_TRY(device->reserve(bytes, "a constant", &mirror->there, error));
      SS_TRY(device->upload(mirror->there, tensor->constant, bytes, error));
    } else if (tensor->kind == SS_TENSOR_INPUT && memory->placement.offsets[tensor->id] != SS_NO_PLACE) {
      SS_TRY(reserve_host(mirror, bytes, device, "an input", error));
      SS_TRY(device->open_feeder(bytes, &mirror->feeder, error));
    } else if (tensor->kind == SS_TENSOR_ACTIVATION && tensor->kept && !is_gradient(graph, tensor)) {
      SS_TRY(reserve_host(mirror, bytes, device, "a result", error));
    }
  }
  return SS_OK;
}

ss_status ss_plan_memory_measure(const ss_graph *graph, const size_t *scratch, size_t *bytes, ss_error *error) {
  ss_placement placement = {0};
  SS_TRY(ss_placement_make(&placement, graph, scratch, SS_BUCKET_BYTES, error));
  *bytes = placement.bytes;
  for (size_t i = 0; i < graph->tensor_count; i++) {
    const ss_tensor *tensor = graph->tensors[i];
    const bool fed = tensor->kind == SS_TENSOR_INPUT && placement.offsets[tensor->id] != SS_NO_PLACE;
    *bytes += fed || tensor->kind == SS_TENSOR_CONSTANT ? bytes_of(tensor) : 0;
  }
  ss_placement_free(&placement);
  return SS_OK;
}

/* Linux promises memory that it does not have; asked for beforehand, a batch that is too large is an error and not a
 * killed process. */
static ss_status take_host_memory(ss_plan_memory *memory, ss_error *error) {
  const size_t bytes = memory->placement.bytes;
  const uint64_t available = ss_system_available_memory();
  memory->arena = available == 0 || bytes <= available ? ss_alloc_aligned(bytes) : NULL;
  if (!memory->arena) {
    return ss_fail(
        error, SS_NO_MEMORY,
        "not enough memory for this batch: it takes %.0f MB, %.0f MB are free; use a smaller --batch or --size",
        (double)bytes / 1e6, (double)available / 1e6);
  }
  return SS_OK;
}

ss_status ss_plan_memory_make(ss_plan_memory *memory, const ss_graph *graph, const ss_device *device,
                              const size_t *scratch, ss_error *error) {
  memory->graph = graph;
  memory->device = device;
  const size_t bucket_bytes = device->memory ? SS_BUCKET_BYTES : 0; /* what several devices would add up */
  SS_TRY(ss_placement_make(&memory->placement, graph, scratch, bucket_bytes, error));
  if (!device->memory) {
    return take_host_memory(memory, error);
  }
  SS_TRY(device->memory->reserve(memory->placement.bytes, "this batch", (void **)&memory->arena, error));
  return make_mirrors(memory, error);
}

void ss_plan_memory_free(ss_plan_memory *memory) {
  if (!memory->device) {
    return;
  }
  const ss_device_memory *device = memory->device->memory;
  if (!device) {
    ss_free_aligned(memory->arena, memory->placement.bytes);
  } else {
    for (size_t i = 0; memory->mirrors && i < memory->graph->tensor_count; i++) {
      device->release(memory->mirrors[i].there);
      device->close_feeder(memory->mirrors[i].feeder);
      device->release_host(memory->mirrors[i].host);
    }
    device->release(memory->arena);
    free(memory->mirrors);
  }
  ss_placement_free(&memory->placement);
}
