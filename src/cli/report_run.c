/* config.json, metrics.jsonl, probe.json, knn.json and profile.json of a run folder. */
#include "cli/report_run.h"

#include "base/file.h"
#include "base/json.h"
#include "methods/method.h"
#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { most_bytes = 1 << 28, most_points = 320 };

static double number_or_nan(const cJSON *object, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static const char *string_or_null(const cJSON *object, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  return cJSON_IsString(item) ? item->valuestring : NULL;
}

static ss_status copy(ss_pool *pool, const char **to, const char *from, ss_error *error) {
  *to = NULL;
  return from ? ss_pool_text(pool, to, error, "%s", from) : SS_OK;
}

/* A word as it may be typed in a shell. */
static ss_status quote(ss_pool *pool, const char *word, const char **quoted, ss_error *error) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:=,+@%";
  if (*word && word[strspn(word, plain)] == '\0') {
    return copy(pool, quoted, word, error);
  }
  ss_text text = {0};
  char *made = NULL;
  ss_text_append(&text, "'");
  for (; *word; word++) {
    ss_text_append_bytes(&text, word, 1);
    ss_text_append(&text, *word == '\'' ? "\\''" : ""); /* ' is '\'' */
  }
  ss_text_append(&text, "'");
  SS_TRY(ss_text_finish(&text, &made, error));
  SS_TRY(ss_pool_take(pool, made, error));
  *quoted = made;
  return SS_OK;
}

/* The run's folder and data as they may be typed. */
static ss_status quote_names(ss_pool *pool, const ss_report_run *run, const char **path, const char **data,
                             ss_error *error) {
  SS_TRY(quote(pool, run->path, path, error));
  return quote(pool, run->data ? run->data : "DATA", data, error);
}

/* ---- config.json ---- */

static ss_status add_setting(ss_pool *pool, ss_report_run *run, const cJSON *item, ss_error *error) {
  ss_report_setting *setting = &run->settings[run->setting_count];
  char *text = NULL;
  if (cJSON_IsString(item)) {
    SS_TRY(copy(pool, &setting->value, item->valuestring, error));
  } else {
    SS_TRY(ss_json_print(item, false, &text, error));
    SS_TRY(ss_pool_take(pool, text, error));
    setting->value = text;
  }
  run->setting_count++;
  return copy(pool, &setting->name, item->string, error);
}

static ss_status add_settings(ss_pool *pool, ss_report_run *run, const cJSON *json, ss_error *error) {
  const cJSON *options = cJSON_GetObjectItemCaseSensitive(json, "options"), *item = NULL;
  const cJSON *machine = cJSON_GetObjectItemCaseSensitive(json, "machine");
  const size_t most =
      (size_t)cJSON_GetArraySize(json) + (size_t)cJSON_GetArraySize(options) + (size_t)cJSON_GetArraySize(machine);
  SS_TRY(ss_pool_alloc(pool, (void **)&run->settings, most, sizeof *run->settings, error));
  cJSON_ArrayForEach(item, json) {
    if (!cJSON_IsObject(item)) {
      SS_TRY(add_setting(pool, run, item, error));
    }
  }
  cJSON_ArrayForEach(item, options) {
    SS_TRY(add_setting(pool, run, item, error));
  }
  cJSON_ArrayForEach(item, machine) {
    SS_TRY(add_setting(pool, run, item, error));
  }
  return SS_OK;
}

static ss_status add_method(ss_pool *pool, ss_report_run *run, ss_error *error) {
  const ss_method *method = NULL;
  if (!run->method || ss_method_find(run->method, &method, NULL) != SS_OK) {
    return SS_OK; /* another version's: what its files say is shown */
  }
  run->summary = method->summary;
  if (method->paper.title && *method->paper.title) {
    SS_TRY(ss_pool_text(pool, &run->paper, error, "%s. %s. %s", method->paper.title, method->paper.authors,
                        method->paper.venue));
  }
  run->score_what = method->score.what;
  run->score_higher_is_better = method->score.higher_is_better;
  run->score_per_cent = method->score.per_cent;
  return SS_OK;
}

