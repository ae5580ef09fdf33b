/* Building trees and printing them. */
#include "base/json.h"

#include "base/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ss_status no_memory(ss_error *error) {
  return ss_fail_memory(error, sizeof(cJSON), "JSON");
}

ss_status ss_json_add_item(cJSON *parent, const char *key, cJSON *value, ss_error *error) {
  if (value && (key ? cJSON_AddItemToObject(parent, key, value) : cJSON_AddItemToArray(parent, value))) {
    return SS_OK;
  }
  cJSON_Delete(value);
  return no_memory(error);
}

ss_status ss_json_new_object(cJSON **object, ss_error *error) {
  *object = cJSON_CreateObject();
  return *object ? SS_OK : no_memory(error);
}

ss_status ss_json_new_array(cJSON **array, ss_error *error) {
  *array = cJSON_CreateArray();
  return *array ? SS_OK : no_memory(error);
}

ss_status ss_json_add_string(cJSON *parent, const char *key, const char *value, ss_error *error) {
  return ss_json_add_item(parent, key, cJSON_CreateString(value), error);
}

ss_status ss_json_add_int(cJSON *parent, const char *key, int64_t value, ss_error *error) {
  if (value > SS_JSON_MAX_INT || value < -SS_JSON_MAX_INT) {
    return ss_fail(error, SS_USAGE, "%s: %" PRId64 " is beyond the whole numbers JSON keeps, +-2^53",
                   key ? key : "a number", value);
  }
  return ss_json_add_item(parent, key, cJSON_CreateNumber((double)value), error);
}

ss_status ss_json_add_float(cJSON *parent, const char *key, double value, ss_error *error) {
  return ss_json_add_item(parent, key, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull(), error);
}

ss_status ss_json_add_bool(cJSON *parent, const char *key, bool value, ss_error *error) {
  return ss_json_add_item(parent, key, cJSON_CreateBool(value), error);
}

ss_status ss_json_add_null(cJSON *parent, const char *key, ss_error *error) {
  return ss_json_add_item(parent, key, cJSON_CreateNull(), error);
}

ss_status ss_json_add_object(cJSON *parent, const char *key, cJSON **value, ss_error *error) {
  *value = cJSON_CreateObject();
  const ss_status status = ss_json_add_item(parent, key, *value, error);
  if (status != SS_OK) {
    *value = NULL;
  }
  return status;
}

ss_status ss_json_add_array(cJSON *parent, const char *key, cJSON **value, ss_error *error) {
  *value = cJSON_CreateArray();
  const ss_status status = ss_json_add_item(parent, key, *value, error);
  if (status != SS_OK) {
    *value = NULL;
  }
  return status;
}

void ss_json_append_number(ss_text *text, double value) {
  if (!isfinite(value)) {
    ss_text_append(text, "null");
    return;
  }
  if (value == floor(value) && fabs(value) <= (double)SS_JSON_MAX_INT && !(value == 0 && signbit(value))) {
    ss_text_printf(text, "%" PRId64, (int64_t)value);
    return;
  }
  char digits[40];
  for (int precision = 6; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (strtod(digits, NULL) == value) {
      break;
    }
  }
  for (char *c = digits; *c; c++) {
    if (!strchr("0123456789+-e", *c)) {
      *c = '.'; /* whatever the locale's decimal point is */
    }
  }
  ss_text_append(text, digits);
}

/* Length of the UTF-8 sequence at `s` (RFC 3629: no overlong forms, no surrogates), 0 if it is none. */
static size_t utf8_length(const unsigned char *s) {
  if (s[0] < 0x80) {
    return 1;
  }
  size_t length;
  unsigned char low = 0x80, high = 0xBF; /* range of the second byte */
  if (s[0] >= 0xC2 && s[0] <= 0xDF) {
    length = 2;
  } else if (s[0] >= 0xE0 && s[0] <= 0xEF) {
    length = 3;
    low = s[0] == 0xE0 ? 0xA0 : low;
    high = s[0] == 0xED ? 0x9F : high;
  } else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
    length = 4;
    low = s[0] == 0xF0 ? 0x90 : low;
    high = s[0] == 0xF4 ? 0x8F : high;
  } else {
    return 0;
  }
  if (s[1] < low || s[1] > high) {
    return 0;
  }
  for (size_t i = 2; i < length; i++) {
    if (s[i] < 0x80 || s[i] > 0xBF) {
      return 0;
    }
  }
  return length;
}

