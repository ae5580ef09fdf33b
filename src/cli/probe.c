/* selfsup probe RUN DATA */
#include "cli/columns.h"
#include "cli/json_output.h"
#include "cli/probe_voc.h"
#include "data/voc.h"
#include "eval/linear.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const ss_flag flags[] = {
    {"test", 0, "DATA", "test on other data, with the same classes"}, SS_COLUMN_FLAGS, SS_MEASURE_FLAGS};

static const ss_option options[] = {
    {"layers", SS_OPTION_CHOICE, "last", "the averaged output, or every layer's map pooled to at most 9216 numbers", 0,
     0, "last|all"},
    {"labels", SS_OPTION_FRACTION, "1", "share of each class's training pictures that is used, at least one", 0, 0,
     NULL},
    {"protocol", SS_OPTION_CHOICE, "lbfgs",
     "lbfgs: 100 iterations on standardised features; sgd: the papers' 30 epochs", 0, 0, "lbfgs|sgd"},
    SS_MEASURE_OPTIONS};

typedef struct comparison {
  const ss_measurement *measurement;
  ss_probe_options how;
  ss_columns columns;
  ss_probe_result results[SS_COLUMNS][SS_MAX_LAYERS]; /* NaN: not asked for */
  int layer_count;
  bool all_layers;
  const char *names[SS_MAX_LAYERS];
  int best; /* layer */
} comparison;

static ss_status find_layers(comparison *compare, ss_error *error) {
  if (!compare->all_layers) {
    compare->layer_count = 1;
    compare->names[0] = "last";
    return SS_OK;
  }
  SS_TRY(ss_feature_layers(compare->measurement->model, &compare->layer_count, compare->names, error));
  return ss_columns_check_layers(&compare->columns, "compare --layers last", error);
}

static ss_status open_comparison(comparison *compare, const ss_arguments *arguments, ss_error *error) {
  const ss_measurement *measurement = compare->measurement;
  compare->how = (ss_probe_options){
      .threads = measurement->features.threads, .seed = measurement->seed, .ways = measurement->ways};
  if (strcmp(ss_settings_text(measurement->settings, "protocol"), "sgd") == 0) {
    compare->how.protocol = SS_PROBE_SGD;
  }
  compare->all_layers = strcmp(ss_settings_text(measurement->settings, "layers"), "all") == 0;
  const ss_column_base base = ss_column_base_of(measurement);
  SS_TRY(ss_columns_open(arguments, &base, compare->all_layers, &compare->columns, error));
  return find_layers(compare, error);
}

/* Probes `count` layers from `first` on of one column. */
static ss_status probe_layers(comparison *compare, int c, int first, int count, ss_error *error) {
  const ss_measurement *measurement = compare->measurement;
  ss_features train[SS_MAX_LAYERS], test[SS_MAX_LAYERS];
  int layers[SS_MAX_LAYERS];
  for (int k = 0; k < count; k++) {
    layers[k] = compare->all_layers ? first + k : SS_LAST_LAYER;
  }
  SS_TRY(ss_measurement_features(measurement, compare->columns.models[c], layers, count, train, test, error));
  ss_status status = SS_OK;
  for (int k = 0; k < count; k++) {
    ss_probe_result *result = &compare->results[c][first + k];
    if (status == SS_OK) {
      status = ss_probe_linear(&train[k], &test[k], measurement->classes, &compare->how, result, error);
    }
    if (status == SS_OK) {
      fprintf(stderr, "%s, %s: %.2f %%\n", compare->names[first + k], ss_column_title((ss_column)c), result->top1);
    }
    ss_features_free(&train[k]);
    ss_features_free(&test[k]);
  }
  return status;
}

static void find_best(comparison *compare) {
  const ss_probe_result *results = compare->results[SS_PRETRAINED];
  for (int layer = 0; layer < compare->layer_count; layer++) {
    compare->best = results[layer].top1 > results[compare->best].top1 ? layer : compare->best;
  }
}

static ss_status measure(comparison *compare, ss_error *error) {
  const ss_measurement *measurement = compare->measurement;
  const int most = ss_features_layers_at_once((uint64_t)measurement->train.count + measurement->test.count);
  for (int c = 0; c < SS_COLUMNS; c++) {
    for (int layer = 0; layer < compare->layer_count; layer++) {
      compare->results[c][layer] = (ss_probe_result){NAN, NAN, NAN};
    }
    for (int first = 0; first < compare->layer_count && compare->columns.models[c]; first += most) {
      const int left = compare->layer_count - first;
      SS_TRY(probe_layers(compare, c, first, left < most ? left : most, error));
    }
  }
  if (compare->columns.own_untrained) {
    memcpy(compare->results[SS_UNTRAINED], compare->results[SS_PRETRAINED], sizeof compare->results[SS_PRETRAINED]);
  }
  find_best(compare);
  return SS_OK;
}

