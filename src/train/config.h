/* What a training run is told: the options of `pretrain` beside the method's own, and how defaults are found. */
#ifndef SS_TRAIN_CONFIG_H
#define SS_TRAIN_CONFIG_H

#include "data/source.h"
#include "engine/ways.h"
#include "methods/method.h"

/* The table of training options, ended by a zeroed one: arch, width, size, epochs, steps, batch, lr, optimizer, ... */
extern const ss_option ss_training_options[];

/* A run to be made. settings holds the training options and the method's. */
typedef struct ss_config {
  const ss_method *method;
  ss_settings *settings;
  char *data;              /* DATA as given */
  const ss_source *source; /* borrowed: read in place of opening `data`; NULL: `data` is opened */
  ss_ways *ways;           /* kernels chosen before (config.json, the user's cache) and now */
} ss_config;

/* Options at their general and the method's defaults; a recipe and the user's choices come on top. */
ss_status ss_config_new(const char *method, const char *data, ss_config **out, ss_error *error);
void ss_config_free(ss_config *config);

/* Applies the recipe that is set, and finds the values that depend on data and machine: size, batch, precision,
 * threads, epochs, save_every. `samples` is the number of training samples. */
ss_status ss_config_resolve(ss_config *config, const ss_source *source, uint32_t samples, ss_error *error);

/* Parts of it, for other commands' settings. `batch`: where the user has not chosen it, its default (256) is halved
 * until there are at least four steps an epoch, but not below 16; SS_USAGE for one larger than `samples`. `precision`:
 * bf16 where the device computes it; SS_FAILED where it is asked for and the device does not, SS_USAGE for tf32 on the
 * processors. */
ss_status ss_config_resolve_batch(ss_settings *settings, uint32_t samples, ss_error *error);
ss_status ss_config_resolve_precision(ss_settings *settings, ss_error *error);

/* config.json: everything needed to run it again. Written whole; read back into a new config. */
ss_status ss_config_write(const ss_config *config, const char *path, ss_error *error);
ss_status ss_config_read(const char *path, ss_config **out, ss_error *error);

#endif
