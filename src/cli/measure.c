#include "cli/measure.h"

#include "base/memory.h"
#include "base/random.h"
#include "data/labels.h"
#include "engine/ways_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ss_status ss_ways_open(ss_ways **ways, ss_error *error) {
  *ways = ss_ways_new();
  return *ways ? ss_ways_cache_load(*ways, error) : ss_fail_memory(error, 1, "the kernels' choices");
}

static void tell_bad(void *context, uint32_t sample, const char *message) {
  (void)context;
  (void)sample;
  fprintf(stderr, "skipped: %s\n", message);
}

void ss_measurement_tell_split(const ss_measurement *measurement, const char *data, const char *what) {
  const uint32_t train = measurement->train.count, test = measurement->test.count;
  fprintf(stderr, "no test part in %s: every tenth %s is kept for testing, %u of %u\n", data, what, test, train + test);
}

ss_status ss_measurement_limit(ss_measurement *measurement, const ss_source *source, ss_error *error) {
  return ss_subset_limit(source, &measurement->train, (uint32_t)ss_settings_int(measurement->settings, "limit"), error);
}

ss_status ss_measurement_take_parts(const ss_arguments *arguments, ss_measurement *out, ss_error *error) {
  ss_subset_free(&out->train);
  const char *test = ss_arguments_value(arguments, "test", NULL);
  if (ss_source_class_count(out->source) == 0) {
    return ss_fail(error, SS_FAILED,
                   "measuring needs labels, and there are none: %s; put the pictures into a folder a class",
                   ss_source_path(out->source));
  }
  if (test) {
    SS_TRY(ss_source_open(test, &out->other, error));
    SS_TRY(ss_subset_for_probe_of_two(out->source, out->other, &out->train, &out->test, error));
  } else {
    bool split_made = false;
    SS_TRY(ss_subset_for_probe(out->source, &out->train, &out->test, &split_made, error));
    if (split_made) {
      ss_measurement_tell_split(out, ss_source_path(out->source), "picture of a class");
    }
  }
  out->test_source = out->other ? out->other : out->source;
  out->classes = ss_source_class_count(out->source);
  return SS_OK;
}

ss_status ss_measurement_open_model(const ss_arguments *arguments, ss_measurement *out, ss_error *error) {
  memset(out, 0, sizeof *out);
  SS_TRY(ss_arguments_settings(arguments, &out->settings, error));
  const ss_settings *settings = out->settings;
  const int size = (int)ss_settings_int(settings, "size");
  out->seed = (uint64_t)ss_settings_int(settings, "seed");
  SS_TRY(ss_model_open(arguments->operands[0], size, out->seed, &out->model, error));
  SS_TRY(ss_ways_open(&out->ways, error));
  out->features = (ss_feature_options){.size = size,
                                       .batch = (int)ss_settings_int(settings, "batch"),
                                       .threads = (int)ss_settings_int(settings, "threads"),
                                       .layer = SS_LAST_LAYER,
                                       .max_bad = ss_settings_float(settings, "max-bad"),
                                       .bad = tell_bad,
                                       .ways = out->ways};
  return ss_device_open(ss_settings_text(settings, "device"), &out->features.device, error);
}

ss_status ss_measurement_open(const ss_arguments *arguments, bool labelled, ss_measurement *out, ss_error *error) {
  SS_TRY(ss_measurement_open_model(arguments, out, error));
  if (arguments->operand_count < 2) {
    return SS_OK;
  }
  SS_TRY(ss_source_open(arguments->operands[1], &out->source, error));
  SS_TRY(labelled ? ss_measurement_take_parts(arguments, out, error)
                  : ss_subset_everything(out->source, &out->train, error));
  return ss_measurement_limit(out, out->source, error);
}

void ss_measurement_close(ss_measurement *measurement) {
  if (measurement->ways) {
    ss_ways_cache_save(measurement->ways);
  }
  ss_ways_free(measurement->ways);
  ss_subset_free(&measurement->train);
  ss_subset_free(&measurement->test);
  ss_source_close(measurement->other);
  ss_source_close(measurement->source);
  ss_model_free(measurement->model);
  ss_settings_free(measurement->settings);
  memset(measurement, 0, sizeof *measurement);
}

int ss_measurement_run(const ss_arguments *arguments, bool labelled, ss_measure measure) {
  ss_error error = {""};
  ss_measurement measurement;
  ss_status status = ss_measurement_open(arguments, labelled, &measurement, &error);
  status = status ? status : measure(arguments, &measurement, &error);
  ss_measurement_close(&measurement);
  return ss_complain(status, &error);
}

ss_status ss_measurement_cut_labels(ss_measurement *measurement, ss_error *error) {
  const double fraction = ss_settings_float(measurement->settings, "labels");
  ss_subset *train = &measurement->train;
  int32_t *labels = NULL;
  bool *taken = NULL;
  if (fraction >= 1.0) {
    return SS_OK;
  }
  ss_status status = ss_alloc((void **)&labels, train->count, sizeof *labels, "the labels", error);
  status = status ? status : ss_alloc((void **)&taken, train->count, sizeof *taken, "the labels", error);
  if (status == SS_OK) {
    for (uint32_t i = 0; i < train->count; i++) {
      labels[i] = ss_source_label(measurement->source, train->samples[i]);
    }
    ss_random random = ss_random_stream(measurement->seed, SS_RANDOM_PROBE, UINT32_MAX, 0, 0);
    status = ss_labels_choose(labels, train->count, measurement->classes, fraction, &random, taken, error);
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < train->count && status == SS_OK; i++) {
    if (taken[i]) {
      train->samples[kept++] = train->samples[i];
    }
  }
  train->count = status == SS_OK ? kept : train->count;
  free(labels);
  free(taken);
  return status;
}

ss_status ss_measurement_features(const ss_measurement *measurement, const ss_model *model, const int *layers,
                                  int count, ss_features *train, ss_features *test, ss_error *error) {
  const ss_feature_options *options = &measurement->features;
  memset(test, 0, (size_t)count * sizeof *test);
  SS_TRY(ss_features_extract_layers(model, measurement->source, &measurement->train, options, layers, count, train,
                                    error));
  const ss_status status = ss_features_extract_layers(model, measurement->test_source, &measurement->test, options,
                                                      layers, count, test, error);
  for (int k = 0; k < count && status != SS_OK; k++) {
    ss_features_free(&train[k]);
  }
  return status;
}
