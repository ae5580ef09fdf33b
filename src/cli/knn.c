/* selfsup knn RUN DATA */
#include "eval/knn.h"
#include "cli/json_output.h"
#include "cli/measure.h"

#include <stdio.h>

static const ss_flag flags[] = {SS_TEST_FLAG, {"k", 'k', "N", "neighbours that vote (default 20)"}, SS_JSON_FLAGS};

static const ss_option options[] = {SS_MEASURE_OPTIONS};

typedef struct result {
  int k;
  double top1;
} result;

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const result *of = context;
  SS_TRY(ss_json_add_float(json, "top1", of->top1, error));
  return ss_json_add_int(json, "k", of->k, error);
}

static ss_status measure(const ss_arguments *arguments, ss_measurement *measurement, ss_error *error) {
  int64_t k = 0;
  SS_TRY(ss_arguments_int(arguments, "k", 1, 100000, 20, &k, error));
  ss_knn_options how = SS_KNN_DEFAULTS;
  how.k = (int)k;
  how.threads = measurement->features.threads;
  how.ways = measurement->ways;
  ss_features train, test;
  const int last = SS_LAST_LAYER;
  SS_TRY(ss_measurement_features(measurement, measurement->model, &last, 1, &train, &test, error));
  result of = {.k = how.k};
  const ss_status status = ss_knn(&train, &test, measurement->classes, &how, &of.top1, error);
  ss_features_free(&train);
  ss_features_free(&test);
  SS_TRY(status);
  printf("k-NN on frozen features: %u training and %u test pictures, %d classes\n\n  k  top-1\n%3d %6.2f %%\n",
         measurement->train.count, measurement->test.count, measurement->classes, of.k, of.top1);
  SS_TRY(ss_json_output(arguments, fill_json, &of, error));
  ss_json_output_keep(arguments, "knn.json", fill_json, &of);
  return SS_OK;
}

static int run(const ss_arguments *arguments) {
  return ss_measurement_run(arguments, true, measure);
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
