#include "engine/ways.h"

#include "base/file.h"
#include "base/json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

typedef struct choice {
  char *key;
  char *way;
  char *times; /* may be NULL */
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
      free(ways->choices[i].times);
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

const char *ss_ways_times(const ss_ways *ways, const char *key) {
  const choice *found = find(ways, key);
  return found && found->times ? found->times : "";
}

/* Room for one more; its key is copied. NULL when there is no memory. */
static choice *append(ss_ways *ways, const char *key) {
  if (ways->count == ways->capacity) {
    const size_t capacity = ways->capacity ? 2 * ways->capacity : 64;
    choice *choices = realloc(ways->choices, capacity * sizeof *choices);
    if (!choices) {
      return NULL;
    }
    ways->choices = choices;
    ways->capacity = capacity;
  }
  char *name = strdup(key);
  if (!name) {
    return NULL;
  }
  ways->choices[ways->count] = (choice){.key = name};
  return &ways->choices[ways->count++];
}

ss_status ss_ways_set(ss_ways *ways, const char *key, const char *way, const char *times, ss_error *error) {
  char *copy = strdup(way), *times_copy = times ? strdup(times) : NULL;
  choice *place = find(ways, key);
  if (copy && (times_copy || !times) && !place) {
    place = append(ways, key);
  }
  if (!copy || (times && !times_copy) || !place) {
    free(copy);
    free(times_copy);
    return ss_fail_memory(error, strlen(way), "the choice of kernels");
  }
  free(place->way);
  free(place->times);
  place->way = copy;
  place->times = times_copy;
  place->used = true;
  return SS_OK;
}

ss_status ss_ways_merge(ss_ways *ways, const ss_ways *from, ss_error *error) {
  for (size_t i = 0; i < from->count; i++) {
    const choice *other = &from->choices[i];
    choice *mine = find(ways, other->key);
    if (!mine) {
      SS_TRY(ss_ways_set(ways, other->key, other->way, other->times, error));
      ways->choices[ways->count - 1].used = false;
    } else if (!mine->times && other->times && strcmp(mine->way, other->way) == 0) {
      const bool used = mine->used;
      SS_TRY(ss_ways_set(ways, other->key, other->way, other->times, error));
      mine->used = used;
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
    const cJSON *way = cJSON_GetObjectItemCaseSensitive(item, "way");
    const cJSON *times = cJSON_GetObjectItemCaseSensitive(item, "ms");
    if (status == SS_OK && item->string && cJSON_IsString(way) && cJSON_IsString(times)) {
      status = ss_ways_set(ways, item->string, way->valuestring, times->valuestring, error);
    }
  }
  cJSON_Delete(json);
  for (size_t i = 0; i < ways->count; i++) {
    ways->choices[i].used = false;
  }
  return status;
}

static ss_status add_choice(cJSON *json, const choice *one, ss_error *error) {
  cJSON *object = NULL;
  SS_TRY(ss_json_add_object(json, one->key, &object, error));
  SS_TRY(ss_json_add_string(object, "way", one->way, error));
  return ss_json_add_string(object, "ms", one->times ? one->times : "", error);
}

ss_status ss_ways_save(const ss_ways *ways, const char *path, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(ss_json_new_object(&json, error));
  ss_status status = SS_OK;
  for (size_t i = 0; i < ways->count && status == SS_OK; i++) {
    status = add_choice(json, &ways->choices[i], error);
  }
  if (status == SS_OK) {
    status = ss_json_write(path, json, error);
  }
  cJSON_Delete(json);
  return status;
}
