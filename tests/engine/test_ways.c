/* Remembered choices of kernels: what is found, merged, written and read back. */
#include "support.h"

#include "base/file.h"
#include "engine/ways.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int set_up(void **state) {
  (void)state;
  strcpy(path, "/tmp/selfsup-ways-XXXXXX");
  const int file = mkstemp(path);
  return file < 0 ? 1 : close(file);
}

static int tear_down(void **state) {
  (void)state;
  return remove(path);
}

static void set(ss_ways *ways, const char *key, const char *way, const char *times) {
  ss_error error = {""};
  assert_int_equal(ss_ways_set(ways, key, way, times, &error), SS_OK);
}

static void finds_what_was_set(void **state) {
  (void)state;
  ss_ways *ways = ss_ways_new();
  assert_null(ss_ways_find(ways, "conv"));
  assert_string_equal(ss_ways_times(ways, "conv"), "");
  set(ways, "conv", "amx", "amx 1.2, onednn 3.4");
  set(ways, "linear", "onednn", NULL);
  assert_string_equal(ss_ways_find(ways, "conv"), "amx");
  assert_string_equal(ss_ways_times(ways, "conv"), "amx 1.2, onednn 3.4");
  assert_string_equal(ss_ways_times(ways, "linear"), "");
  set(ways, "conv", "onednn", NULL);
  assert_string_equal(ss_ways_find(ways, "conv"), "onednn");
  assert_string_equal(ss_ways_times(ways, "conv"), "");
  assert_int_equal(ss_ways_count(ways), 2);
  ss_ways_free(ways);
}

/* A run's own choice stays; times come from the cache where it agrees. */
static void merging_adds_and_never_replaces(void **state) {
  (void)state;
  ss_error error = {""};
  ss_ways *run = ss_ways_new(), *cache = ss_ways_new();
  set(run, "a", "amx", NULL);
  set(run, "b", "onednn", NULL);
  set(cache, "a", "amx", "amx 1, onednn 2");
  set(cache, "b", "amx", "amx 1, onednn 2");
  set(cache, "c", "amx", NULL);
  assert_int_equal(ss_ways_merge(run, cache, &error), SS_OK);
  assert_int_equal(ss_ways_count(run), 3);
  assert_string_equal(ss_ways_find(run, "b"), "onednn");
  assert_string_equal(ss_ways_times(run, "a"), "amx 1, onednn 2");
  assert_string_equal(ss_ways_times(run, "b"), "");
  assert_true(ss_ways_used(run, 0));
  assert_false(ss_ways_used(run, 2));
  assert_string_equal(ss_ways_find(run, "c"), "amx");
  assert_true(ss_ways_used(run, 2));
  ss_ways_free(run);
  ss_ways_free(cache);
}

static void a_file_reads_back(void **state) {
  (void)state;
  ss_error error = {""};
  ss_ways *ways = ss_ways_new(), *read = ss_ways_new();
  set(ways, "a", "amx", "amx 1, onednn 2");
  set(ways, "b", "onednn", NULL);
  assert_int_equal(ss_ways_save(ways, path, &error), SS_OK);
  assert_int_equal(ss_ways_load(read, path, &error), SS_OK);
  assert_int_equal(ss_ways_count(read), 2);
  assert_false(ss_ways_used(read, 0));
  assert_string_equal(ss_ways_find(read, "a"), "amx");
  assert_string_equal(ss_ways_times(read, "a"), "amx 1, onednn 2");
  assert_string_equal(ss_ways_find(read, "b"), "onednn");
  ss_ways_free(ways);
  ss_ways_free(read);
}

/* It is a cache: what cannot be read is as if it were not there. */
static void odd_files_are_empty(void **state) {
  (void)state;
  const char *const texts[] = {
      "", "{", "[1, 2]", "{\"a\": \"amx\"}", "{\"a\": {\"way\": 3, \"ms\": \"\"}}", "{\"a\": {\"ms\": \"\"}}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    ss_error error = {""};
    ss_ways *ways = ss_ways_new();
    assert_int_equal(ss_file_write(path, texts[i], strlen(texts[i]), SS_FILE_UNSYNCED, &error), SS_OK);
    assert_int_equal(ss_ways_load(ways, path, &error), SS_OK);
    assert_int_equal(ss_ways_count(ways), 0);
    ss_ways_free(ways);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_was_set),
      cmocka_unit_test(merging_adds_and_never_replaces),
      cmocka_unit_test_setup_teardown(a_file_reads_back, set_up, tear_down),
      cmocka_unit_test_setup_teardown(odd_files_are_empty, set_up, tear_down),
  };
  return cmocka_run_group_tests_name("ways", tests, NULL, NULL);
}
