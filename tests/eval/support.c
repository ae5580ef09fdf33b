#include "support.h"

#include "base/random.h"
#include "io/npy.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void support_ok(ss_status status, const ss_error *error) {
  if (status != SS_OK) {
    fail_msg("status %d: %s", (int)status, error->message);
  }
}

void support_make_folder(char path[256]) {
  const char *base = getenv("TMPDIR");
  snprintf(path, 256, "%s/selfsup-test-XXXXXX", base ? base : "/tmp");
  assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
  (void)status;
  (void)kind;
  (void)walk;
  return remove(path);
}

void support_remove_folder(const char *path) {
  assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void support_file(const char *folder, const char *name, const void *bytes, size_t size) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(path, 0755);
    *slash = '/';
  }
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

void support_pictures(const char *folder, const char *class_name, int count, int width, int height) {
  const uint64_t class_hash = ss_hash_text(class_name);
  const int shade = (int)(class_hash % 90), slope = (int)(class_hash / 90 % 3);
  char header[64];
  const size_t prefix = (size_t)snprintf(header, sizeof header, "P6 %d %d 255\n", width, height);
  const size_t size = prefix + (size_t)(width * height * 3);
  uint8_t *bytes = malloc(size);
  assert_non_null(bytes);
  memcpy(bytes, header, prefix);
  for (int i = 0; i < count; i++) {
    ss_random random = ss_random_stream(7, SS_RANDOM_METHOD, 0, class_hash, (uint32_t)i);
    for (int k = 0; k < width * height * 3; k++) {
      const int x = k / 3 % width, y = k / 3 / width;
      const int ramp = (slope == 0 ? x : slope == 1 ? y : x + y) * 2;
      bytes[prefix + (size_t)k] = (uint8_t)(shade + ramp % 64 + (int)ss_random_below(&random, 80));
    }
    char name[256];
    snprintf(name, sizeof name, "%s/%02d.ppm", class_name, i);
    support_file(folder, name, bytes, size);
  }
  free(bytes);
}

int support_own_cache(void **state) {
  char *folder = calloc(1, 256);
  assert_non_null(folder);
  support_make_folder(folder);
  setenv("XDG_CACHE_HOME", folder, 1);
  *state = folder;
  return 0;
}

int support_drop_cache(void **state) {
  support_remove_folder(*state);
  free(*state);
  return 0;
}

ss_source *support_open(const char *data) {
  ss_source *source = NULL;
  ss_error error = {""};
  support_ok(ss_source_open(data, &source, &error), &error);
  return source;
}

ss_model *support_model(const char *name) {
  ss_model *model = NULL;
  ss_error error = {""};
  support_ok(ss_model_open(name, 0, 0, &model, &error), &error);
  return model;
}

float *support_golden(const char *name, int64_t *rows, int64_t *columns) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s.npy", SS_GOLDEN, name);
  float *data = NULL;
  ss_error error = {""};
  support_ok(ss_npy_read(path, &data, rows, columns, &error), &error);
  return data;
}

ss_features support_golden_features(const char *name) {
  int64_t rows, columns;
  float *data = support_golden(name, &rows, &columns);
  ss_features features = {.count = rows, .dim = columns - 1};
  features.values = malloc((size_t)(rows * (columns - 1)) * sizeof(float));
  features.labels = malloc((size_t)rows * sizeof(int32_t));
  assert_non_null(features.values);
  assert_non_null(features.labels);
  for (int64_t i = 0; i < rows; i++) {
    memcpy(features.values + i * (columns - 1), data + i * columns, (size_t)(columns - 1) * sizeof(float));
    features.labels[i] = (int32_t)data[i * columns + columns - 1];
  }
  free(data);
  return features;
}
