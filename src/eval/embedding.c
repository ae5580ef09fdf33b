#include "eval/embedding.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/system.h"
#include "io/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { identity_count = 6 };
static const size_t standard_piece = (size_t)16 << 20;
static const double longest_piece = 30.0; /* seconds */
static const size_t record_limit = (size_t)16 << 20;

/* What the same rows are made of: a run that goes on must have the same. */
typedef struct identity {
  const char *key;
  char value[24];
  const char *what; /* for people */
} identity;

typedef struct embedding {
  const ss_source *source;
  const ss_embedding_options *options;
  identity identities[identity_count];
  char *names_path, *record_path;
  ss_npy_writer *features;
  ss_file_writer *names;
  int64_t rows, count, dim;
  uint64_t names_bytes;
  size_t since; /* bytes since the last place to go on from */
  double since_seconds;
  bool recorded; /* there is such a place */
} embedding;

ss_status ss_embedding_names_path(const char *path, char **names, ss_error *error) {
  size_t length = strlen(path);
  if (length > 4 && strcmp(path + length - 4, ".npy") == 0) {
    length -= 4;
  }
  return asprintf(names, "%.*s.txt", (int)length, path) < 0 ? ss_fail_memory(error, length, "a path") : SS_OK;
}

/* ---- what it is made of ---- */

/* FNV-1a over bytes, gone on with. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size) {
  const unsigned char *b = bytes;
  for (size_t i = 0; i < size; i++) {
    hash = (hash ^ b[i]) * 0x100000001B3u;
  }
  return hash;
}

static uint64_t hash_weights(const ss_model *model) {
  uint64_t hash = ss_hash_text(model->arch);
  for (size_t i = 0; i < ss_parameters_count(model->parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(model->parameters, i);
    hash = hash_bytes(hash, parameter->name, strlen(parameter->name));
    hash = hash_bytes(hash, parameter->value, (size_t)parameter->count * ss_dtype_size(parameter->dtype));
  }
  return hash;
}

static uint64_t hash_names(const ss_source *source, const ss_subset *subset) {
  uint64_t hash = ss_hash_text("");
  for (uint32_t i = 0; i < subset->count; i++) {
    const char *name = ss_source_name(source, subset->samples[i]);
    hash = hash_bytes(hash, name, strlen(name) + 1);
  }
  return hash;
}

static void identify(embedding *to, const ss_model *model, const ss_subset *subset) {
  const ss_feature_options *how = &to->options->features;
  identity *own = to->identities;
  own[0] = (identity){.key = "weights", .what = "the network of another RUN"};
  snprintf(own[0].value, sizeof own[0].value, "%016" PRIx64, hash_weights(model));
  own[1] = (identity){.key = "pictures", .what = "other pictures"};
  snprintf(own[1].value, sizeof own[1].value, "%016" PRIx64, hash_names(to->source, subset));
  own[2] = (identity){.key = "layer", .what = "another layer"};
  snprintf(own[2].value, sizeof own[2].value, "%d", how->layer);
  own[3] = (identity){.key = "size", .what = "another --size"};
  snprintf(own[3].value, sizeof own[3].value, "%d", how->size ? how->size : model->backbone.size);
  own[4] = (identity){.key = "batch", .what = "another --batch"};
  snprintf(own[4].value, sizeof own[4].value, "%d", ss_frozen_batch(how->batch, subset->count));
  own[5] = (identity){.key = "threads", .what = "another number of --threads"};
  snprintf(own[5].value, sizeof own[5].value, "%d", how->threads ? how->threads : ss_system_processors());
}

/* ---- places to go on from ---- */

