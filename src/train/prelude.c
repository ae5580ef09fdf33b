#include "train/prelude.h"

#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>

/* What both runs have in common, in so far as the user has set it. */
static ss_status share_settings(const ss_settings *from, ss_settings *to, ss_error *error) {
  static const char *const shared[] = {"arch",    "width", "size",  "batch",   "precision",
                                       "threads", "seed",  "limit", "max-bad", "log_every"};
  for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
    if (ss_settings_known(from, shared[i])) {
      SS_TRY(ss_settings_set(to, shared[i], ss_settings_text(from, shared[i]), ss_settings_chosen(from, shared[i]),
                             error));
    }
  }
  return ss_settings_set(to, "knn-every", "0", true, error);
}

static ss_status train(const ss_train_request *request, const ss_teacher *teacher, const char *out, ss_error *error) {
  ss_config *config = NULL;
  SS_TRY(ss_config_new(teacher->method, request->config->data, &config, error));
  config->source = request->config->source;
  const ss_settings *settings = request->config->settings;
  ss_status status = share_settings(settings, config->settings, error);
  if (status == SS_OK) {
    status = ss_settings_set(config->settings, "epochs", ss_settings_text(settings, teacher->epochs), true, error);
  }
  if (status == SS_OK) {
    status = ss_ways_merge(config->ways, request->config->ways, error);
  }
  if (status == SS_OK) {
    const ss_train_request first = {
        .config = config, .out = out, .resume = request->resume, .profile = false, .observer = request->observer};
    ss_train_result result;
    status = ss_train(&first, &result, error);
  }
  if (status == SS_OK) {
    status = ss_ways_merge(request->config->ways, config->ways, error);
  }
  ss_config_free(config);
  return status;
}

ss_status ss_prelude(const ss_train_request *request, ss_error *error) {
  const ss_teacher *teacher = request->config->method->teacher;
  ss_settings *settings = request->config->settings;
  if (!teacher || *ss_settings_text(settings, teacher->option) ||
      (request->resume && ss_run_has_checkpoint(request->out))) {
    return SS_OK;
  }
  char *out = NULL;
  if (asprintf(&out, "%s-%s", request->out, teacher->option) < 0) {
    return ss_fail_memory(error, 1, "the name of a run");
  }
  ss_status status = train(request, teacher, out, error);
  if (status == SS_INTERRUPTED) {
    status =
        ss_fail(error, SS_INTERRUPTED, "stopped in the run of %s that comes first, %s; go on with --resume --out %s",
                teacher->method, out, request->out);
  }
  if (status == SS_OK) {
    status = ss_settings_set(settings, teacher->option, out, false, error);
  }
  free(out);
  return status;
}
