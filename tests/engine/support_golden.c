#include "support.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARRAYS = 64, LIMIT = 1 << 24, MAX_KEY = 256 };

typedef struct golden_array {
  char key[MAX_KEY];
  float *values;
  int64_t count;
} golden_array;

struct support_golden {
  char name[128];
  golden_array arrays[MAX_ARRAYS];
  uint32_t count;
};

static void *must_alloc(size_t count, size_t size) {
  void *memory = calloc(count > 0 ? count : 1, size);
  assert_non_null(memory);
  return memory;
}

typedef struct reader {
  const char *data;
  size_t size, at;
} reader;

static void take(reader *file, void *out, size_t size) {
  assert_true(file->size - file->at >= size);
  memcpy(out, file->data + file->at, size);
  file->at += size;
}

/* Reads the next array; one whose key does not start with `prefix` is passed over. */
static void read_array(reader *file, const char *prefix, support_golden *golden) {
  char key[MAX_KEY] = {0};
  uint32_t length = 0;
  take(file, &length, sizeof length);
  assert_true(length < MAX_KEY);
  take(file, key, length);
  int64_t count = 0;
  take(file, &count, sizeof count);
  assert_true(count >= 0 && count < LIMIT);
  float *values = must_alloc((size_t)count, sizeof(float));
  take(file, values, (size_t)count * sizeof(float));
  if (strncmp(key, prefix, strlen(prefix)) != 0) {
    free(values);
    return;
  }
  assert_true(golden->count < MAX_ARRAYS);
  golden_array *array = &golden->arrays[golden->count++];
  snprintf(array->key, sizeof array->key, "%s", key + strlen(prefix));
  array->values = values;
  array->count = count;
}

support_golden *support_golden_open(const char *name) {
  char path[512], prefix[128] = "";
  const char *colon = strchr(name, ':');
  const int file_name = colon != NULL ? (int)(colon - name) : (int)strlen(name);
  snprintf(path, sizeof path, "%s/%.*s.bin", SS_GOLDEN, file_name, name);
  if (colon != NULL) {
    snprintf(prefix, sizeof prefix, "%s/", colon + 1);
  }
  reader file = {0};
  char *data = NULL;
  ss_error error = {{0}};
  if (ss_file_read(path, LIMIT, &data, &file.size, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  file.data = data;
  support_golden *golden = must_alloc(1, sizeof *golden);
  snprintf(golden->name, sizeof golden->name, "%s", name);
  char magic[8];
  take(&file, magic, sizeof magic);
  assert_memory_equal(magic, "SSGOLD1\n", sizeof magic);
  uint32_t arrays = 0;
  take(&file, &arrays, sizeof arrays);
  for (uint32_t i = 0; i < arrays; i++) {
    read_array(&file, prefix, golden);
  }
  assert_int_equal(file.at, file.size);
  free(data);
  return golden;
}

void support_golden_close(support_golden *golden) {
  for (uint32_t i = 0; i < golden->count; i++) {
    free(golden->arrays[i].values);
  }
  free(golden);
}

const char *support_golden_key(const support_golden *golden, size_t index) {
  return index < golden->count ? golden->arrays[index].key : NULL;
}

static const golden_array *golden_find(const support_golden *golden, const char *key) {
  for (uint32_t i = 0; i < golden->count; i++) {
    if (strcmp(golden->arrays[i].key, key) == 0) {
      return &golden->arrays[i];
    }
  }
  return NULL;
}

bool support_golden_has(const support_golden *golden, const char *key) {
  return golden_find(golden, key) != NULL;
}

const float *support_golden_array(const support_golden *golden, const char *key, int64_t *count) {
  const golden_array *array = golden_find(golden, key);
  if (array == NULL) {
    fail_msg("golden %s has no array %s", golden->name, key);
    return NULL;
  }
  if (count != NULL) {
    *count = array->count;
  }
  return array->values;
}