static void print_table(const comparison *compare) {
  const ss_measurement *measurement = compare->measurement;
  const bool sgd = compare->how.protocol == SS_PROBE_SGD;
  printf("linear probe, %s: %u training and %u test pictures, %d classes\n\n",
         sgd ? "sgd (batch norm, 30 epochs)" : "lbfgs (standardised features, 100 iterations)",
         measurement->train.count, measurement->test.count, measurement->classes);
  bool shown[SS_COLUMNS];
  printf("%-10s", "layer");
  for (int c = 0; c < SS_COLUMNS; c++) {
    shown[c] = !isnan(compare->results[c][0].top1);
    if (shown[c]) {
      printf("  %10s  top-5", ss_column_title((ss_column)c));
    }
  }
  printf("\n");
  for (int layer = 0; layer < compare->layer_count; layer++) {
    printf("%-10s", compare->names[layer]);
    for (int c = 0; c < SS_COLUMNS; c++) {
      if (shown[c]) {
        printf("  %10.2f %6.2f", compare->results[c][layer].top1, compare->results[c][layer].top5);
      }
    }
    printf("%s\n", compare->layer_count > 1 && layer == compare->best ? "  best" : "");
  }
}

static ss_status add_layer(const comparison *compare, int layer, cJSON *list, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(ss_json_add_object(list, NULL, &json, error));
  SS_TRY(ss_json_add_string(json, "name", compare->names[layer], error));
  SS_TRY(ss_json_add_float(json, "top1", compare->results[SS_PRETRAINED][layer].top1, error));
  SS_TRY(ss_json_add_float(json, "top5", compare->results[SS_PRETRAINED][layer].top5, error));
  SS_TRY(ss_json_add_float(json, "random_top1", compare->results[SS_UNTRAINED][layer].top1, error));
  SS_TRY(ss_json_add_float(json, "random_top5", compare->results[SS_UNTRAINED][layer].top5, error));
  SS_TRY(ss_json_add_float(json, "rescaled_top1", compare->results[SS_RESCALED][layer].top1, error));
  return ss_json_add_float(json, "supervised_top1", compare->results[SS_SUPERVISED][layer].top1, error);
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const comparison *compare = context;
  cJSON *list = NULL;
  SS_TRY(ss_json_add_array(json, "layers", &list, error));
  for (int layer = 0; layer < compare->layer_count; layer++) {
    SS_TRY(add_layer(compare, layer, list, error));
  }
  SS_TRY(ss_json_add_string(json, "best", compare->names[compare->best], error));
  SS_TRY(ss_json_add_int(json, "classes", compare->measurement->classes, error));
  SS_TRY(ss_json_add_int(json, "train", compare->measurement->train.count, error));
  return ss_json_add_int(json, "test", compare->measurement->test.count, error);
}

static ss_status probe(const ss_arguments *arguments, ss_measurement *measurement, ss_error *error) {
  comparison compare = {.measurement = measurement};
  const double labels = ss_settings_float(measurement->settings, "labels");
  ss_status status = labels < 1.0 ? ss_measurement_cut_labels(measurement, labels, error) : SS_OK;
  if (status == SS_OK) {
    status = open_comparison(&compare, arguments, error);
  }
  if (status == SS_OK) {
    status = measure(&compare, error);
  }
  if (status == SS_OK) {
    print_table(&compare);
    status = ss_json_output(arguments, fill_json, &compare, error);
  }
  if (status == SS_OK) {
    ss_json_output_keep(arguments, "probe.json", fill_json, &compare);
  }
  ss_columns_close(&compare.columns);
  return status;
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  if (ss_voc_holds(arguments->operands[1])) {
    return ss_complain(ss_probe_voc(arguments, &error), &error);
  }
  ss_measurement measurement;
  ss_status status = ss_measurement_open(arguments, true, &measurement, &error);
  if (status == SS_OK) {
    status = probe(arguments, &measurement, &error);
  }
  ss_measurement_close(&measurement);
  return ss_complain(status, &error);
}

const ss_command ss_command_probe = {
    .name = "probe",
    .operands = "RUN DATA",
    .summary = "measures a frozen backbone by a linear classifier on its features",
    .more =
        "Beside it stands the same network untrained and, with --layers all, untrained but with every layer\n"
        "scaled to unit variance on the data. RUN is a run folder, a .safetensors file, or an untrained\n"
        "network: random:resnet18?width=16&size=32. Without a test part and --test, every tenth picture of a\n"
        "class is the test part. A run folder keeps what was found, in probe.json.\n"
        "\n"
        "Where DATA is a VOC devkit (JPEGImages, Annotations, ImageSets/Main), a logistic regression for each class\n"
        "says which pictures show it, and mean average precision is printed, by VOC 2007's eleven points and by the\n"
        "area under the curve.",
    .least = 2,
    .most = 2,
    .flags = flags,
    .options = options,
    .run = run};