void ss_json_append_string(ss_text *text, const char *string) {
  const unsigned char *s = (const unsigned char *)string;
  ss_text_append(text, "\"");
  while (*s) {
    const size_t length = utf8_length(s);
    if (length == 0) {
      ss_text_append(text, "\xEF\xBF\xBD");
      s++;
      continue;
    }
    if (*s == '"' || *s == '\\') {
      ss_text_printf(text, "\\%c", *s);
    } else if (*s == '\n') {
      ss_text_append(text, "\\n");
    } else if (*s == '\t') {
      ss_text_append(text, "\\t");
    } else if (*s < 0x20 || *s == 0x7F) {
      ss_text_printf(text, "\\u%04x", *s);
    } else {
      ss_text_append_bytes(text, (const char *)s, length);
    }
    s += length;
  }
  ss_text_append(text, "\"");
}

static void new_line(ss_text *text, int level) {
  ss_text_printf(text, "\n%*s", 2 * level, "");
}

/* An array of nothing but scalars stays on one line, so that shapes and lists of numbers read as such. */
static bool breaks_lines(const cJSON *json, bool indent) {
  if (!indent || !json->child) {
    return false;
  }
  if (cJSON_IsObject(json)) {
    return true;
  }
  for (const cJSON *child = json->child; child; child = child->next) {
    if (cJSON_IsArray(child) || cJSON_IsObject(child)) {
      return true;
    }
  }
  return false;
}

static void append(ss_text *text, const cJSON *json, bool indent, int level) {
  if (cJSON_IsNumber(json)) {
    ss_json_append_number(text, json->valuedouble);
  } else if (cJSON_IsString(json)) {
    ss_json_append_string(text, json->valuestring);
  } else if (cJSON_IsBool(json)) {
    ss_text_append(text, cJSON_IsTrue(json) ? "true" : "false");
  } else if (cJSON_IsArray(json) || cJSON_IsObject(json)) {
    const bool lines = breaks_lines(json, indent);
    ss_text_append(text, cJSON_IsArray(json) ? "[" : "{");
    for (const cJSON *child = json->child; child; child = child->next) {
      if (lines) {
        new_line(text, level + 1);
      }
      if (cJSON_IsObject(json)) {
        ss_json_append_string(text, child->string);
        ss_text_append(text, ": ");
      }
      append(text, child, indent, level + 1);
      if (child->next) {
        ss_text_append(text, lines ? "," : ", ");
      }
    }
    if (lines) {
      new_line(text, level);
    }
    ss_text_append(text, cJSON_IsArray(json) ? "]" : "}");
  } else {
    ss_text_append(text, "null");
  }
}

void ss_json_append(ss_text *text, const cJSON *json, bool indent) {
  append(text, json, indent, 0);
}

ss_status ss_json_print(const cJSON *json, bool indent, char **string, ss_error *error) {
  ss_text text = {0};
  ss_json_append(&text, json, indent);
  return ss_text_finish(&text, string, error);
}

ss_status ss_json_write(const char *path, const cJSON *json, ss_error *error) {
  ss_text text = {0};
  ss_json_append(&text, json, true);
  ss_text_append(&text, "\n");
  ss_status status = ss_text_check(&text, error);
  if (status == SS_OK) {
    status = ss_file_write(path, text.data, text.length, SS_FILE_SYNCED, error);
  }
  ss_text_free(&text);
  return status;
}