static ss_status fill_record(const embedding *to, cJSON *json, ss_error *error) {
  SS_TRY(ss_json_add_string(json, "selfsup", SS_VERSION, error));
  for (int i = 0; i < identity_count; i++) {
    SS_TRY(ss_json_add_string(json, to->identities[i].key, to->identities[i].value, error));
  }
  SS_TRY(ss_json_add_int(json, "count", to->count, error));
  SS_TRY(ss_json_add_int(json, "dim", to->dim, error));
  SS_TRY(ss_json_add_int(json, "rows", to->rows, error));
  SS_TRY(ss_json_add_int(json, "names_bytes", (int64_t)to->names_bytes, error));
  cJSON *kernels = NULL;
  SS_TRY(ss_json_add_object(json, "kernels", &kernels, error));
  const ss_ways *ways = to->options->features.ways;
  for (size_t i = 0; ways && i < ss_ways_count(ways); i++) {
    const char *key, *way;
    ss_ways_at(ways, i, &key, &way);
    if (ss_ways_used(ways, i)) {
      SS_TRY(ss_json_add_string(kernels, key, way, error));
    }
  }
  return SS_OK;
}

/* What is written so far becomes safe, and is recorded as that. */
static ss_status record(embedding *to, ss_error *error) {
  SS_TRY(ss_npy_writer_sync(to->features, error));
  SS_TRY(ss_file_writer_sync(to->names, error));
  to->names_bytes = ss_file_writer_size(to->names);
  cJSON *json = NULL;
  SS_TRY(ss_json_new_object(&json, error));
  ss_status status = fill_record(to, json, error);
  if (status == SS_OK) {
    status = ss_json_write(to->record_path, json, error);
  }
  cJSON_Delete(json);
  to->recorded |= status == SS_OK;
  to->since = 0;
  to->since_seconds = ss_clock_seconds();
  if (status == SS_OK && to->options->tell) {
    to->options->tell(to->options->context, to->rows, to->count);
  }
  return status;
}

/* The same kernels make the same bits. */
static ss_status take_kernels(embedding *to, const cJSON *json, ss_error *error) {
  const cJSON *kernels = NULL, *kernel = NULL;
  SS_TRY(ss_json_get_object(json, to->record_path, "kernels", &kernels, error));
  cJSON_ArrayForEach(kernel, kernels) {
    if (!cJSON_IsString(kernel)) {
      return ss_fail(error, SS_FAILED, "%s: kernels: %s is not a text", to->record_path, kernel->string);
    }
    if (to->options->features.ways) {
      SS_TRY(ss_ways_set(to->options->features.ways, kernel->string, kernel->valuestring, NULL, error));
    }
  }
  return SS_OK;
}

static ss_status read_record(embedding *to, const cJSON *json, ss_error *error) {
  const char *version;
  SS_TRY(ss_json_get_string(json, to->record_path, "selfsup", &version, error));
  for (int i = 0; i < identity_count; i++) {
    const char *value;
    SS_TRY(ss_json_get_string(json, to->record_path, to->identities[i].key, &value, error));
    if (strcmp(value, to->identities[i].value) != 0) {
      return ss_fail(error, SS_USAGE, "%s was begun with %s (%s, now %s): leave out --resume to begin anew",
                     to->record_path, to->identities[i].what, value, to->identities[i].value);
    }
  }
  int64_t count = 0, dim = 0, names_bytes = 0;
  SS_TRY(ss_json_get_int(json, to->record_path, "count", to->count, to->count, &count, error));
  SS_TRY(ss_json_get_int(json, to->record_path, "dim", to->dim, to->dim, &dim, error));
  SS_TRY(ss_json_get_int(json, to->record_path, "rows", 0, to->count, &to->rows, error));
  SS_TRY(ss_json_get_int(json, to->record_path, "names_bytes", 0, SS_JSON_MAX_INT, &names_bytes, error));
  to->names_bytes = (uint64_t)names_bytes;
  return take_kernels(to, json, error);
}

static ss_status go_on(embedding *to, const char *path, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(ss_json_read(&json, to->record_path, record_limit, error));
  const ss_status status = read_record(to, json, error);
  cJSON_Delete(json);
  SS_TRY(status);
  SS_TRY(ss_npy_writer_resume(&to->features, path, SS_NPY_F32, to->dim, to->rows, error));
  return ss_file_writer_resume(&to->names, to->names_path, to->names_bytes, SS_FILE_SYNCED, error);
}

