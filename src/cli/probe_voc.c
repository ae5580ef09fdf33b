#include "cli/probe_voc.h"

#include "base/memory.h"
#include "cli/score_table.h"
#include "eval/multi_label.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct comparison {
  ss_measurement measurement; /* without a source */
  ss_box_set *set;
  ss_columns columns;
  ss_score_table table;
} comparison;

/* What the papers' protocol for other data has and this one has not. */
static ss_status check_options(const ss_arguments *arguments, const ss_settings *settings, ss_error *error) {
  if (strcmp(ss_settings_text(settings, "protocol"), "sgd") == 0) {
    return ss_fail(error, SS_USAGE, "--protocol sgd is for data with one class a picture; a VOC devkit has lbfgs");
  }
  if (ss_arguments_has(arguments, "test") || ss_settings_float(settings, "labels") < 1.0) {
    return ss_fail(error, SS_USAGE, "a VOC devkit has its own parts: leave out --test and --labels");
  }
  return SS_OK;
}

static ss_status open_comparison(const ss_arguments *arguments, comparison *compare, ss_error *error) {
  ss_measurement *measurement = &compare->measurement;
  SS_TRY(ss_measurement_open_model(arguments, measurement, error));
  SS_TRY(check_options(arguments, measurement->settings, error));
  SS_TRY(ss_box_set_open(arguments->operands[1], &compare->set, error));
  SS_TRY(ss_box_set_parts(compare->set, &measurement->train, &measurement->test, error));
  const ss_source *source = ss_box_set_source(compare->set);
  SS_TRY(ss_measurement_limit(measurement, source, error));
  ss_column_base base = ss_column_base_of(measurement);
  base.source = source;
  compare->table = (ss_score_table){.corner = "layer", .second = "area", .keys = {"map", "map_area"}};
  return ss_score_table_open(arguments, measurement->settings, &base, &compare->columns, &compare->table, error);
}

/* Probes `count` layers from `first` on of one column. */
static ss_status probe_layers(void *context, ss_column c, int first, int count, ss_error *error) {
  comparison *compare = context;
  ss_score_table *table = &compare->table;
  const ss_measurement *measurement = &compare->measurement;
  const ss_subset *train = &measurement->train, *test = &measurement->test;
  const ss_probe_options how = {
      .threads = measurement->features.threads, .seed = measurement->seed, .ways = measurement->ways};
  const ss_model *model = compare->columns.models[c];
  const ss_source *source = ss_box_set_source(compare->set);
  const ss_feature_options *options = &measurement->features;
  const int *layers = table->layers + first;
  ss_features learned[SS_MAX_LAYERS] = {0}, tested[SS_MAX_LAYERS] = {0};
  ss_status status = ss_features_extract_layers(model, source, train, options, layers, count, learned, error);
  status = status ? status : ss_features_extract_layers(model, source, test, options, layers, count, tested, error);
  for (int k = 0; k < count; k++) {
    ss_detection_score result;
    status = status
                 ? status
                 : ss_multi_label_probe(compare->set, train, &learned[k], test, &tested[k], &how, &result, NULL, error);
    if (status == SS_OK) {
      table->scores[c][first + k][0] = result.voc07_ap50;
      table->scores[c][first + k][1] = result.voc_ap50;
      fprintf(stderr, "%s, %s: mAP %.2f %%\n", table->rows[first + k], ss_column_title(c), result.voc07_ap50);
    }
    ss_features_free(&learned[k]);
    ss_features_free(&tested[k]);
  }
  return status;
}

static void print_table(const comparison *compare) {
  const ss_measurement *measurement = &compare->measurement;
  printf("multi-label classification, mAP (11 points, area): %u training and %u test pictures, %d classes\n\n",
         measurement->train.count, measurement->test.count, ss_box_set_class_count(compare->set));
  ss_score_table_print(&compare->table);
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const comparison *compare = context;
  SS_TRY(ss_score_table_add_layers(&compare->table, json, error));
  SS_TRY(ss_json_add_int(json, "classes", ss_box_set_class_count(compare->set), error));
  SS_TRY(ss_json_add_int(json, "train", compare->measurement.train.count, error));
  return ss_json_add_int(json, "test", compare->measurement.test.count, error);
}

ss_status ss_probe_voc(const ss_arguments *arguments, ss_error *error) {
  comparison *compare = NULL;
  SS_TRY(ss_alloc((void **)&compare, 1, sizeof *compare, "the probe", error));
  ss_status status = open_comparison(arguments, compare, error);
  if (status == SS_OK) {
    const uint64_t pictures = (uint64_t)compare->measurement.train.count + compare->measurement.test.count;
    status = ss_score_table_measure(&compare->table, &compare->columns, pictures, probe_layers, compare, error);
  }
  if (status == SS_OK) {
    print_table(compare);
    status = ss_json_output(arguments, fill_json, compare, error);
  }
  ss_columns_close(&compare->columns);
  ss_box_set_close(compare->set);
  ss_measurement_close(&compare->measurement);
  free(compare);
  return status;
}
