#include "train/run.h"

#include "base/file.h"
#include "base/memory.h"
#include "io/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ss_status ss_run_path(const char *out, const char *name, char **path, ss_error *error) {
  return ss_path_join(path, out, name, error);
}

static bool has_file(const char *out, const char *name) {
  char *path = NULL;
  if (ss_run_path(out, name, &path, NULL) != SS_OK) {
    return false;
  }
  const bool exists = ss_file_exists(path);
  free(path);
  return exists;
}

bool ss_run_exists(const char *out) {
  return has_file(out, "config.json");
}

ss_status ss_run_check_new(const char *out, ss_error *error) {
  if (has_file(out, "config.json") || has_file(out, "checkpoint.safetensors")) {
    return ss_fail(error, SS_FAILED, "the run exists already: %s; use --resume to go on with it, or another --out",
                   out);
  }
  return SS_OK;
}

ss_status ss_run_create(const char *out, ss_error *error) {
  char *samples = NULL;
  SS_TRY(ss_run_path(out, "samples", &samples, error));
  const ss_status status = ss_folder_make(samples, error);
  free(samples);
  return status;
}

bool ss_run_has_checkpoint(const char *out) {
  return has_file(out, "checkpoint.safetensors");
}

/* ---- checkpoints ---- */

/* The arrays of a state, under the names they have in the file. */
typedef struct arrays {
  ss_safetensors_entry *entries;
  void **values; /* what the entries' data points to, writable */
  size_t count;
} arrays;

static ss_safetensors_dtype file_dtype(ss_dtype dtype) {
  switch (dtype) {
    case SS_BF16:
      return SS_SAFETENSORS_BF16;
    case SS_I32:
      return SS_SAFETENSORS_I32;
    case SS_I64:
      return SS_SAFETENSORS_I64;
    case SS_U8:
      return SS_SAFETENSORS_U8;
    case SS_F32:
      break;
  }
  return SS_SAFETENSORS_F32;
}

static void free_arrays(arrays *all) {
  for (size_t i = 0; i < all->count; i++) {
    free((char *)(uintptr_t)all->entries[i].name);
  }
  free(all->entries);
  free(all->values);
}

static ss_status add_array(arrays *all, const char *prefix, const char *name, ss_dtype dtype, ss_shape shape,
                           void *values, ss_error *error) {
  char *full = NULL;
  if (asprintf(&full, "%s%s", prefix, name) < 0) {
    return ss_fail_memory(error, strlen(name), "the checkpoint");
  }
  ss_safetensors_entry *entry = &all->entries[all->count];
  *entry = (ss_safetensors_entry){.name = full, .dtype = file_dtype(dtype), .rank = shape.rank, .data = values};
  memcpy(entry->dims, shape.dims, sizeof shape.dims);
  all->values[all->count++] = values;
  return SS_OK;
}

