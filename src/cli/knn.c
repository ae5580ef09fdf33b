/* selfsup knn RUN DATA */
#include "eval/knn.h"
#include "cli/measure.h"

#include <stdio.h>

static const ss_flag flags[] = {{"test", 0, "DATA", "test on other data, with the same classes"},
                                {"k", 'k', "N", "neighbours that vote (default 20)"},
                                SS_MEASURE_FLAGS};

static const ss_option options[] = {SS_MEASURE_OPTIONS};

static ss_status print(const ss_arguments *arguments, const ss_measurement *measurement, double top1, int k,
                       ss_error *error) {
  printf("k-NN on frozen features: %u training and %u test pictures, %d classes\n\n  k  top-1\n%3d %6.2f %%\n",
         measurement->train.count, measurement->test.count, measurement->classes, k, top1);
  cJSON *json = NULL;
  SS_TRY(ss_json_new_object(&json, error));
  ss_status status = ss_json_add_float(json, "top1", top1, error);
  status = status ? status : ss_json_add_int(json, "k", k, error);
  if (status == SS_OK && ss_arguments_has(arguments, "json")) {
    status = ss_print_json(json, error);
  }
  status = status ? status : ss_measurement_keep(arguments, "knn.json", json, error);
  cJSON_Delete(json);
  return status;
}

static ss_status measure(const ss_arguments *arguments, const ss_measurement *measurement, ss_error *error) {
  int64_t k = 0;
  SS_TRY(ss_arguments_int(arguments, "k", 1, 100000, 20, &k, error));
  ss_knn_options how = SS_KNN_DEFAULTS;
  how.k = (int)k;
  how.threads = measurement->features.threads;
  how.ways = measurement->ways;
  ss_features train, test;
  const int last = SS_LAST_LAYER;
  SS_TRY(ss_measurement_features(measurement, measurement->model, &last, 1, &train, &test, error));
  double top1 = 0.0;
  const ss_status status = ss_knn(&train, &test, measurement->classes, &how, &top1, error);
  ss_features_free(&train);
  ss_features_free(&test);
  return status == SS_OK ? print(arguments, measurement, top1, how.k, error) : status;
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  ss_measurement measurement;
  ss_status status = ss_measurement_open(arguments, true, &measurement, &error);
  if (status == SS_OK) {
    status = measure(arguments, &measurement, &error);
  }
  ss_measurement_close(&measurement);
  return ss_complain(status, &error);
}

const ss_command ss_command_knn = {
    .name = "knn",
    .operands = "RUN DATA",
    .summary = "measures a backbone by its features' nearest neighbours: quick, nothing is trained",
    .more =
        "Each test picture takes the class with the most votes among its k most similar training pictures,\n"
        "each vote weighing exp(cosine / 0.07). RUN is a run folder, a .safetensors file, or an untrained\n"
        "network: random:resnet18?width=16&size=32. A run folder keeps what was found, in knn.json.",
    .least = 2,
    .most = 2,
    .flags = flags,
    .options = options,
    .run = run};
