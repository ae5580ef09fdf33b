/* selfsup embed RUN DATA -o FEATURES.npy */
#include "base/file.h"
#include "cli/measure.h"
#include "io/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ss_flag flags[] = {
    {"out", 'o', "FEATURES.npy", "the features (N, D), float32; the N names go to FEATURES.txt"}, SS_MEASURE_FLAGS};

static const ss_option options[] = {SS_MEASURE_OPTIONS};

/* The two files in the making. */
typedef struct writer {
  const char *path;
  const ss_source *source;
  ss_npy_writer *features;
  ss_file_writer *names;
  int64_t count, dim;
} writer;

/* A name takes one line: a line break in a file's name is written as \n. */
static ss_status write_name(ss_file_writer *file, const char *name, ss_error *error) {
  for (const char *end; (end = strchr(name, '\n')); name = end + 1) {
    SS_TRY(ss_file_writer_write(file, name, (size_t)(end - name), error));
    SS_TRY(ss_file_writer_write(file, "\\n", 2, error));
  }
  SS_TRY(ss_file_writer_write(file, name, strlen(name), error));
  return ss_file_writer_write(file, "\n", 1, error);
}

static ss_status take(void *context, const float *values, const uint32_t *samples, int64_t count, int64_t dim,
                      ss_error *error) {
  writer *to = context;
  if (!to->features) {
    SS_TRY(ss_npy_writer_open(&to->features, to->path, SS_NPY_F32, dim, error));
    to->dim = dim;
  }
  for (int64_t i = 0; i < count; i++) {
    SS_TRY(write_name(to->names, ss_source_name(to->source, samples[i]), error));
  }
  to->count += count;
  return ss_npy_writer_append(to->features, values, count, error);
}

/* FEATURES.txt for FEATURES.npy. */
static ss_status name_list_path(const char *path, char **out, ss_error *error) {
  size_t length = strlen(path);
  if (length > 4 && strcmp(path + length - 4, ".npy") == 0) {
    length -= 4;
  }
  return asprintf(out, "%.*s.txt", (int)length, path) < 0 ? ss_fail_memory(error, length, "a path") : SS_OK;
}

static ss_status embed(const ss_measurement *measurement, writer *to, ss_error *error) {
  char *names = NULL;
  SS_TRY(name_list_path(to->path, &names, error));
  ss_status status = ss_file_writer_open(&to->names, names, SS_FILE_SYNCED, error);
  if (status == SS_OK) {
    status = ss_features_stream(measurement->model, measurement->source, &measurement->train, &measurement->features,
                                take, to, error);
  }
  if (status == SS_OK) { /* the list first: features never stand without it */
    status = ss_file_writer_commit(&to->names, error);
  }
  if (status == SS_OK) {
    status = ss_npy_writer_commit(&to->features, error);
  }
  ss_npy_writer_abandon(&to->features);
  ss_file_writer_abandon(&to->names);
  if (status == SS_OK) {
    printf("%lld pictures, %lld numbers each: %s, their names: %s\n", (long long)to->count, (long long)to->dim,
           to->path, names);
  }
  free(names);
  return status;
}

static ss_status print_json(const writer *to, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(ss_json_new_object(&json, error));
  ss_status status = ss_json_add_string(json, "features", to->path, error);
  status = status ? status : ss_json_add_int(json, "count", to->count, error);
  status = status ? status : ss_json_add_int(json, "dim", to->dim, error);
  status = status ? status : ss_print_json(json, error);
  cJSON_Delete(json);
  return status;
}

static ss_status start(const ss_arguments *arguments, ss_error *error) {
  ss_measurement measurement;
  ss_status status = ss_measurement_open(arguments, false, &measurement, error);
  writer to = {.path = ss_arguments_value(arguments, "out", NULL), .source = measurement.source};
  if (status == SS_OK) {
    status = embed(&measurement, &to, error);
  }
  if (status == SS_OK && ss_arguments_has(arguments, "json")) {
    status = print_json(&to, error);
  }
  ss_measurement_close(&measurement);
  return status;
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  const bool named = ss_arguments_has(arguments, "out");
  return ss_complain(
      named ? start(arguments, &error) : ss_fail(&error, SS_USAGE, "where to? embed needs -o FEATURES.npy"), &error);
}

const ss_command ss_command_embed = {.name = "embed",
                                     .operands = "RUN DATA",
                                     .summary = "writes the features of every picture as a NumPy file",
                                     .more = "Row i of the file belongs to line i of FEATURES.txt, a path inside DATA.",
                                     .least = 2,
                                     .most = 2,
                                     .flags = flags,
                                     .options = options,
                                     .run = run};
