#include "cli/probe_voc.h"

#include "base/memory.h"
#include "cli/columns.h"
#include "eval/multi_label.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct comparison {
  ss_measurement measurement; /* without data */
  ss_box_set *set;
  ss_subset train, test;
  ss_columns columns;
  bool all_layers;
  int layer_count;
  const char *names[SS_MAX_LAYERS];
  ss_detection_score results[SS_COLUMNS][SS_MAX_LAYERS]; /* NaN: not asked for */
  int best;                                              /* layer */
} comparison;

static ss_status find_layers(comparison *compare, ss_error *error) {
  if (!compare->all_layers) {
    compare->layer_count = 1;
    compare->names[0] = "last";
    return SS_OK;
  }
  SS_TRY(ss_feature_layers(compare->measurement.model, &compare->layer_count, compare->names, error));
  return ss_columns_check_layers(&compare->columns, "compare --layers last", error);
}

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
  SS_TRY(ss_box_set_parts(compare->set, &compare->train, &compare->test, error));
  const ss_source *source = ss_box_set_source(compare->set);
  const uint32_t limit = (uint32_t)ss_settings_int(measurement->settings, "limit");
  SS_TRY(ss_subset_limit(source, &compare->train, limit, error));
  compare->all_layers = strcmp(ss_settings_text(measurement->settings, "layers"), "all") == 0;
  const ss_column_base base = {.model = measurement->model,
                               .source = source,
                               .train = &compare->train,
                               .features = &measurement->features,
                               .seed = measurement->seed};
  SS_TRY(ss_columns_open(arguments, &base, compare->all_layers, &compare->columns, error));
  return find_layers(compare, error);
}

/* Probes `count` layers from `first` on of one column. */
static ss_status probe_layers(comparison *compare, ss_column c, int first, int count, ss_error *error) {
  const ss_measurement *measurement = &compare->measurement;
  const ss_probe_options how = {
      .threads = measurement->features.threads, .seed = measurement->seed, .ways = measurement->ways};
  const ss_model *model = compare->columns.models[c];
  const ss_source *source = ss_box_set_source(compare->set);
  const ss_feature_options *options = &measurement->features;
  ss_features train[SS_MAX_LAYERS] = {0}, test[SS_MAX_LAYERS] = {0};
  int layers[SS_MAX_LAYERS];
  for (int k = 0; k < count; k++) {
    layers[k] = compare->all_layers ? first + k : SS_LAST_LAYER;
  }
  ss_status status = ss_features_extract_layers(model, source, &compare->train, options, layers, count, train, error);
  status =
      status ? status : ss_features_extract_layers(model, source, &compare->test, options, layers, count, test, error);
  for (int k = 0; k < count; k++) {
    ss_detection_score *result = &compare->results[c][first + k];
    status = status ? status
                    : ss_multi_label_probe(compare->set, &compare->train, &train[k], &compare->test, &test[k], &how,
                                           result, NULL, error);
    if (status == SS_OK) {
      fprintf(stderr, "%s, %s: mAP %.2f %%\n", compare->names[first + k], ss_column_title(c), result->voc07_ap50);
    }
    ss_features_free(&train[k]);
    ss_features_free(&test[k]);
  }
  return status;
}

static ss_status measure(comparison *compare, ss_error *error) {
  const int most = ss_features_layers_at_once((uint64_t)compare->train.count + compare->test.count);
  for (ss_column c = 0; c < SS_COLUMNS; c++) {
    for (int layer = 0; layer < compare->layer_count; layer++) {
      compare->results[c][layer] = (ss_detection_score){NAN, NAN, NAN, NAN, NAN};
    }
    for (int first = 0; first < compare->layer_count && compare->columns.models[c]; first += most) {
      const int left = compare->layer_count - first;
      SS_TRY(probe_layers(compare, c, first, left < most ? left : most, error));
    }
  }
  if (compare->columns.own_untrained) {
    memcpy(compare->results[SS_UNTRAINED], compare->results[SS_PRETRAINED], sizeof compare->results[SS_PRETRAINED]);
  }
  const ss_detection_score *own = compare->results[SS_PRETRAINED];
  for (int layer = 0; layer < compare->layer_count; layer++) {
    compare->best = own[layer].voc07_ap50 > own[compare->best].voc07_ap50 ? layer : compare->best;
  }
  return SS_OK;
}

static void print_table(const comparison *compare) {
  printf("multi-label classification, mAP (11 points, area): %u training and %u test pictures, %d classes\n\n",
         compare->train.count, compare->test.count, ss_box_set_class_count(compare->set));
  printf("%-10s", "layer");
  for (ss_column c = 0; c < SS_COLUMNS; c++) {
    if (!isnan(compare->results[c][0].voc07_ap50)) {
      printf("  %10s   area", ss_column_title(c));
    }
  }
  printf("\n");
  for (int layer = 0; layer < compare->layer_count; layer++) {
    printf("%-10s", compare->names[layer]);
    for (ss_column c = 0; c < SS_COLUMNS; c++) {
      const ss_detection_score *result = &compare->results[c][layer];
      if (!isnan(compare->results[c][0].voc07_ap50)) {
        printf("  %10.2f %6.2f", result->voc07_ap50, result->voc_ap50);
      }
    }
    printf("%s\n", compare->layer_count > 1 && layer == compare->best ? "  best" : "");
  }
}

static ss_status add_layer(const comparison *compare, int layer, cJSON *list, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(ss_json_add_object(list, NULL, &json, error));
  SS_TRY(ss_json_add_string(json, "name", compare->names[layer], error));
  SS_TRY(ss_json_add_float(json, "map", compare->results[SS_PRETRAINED][layer].voc07_ap50, error));
  SS_TRY(ss_json_add_float(json, "map_area", compare->results[SS_PRETRAINED][layer].voc_ap50, error));
  SS_TRY(ss_json_add_float(json, "random_map", compare->results[SS_UNTRAINED][layer].voc07_ap50, error));
  SS_TRY(ss_json_add_float(json, "random_map_area", compare->results[SS_UNTRAINED][layer].voc_ap50, error));
  SS_TRY(ss_json_add_float(json, "rescaled_map", compare->results[SS_RESCALED][layer].voc07_ap50, error));
  return ss_json_add_float(json, "supervised_map", compare->results[SS_SUPERVISED][layer].voc07_ap50, error);
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const comparison *compare = context;
  cJSON *list = NULL;
  SS_TRY(ss_json_add_array(json, "layers", &list, error));
  for (int layer = 0; layer < compare->layer_count; layer++) {
    SS_TRY(add_layer(compare, layer, list, error));
  }
  SS_TRY(ss_json_add_string(json, "best", compare->names[compare->best], error));
  SS_TRY(ss_json_add_int(json, "classes", ss_box_set_class_count(compare->set), error));
  SS_TRY(ss_json_add_int(json, "train", compare->train.count, error));
  return ss_json_add_int(json, "test", compare->test.count, error);
}

ss_status ss_probe_voc(const ss_arguments *arguments, ss_error *error) {
  comparison *compare = NULL;
  SS_TRY(ss_alloc((void **)&compare, 1, sizeof *compare, "the probe", error));
  ss_status status = open_comparison(arguments, compare, error);
  status = status ? status : measure(compare, error);
  if (status == SS_OK) {
    print_table(compare);
    status = ss_json_output(arguments, fill_json, compare, error);
  }
  ss_columns_close(&compare->columns);
  ss_subset_free(&compare->train);
  ss_subset_free(&compare->test);
  ss_box_set_close(compare->set);
  ss_measurement_close(&compare->measurement);
  free(compare);
  return status;
}
