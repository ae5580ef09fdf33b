#include "train/metrics.h"

#include "base/file.h"
#include "base/memory.h"
#include "io/events.h"
#include "train/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ss_metrics {
  FILE *file;
  char *path;
  ss_events *events;
};

/* Bytes at the start of the file whose lines belong to steps up to `step`. */
static size_t length_up_to(const char *text, size_t size, int64_t step) {
  size_t good = 0;
  while (good < size) {
    const char *end = memchr(text + good, '\n', size - good);
    if (!end) {
      break; /* cut while it was written */
    }
    const size_t length = (size_t)(end - (text + good));
    char *line = strndup(text + good, length);
    cJSON *json = line ? cJSON_Parse(line) : NULL;
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(json, "step");
    const bool keep = cJSON_IsNumber(at) && at->valuedouble <= (double)step;
    cJSON_Delete(json);
    free(line);
    if (!keep) {
      break;
    }
    good += length + 1;
  }
  return good;
}

ss_status ss_metrics_open(const char *out, int64_t step, ss_metrics **metrics, ss_error *error) {
  *metrics = NULL;
  ss_metrics *opened = NULL;
  SS_TRY(ss_alloc((void **)&opened, 1, sizeof *opened, "the metrics", error));
  ss_status status = ss_run_path(out, "metrics.jsonl", &opened->path, error);
  size_t keep = 0;
  if (status == SS_OK && ss_file_exists(opened->path)) {
    char *text = NULL;
    size_t size = 0;
    status = ss_file_read(opened->path, (size_t)1 << 30, &text, &size, error);
    keep = status == SS_OK ? length_up_to(text, size, step) : 0;
    free(text);
  }
  if (status == SS_OK) {
    opened->file = fopen(opened->path, "a");
    if (!opened->file || ftruncate(fileno(opened->file), (off_t)keep) != 0) {
      status = ss_fail_file(error, "write", opened->path, errno);
    }
  }
  if (status == SS_OK) {
    status = ss_events_open(out, step, &opened->events, error);
  }
  if (status != SS_OK) {
    ss_metrics_close(opened);
    return status;
  }
  *metrics = opened;
  return SS_OK;
}

/* The numbers of an object or list, those within it as TAG/KEY. */
static ss_status append_events(ss_events *events, int64_t step, const char *tag, const cJSON *of, ss_error *error) {
  const cJSON *item = NULL;
  int index = 0;
  cJSON_ArrayForEach(item, of) {
    char name[200], key[32];
    snprintf(key, sizeof key, "%d", index++);
    snprintf(name, sizeof name, "%s%s%s", tag, *tag ? "/" : "", item->string ? item->string : key);
    if (cJSON_IsNumber(item) && strcmp(name, "step") != 0) {
      SS_TRY(ss_events_scalar(events, step, name, item->valuedouble, error));
    } else if (cJSON_IsArray(item) || cJSON_IsObject(item)) {
      SS_TRY(append_events(events, step, name, item, error));
    }
  }
  return SS_OK;
}

ss_status ss_metrics_append(ss_metrics *metrics, const cJSON *line, ss_error *error) {
  char *text = NULL;
  SS_TRY(ss_json_print(line, false, &text, error));
  const bool written = fprintf(metrics->file, "%s\n", text) > 0 && fflush(metrics->file) == 0;
  const int reason = errno;
  free(text);
  if (!written) {
    return ss_fail_file(error, "write", metrics->path, reason);
  }
  int64_t step = 0;
  SS_TRY(ss_json_get_int(line, "a line of metrics", "step", 0, SS_JSON_MAX_INT, &step, error));
  return append_events(metrics->events, step, "", line, error);
}

ss_status ss_metrics_picture(ss_metrics *metrics, int64_t step, const char *path, int width, int height,
                             ss_error *error) {
  char *png = NULL;
  size_t size = 0;
  SS_TRY(ss_file_read(path, (size_t)1 << 28, &png, &size, error));
  const ss_status status = ss_events_png(metrics->events, step, "samples", width, height, png, size, error);
  free(png);
  return status;
}

ss_status ss_metrics_weights(ss_metrics *metrics, int64_t step, const ss_parameters *parameters, ss_error *error) {
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(parameters, i);
    if (parameter->flags & SS_TRAINABLE) {
      char tag[300];
      snprintf(tag, sizeof tag, "weights/%.280s", parameter->name);
      SS_TRY(ss_events_histogram(metrics->events, step, tag, parameter->value, parameter->count, error));
    }
  }
  return SS_OK;
}

void ss_metrics_close(ss_metrics *metrics) {
  if (metrics) {
    if (metrics->file) {
      fclose(metrics->file);
    }
    ss_events_close(metrics->events);
    free(metrics->path);
    free(metrics);
  }
}
