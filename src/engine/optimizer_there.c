#include "base/memory.h"
#include "engine/optimizer_parts.h"
#include "engine/residence.h"

#include <stdlib.h>

static size_t bytes_of(const ss_optimizer_slot *slot) {
  return (size_t)slot->parameter->count * sizeof(float);
}

ss_status ss_optimizer_settle(ss_optimizer *optimizer, ss_error *error) {
  for (size_t i = 0; i < optimizer->slot_count && optimizer->there_newest; i++) {
    const ss_optimizer_slot *slot = &optimizer->slots[i];
    for (int k = 0; k < SS_OPTIMIZER_STATES; k++) {
      if (slot->there[k]) {
        SS_TRY(optimizer->device->memory->download(slot->states[k], slot->there[k], bytes_of(slot), error));
      }
    }
  }
  optimizer->there_newest = false;
  return SS_OK;
}

ss_status ss_optimizer_reserve(ss_optimizer *optimizer, const ss_device *device, ss_error *error) {
  if (!ss_device_has_memory(device)) {
    return SS_OK;
  }
  if (optimizer->device != device) {
    SS_TRY(ss_optimizer_settle(optimizer, error));
    ss_optimizer_leave(optimizer);
    optimizer->device = device;
  }
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    ss_optimizer_slot *slot = &optimizer->slots[i];
    for (int k = 0; k < SS_OPTIMIZER_STATES; k++) {
      if (slot->states[k] && !slot->there[k]) {
        SS_TRY(device->memory->reserve(bytes_of(slot), "the optimiser", (void **)&slot->there[k], error));
      }
    }
  }
  return SS_OK;
}

ss_status ss_optimizer_move(ss_optimizer *optimizer, const ss_plan *plan, ss_error *error) {
  const ss_device *device = ss_plan_device(plan);
  SS_TRY(ss_optimizer_reserve(optimizer, device, error));
  for (size_t i = 0; i < optimizer->slot_count && !optimizer->there_newest; i++) {
    const ss_optimizer_slot *slot = &optimizer->slots[i];
    for (int k = 0; k < SS_OPTIMIZER_STATES; k++) {
      if (slot->states[k]) {
        SS_TRY(device->memory->upload(slot->there[k], slot->states[k], bytes_of(slot), error));
      }
    }
  }
  optimizer->there_newest = true;
  return SS_OK;
}

void ss_optimizer_leave(ss_optimizer *optimizer) {
  for (size_t i = 0; i < optimizer->slot_count && optimizer->device; i++) {
    for (int k = 0; k < SS_OPTIMIZER_STATES; k++) {
      optimizer->device->memory->release(optimizer->slots[i].there[k]);
      optimizer->slots[i].there[k] = NULL;
    }
  }
  optimizer->device = NULL;
  optimizer->there_newest = false;
}

ss_status ss_optimizer_accumulate_there(const ss_optimizer *optimizer, const ss_plan *plan, ss_error *error) {
  ss_pair *pairs = NULL;
  SS_TRY(ss_alloc((void **)&pairs, optimizer->slot_count, sizeof *pairs, "the optimiser", error));
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    const ss_optimizer_slot *slot = &optimizer->slots[i];
    pairs[i] =
        (ss_pair){slot->there[SS_OPTIMIZER_STATES - 1], ss_plan_place(plan, slot->gradient), slot->parameter->count};
  }
  const float keep = optimizer->accumulated == 0 ? 0.0f : 1.0f;
  const ss_status status = optimizer->device->sweeps->blend(pairs, optimizer->slot_count, keep, 1.0f, error);
  free(pairs);
  return status;
}

ss_status ss_optimizer_update_there(const ss_optimizer *optimizer, const ss_plan *plan, float rate, float scale,
                                    bool from_sum, ss_error *error) {
  const ss_optimizer_options *options = &optimizer->options;
  ss_update_piece *pieces = NULL;
  if (optimizer->slot_count == 0) {
    return SS_OK;
  }
  SS_TRY(ss_alloc((void **)&pieces, optimizer->slot_count, sizeof *pieces, "the optimiser", error));
  for (size_t i = 0; i < optimizer->slot_count; i++) {
    const ss_optimizer_slot *slot = &optimizer->slots[i];
    const float *gradient =
        from_sum ? slot->there[SS_OPTIMIZER_STATES - 1] : (const float *)ss_plan_place(plan, slot->gradient);
    pieces[i] = (ss_update_piece){.weight = slot->parameter->there,
                                  .gradient = gradient,
                                  .first = slot->there[0],
                                  .second = slot->there[1],
                                  .count = slot->parameter->count,
                                  .decay = ss_optimizer_decay(optimizer, slot),
                                  .adapted = ss_optimizer_adapts(slot)};
  }
  const ss_update_rule rule = {.kind = (int)options->kind,
                               .nesterov = options->nesterov,
                               .clip_trust = options->clip_trust,
                               .rate = rate,
                               .scale = scale,
                               .momentum = options->momentum,
                               .trust = options->trust,
                               .beta1 = options->beta1,
                               .beta2 = options->beta2,
                               .epsilon = options->epsilon,
                               .step = ss_optimizer_adam_step(options, rate, optimizer->updates),
                               .root = ss_optimizer_adam_root(options, optimizer->updates)};
  const ss_status status = optimizer->device->sweeps->update(pieces, optimizer->slot_count, &rule, error);
  free(pieces);
  ss_parameters_changed(ss_plan_parameters(plan), optimizer->device);
  return status;
}
