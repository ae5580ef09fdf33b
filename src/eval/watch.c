#include "eval/watch.h"

#include "augment/view.h"
#include "base/memory.h"
#include "eval/knn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ss_watch {
  ss_feature_options options;
  const ss_source *source; /* borrowed, or `opened` */
  ss_source *opened;
  ss_subset train, test;
};

static ss_status open_data(ss_watch *watch, const char *data, const ss_source *source, bool *can_measure,
                           ss_error *error) {
  if (!source) {
    SS_TRY(ss_source_open(data, &watch->opened, error));
  }
  watch->source = source ? source : watch->opened;
  *can_measure = false;
  if (ss_source_class_count(watch->source) < 2) {
    return SS_OK;
  }
  bool split_made = false;
  ss_error reason = {""}; /* a class without a test sample is no concern of the training */
  const ss_status status = ss_subset_for_probe(watch->source, &watch->train, &watch->test, &split_made, &reason);
  if (status == SS_FAILED) {
    return SS_OK;
  }
  if (status != SS_OK) {
    return ss_fail(error, status, "%s", reason.message);
  }
  *can_measure = true;
  SS_TRY(ss_subset_limit(watch->source, &watch->train, SS_WATCH_TRAIN, error));
  return ss_subset_limit(watch->source, &watch->test, SS_WATCH_TEST, error);
}

ss_status ss_watch_open(const char *data, const ss_source *source, const ss_feature_options *options, ss_watch **watch,
                        ss_error *error) {
  *watch = NULL;
  ss_watch *made = NULL;
  SS_TRY(ss_alloc((void **)&made, 1, sizeof *made, "the k-NN checks", error));
  made->options = *options;
  made->options.layer = SS_LAST_LAYER;
  bool can_measure = false;
  const ss_status status = open_data(made, data, source, &can_measure, error);
  if (status != SS_OK || !can_measure) {
    ss_watch_close(made);
    return status;
  }
  *watch = made;
  return SS_OK;
}

void ss_watch_close(ss_watch *watch) {
  if (watch) {
    ss_subset_free(&watch->train);
    ss_subset_free(&watch->test);
    ss_source_close(watch->opened);
    free(watch);
  }
}

/* The backbone with values of its own. */
static ss_status copy_backbone(const ss_parameters *parameters, const ss_backbone_options *backbone, ss_model **out,
                               ss_error *error) {
  const ss_view_options view = ss_view_options_crop(backbone->size, 1.0f);
  ss_model form = {.parameters = (ss_parameters *)parameters, .backbone = *backbone}; /* only read */
  snprintf(form.arch, sizeof form.arch, "%s", backbone->arch);
  memcpy(form.mean, view.mean, sizeof form.mean);
  memcpy(form.deviation, view.deviation, sizeof form.deviation);
  return ss_model_copy(&form, 0, out, error);
}

static ss_status measure(const ss_watch *watch, const ss_model *model, double *top1, ss_error *error) {
  ss_knn_options how = SS_KNN_DEFAULTS;
  how.threads = watch->options.threads;
  how.ways = watch->options.ways;
  ss_features train = {0}, test = {0};
  ss_status status = ss_features_extract(model, watch->source, &watch->train, &watch->options, &train, error);
  if (status == SS_OK) {
    status = ss_features_extract(model, watch->source, &watch->test, &watch->options, &test, error);
  }
  if (status == SS_OK) {
    status = ss_knn(&train, &test, ss_source_class_count(watch->source), &how, top1, error);
  }
  ss_features_free(&train);
  ss_features_free(&test);
  return status;
}

ss_status ss_watch_measure(const ss_watch *watch, const ss_parameters *parameters, const ss_backbone_options *backbone,
                           double *top1, ss_error *error) {
  ss_model *model = NULL;
  ss_status status = copy_backbone(parameters, backbone, &model, error);
  if (status == SS_OK) {
    status = measure(watch, model, top1, error);
  }
  ss_model_free(model);
  return status;
}

ss_status ss_run_watch_measure(ss_run_watch *run, const ss_parameters *parameters, const ss_backbone_options *backbone,
                               double *top1, ss_error *error) {
  if (!run->opened) {
    const ss_settings *settings = run->config->settings;
    ss_feature_options options = {.threads = (int)ss_settings_int(settings, "threads"),
                                  .max_bad = ss_settings_float(settings, "max-bad"),
                                  .ways = run->config->ways};
    run->opened = true;
    SS_TRY(ss_device_open(ss_settings_text(settings, "device"), &options.device, error));
    SS_TRY(ss_watch_open(run->config->data, run->config->source, &options, &run->watch, error));
  }
  return run->watch ? ss_watch_measure(run->watch, parameters, backbone, top1, error) : SS_OK;
}

void ss_run_watch_close(ss_run_watch *run) {
  ss_watch_close(run->watch);
  run->watch = NULL;
}
