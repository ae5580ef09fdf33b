/* The public API's pretraining: a run from options in text, on DATA or on the caller's pictures. */
#include "engine/ways_cache.h"
#include "eval/watch.h"
#include "train/trainer.h"

#include <pthread.h>
#include <string.h>

/* Who looks on while a run goes on: hands the caller what it asked for. */
typedef struct spectator {
  const ss_pretrain_options *options;
  ss_run_watch watch;
  bool stop; /* progress has asked for it */
  pthread_mutex_t noting;
} spectator;

static void progress(void *context, const ss_progress *at) {
  spectator *looking = context;
  const ss_pretrain_options *options = looking->options;
  if (options->progress && options->progress(options->context, at) != 0) {
    looking->stop = true;
  }
}

static bool should_stop(void *context) {
  const spectator *looking = context;
  const ss_pretrain_options *options = looking->options;
  return looking->stop || (options->should_stop && options->should_stop(options->context) != 0);
}

/* Skipped pictures are told by the loader's threads. */
static void note(void *context, const char *line) {
  spectator *looking = context;
  const ss_pretrain_options *options = looking->options;
  if (options->note) {
    pthread_mutex_lock(&looking->noting);
    options->note(options->context, line);
    pthread_mutex_unlock(&looking->noting);
  }
}

/* At once, so that a run that is killed and one made anew choose the same. */
static void planned(void *context, const ss_config *config) {
  (void)context;
  ss_ways_cache_save(config->ways);
}

static ss_status measure(void *context, const ss_parameters *parameters, const ss_backbone_options *backbone,
                         double *accuracy, ss_error *error) {
  spectator *looking = context;
  return ss_run_watch_measure(&looking->watch, parameters, backbone, accuracy, error);
}

static ss_status train(const ss_pretrain_options *options, ss_config *config, ss_train_result *result,
                       ss_error *error) {
  for (const char *const *pair = options->settings; pair && *pair; pair++) {
    SS_TRY(ss_settings_set_pair(config->settings, *pair, error));
  }
  SS_TRY(ss_ways_cache_load(config->ways, error));
  spectator looking = {.options = options, .watch = {.config = config}, .noting = PTHREAD_MUTEX_INITIALIZER};
  const ss_train_request request = {.config = config,
                                    .out = options->out,
                                    .resume = options->resume != 0,
                                    .profile = false,
                                    .observer = {.context = &looking,
                                                 .progress = progress,
                                                 .planned = planned,
                                                 .note = note,
                                                 .should_stop = should_stop,
                                                 .measure = measure}};
  const ss_status status = ss_train(&request, result, error);
  if (looking.watch.watch) {
    ss_ways_cache_save(config->ways); /* the measurement has chosen kernels too */
  }
  ss_run_watch_close(&looking.watch);
  pthread_mutex_destroy(&looking.noting);
  return status;
}

static ss_status check(const ss_pretrain_options *options, ss_error *error) {
  if (!options->method || !options->out || !*options->out) {
    return ss_fail(error, SS_USAGE, "pretraining needs %s", options->method ? "a run folder (out)" : "a method");
  }
  if (!options->data == !options->pictures) {
    return ss_fail(error, SS_USAGE, "pretraining needs %s data or pictures of the caller's",
                   options->data ? "only one of" : "either");
  }
  return SS_OK;
}

static ss_status pretrain(const ss_pretrain_options *options, const ss_source *source, ss_train_result *result,
                          ss_error *error) {
  ss_config *config = NULL;
  SS_TRY(ss_config_new(options->method, source ? ss_source_path(source) : options->data, &config, error));
  config->source = source;
  const ss_status status = train(options, config, result, error);
  ss_config_free(config);
  return status;
}

ss_status ss_pretrain(const ss_pretrain_options *options, ss_train_result *result, ss_error *error) {
  ss_train_result unread;
  result = result ? result : &unread;
  memset(result, 0, sizeof *result);
  SS_TRY(check(options, error));
  ss_source *source = NULL;
  if (options->pictures) {
    SS_TRY(ss_source_of_caller(options->pictures, &source, error));
  }
  const ss_status status = pretrain(options, source, result, error);
  ss_source_close(source);
  return status;
}
