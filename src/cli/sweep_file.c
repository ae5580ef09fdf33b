#include "cli/sweep_file.h"

#include "base/memory.h"
#include "methods/method.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const int64_t most_width = 1024, most_seed = (int64_t)1e15;

void ss_sweep_free(ss_sweep *sweep) {
  for (size_t i = 0; i < sweep->count; i++) {
    free(sweep->runs[i].label);
    free(sweep->runs[i].folder);
  }
  free(sweep->runs);
  cJSON_Delete(sweep->json);
  memset(sweep, 0, sizeof *sweep);
}

ss_status ss_sweep_value(const cJSON *value, char **word, ss_error *error) {
  ss_text text = {0};
  if (cJSON_IsString(value)) {
    ss_text_append(&text, value->valuestring);
  } else if (cJSON_IsNumber(value)) {
    ss_json_append_number(&text, value->valuedouble);
  } else if (cJSON_IsBool(value)) {
    ss_text_append(&text, cJSON_IsTrue(value) ? "1" : "0");
  } else {
    return ss_fail(error, SS_USAGE, "the option %s must be a number, a text or true or false",
                   value->string ? value->string : "");
  }
  return ss_text_finish(&text, word, error);
}

/* What a row is called as a folder's name: letters, digits and dots stay. */
static void append_name(ss_text *text, const char *label) {
  bool gap = false;
  for (const char *c = label; *c; c++) {
    const bool plain = isalnum((unsigned char)*c) || *c == '.' || *c == '_' || (*c & 0x80);
    if (plain && gap && text->length) {
      ss_text_append(text, "-");
    }
    if (plain) {
      ss_text_append_bytes(text, c, 1);
    }
    gap = !plain;
  }
}

/* A list of the file, or NULL where it is left out; an empty one is an error. */
static ss_status get_list(const ss_sweep *sweep, const char *path, const char *key, const cJSON **list,
                          ss_error *error) {
  *list = NULL;
  if (!ss_json_has(sweep->json, key)) {
    return SS_OK;
  }
  SS_TRY(ss_json_get_array(sweep->json, path, key, list, error));
  return cJSON_GetArraySize(*list) > 0
             ? SS_OK
             : ss_fail(error, SS_USAGE, "%s: %s is an empty list; leave it out or fill it", path, key);
}

static ss_status number_at(const cJSON *list, int index, const char *path, const char *key, int64_t low, int64_t high,
                           int64_t fallback, int64_t *number, ss_error *error) {
  *number = fallback;
  if (!list) {
    return SS_OK;
  }
  const cJSON *item = cJSON_GetArrayItem(list, index);
  if (!cJSON_IsNumber(item) || item->valuedouble < (double)low || item->valuedouble > (double)high ||
      item->valuedouble != (double)(int64_t)item->valuedouble) {
    return ss_fail(error, SS_USAGE, "%s: %s must be whole numbers from %lld to %lld", path, key, (long long)low,
                   (long long)high);
  }
  *number = (int64_t)item->valuedouble;
  return SS_OK;
}

/* "rotation", or {"method": "simclr", "label": ..., "set": {...}}. */
static ss_status read_method(const cJSON *item, const char *path, ss_sweep_run *run, const char **label,
                             ss_error *error) {
  static const char *const keys[] = {"method", "label", "set"};
  if (cJSON_IsString(item)) {
    run->method = *label = item->valuestring;
  } else if (cJSON_IsObject(item)) {
    SS_TRY(ss_json_check_keys(item, path, keys, sizeof keys / sizeof *keys, error));
    SS_TRY(ss_json_get_string(item, path, "method", &run->method, error));
    *label = run->method;
    if (ss_json_has(item, "label")) {
      SS_TRY(ss_json_get_string(item, path, "label", label, error));
    }
    if (ss_json_has(item, "set")) {
      SS_TRY(ss_json_get_object(item, path, "set", &run->settings, error));
    }
  } else {
    return ss_fail(error, SS_USAGE, "%s: methods must be names, or objects with method, label and set", path);
  }
  const ss_method *found = NULL;
  return ss_method_find(run->method, &found, error);
}

static ss_status name_run(const ss_sweep *sweep, const char *label, ss_sweep_run *run, ss_error *error) {
  ss_text folder = {0};
  append_name(&folder, label);
  ss_text_printf(&folder, "-%s-w%lld-s%lld", run->arch, (long long)run->width, (long long)run->seed);
  char *name = NULL;
  SS_TRY(ss_text_finish(&folder, &name, error));
  ss_text_printf(&folder, "%s/%s", sweep->out, name);
  free(name);
  SS_TRY(ss_text_finish(&folder, &run->folder, error));
  ss_text text = {0};
  ss_text_append(&text, label);
  return ss_text_finish(&text, &run->label, error);
}

