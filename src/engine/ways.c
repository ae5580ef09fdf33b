#include "engine/ways.h"

#include "base/file.h"
#include "base/json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

typedef struct choice {
  char *key;
  char *way;
  bool used;
} choice;

struct ss_ways {
  choice *choices;
  size_t count, capacity;
};

ss_ways *ss_ways_new(void) {
  return calloc(1, sizeof(ss_ways));
}

void ss_ways_free(ss_ways *ways) {
  if (ways) {
    for (size_t i = 0; i < ways->count; i++) {
      free(ways->choices[i].key);
      free(ways->choices[i].way);
    }
    free(ways->choices);
    free(ways);
  }
}

static choice *find(const ss_ways *ways, const char *key) {
  for (size_t i = 0; i < ways->count; i++) {
    if (strcmp(ways->choices[i].key, key) == 0) {
      return &ways->choices[i];
    }
  }
  return NULL;
}

const char *ss_ways_find(const ss_ways *ways, const char *key) {
  choice *found = find(ways, key);
  if (found) {
    found->used = true;
  }
  return found ? found->way : NULL;
}

ss_status ss_ways_set(ss_ways *ways, const char *key, const char *way, ss_error *error) {
  char *copy = strdup(way);
  if (!copy) {
    return ss_fail_memory(error, strlen(way), "the choice of kernels");
  }
  choice *found = find(ways, key);
  if (found) {
    free(found->way);
    found->way = copy;
    found->used = true;
    return SS_OK;
  }
  if (ways->count == ways->capacity) {
    const size_t capacity = ways->capacity ? 2 * ways->capacity : 64;
    choice *choices = realloc(ways->choices, capacity * sizeof *choices);
    if (!choices) {
      free(copy);
      return ss_fail_memory(error, capacity * sizeof *choices, "the choice of kernels");
    }
    ways->choices = choices;
    ways->capacity = capacity;
  }
  char *name = strdup(key);
  if (!name) {
    free(copy);
    return ss_fail_memory(error, strlen(key), "the choice of kernels");
  }
  ways->choices[ways->count++] = (choice){name, copy, true};
  return SS_OK;
}

ss_status ss_ways_merge(ss_ways *ways, const ss_ways *from, ss_error *error) {
  for (size_t i = 0; i < from->count; i++) {
    if (!find(ways, from->choices[i].key)) {
      SS_TRY(ss_ways_set(ways, from->choices[i].key, from->choices[i].way, error));
      ways->choices[ways->count - 1].used = false;
    }
  }
  return SS_OK;
}

size_t ss_ways_count(const ss_ways *ways) {
  return ways->count;
}

void ss_ways_at(const ss_ways *ways, size_t index, const char **key, const char **way) {
  *key = ways->choices[index].key;
  *way = ways->choices[index].way;
}

bool ss_ways_used(const ss_ways *ways, size_t index) {
  return ways->choices[index].used;
}

ss_status ss_ways_load(ss_ways *ways, const char *path, ss_error *error) {
  if (!ss_file_exists(path)) {
    return SS_OK;
  }
  cJSON *json = NULL;
  if (ss_json_read(&json, path, (size_t)4 << 20, NULL) != SS_OK) {
    return SS_OK;
  }
  ss_status status = SS_OK;
  const cJSON *item;
  cJSON_ArrayForEach(item, json) {
    if (status == SS_OK && cJSON_IsString(item) && item->string) {
      status = ss_ways_set(ways, item->string, item->valuestring, error);
    }
  }
  cJSON_Delete(json);
  for (size_t i = 0; i < ways->count; i++) {
    ways->choices[i].used = false;
  }
  return status;
}

ss_status ss_ways_save(const ss_ways *ways, const char *path, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(ss_json_new_object(&json, error));
  ss_status status = SS_OK;
  for (size_t i = 0; i < ways->count && status == SS_OK; i++) {
    status = ss_json_add_string(json, ways->choices[i].key, ways->choices[i].way, error);
  }
  if (status == SS_OK) {
    status = ss_json_write(path, json, error);
  }
  cJSON_Delete(json);
  return status;
}