static ss_status take_config(ss_pool *pool, ss_report_run *run, const cJSON *json, const char *path, ss_error *error) {
  const cJSON *options = NULL;
  const char *method = NULL;
  SS_TRY(ss_json_get_string(json, path, "method", &method, error));
  SS_TRY(ss_json_get_object(json, path, "options", &options, error));
  SS_TRY(copy(pool, &run->method, method, error));
  SS_TRY(copy(pool, &run->data, string_or_null(json, "data"), error));
  const char *arch = string_or_null(options, "arch");
  SS_TRY(ss_pool_text(pool, &run->network, error, "%s, width %.0f, %.0f px", arch ? arch : "unknown",
                      number_or_nan(options, "width"), number_or_nan(options, "size")));
  SS_TRY(add_method(pool, run, error));
  return add_settings(pool, run, json, error);
}

/* ---- metrics.jsonl ---- */

static const char *const curve_keys[SS_CURVES] = {"loss", "pretext", "knn", "spread", "lr", "images_per_s"};

/* What a log's lines say beside the curves. */
typedef struct log_sums {
  double last_step, images_a_step, *speeds;
  size_t speed_count;
} log_sums;

static void take_line(ss_report_run *run, const cJSON *line, log_sums *sums) {
  const double step = number_or_nan(line, "step"), epoch = number_or_nan(line, "epoch");
  const double speed = number_or_nan(line, "images_per_s");
  if (isnan(step) || isnan(epoch)) {
    return;
  }
  for (int k = 0; k < SS_CURVES; k++) {
    const double value = number_or_nan(line, curve_keys[k]);
    ss_report_curve *curve = &run->curves[k];
    if (!isnan(value)) {
      curve->x[curve->count] = epoch;
      curve->y[curve->count++] = value;
    }
  }
  const struct {
    const char *key;
    double *to;
  } last[] = {{"loss", &run->loss},
              {"spread", &run->spread},
              {"pretext", &run->score},
              {"chance", &run->chance},
              {"knn", &run->knn}};
  for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
    const double value = number_or_nan(line, last[i].key);
    *last[i].to = isnan(value) ? *last[i].to : value;
  }
  run->epochs = epoch;
  run->steps = step;
  if (speed > 0.0) {
    run->seconds += (step - sums->last_step) * sums->images_a_step / speed;
    sums->speeds[sums->speed_count++] = speed;
  }
  sums->last_step = step;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Longer curves become means of neighbours, in place. */
static void thin(ss_report_curve *curve) {
  if (curve->count <= most_points) {
    return;
  }
  for (size_t k = 0; k < most_points; k++) {
    const size_t first = k * curve->count / most_points, end = (k + 1) * curve->count / most_points;
    double x = 0.0, y = 0.0;
    for (size_t i = first; i < end; i++) {
      x += curve->x[i] / (double)(end - first);
      y += curve->y[i] / (double)(end - first);
    }
    curve->x[k] = x;
    curve->y[k] = y;
  }
  curve->count = most_points;
}

static ss_status take_metrics(ss_pool *pool, ss_report_run *run, char *text, double images_a_step, ss_error *error) {
  size_t lines = 1;
  for (const char *at = text; (at = strchr(at, '\n')); at++) {
    lines++;
  }
  log_sums sums = {.images_a_step = images_a_step};
  for (int k = 0; k < SS_CURVES; k++) {
    SS_TRY(ss_pool_alloc(pool, (void **)&run->curves[k].x, lines, sizeof(double), error));
    SS_TRY(ss_pool_alloc(pool, (void **)&run->curves[k].y, lines, sizeof(double), error));
  }
  SS_TRY(ss_pool_alloc(pool, (void **)&sums.speeds, lines, sizeof(double), error));
  run->seconds = 0.0;
  char *rest = text;
  for (char *line; (line = strsep(&rest, "\n"));) { /* the last one may be cut: the run may be going on */
    cJSON *json = cJSON_Parse(line);
    take_line(run, json, &sums);
    cJSON_Delete(json);
  }
  for (int k = 0; k < SS_CURVES; k++) {
    thin(&run->curves[k]);
  }
  if (sums.speed_count > 0) {
    qsort(sums.speeds, sums.speed_count, sizeof(double), by_value);
    run->images_per_s = sums.speeds[sums.speed_count / 2];
  }
  return SS_OK;
}

