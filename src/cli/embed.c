/* selfsup embed RUN DATA -o FEATURES.npy */
#include "cli/json_output.h"
#include "cli/measure.h"
#include "eval/embedding.h"
#include "eval/embedding_projector.h"

#include <stdio.h>
#include <stdlib.h>

static const ss_flag flags[] = {
    {"out", 'o', "FEATURES.npy", "the features (N, D), float32; the N names go to FEATURES.txt"},
    {"resume", 0, NULL, "go on where a run that was stopped got to, to the same bytes; else begin"},
    {"tensorboard", 0, "FOLDER",
     "also write the features for TensorBoard's projector, into a run's folder or a new one"},
    SS_JSON_FLAGS};

static const ss_option options[] = {SS_MEASURE_OPTIONS};

static void tell(void *context, int64_t rows, int64_t count) {
  (void)context;
  if (rows > 0) {
    fprintf(stderr, "%lld of %lld pictures\n", (long long)rows, (long long)count);
  }
}

/* What was written, and where. */
typedef struct written {
  const char *path;
  ss_embedding_result result;
} written;

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const written *of = context;
  SS_TRY(ss_json_add_string(json, "features", of->path, error));
  SS_TRY(ss_json_add_int(json, "count", of->result.count, error));
  return ss_json_add_int(json, "dim", of->result.dim, error);
}

static ss_status embed(const ss_arguments *arguments, ss_measurement *measurement, ss_error *error) {
  const ss_source *source = measurement->source;
  const ss_subset *pictures = &measurement->train;
  const ss_embedding_options how = {
      .features = measurement->features, .resume = ss_arguments_has(arguments, "resume"), .tell = tell};
  const char *folder = ss_arguments_value(arguments, "tensorboard", NULL);
  written out = {.path = ss_arguments_value(arguments, "out", "")};
  char *names = NULL;
  SS_TRY(ss_embedding_names_path(out.path, &names, error));
  ss_status status = ss_embed(measurement->model, source, pictures, out.path, &how, &out.result, error);
  if (status == SS_OK && folder) {
    status = ss_embedding_project(source, pictures, out.path, folder, error);
  }
  if (status == SS_OK) {
    printf("%lld pictures, %lld numbers each: %s, their names: %s\n", (long long)out.result.count,
           (long long)out.result.dim, out.path, names);
    status = ss_json_output(arguments, fill_json, &out, error);
  }
  free(names);
  return status;
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  if (!ss_arguments_has(arguments, "out")) {
    return ss_complain(ss_fail(&error, SS_USAGE, "where to? embed needs -o FEATURES.npy"), &error);
  }
  return ss_measurement_run(arguments, false, embed);
}

const ss_command ss_command_embed = {
    .name = "embed",
    .operands = "RUN DATA",
    .summary = "writes the features of every picture as a NumPy file",
    .more =
        "Row i of the file belongs to line i of FEATURES.txt, a path inside DATA. Both\n"
        "appear when they are whole; until then what is done stands in .tmp files, and\n"
        "FEATURES.npy.resume says how much of it --resume may go on from. Memory does not\n"
        "grow with DATA.",
    .least = 2,
    .most = 2,
    .flags = flags,
    .options = options,
    .run = run};
