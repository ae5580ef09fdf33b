#include "engine/residence.h"

#include <string.h>

static size_t bytes_of(const ss_parameter *parameter) {
  return (size_t)parameter->count * ss_dtype_size(parameter->dtype);
}

ss_status ss_parameters_settle(ss_parameters *parameters, ss_error *error) {
  if (!parameters) { /* a graph may have none */
    return SS_OK;
  }
  if (parameters->newest == SS_NEWEST_DEVICE) {
    const ss_device_memory *memory = parameters->device->memory;
    for (size_t i = 0; i < parameters->count; i++) {
      const ss_parameter *parameter = parameters->items[i];
      if (parameter->there) { /* a newer one has no copy yet */
        SS_TRY(memory->download(parameter->value, parameter->there, bytes_of(parameter), error));
      }
    }
  }
  parameters->newest = SS_NEWEST_HOST;
  return SS_OK;
}

ss_status ss_parameters_reserve(ss_parameters *parameters, const ss_device *device, ss_error *error) {
  const ss_device_memory *memory = device->memory;
  if (!parameters) {
    return SS_OK;
  }
  if (!memory || (parameters->device && parameters->device != device)) {
    SS_TRY(ss_parameters_settle(parameters, error));
    if (!memory) {
      return SS_OK;
    }
    ss_parameters_leave(parameters);
  }
  parameters->device = device;
  for (size_t i = 0; i < parameters->count; i++) {
    ss_parameter *parameter = parameters->items[i];
    if (!parameter->there) {
      SS_TRY(memory->reserve(bytes_of(parameter), "the parameters", &parameter->there, error));
      if (parameters->newest != SS_NEWEST_HOST) { /* a new one, beside others that have moved */
        SS_TRY(memory->upload(parameter->there, parameter->value, bytes_of(parameter), error));
      }
    }
  }
  return SS_OK;
}

ss_status ss_parameters_move(ss_parameters *parameters, const ss_device *device, ss_error *error) {
  SS_TRY(ss_parameters_reserve(parameters, device, error));
  if (!parameters || !device->memory || parameters->newest != SS_NEWEST_HOST) {
    return SS_OK;
  }
  for (size_t i = 0; i < parameters->count; i++) {
    const ss_parameter *parameter = parameters->items[i];
    SS_TRY(device->memory->upload(parameter->there, parameter->value, bytes_of(parameter), error));
  }
  parameters->newest = SS_NEWEST_BOTH;
  return SS_OK;
}

void ss_parameters_changed(ss_parameters *parameters, const ss_device *device) {
  if (parameters && device->memory) {
    parameters->newest = SS_NEWEST_DEVICE;
  }
}

void *ss_parameter_place(const ss_parameter *parameter, const ss_device *device) {
  return device->memory ? parameter->there : parameter->value;
}

void ss_parameters_leave(ss_parameters *parameters) {
  for (size_t i = 0; i < parameters->count; i++) {
    if (parameters->items[i]->there) {
      parameters->device->memory->release(parameters->items[i]->there);
      parameters->items[i]->there = NULL;
    }
  }
  parameters->device = NULL;
  parameters->newest = SS_NEWEST_HOST;
}

ss_status ss_parameters_write(ss_parameters *parameters, ss_parameter *parameter, int64_t at, const void *values,
                              int64_t count, ss_error *error) {
  const size_t size = ss_dtype_size(parameter->dtype), offset = (size_t)at * size, bytes = (size_t)count * size;
  if (at < 0 || count < 0 || at + count > parameter->count) {
    return ss_fail(error, SS_FAILED, "%lld elements from %lld on are not in %s of %lld", (long long)count,
                   (long long)at, parameter->name, (long long)parameter->count);
  }
  memcpy((char *)parameter->value + offset, values, bytes);
  if (parameters->newest != SS_NEWEST_HOST && parameter->there) {
    SS_TRY(parameters->device->memory->upload((char *)parameter->there + offset, values, bytes, error));
  }
  return SS_OK;
}