static ss_status read_metrics(ss_pool *pool, ss_report_run *run, double images_a_step, ss_error *error) {
  char *path = NULL, *text = NULL;
  size_t size = 0;
  ss_error reason = {""};
  SS_TRY(ss_run_path(run->path, "metrics.jsonl", &path, error));
  const bool there = ss_file_exists(path);
  ss_status status = there ? ss_file_read(path, most_bytes, &text, &size, &reason) : SS_OK;
  free(path);
  if (!there) {
    return ss_pool_text(pool, &run->curves_missing, error,
                        "%s has no metrics.jsonl: nothing was trained, or the file was taken away.", run->path);
  }
  if (status != SS_OK) {
    return ss_pool_text(pool, &run->curves_missing, error, "No curves: %s.", reason.message);
  }
  status = take_metrics(pool, run, text, images_a_step, error);
  free(text);
  if (status == SS_OK && run->curves[SS_CURVE_LOSS].count == 0) {
    status = ss_pool_text(pool, &run->curves_missing, error, "%s/metrics.jsonl has no lines yet.", run->path);
  }
  return status;
}

/* ---- probe.json, knn.json ---- */

/* Reads a file of the run that need not be there: *json NULL then; *missing says what is wrong with one that is. */
static ss_status read_optional(ss_pool *pool, const ss_report_run *run, const char *name, cJSON **json,
                               const char **missing, ss_error *error) {
  char *path = NULL;
  ss_error reason = {""};
  *json = NULL;
  *missing = NULL;
  SS_TRY(ss_run_path(run->path, name, &path, error));
  ss_status status = SS_OK;
  if (ss_file_exists(path) && ss_json_read(json, path, most_bytes, &reason) != SS_OK) {
    status = ss_pool_text(pool, missing, error, "Not shown: %s.", reason.message);
  }
  free(path);
  return status;
}

/* Whether a file of the run was written before its backbone was. */
static bool is_stale(const ss_report_run *run, const char *name) {
  char *paths[2] = {NULL, NULL};
  struct stat about[2];
  bool known = ss_run_path(run->path, name, &paths[0], NULL) == SS_OK &&
               ss_run_path(run->path, "backbone.safetensors", &paths[1], NULL) == SS_OK;
  for (int i = 0; i < 2; i++) {
    known = known && stat(paths[i], &about[i]) == 0;
    free(paths[i]);
  }
  return known && about[0].st_mtime < about[1].st_mtime;
}

static ss_status take_probe(ss_pool *pool, ss_report_run *run, const cJSON *json, ss_error *error) {
  static const char *const keys[SS_PROBED] = {"top1", "random_top1", "rescaled_top1", "supervised_top1"};
  const cJSON *list = NULL, *item = NULL;
  SS_TRY(ss_json_get_array(json, "probe.json", "layers", &list, error));
  SS_TRY(ss_pool_alloc(pool, (void **)&run->layers, (size_t)cJSON_GetArraySize(list), sizeof *run->layers, error));
  cJSON_ArrayForEach(item, list) {
    ss_report_layer *layer = &run->layers[run->layer_count];
    const char *name = NULL;
    SS_TRY(ss_json_get_string(item, "probe.json: layers", "name", &name, error));
    SS_TRY(copy(pool, &layer->name, name, error));
    for (int n = 0; n < SS_PROBED; n++) {
      layer->top1[n] = number_or_nan(item, keys[n]);
    }
    run->layer_count++;
  }
  run->probe_train = number_or_nan(json, "train");
  run->probe_test = number_or_nan(json, "test");
  if (is_stale(run, "probe.json")) {
    SS_TRY(copy(pool, &run->probe_note, "Measured before the run went on: the backbone is newer.", error));
  }
  return copy(pool, &run->probe_data, string_or_null(json, "data"), error);
}

static ss_status read_probe(ss_pool *pool, ss_report_run *run, ss_error *error) {
  cJSON *json = NULL;
  ss_error reason = {""};
  SS_TRY(read_optional(pool, run, "probe.json", &json, &run->probe_missing, error));
  if (json && take_probe(pool, run, json, &reason) != SS_OK) {
    run->layer_count = 0;
    const ss_status status = ss_pool_text(pool, &run->probe_missing, error, "Not shown: %s.", reason.message);
    cJSON_Delete(json);
    return status;
  }
  cJSON_Delete(json);
  if (run->layer_count == 0 && !run->probe_missing) {
    const char *path = NULL, *data = NULL;
    SS_TRY(quote_names(pool, run, &path, &data, error));
    SS_TRY(ss_pool_text(pool, &run->probe_missing, error,
                        "Not measured yet. `selfsup probe %s %s --layers all` measures it; it takes pictures with "
                        "labels.",
                        path, data));
  }
  SS_TRY(read_optional(pool, run, "knn.json", &json, &(const char *){NULL}, error));
  run->knn_measured = number_or_nan(json, "top1");
  run->knn_measured_k = isnan(number_or_nan(json, "k")) ? 20 : (int)number_or_nan(json, "k");
  cJSON_Delete(json);
  return SS_OK;
}

