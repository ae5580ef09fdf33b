#include "support.h"

#include "base/file.h"
#include "base/random.h"
#include "io/png.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *support_folder(void) {
  const char *base = getenv("TMPDIR");
  char *name = NULL;
  assert_true(asprintf(&name, "%s/selfsup-test-XXXXXX", base && *base ? base : P_tmpdir) > 0);
  assert_non_null(mkdtemp(name));
  return name;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about;
  (void)kind;
  (void)where;
  return remove(path);
}

void support_remove(const char *folder) {
  nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *support_path(const char *folder, const char *name) {
  char *path = NULL;
  assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
  return path;
}

char *support_pictures(const char *folder, int count) {
  char *data = support_path(folder, "data");
  static const char *const classes[] = {"stripes", "dots"};
  ss_error error = {""};
  for (int c = 0; c < 2; c++) {
    char *class_folder = support_path(data, classes[c]);
    assert_int_equal(ss_folder_make(class_folder, &error), SS_OK);
    free(class_folder);
  }
  ss_image image = {0};
  assert_int_equal(ss_image_resize_buffer(&image, 20, 20, 3, &error), SS_OK);
  for (int i = 0; i < count; i++) {
    ss_random random = ss_random_stream(1, SS_RANDOM_WORLD, 0, (uint64_t)i, 0);
    const int phase = (int)ss_random_below(&random, 4);
    for (int p = 0; p < 400; p++) {
      const int x = p % 20, y = p / 20;
      const bool bright = i % 2 ? (x + phase) % 5 < 2 && (y + phase) % 5 < 2 : (y + phase) % 4 < 2;
      for (int c = 0; c < 3; c++) {
        image.pixels[3 * p + c] = (uint8_t)((bright ? 160 : 40) + (int)ss_random_below(&random, 60));
      }
    }
    char name[64];
    snprintf(name, sizeof name, "%s/%03d.png", classes[i % 2], i / 2);
    char *path = support_path(data, name);
    assert_int_equal(ss_png_write(path, &image, &error), SS_OK);
    free(path);
  }
  ss_image_free(&image);
  return data;
}

char *support_home, *support_data;

int support_set_up(void **state) {
  (void)state;
  support_home = support_folder();
  support_data = support_pictures(support_home, 64);
  return 0;
}

int support_tear_down(void **state) {
  (void)state;
  support_remove(support_home);
  free(support_home);
  free(support_data);
  return 0;
}

ss_config *support_config(const char *method, const char *data, ...) {
  ss_config *config = NULL;
  ss_error error = {""};
  if (ss_config_new(method, data, &config, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  static const char *const small[] = {"width=4", "size=16",     "batch=8",     "precision=f32", "threads=1",
                                      "seed=3",  "knn-every=0", "log_every=1", "save-every=2"};
  for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
    assert_int_equal(ss_settings_set_pair(config->settings, small[i], &error), SS_OK);
  }
  if (config->method->smallest_size > 16) {
    char size[32];
    snprintf(size, sizeof size, "size=%d", config->method->smallest_size);
    assert_int_equal(ss_settings_set_pair(config->settings, size, &error), SS_OK);
  }
  va_list pairs;
  va_start(pairs, data);
  for (const char *pair = va_arg(pairs, const char *); pair; pair = va_arg(pairs, const char *)) {
    if (ss_settings_set_pair(config->settings, pair, &error) != SS_OK) {
      fail_msg("%s", error.message);
    }
  }
  va_end(pairs);
  return config;
}

typedef struct stopper {
  int64_t left;
} stopper;

static bool should_stop(void *context) {
  stopper *when = context;
  return when->left > 0 && --when->left == 0;
}

/* Which kernel is fastest is found by timing; runs that are to be compared share the choice, as they do on a user's
 * machine through the user's cache. */
static ss_ways *shared_ways(void) {
  static ss_ways *ways;
  if (!ways) {
    ways = ss_ways_new();
    assert_non_null(ways);
  }
  return ways;
}

ss_status support_train(ss_config *config, const char *out, bool resume, int64_t stop_after, ss_train_result *result,
                        ss_error *error) {
  stopper when = {stop_after};
  assert_int_equal(ss_ways_merge(config->ways, shared_ways(), error), SS_OK);
  const ss_train_request request = {
      .config = config, .out = out, .resume = resume, .observer = {.context = &when, .should_stop = should_stop}};
  const ss_status status = ss_train(&request, result, error);
  ss_error ignored;
  assert_int_equal(ss_ways_merge(shared_ways(), config->ways, &ignored), SS_OK);
  return status;
}

void support_same_file(const char *a, const char *b, const char *name) {
  char *paths[2] = {support_path(a, name), support_path(b, name)};
  char *bytes[2] = {NULL, NULL};
  size_t sizes[2];
  ss_error error = {""};
  for (int i = 0; i < 2; i++) {
    if (ss_file_read(paths[i], (size_t)1 << 30, &bytes[i], &sizes[i], &error) != SS_OK) {
      fail_msg("%s", error.message);
    }
  }
  assert_int_equal(sizes[0], sizes[1]);
  assert_memory_equal(bytes[0], bytes[1], sizes[0]);
  for (int i = 0; i < 2; i++) {
    free(bytes[i]);
    free(paths[i]);
  }
}