static ss_status remove_record(embedding *to, ss_error *error) {
  to->recorded = false;
  return unlink(to->record_path) == 0 || errno == ENOENT ? SS_OK
                                                         : ss_fail_file(error, "remove", to->record_path, errno);
}

static ss_status begin(embedding *to, const char *path, ss_error *error) {
  SS_TRY(remove_record(to, error)); /* it is of rows that are about to be written over */
  SS_TRY(ss_npy_writer_open(&to->features, path, SS_NPY_F32, to->dim, error));
  return ss_file_writer_open(&to->names, to->names_path, SS_FILE_SYNCED, error);
}

/* ---- rows ---- */

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
  embedding *to = context;
  for (int64_t i = 0; i < count; i++) {
    SS_TRY(write_name(to->names, ss_source_name(to->source, samples[i]), error));
  }
  SS_TRY(ss_npy_writer_append(to->features, values, count, error));
  to->rows += count;
  to->since += (size_t)(count * dim) * sizeof *values;
  const size_t piece = to->options->piece_bytes ? to->options->piece_bytes : standard_piece;
  const bool due = to->since >= piece || ss_clock_seconds() - to->since_seconds > longest_piece;
  return due && to->rows < to->count ? record(to, error) : SS_OK;
}

/* The names first: features never stand without them. What is killed among these begins anew, to the same bytes. */
static ss_status finish(embedding *to, ss_error *error) {
  SS_TRY(remove_record(to, error));
  SS_TRY(ss_file_writer_commit(&to->names, error));
  return ss_npy_writer_commit(&to->features, error);
}

static ss_status make_rows(embedding *to, const ss_model *model, const ss_subset *subset, ss_error *error) {
  to->since_seconds = ss_clock_seconds();
  if (to->options->tell) {
    to->options->tell(to->options->context, to->rows, to->count);
  }
  if (to->rows < to->count) {
    ss_feature_options how = to->options->features;
    how.first = to->rows;
    SS_TRY(ss_features_stream(model, to->source, subset, &how, take, to, error));
  }
  return finish(to, error);
}

/* What has a place to go on from is left for that. */
static void close_embedding(embedding *to) {
  if (to->recorded) {
    ss_npy_writer_leave(&to->features);
    ss_file_writer_leave(&to->names);
  } else {
    ss_npy_writer_abandon(&to->features);
    ss_file_writer_abandon(&to->names);
  }
  free(to->names_path);
  free(to->record_path);
}

static ss_status embed(embedding *to, const ss_model *model, const ss_subset *subset, const char *path,
                       ss_embedding_result *result, ss_error *error) {
  SS_TRY(ss_embedding_names_path(path, &to->names_path, error));
  if (asprintf(&to->record_path, "%s.resume", path) < 0) {
    to->record_path = NULL;
    return ss_fail_memory(error, strlen(path), "a path");
  }
  const bool goes_on = to->options->resume && ss_file_exists(to->record_path);
  to->recorded = goes_on;
  SS_TRY(goes_on ? go_on(to, path, error) : begin(to, path, error));
  *result = (ss_embedding_result){.count = to->count, .dim = to->dim, .kept = to->rows};
  return make_rows(to, model, subset, error);
}

ss_status ss_embed(const ss_model *model, const ss_source *source, const ss_subset *subset, const char *path,
                   const ss_embedding_options *options, ss_embedding_result *result, ss_error *error) {
  embedding to = {
      .source = source, .options = options, .count = subset->count, .dim = ss_backbone_dim(&model->backbone)};
  memset(result, 0, sizeof *result);
  identify(&to, model, subset);
  const ss_status status = embed(&to, model, subset, path, result, error);
  close_embedding(&to);
  return status;
}