/* ---- profile.json ---- */

static double zero_if_nan(double value) {
  return isnan(value) ? 0.0 : value;
}

static ss_status take_profile(ss_pool *pool, ss_report_run *run, const cJSON *json, ss_error *error) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "operations"), *item = NULL;
  SS_TRY(
      ss_pool_alloc(pool, (void **)&run->operations, (size_t)cJSON_GetArraySize(list), sizeof *run->operations, error));
  cJSON_ArrayForEach(item, list) {
    ss_report_operation *row = &run->operations[run->operation_count++];
    const char *const texts[] = {string_or_null(item, "operation"), string_or_null(item, "kernel"),
                                 string_or_null(item, "sizes")};
    SS_TRY(copy(pool, &row->name, texts[0] ? texts[0] : "", error));
    SS_TRY(copy(pool, &row->kernel, texts[1] ? texts[1] : "", error));
    SS_TRY(copy(pool, &row->sizes, texts[2] ? texts[2] : "", error));
    row->ms = zero_if_nan(number_or_nan(item, "ms"));
    row->best_ms = zero_if_nan(number_or_nan(item, "best_ms"));
    run->step_ms += row->ms;
  }
  return SS_OK;
}

static ss_status read_profile(ss_pool *pool, ss_report_run *run, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(read_optional(pool, run, "profile.json", &json, &run->operations_missing, error));
  const ss_status status = json ? take_profile(pool, run, json, error) : SS_OK;
  cJSON_Delete(json);
  SS_TRY(status);
  if (run->operation_count == 0 && !run->operations_missing) {
    const char *path = NULL, *data = NULL;
    SS_TRY(quote_names(pool, run, &path, &data, error));
    return ss_pool_text(pool, &run->operations_missing, error,
                        "Not measured. `selfsup pretrain %s %s --profile` measures it while it trains; `selfsup bench "
                        "step %s --method %s` without a run.",
                        run->method, data, data, run->method);
  }
  return SS_OK;
}

/* ---- all of them ---- */

static ss_status read_config(ss_pool *pool, ss_report_run *run, double *images_a_step, ss_error *error) {
  char *path = NULL;
  cJSON *json = NULL;
  SS_TRY(ss_run_path(run->path, "config.json", &path, error));
  ss_status status = ss_json_read(&json, path, most_bytes, error);
  status = status ? status : take_config(pool, run, json, path, error);
  if (status == SS_OK) {
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(json, "options");
    const double accumulate = number_or_nan(options, "accumulate");
    *images_a_step = number_or_nan(options, "batch") * (isnan(accumulate) ? 1.0 : accumulate);
  }
  cJSON_Delete(json);
  free(path);
  return status;
}

ss_status ss_report_read_run(ss_pool *pool, const char *path, ss_report_run *run, ss_error *error) {
  *run = (ss_report_run){.epochs = NAN,
                         .steps = NAN,
                         .seconds = NAN,
                         .images_per_s = NAN,
                         .loss = NAN,
                         .spread = NAN,
                         .score = NAN,
                         .chance = NAN,
                         .knn = NAN,
                         .knn_measured = NAN,
                         .map = {.knn = NAN, .knn_untrained = NAN}};
  if (!ss_run_exists(path)) {
    return ss_fail(error, SS_FAILED,
                   "not a run folder, it has no config.json: %s; give a folder that pretrain has made", path);
  }
  double images_a_step = NAN;
  SS_TRY(copy(pool, &run->path, path, error));
  SS_TRY(copy(pool, &run->name, ss_path_name(path), error));
  SS_TRY(read_config(pool, run, &images_a_step, error));
  SS_TRY(read_metrics(pool, run, images_a_step, error));
  SS_TRY(read_probe(pool, run, error));
  SS_TRY(read_profile(pool, run, error));
  SS_TRY(ss_report_read_filters(pool, run, error));
  return ss_report_read_samples(pool, run, error);
}