static ss_status collect(const ss_run_state *state, arrays *all, ss_error *error) {
  const ss_method *method = state->task->method;
  size_t count = ss_parameters_count(state->parameters), extra = 0;
  ss_state_array array;
  while (method->state && method->state((ss_task *)(uintptr_t)state->task, extra, &array)) {
    extra++;
  }
  count += extra;
  for (int p = 0; p < state->players; p++) {
    count += ss_optimizer_state_count(state->optimizers[p]);
  }
  SS_TRY(ss_alloc((void **)&all->entries, count, sizeof *all->entries, "the checkpoint", error));
  SS_TRY(ss_alloc((void **)&all->values, count, sizeof *all->values, "the checkpoint", error));
  for (size_t i = 0; i < ss_parameters_count(state->parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(state->parameters, i);
    SS_TRY(add_array(all, "parameter.", parameter->name, parameter->dtype, parameter->shape, parameter->value, error));
  }
  for (int p = 0; p < state->players; p++) {
    char prefix[32];
    snprintf(prefix, sizeof prefix, "optimizer.%d.", p);
    for (size_t i = 0; i < ss_optimizer_state_count(state->optimizers[p]); i++) {
      const char *name = "";
      ss_shape shape = {0};
      float *values = NULL;
      ss_optimizer_state_at(state->optimizers[p], i, &name, &shape, &values);
      SS_TRY(add_array(all, prefix, name, SS_F32, shape, values, error));
    }
  }
  for (size_t i = 0; i < extra; i++) {
    method->state((ss_task *)(uintptr_t)state->task, i, &array);
    SS_TRY(add_array(all, "method.", array.name, array.dtype, array.shape, array.values, error));
  }
  return SS_OK;
}

enum { counter_count = 2 + 2 * SS_MAX_PLAYERS };

/* step, batches, and each player's updates and accumulated batches. */
static void get_counters(const ss_run_state *state, int64_t counters[counter_count]) {
  memset(counters, 0, counter_count * sizeof *counters);
  counters[0] = state->step;
  counters[1] = state->batches;
  for (int p = 0; p < state->players; p++) {
    counters[2 + 2 * p] = ss_optimizer_updates(state->optimizers[p]);
    counters[3 + 2 * p] = ss_optimizer_accumulated(state->optimizers[p]);
  }
}

ss_status ss_checkpoint_write(const char *out, const ss_run_state *state, ss_error *error) {
  char *path = NULL;
  SS_TRY(ss_run_path(out, "checkpoint.safetensors", &path, error));
  arrays all = {0};
  int64_t counters[counter_count];
  get_counters(state, counters);
  char text[32 * counter_count] = "";
  for (int i = 0; i < counter_count; i++) {
    snprintf(text + strlen(text), sizeof text - strlen(text), i ? " %lld" : "%lld", (long long)counters[i]);
  }
  const ss_safetensors_text texts[] = {{"counters", text}, {"method", state->task->method->name}, {"format", "1"}};
  ss_status status = collect(state, &all, error);
  if (status == SS_OK) {
    status = ss_safetensors_write(path, all.entries, all.count, texts, sizeof texts / sizeof *texts, error);
  }
  free_arrays(&all);
  free(path);
  return status;
}

static ss_status parse_counters(const ss_safetensors *file, const char *path, int64_t counters[counter_count],
                                ss_error *error) {
  const char *at = ss_safetensors_metadata(file, "counters");
  for (int i = 0; i < counter_count; i++) {
    char *end = NULL;
    counters[i] = at ? strtoll(at, &end, 10) : -1;
    if (!at || end == at || counters[i] < 0) {
      return ss_fail(error, SS_FAILED, "not a checkpoint of a run: %s", path);
    }
    at = end;
  }
  return SS_OK;
}

/* Reads every array into memory of its own first, so that an error leaves the state as it was. */
static ss_status read_arrays(const ss_safetensors *file, arrays *all, ss_error *error) {
  size_t total = 0;
  for (size_t i = 0; i < all->count; i++) {
    size_t bytes = ss_safetensors_dtype_size(all->entries[i].dtype);
    for (int k = 0; k < all->entries[i].rank; k++) {
      bytes *= (size_t)all->entries[i].dims[k];
    }
    total += bytes;
  }
  char *staged = malloc(total ? total : 1);
  if (!staged) {
    return ss_fail_memory(error, total, "reading the checkpoint");
  }
  ss_status status = SS_OK;
  for (int pass = 0; pass < 2 && status == SS_OK; pass++) {
    char *at = staged;
    for (size_t i = 0; i < all->count && status == SS_OK; i++) {
      const ss_safetensors_entry *entry = &all->entries[i];
      size_t bytes = ss_safetensors_dtype_size(entry->dtype);
      for (int k = 0; k < entry->rank; k++) {
        bytes *= (size_t)entry->dims[k];
      }
      if (pass == 0) {
        status = ss_safetensors_read_exact(file, entry->name, entry->dtype, entry->rank, entry->dims, at, error);
      } else {
        memcpy(all->values[i], at, bytes);
      }
      at += bytes;
    }
  }
  free(staged);
  return status;
}

ss_status ss_checkpoint_read(const char *out, ss_run_state *state, ss_error *error) {
  char *path = NULL;
  SS_TRY(ss_run_path(out, "checkpoint.safetensors", &path, error));
  ss_safetensors *file = NULL;
  arrays all = {0};
  int64_t counters[counter_count];
  ss_status status = ss_safetensors_open(&file, path, error);
  if (status == SS_OK) {
    status = parse_counters(file, path, counters, error);
  }
  for (int p = 0; status == SS_OK && p < state->players; p++) {
    if (counters[3 + 2 * p] > 0) { /* stopped between two batches of one update */
      status = ss_optimizer_reserve_accumulation(state->optimizers[p], error);
    }
  }
  if (status == SS_OK) {
    status = collect(state, &all, error);
  }
  if (status == SS_OK) {
    status = read_arrays(file, &all, error);
  }
  if (status == SS_OK) {
    state->step = counters[0];
    state->batches = counters[1];
    for (int p = 0; p < state->players; p++) {
      ss_optimizer_set_counters(state->optimizers[p], counters[2 + 2 * p], (int)counters[3 + 2 * p]);
    }
  }
  free_arrays(&all);
  ss_safetensors_close(file);
  free(path);
  return status;
}

/* ---- metrics ---- */
