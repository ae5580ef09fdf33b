#include "methods/option.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct setting {
  const ss_option *option;
  char *text; /* owned; NULL: no value yet */
  double number;
  int64_t integer;
  bool chosen;
} setting;

struct ss_settings {
  setting *items;
  size_t count;
};

static size_t table_length(const ss_option *table) {
  size_t length = 0;
  while (table && table[length].name) {
    length++;
  }
  return length;
}

void ss_settings_free(ss_settings *settings) {
  if (settings) {
    for (size_t i = 0; i < settings->count; i++) {
      free(settings->items[i].text);
    }
    free(settings->items);
    free(settings);
  }
}

static bool is_choice(const char *choices, const char *value) {
  const size_t length = strlen(value);
  for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
    if (strncmp(at, value, length) == 0 && (at[length] == '|' || at[length] == '\0') && length > 0) {
      return true;
    }
  }
  return false;
}

static ss_status parse(setting *item, const char *value, ss_error *error) {
  const ss_option *option = item->option;
  const bool any = option->low == 0.0 && option->high == 0.0;
  double number = 0.0;
  int64_t integer = 0;
  bool flag = false;
  switch (option->kind) {
    case SS_OPTION_INT:
      SS_TRY(ss_text_int(value, option->name, any ? -SS_JSON_MAX_INT : (int64_t)option->low,
                         any ? SS_JSON_MAX_INT : (int64_t)option->high, &integer, error));
      number = (double)integer;
      break;
    case SS_OPTION_FLOAT:
      SS_TRY(ss_text_float(value, option->name, any ? -1e30 : option->low, any ? 1e30 : option->high, &number, error));
      break;
    case SS_OPTION_FRACTION:
      SS_TRY(ss_text_fraction(value, option->name, &number, error));
      break;
    case SS_OPTION_BOOL:
      SS_TRY(ss_text_bool(value, option->name, &flag, error));
      integer = flag;
      number = flag;
      break;
    case SS_OPTION_CHOICE:
      if (!is_choice(option->choices, value)) {
        return ss_fail(error, SS_USAGE, "%s must be one of %s, not %s", option->name, option->choices, value);
      }
      break;
    case SS_OPTION_TEXT:
      break;
  }
  char *copy = strdup(value);
  if (!copy) {
    return ss_fail_memory(error, strlen(value), "options");
  }
  free(item->text);
  item->text = copy;
  item->number = number;
  item->integer = integer;
  return SS_OK;
}

ss_status ss_settings_new(const ss_option *first, const ss_option *second, ss_settings **out, ss_error *error) {
  *out = NULL;
  const size_t count = table_length(first) + table_length(second);
  ss_settings *settings = NULL;
  SS_TRY(ss_alloc((void **)&settings, 1, sizeof *settings, "options", error));
  ss_status status = ss_alloc((void **)&settings->items, count, sizeof(setting), "options", error);
  for (size_t i = 0; i < count && status == SS_OK; i++) {
    const size_t in_first = table_length(first);
    settings->items[i].option = i < in_first ? &first[i] : &second[i - in_first];
    settings->count = i + 1;
    if (settings->items[i].option->standard) {
      status = parse(&settings->items[i], settings->items[i].option->standard, error);
    }
  }
  if (status != SS_OK) {
    ss_settings_free(settings);
    return status;
  }
  *out = settings;
  return SS_OK;
}

ss_status ss_settings_copy(const ss_settings *settings, ss_settings **out, ss_error *error) {
  *out = NULL;
  ss_settings *copy = NULL;
  SS_TRY(ss_alloc((void **)&copy, 1, sizeof *copy, "options", error));
  ss_status status = ss_alloc((void **)&copy->items, settings->count, sizeof(setting), "options", error);
  for (size_t i = 0; i < settings->count && status == SS_OK; i++) {
    copy->items[i] = settings->items[i];
    copy->items[i].text = settings->items[i].text ? strdup(settings->items[i].text) : NULL;
    copy->count = i + 1;
    if (settings->items[i].text && !copy->items[i].text) {
      status = ss_fail_memory(error, strlen(settings->items[i].text), "options");
    }
  }
  if (status != SS_OK) {
    ss_settings_free(copy);
    return status;
  }
  *out = copy;
  return SS_OK;
}

/* Dashes and underscores count as the same. */
static bool same_name(const char *a, const char *b) {
  while (*a && (*a == *b || (*a == '-' && *b == '_') || (*a == '_' && *b == '-'))) {
    a++;
    b++;
  }
  return *a == *b;
}

static setting *find(const ss_settings *settings, const char *name) {
  for (size_t i = 0; i < settings->count; i++) {
    if (same_name(settings->items[i].option->name, name)) {
      return &settings->items[i];
    }
  }
  return NULL;
}

