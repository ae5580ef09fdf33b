/* Reading: parsing with limits, and members with errors that name the place. */
#include "base/json.h"

#include "base/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How deep arrays and objects nest, looked at before parsing so that no input makes the parser recurse far. */
static int nesting(const char *text, size_t size) {
  int depth = 0, deepest = 0;
  bool quoted = false;
  for (size_t i = 0; i < size; i++) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') {
        i++;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      depth++;
      deepest = depth > deepest ? depth : deepest;
    } else if (c == ']' || c == '}') {
      depth--;
    }
  }
  return deepest;
}

ss_status ss_json_parse(cJSON **json, const char *text, size_t size, const char *name, ss_error *error) {
  *json = NULL;
  if (nesting(text, size) > SS_JSON_MAX_DEPTH) {
    return ss_fail(error, SS_FAILED, "%s: the JSON is nested more than %d deep", name, SS_JSON_MAX_DEPTH);
  }
  const char *end = NULL;
  if (!memchr(text, '\0', size)) {
    *json = cJSON_ParseWithLengthOpts(text, size + 1, &end, 1);
  } else {
    end = text + strlen(text);
  }
  if (!*json) {
    size_t line = 1;
    for (const char *c = text; end && c < end; c++) {
      line += *c == '\n';
    }
    return ss_fail(error, SS_FAILED, "%s: not valid JSON, near line %zu", name, line);
  }
  return SS_OK;
}

ss_status ss_json_read(cJSON **json, const char *path, size_t limit, ss_error *error) {
  *json = NULL;
  char *text;
  size_t size;
  SS_TRY(ss_file_read(path, limit, &text, &size, error));
  const ss_status status = ss_json_parse(json, text, size, path, error);
  free(text);
  return status;
}

/* The value in few words, for "must be ..., not THIS". */
static const char *describe(const cJSON *value, char *buffer, size_t size) {
  ss_text text = {0};
  if (cJSON_IsArray(value)) {
    return "an array";
  }
  if (cJSON_IsObject(value)) {
    return "an object";
  }
  ss_json_append(&text, value, false);
  if (text.failed || text.length >= size) {
    ss_text_free(&text);
    return cJSON_IsString(value) ? "a long string" : "a number";
  }
  memcpy(buffer, text.data, text.length + 1);
  ss_text_free(&text);
  return buffer;
}

static ss_status wrong(const char *where, const char *key, const char *expected, const cJSON *value, ss_error *error) {
  char buffer[80];
  return ss_fail(error, SS_FAILED, "%s: %s must be %s, not %s", where, key, expected,
                 describe(value, buffer, sizeof buffer));
}

static ss_status find(const cJSON *object, const char *where, const char *key, const cJSON **value, ss_error *error) {
  *value = NULL;
  if (!cJSON_IsObject(object)) {
    return ss_fail(error, SS_FAILED, "%s: not a JSON object", where);
  }
  *value = cJSON_GetObjectItemCaseSensitive(object, key);
  return *value ? SS_OK : ss_fail(error, SS_FAILED, "%s: %s is missing", where, key);
}

bool ss_json_has(const cJSON *object, const char *key) {
  return cJSON_IsObject(object) && cJSON_GetObjectItemCaseSensitive(object, key);
}

ss_status ss_json_get_string(const cJSON *object, const char *where, const char *key, const char **value,
                             ss_error *error) {
  const cJSON *item;
  SS_TRY(find(object, where, key, &item, error));
  if (!cJSON_IsString(item)) {
    return wrong(where, key, "a string", item, error);
  }
  *value = item->valuestring;
  return SS_OK;
}

ss_status ss_json_get_int(const cJSON *object, const char *where, const char *key, int64_t low, int64_t high,
                          int64_t *value, ss_error *error) {
  const cJSON *item;
  SS_TRY(find(object, where, key, &item, error));
  const double number = cJSON_IsNumber(item) ? item->valuedouble : NAN;
  if (!(fabs(number) <= (double)SS_JSON_MAX_INT) || number != floor(number) || (int64_t)number < low ||
      (int64_t)number > high) {
    char expected[96];
    snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64, low, high);
    return wrong(where, key, expected, item, error);
  }
  *value = (int64_t)number;
  return SS_OK;
}

ss_status ss_json_get_float(const cJSON *object, const char *where, const char *key, double *value, ss_error *error) {
  const cJSON *item;
  SS_TRY(find(object, where, key, &item, error));
  if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble)) {
    return wrong(where, key, "a number", item, error);
  }
  *value = item->valuedouble;
  return SS_OK;
}

ss_status ss_json_get_bool(const cJSON *object, const char *where, const char *key, bool *value, ss_error *error) {
  const cJSON *item;
  SS_TRY(find(object, where, key, &item, error));
  if (!cJSON_IsBool(item)) {
    return wrong(where, key, "true or false", item, error);
  }
  *value = cJSON_IsTrue(item);
  return SS_OK;
}

ss_status ss_json_get_object(const cJSON *object, const char *where, const char *key, const cJSON **value,
                             ss_error *error) {
  SS_TRY(find(object, where, key, value, error));
  return cJSON_IsObject(*value) ? SS_OK : wrong(where, key, "an object", *value, error);
}

ss_status ss_json_get_array(const cJSON *object, const char *where, const char *key, const cJSON **value,
                            ss_error *error) {
  SS_TRY(find(object, where, key, value, error));
  return cJSON_IsArray(*value) ? SS_OK : wrong(where, key, "an array", *value, error);
}

ss_status ss_json_check_keys(const cJSON *object, const char *where, const char *const *keys, size_t count,
                             ss_error *error) {
  if (!cJSON_IsObject(object)) {
    return ss_fail(error, SS_FAILED, "%s: not a JSON object", where);
  }
  for (const cJSON *member = object->child; member; member = member->next) {
    bool known = false;
    for (size_t i = 0; i < count && !known; i++) {
      known = strcmp(member->string, keys[i]) == 0;
    }
    if (!known) {
      const char *nearest = ss_text_nearest(member->string, keys, count);
      return ss_fail(error, SS_FAILED, "%s: unknown key \"%.100s\"%s%s%s", where, member->string,
                     nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    }
  }
  return SS_OK;
}
