/* Inside the engine: where the newest values of a store are, on the host or in a device's memory. */
#ifndef SS_ENGINE_RESIDENCE_H
#define SS_ENGINE_RESIDENCE_H

#include "engine/kernel.h"
#include "engine/parameters.h"

typedef enum ss_newest { SS_NEWEST_HOST, SS_NEWEST_BOTH, SS_NEWEST_DEVICE } ss_newest;

struct ss_parameters {
  uint64_t seed;
  ss_parameter **items;
  size_t count, capacity;
  const ss_device *device; /* where the copies are; NULL: there are none */
  ss_newest newest;
};

/* Gives every parameter its place on the device. For a device that computes in the host's memory: settles. */
ss_status ss_parameters_reserve(ss_parameters *parameters, const ss_device *device, ss_error *error);

/* The same, and brings the newest values there. */
ss_status ss_parameters_move(ss_parameters *parameters, const ss_device *device, ss_error *error);

/* After something on the device has written to the copies. */
void ss_parameters_changed(ss_parameters *parameters, const ss_device *device);

/* The parameter's memory that the device computes with. */
void *ss_parameter_place(const ss_parameter *parameter, const ss_device *device);

/* Gives back the copies; the newest values may be lost. */
void ss_parameters_leave(ss_parameters *parameters);

#endif