ss_status ss_settings_set(ss_settings *settings, const char *name, const char *value, bool chosen, ss_error *error) {
  setting *item = find(settings, name);
  if (!item) {
    const char *names[256];
    size_t count = 0;
    for (; count < settings->count && count < 256; count++) {
      names[count] = settings->items[count].option->name;
    }
    const char *nearest = ss_text_nearest(name, names, count);
    return ss_fail(error, SS_USAGE, "unknown option: %s%s%s", name, nearest ? "; did you mean " : "",
                   nearest ? nearest : "");
  }
  SS_TRY(parse(item, value, error));
  item->chosen |= chosen;
  return SS_OK;
}

/* Splits at the first '='; `key` takes what is before it. */
static ss_status split_pair(const char *pair, size_t length, char key[64], const char **value, ss_error *error) {
  const char *equals = memchr(pair, '=', length);
  if (!equals || equals == pair || equals - pair >= 64) {
    return ss_fail(error, SS_USAGE, "--set takes key=value, not %.*s", (int)length, pair);
  }
  memcpy(key, pair, (size_t)(equals - pair));
  key[equals - pair] = '\0';
  *value = equals + 1;
  return SS_OK;
}

ss_status ss_settings_set_pair(ss_settings *settings, const char *pair, ss_error *error) {
  char key[64];
  const char *value = NULL;
  SS_TRY(split_pair(pair, strlen(pair), key, &value, error));
  return ss_settings_set(settings, key, value, true, error);
}

ss_status ss_settings_apply_defaults(ss_settings *settings, const char *pairs, ss_error *error) {
  while (*pairs) {
    const size_t length = strcspn(pairs, " ");
    if (length > 0) {
      char key[64], text[256];
      const char *value = NULL;
      SS_TRY(split_pair(pairs, length, key, &value, error));
      snprintf(text, sizeof text, "%.*s", (int)(length - (size_t)(value - pairs)), value);
      if (!ss_settings_chosen(settings, key)) {
        SS_TRY(ss_settings_set(settings, key, text, false, error));
      }
    }
    pairs += length;
    pairs += *pairs == ' ';
  }
  return SS_OK;
}

bool ss_settings_has(const ss_settings *settings, const char *name) {
  return find(settings, name) != NULL;
}

bool ss_settings_known(const ss_settings *settings, const char *name) {
  const setting *item = find(settings, name);
  return item && item->text;
}

bool ss_settings_chosen(const ss_settings *settings, const char *name) {
  const setting *item = find(settings, name);
  return item && item->chosen;
}

int64_t ss_settings_int(const ss_settings *settings, const char *name) {
  const setting *item = find(settings, name);
  return item ? item->integer : 0;
}

double ss_settings_float(const ss_settings *settings, const char *name) {
  const setting *item = find(settings, name);
  return item ? item->number : 0.0;
}

bool ss_settings_bool(const ss_settings *settings, const char *name) {
  return ss_settings_int(settings, name) != 0;
}

const char *ss_settings_text(const ss_settings *settings, const char *name) {
  const setting *item = find(settings, name);
  return item && item->text ? item->text : "";
}

size_t ss_settings_count(const ss_settings *settings) {
  return settings->count;
}

const ss_option *ss_settings_at(const ss_settings *settings, size_t index) {
  return settings->items[index].option;
}

ss_status ss_settings_to_json(const ss_settings *settings, cJSON *object, ss_error *error) {
  for (size_t i = 0; i < settings->count; i++) {
    const setting *item = &settings->items[i];
    const char *name = item->option->name;
    if (!item->text) {
      continue;
    }
    switch (item->option->kind) {
      case SS_OPTION_INT:
        SS_TRY(ss_json_add_int(object, name, item->integer, error));
        break;
      case SS_OPTION_FLOAT:
      case SS_OPTION_FRACTION:
        SS_TRY(ss_json_add_float(object, name, item->number, error));
        break;
      case SS_OPTION_BOOL:
        SS_TRY(ss_json_add_bool(object, name, item->integer != 0, error));
        break;
      case SS_OPTION_TEXT:
      case SS_OPTION_CHOICE:
        SS_TRY(ss_json_add_string(object, name, item->text, error));
        break;
    }
  }
  return SS_OK;
}

ss_status ss_settings_from_json(ss_settings *settings, const cJSON *object, const char *where, ss_error *error) {
  const cJSON *member;
  cJSON_ArrayForEach(member, object) {
    ss_error reason = {""};
    ss_status status;
    if (cJSON_IsBool(member)) {
      status = ss_settings_set(settings, member->string, cJSON_IsTrue(member) ? "1" : "0", false, &reason);
    } else if (cJSON_IsNumber(member)) {
      ss_text text = {0};
      ss_json_append_number(&text, member->valuedouble);
      status = ss_text_check(&text, &reason);
      if (status == SS_OK) {
        status = ss_settings_set(settings, member->string, text.data, false, &reason);
      }
      ss_text_free(&text);
    } else if (cJSON_IsString(member)) {
      status = ss_settings_set(settings, member->string, member->valuestring, false, &reason);
    } else {
      status = ss_fail(&reason, SS_FAILED, "%s is not a number, a text or true or false", member->string);
    }
    if (status != SS_OK) {
      return ss_fail(error, SS_FAILED, "%s: %.400s", where, reason.message);
    }
  }
  return SS_OK;
}
