/* The command report: the page, what it leaves out, what it says of a wrong folder. */
#include "support.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL "--threads 1 --limit 40"

static char *read_file(const char *name) {
  char path[600], *text = NULL;
  size_t size = 0;
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/%s", support_folder, name);
  if (ss_file_read(path, 1 << 24, &text, &size, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return text;
}

static void write_file(const char *name, const char *text) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", support_folder, name);
  assert_int_equal(ss_file_write(path, text, strlen(text), SS_FILE_UNSYNCED, NULL), SS_OK);
}

static bool exists(const char *name) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", support_folder, name);
  return ss_file_exists(path);
}

static void expect_in(const char *text, const char *part) {
  if (!strstr(text, part)) {
    fail_msg("no \"%s\" in the page", part);
  }
}

static int set_up(void **state) {
  if (support_set_up(state) != 0) {
    return -1;
  }
  support_expect("world images world -n 60 --size 16 --seed 2 --threads 1", 0, "done: world");
  support_expect(
      "pretrain rotation world --width 4 --batch 8 --steps 4 --threads 1 --knn-every 1 --profile --set log_every=1 "
      "--out runs/one",
      0, "done: runs/one");
  support_expect(
      "pretrain rotation world --width 4 --batch 8 --steps 2 --threads 1 --knn-every 0 --seed 1 --out 'runs/<two>'", 0,
      "done: runs/<two>");
  return 0;
}

static void test_measurements_stay_with_the_run(void **state) {
  (void)state;
  support_expect("knn 'random:resnet18?width=4&size=16' world --threads 1", 0, "k-NN"); /* no folder to keep it in */
  support_expect("knn runs/one world --threads 1 --json", 0, "\"k\": 20");
  assert_null(strstr(support_output, "data")); /* what is printed is as it was */
  char *kept = read_file("runs/one/knn.json");
  expect_in(kept, "\"data\": \"world\"");
  free(kept);
  support_expect("probe runs/one world --threads 1 --layers all", 0, "layer4");
  kept = read_file("runs/one/probe.json");
  expect_in(kept, "\"rescaled_top1\"");
  expect_in(kept, "\"data\": \"world\"");
  free(kept);
  kept = read_file("runs/one/profile.json");
  expect_in(kept, "\"operations\"");
  free(kept);
  kept = read_file("runs/one/metrics.jsonl");
  expect_in(kept, "\"chance\": 25");
  free(kept);
}

static void test_the_page_of_a_run(void **state) {
  (void)state;
  support_expect("report runs/one/ " SMALL " --json", 0, "runs/one/report.html (");
  cJSON *json = support_last_line();
  assert_true(support_number(json, "runs") == 1 && support_number(json, "bytes") > 10000);
  cJSON_Delete(json);
  char *page = read_file("runs/one/report.html");
  static const char *const parts[] = {"<h1>one</h1>",
                                      "Unsupervised Representation Learning by Predicting Image Rotations",
                                      "where chance is 25.0",
                                      "Learning rate</figcaption>",
                                      "Untrained, rescaled",
                                      "Map of 12 pictures",
                                      "class=\"neighbours\"",
                                      "class=\"filters\"",
                                      "step 4",
                                      "step 1",
                                      "class=\"operations\"",
                                      "weight_decay",
                                      "test/cube/000004.png",
                                      ">sphere</button>"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    expect_in(page, parts[i]);
  }
  assert_null(strstr(page, "class=\"missing\""));
  support_expect("report runs/one " SMALL, 0, "report.html");
  char *again = read_file("runs/one/report.html");
  assert_string_equal(page, again);
  free(again);
  free(page);
}