typedef struct lists {
  const cJSON *methods, *backbones, *widths, *seeds;
} lists;

static int length(const cJSON *list) {
  return list ? cJSON_GetArraySize(list) : 1;
}

/* Run number `index` of all that the lists make. */
static ss_status read_run(ss_sweep *sweep, const lists *of, const char *path, int index, ss_error *error) {
  ss_sweep_run *run = &sweep->runs[sweep->count++];
  const char *label = NULL;
  const int seed = index % length(of->seeds), width = index / length(of->seeds) % length(of->widths);
  const int rest = index / length(of->seeds) / length(of->widths), backbone = rest % length(of->backbones);
  SS_TRY(read_method(cJSON_GetArrayItem(of->methods, rest / length(of->backbones)), path, run, &label, error));
  SS_TRY(number_at(of->widths, width, path, "widths", 4, most_width, 64, &run->width, error));
  SS_TRY(number_at(of->seeds, seed, path, "seeds", 0, most_seed, 0, &run->seed, error));
  run->arch = "resnet18";
  if (of->backbones) {
    const cJSON *item = cJSON_GetArrayItem(of->backbones, backbone);
    if (!cJSON_IsString(item)) {
      return ss_fail(error, SS_USAGE, "%s: backbones must be names, like \"resnet18\"", path);
    }
    run->arch = item->valuestring;
  }
  SS_TRY(name_run(sweep, label, run, error));
  for (size_t i = 0; i + 1 < sweep->count; i++) {
    if (strcmp(sweep->runs[i].folder, run->folder) == 0) {
      return ss_fail(error, SS_USAGE, "%s: two runs have the name %s; give one of the methods a label of its own", path,
                     run->folder);
    }
  }
  return SS_OK;
}

static ss_status read_runs(ss_sweep *sweep, const char *path, ss_error *error) {
  lists of = {NULL, NULL, NULL, NULL};
  SS_TRY(get_list(sweep, path, "methods", &of.methods, error));
  SS_TRY(get_list(sweep, path, "backbones", &of.backbones, error));
  SS_TRY(get_list(sweep, path, "widths", &of.widths, error));
  SS_TRY(get_list(sweep, path, "seeds", &of.seeds, error));
  if (!of.methods) {
    return ss_fail(error, SS_USAGE, "%s: methods is missing: a list of what is to be run", path);
  }
  const int count = length(of.methods) * length(of.backbones) * length(of.widths) * length(of.seeds);
  SS_TRY(ss_alloc((void **)&sweep->runs, (size_t)count, sizeof *sweep->runs, "the runs", error));
  for (int i = 0; i < count; i++) {
    SS_TRY(read_run(sweep, &of, path, i, error));
  }
  return SS_OK;
}

static ss_status read_all(const char *path, ss_sweep *sweep, ss_error *error) {
  static const char *const keys[] = {"data",   "test",  "out",      "methods", "backbones",
                                     "widths", "seeds", "pretrain", "probe"};
  SS_TRY(ss_json_read(&sweep->json, path, (size_t)1 << 20, error));
  SS_TRY(ss_json_check_keys(sweep->json, path, keys, sizeof keys / sizeof *keys, error));
  SS_TRY(ss_json_get_string(sweep->json, path, "data", &sweep->data, error));
  SS_TRY(ss_json_get_string(sweep->json, path, "out", &sweep->out, error));
  sweep->test = "";
  if (ss_json_has(sweep->json, "test")) {
    SS_TRY(ss_json_get_string(sweep->json, path, "test", &sweep->test, error));
  }
  if (ss_json_has(sweep->json, "pretrain")) {
    SS_TRY(ss_json_get_object(sweep->json, path, "pretrain", &sweep->pretrain, error));
  }
  if (ss_json_has(sweep->json, "probe")) {
    SS_TRY(ss_json_get_object(sweep->json, path, "probe", &sweep->probe, error));
  }
  return read_runs(sweep, path, error);
}

ss_status ss_sweep_read(const char *path, ss_sweep *sweep, ss_error *error) {
  memset(sweep, 0, sizeof *sweep);
  const ss_status status = read_all(path, sweep, error);
  if (status != SS_OK) {
    ss_sweep_free(sweep);
  }
  return status;
}
