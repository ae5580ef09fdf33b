/* selfsup probe RUN DATA */
#include "cli/json_output.h"
#include "cli/probe_voc.h"
#include "cli/score_table.h"
#include "data/voc.h"
#include "eval/linear.h"

#include <stdio.h>
#include <string.h>

static const ss_flag flags[] = {SS_TEST_FLAG, SS_COLUMN_FLAGS, SS_JSON_FLAGS};

static const ss_option options[] = {
    {"layers", SS_OPTION_CHOICE, "last", "the averaged output, or every layer's map pooled to at most 9216 numbers", 0,
     0, "last|all"},
    SS_LABELS_OPTION,
    {"protocol", SS_OPTION_CHOICE, "lbfgs",
     "lbfgs: 100 iterations on standardised features; sgd: the papers' 30 epochs", 0, 0, "lbfgs|sgd"},
    SS_MEASURE_OPTIONS};

typedef struct comparison {
  const ss_measurement *measurement;
  ss_probe_options how;
  ss_columns columns;
  ss_score_table table;
} comparison;

static ss_status open_comparison(comparison *compare, const ss_arguments *arguments, ss_error *error) {
  const ss_measurement *measurement = compare->measurement;
  compare->how = (ss_probe_options){
      .threads = measurement->features.threads, .seed = measurement->seed, .ways = measurement->ways};
  if (strcmp(ss_settings_text(measurement->settings, "protocol"), "sgd") == 0) {
    compare->how.protocol = SS_PROBE_SGD;
  }
  const ss_column_base base = ss_column_base_of(measurement);
  return ss_score_table_open(arguments, measurement->settings, &base, &compare->columns, &compare->table, error);
}

/* Probes `count` layers from `first` on of one column. */
static ss_status probe_layers(void *context, ss_column c, int first, int count, ss_error *error) {
  comparison *compare = context;
  const ss_measurement *measurement = compare->measurement;
  ss_score_table *table = &compare->table;
  ss_features train[SS_MAX_LAYERS], test[SS_MAX_LAYERS];
  SS_TRY(ss_measurement_features(measurement, compare->columns.models[c], table->layers + first, count, train, test,
                                 error));
  ss_status status = SS_OK;
  for (int k = 0; k < count; k++) {
    ss_probe_result result;
    if (status == SS_OK) {
      status = ss_probe_linear(&train[k], &test[k], measurement->classes, &compare->how, &result, error);
    }
    if (status == SS_OK) {
      table->scores[c][first + k][0] = result.top1;
      table->scores[c][first + k][1] = result.top5;
      fprintf(stderr, "%s, %s: %.2f %%\n", table->rows[first + k], ss_column_title(c), result.top1);
    }
    ss_features_free(&train[k]);
    ss_features_free(&test[k]);
  }
  return status;
}

static void print_table(const comparison *compare) {
  const ss_measurement *measurement = compare->measurement;
  const bool sgd = compare->how.protocol == SS_PROBE_SGD;
  printf("linear probe, %s: %u training and %u test pictures, %d classes\n\n",
         sgd ? "sgd (batch norm, 30 epochs)" : "lbfgs (standardised features, 100 iterations)",
         measurement->train.count, measurement->test.count, measurement->classes);
  ss_score_table_print(&compare->table);
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const comparison *compare = context;
  SS_TRY(ss_score_table_add_layers(&compare->table, json, error));
  SS_TRY(ss_json_add_int(json, "classes", compare->measurement->classes, error));
  SS_TRY(ss_json_add_int(json, "train", compare->measurement->train.count, error));
  return ss_json_add_int(json, "test", compare->measurement->test.count, error);
}

static ss_status probe(const ss_arguments *arguments, ss_measurement *measurement, ss_error *error) {
  comparison compare = {.measurement = measurement,
                        .table = {.corner = "layer", .second = "top-5", .keys = {"top1", "top5"}}};
  ss_status status = ss_measurement_cut_labels(measurement, error);
  if (status == SS_OK) {
    status = open_comparison(&compare, arguments, error);
  }
  if (status == SS_OK) {
    const uint64_t pictures = (uint64_t)measurement->train.count + measurement->test.count;
    status = ss_score_table_measure(&compare.table, &compare.columns, pictures, probe_layers, &compare, error);
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
  return ss_voc_holds(arguments->operands[1]) ? ss_complain(ss_probe_voc(arguments, &error), &error)
                                              : ss_measurement_run(arguments, true, probe);
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