static void test_runs_side_by_side(void **state) {
  (void)state;
  support_expect("report runs/one 'runs/<two>' " SMALL " -o both.html --title 'Seeds & <steps>'", 0, "both.html");
  char *page = read_file("both.html");
  expect_in(page, "<h1>Seeds &amp; &lt;steps&gt;</h1>");
  expect_in(page, "<span>&lt;two&gt;</span>");
  expect_in(page, "≠ seed");
  expect_in(page, "<code>selfsup probe &#39;runs/&lt;two&gt;&#39; world --layers all</code>");
  expect_in(page, ".sprite0{");
  assert_null(strstr(page, ".sprite1{")); /* the same pictures */
  assert_null(strstr(page, "<two>"));
  free(page);
  assert_false(exists("runs/<two>/report.html"));
}

static void test_data_that_has_moved(void **state) {
  (void)state;
  char from[600], to[600];
  snprintf(from, sizeof from, "%s/world", support_folder);
  snprintf(to, sizeof to, "%s/moved", support_folder);
  assert_int_equal(rename(from, to), 0);
  support_expect("report runs/one " SMALL " -o moved.html", 0, "no map and no neighbours");
  char *page = read_file("moved.html");
  expect_in(page, "<code>selfsup report runs/one --data DATA</code>");
  expect_in(page, "class=\"filters\"");
  free(page);
  support_expect("report runs/one " SMALL " --data moved -o found.html", 0, "found.html");
  page = read_file("found.html");
  expect_in(page, "Map of 12 pictures");
  free(page);
  assert_int_equal(rename(to, from), 0);
}

/* A run of which there is hardly anything. */
static void test_what_is_cut_or_gone(void **state) {
  (void)state;
  char path[600];
  snprintf(path, sizeof path, "%s/bare", support_folder);
  assert_int_equal(mkdir(path, 0755), 0);
  write_file("bare/config.json",
             "{\"method\": \"unheard-of\", \"data\": \"nowhere\", \"options\": {\"odd\": [1, \"<b>\"]}}");
  support_expect("report bare " SMALL, 0, "bare/report.html");
  char *page = read_file("bare/report.html");
  expect_in(page, "bare has no metrics.jsonl");
  expect_in(page, "[1, &quot;&lt;b&gt;&quot;]");
  expect_in(page, "backbone.safetensors");
  free(page);
  write_file("bare/metrics.jsonl",
             "{\"step\": 1, \"epoch\": 1, \"loss\": 2.5}\nrubbish\n{\"step\": 2, \"epoch\": 2, \"loss\": 1.5}\n{\"st");
  write_file("bare/probe.json", "{\"layers\": [{\"top1\": 3}]}");
  write_file("bare/knn.json", "[");
  write_file("bare/profile.json", "{\"operations\": [{}, 4]}");
  write_file("bare/backbone.safetensors", "cut");
  support_expect("report bare " SMALL, 0, "bare/report.html");
  page = read_file("bare/report.html");
  expect_in(page, "<dt>Final loss</dt><dd>1.50</dd>");
  expect_in(page, "Not shown: probe.json: layers: name is missing");
  free(page);
}

static void test_wrong_folders_and_full_disks(void **state) {
  (void)state;
  support_expect("report", 2, "usage: selfsup report RUN...");
  support_expect("report world " SMALL, 1, "not a run folder, it has no config.json: world");
  support_expect("report runs/one no-such " SMALL, 1, "no-such");
  support_expect("report runs/one --limit 3", 2, "limit must be");
  support_expect("report runs/one " SMALL " -o no/such/page.html", 1, "no/such");
  write_file("bare.json", "{");
  char path[600];
  snprintf(path, sizeof path, "%s/broken", support_folder);
  assert_int_equal(mkdir(path, 0755), 0);
  write_file("broken/config.json", "{\"method\": ");
  support_expect("report broken " SMALL, 1, "broken/config.json");
  assert_false(exists("broken/report.html"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_measurements_stay_with_the_run),
                                     cmocka_unit_test(test_the_page_of_a_run),
                                     cmocka_unit_test(test_runs_side_by_side),
                                     cmocka_unit_test(test_data_that_has_moved),
                                     cmocka_unit_test(test_what_is_cut_or_gone),
                                     cmocka_unit_test(test_wrong_folders_and_full_disks)};
  return cmocka_run_group_tests(tests, set_up, support_tear_down);
}
