/* The command sweep: what it runs, what it leaves alone, what it says of a wrong file. */
#include "support.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_file(const char *name, const char *text) {
  char path[600];
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/%s", support_folder, name);
  assert_int_equal(ss_file_write(path, text, strlen(text), SS_FILE_UNSYNCED, &error), SS_OK);
}

static char *read_file(const char *name) {
  char path[600], *text = NULL;
  size_t size = 0;
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/%s", support_folder, name);
  if (ss_file_read(path, 1 << 20, &text, &size, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return text;
}

static bool exists(const char *name) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", support_folder, name);
  return ss_file_exists(path);
}

static int set_up(void **state) {
  if (support_set_up(state) != 0) {
    return -1;
  }
  support_expect("world images world -n 60 --size 16 --seed 2 --threads 1", 0, "done: world");
  write_file("sweep.json",
             "{\"data\": \"world\", \"out\": \"runs/sweep\", \"methods\": [\"random\", {\"method\": \"rotation\", "
             "\"label\": \"a & b\", \"set\": {\"steps\": 2}}], \"widths\": [4, 8], \"seeds\": [0, 1], \"pretrain\": "
             "{\"threads\": 1, \"batch\": 8, \"knn-every\": 0}, \"probe\": {\"threads\": 1, \"limit\": 24}}");
  return 0;
}

static int lines_of(const char *text) {
  int lines = 0;
  for (; *text; text++) {
    lines += *text == '\n';
  }
  return lines;
}

/* Two methods at two widths: four rows of two seeds; what is there is not made again. */
static void test_runs_all_once(void **state) {
  (void)state;
  support_expect("sweep sweep.json", 0, "8 of 8: runs/sweep/a-b-resnet18-w8-s1");
  assert_non_null(strstr(support_output, "| random | resnet18 | 4 | 2 |"));
  assert_non_null(strstr(support_output, "| a & b | resnet18 | 8 | 2 |"));
  char *table = read_file("runs/sweep/table.md"), *plot = read_file("runs/sweep/plot.svg");
  assert_int_equal(lines_of(table), 2 + 4);
  assert_non_null(strstr(plot, "a &amp; b"));
  assert_non_null(strstr(plot, "width 8: "));
  assert_true(exists("runs/sweep/a-b-resnet18-w4-s0/backbone.safetensors"));
  char *config = read_file("runs/sweep/a-b-resnet18-w4-s0/config.json");
  assert_non_null(strstr(config, "\"steps\": 2"));
  free(config);
  support_expect("sweep sweep.json", 0, "8 of 8");
  assert_null(strstr(support_output, "pretrained:")); /* nothing was probed */
  char *again = read_file("runs/sweep/table.md");
  assert_string_equal(table, again);
  free(table);
  free(again);
  free(plot);
}

/* A run whose results are gone is the only one that is made again; --table makes none. */
static void test_goes_on_where_it_was(void **state) {
  (void)state;
  char path[600];
  snprintf(path, sizeof path, "%s/runs/sweep/random-resnet18-w8-s1/sweep-probe.json", support_folder);
  assert_int_equal(remove(path), 0);
  support_expect("sweep sweep.json --table", 0, "| random | resnet18 | 8 | 1 |");
  assert_false(ss_file_exists(path));
  support_expect("sweep sweep.json", 0, "| random | resnet18 | 8 | 2 |");
  assert_true(ss_file_exists(path));
}

static void test_a_run_that_fails_is_named_and_left_out(void **state) {
  (void)state;
  write_file("half.json",
             "{\"data\": \"world\", \"out\": \"runs/half\", \"methods\": [{\"method\": \"rotation\", "
             "\"label\": \"bad\", \"set\": {\"batch\": 100000}}, \"random\"], \"widths\": [4], "
             "\"pretrain\": {\"threads\": 1}, \"probe\": {\"threads\": 1}}");
  support_expect("sweep half.json", 1, "1 of 2 runs failed");
  assert_non_null(strstr(support_output, "runs/half/bad-resnet18-w4-s0: pretrain failed"));
  assert_non_null(strstr(support_output, "| random | resnet18 | 4 | 1 |"));
  assert_null(strstr(support_output, "| bad |"));
}

static void expect_wrong(const char *text, const char *message) {
  write_file("wrong.json", text);
  const int status = support_run("sweep wrong.json");
  if ((status != 1 && status != 2) || !strstr(support_output, message)) {
    fail_msg("status %d, or no \"%s\" in: %s", status, message, support_output);
  }
}

static void test_a_wrong_file_is_told(void **state) {
  (void)state;
  support_expect("sweep no-such.json", 1, "no-such.json");
  expect_wrong("{\"out\": \"x\", \"methods\": [\"random\"]}", "data");
  expect_wrong("{\"data\": \"world\", \"out\": \"x\"}", "methods is missing");
  expect_wrong("{\"data\": \"world\", \"out\": \"x\", \"methods\": []}", "empty list");
  expect_wrong("{\"data\": \"world\", \"out\": \"x\", \"methods\": [\"rotatoin\"]}", "did you mean rotation");
  expect_wrong("{\"data\": \"world\", \"out\": \"x\", \"methods\": [3]}", "must be names");
  expect_wrong("{\"data\": \"world\", \"out\": \"x\", \"methods\": [\"random\", \"random\"]}", "label of its own");
  expect_wrong("{\"data\": \"world\", \"out\": \"x\", \"methods\": [\"random\"], \"widths\": [2.5]}", "whole numbers");
  expect_wrong("{\"data\": \"world\", \"out\": \"x\", \"methods\": [\"random\"], \"backbones\": [1]}", "resnet18");
  expect_wrong("{\"data\": \"world\", \"out\": \"x\", \"method\": [\"random\"]}", "methods");
  assert_false(exists("x"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs_all_once), cmocka_unit_test(test_goes_on_where_it_was),
                                     cmocka_unit_test(test_a_run_that_fails_is_named_and_left_out),
                                     cmocka_unit_test(test_a_wrong_file_is_told)};
  return cmocka_run_group_tests(tests, set_up, support_tear_down);
}
