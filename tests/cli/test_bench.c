/* The command bench: what it prints, and the trace. No figure of speed is checked. */
#include "support.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP "bench step --arch resnet18 --width 4 --size 16 --batch 8 --rounds 2 --precision f32 --threads 2"

/* ResNet-18 at width 4 on 16 px: the operations of a SimCLR step on 8 pictures. */
static void a_step_is_told_by_operation(void **state) {
  (void)state;
  support_expect(STEP " --json --trace trace.json", 0, "convolution_backward_weight");
  assert_non_null(strstr(support_output, "update of the weights"));
  assert_non_null(strstr(support_output, "16x16x16x3, 3x3, 4"));
  cJSON *json = support_last_line();
  const cJSON *rows = NULL, *row, *peak = NULL;
  assert_int_equal(ss_json_get_array(json, "bench", "operations", &rows, NULL), SS_OK);
  assert_int_equal(ss_json_get_object(json, "bench", "peak", &peak, NULL), SS_OK);
  assert_true(support_number(peak, "f32_gflop_per_s") > 0.0 && support_number(peak, "memory_gb_per_s") > 0.0);
  double gflop = 0.0, milliseconds = 0.0;
  cJSON_ArrayForEach(row, rows) {
    const char *operation = NULL;
    assert_int_equal(ss_json_get_string(row, "bench", "operation", &operation, NULL), SS_OK);
    gflop += strcmp(operation, "convolution") == 0 ? support_number(row, "gflop") : 0.0;
    assert_true(support_number(row, "ms") >= 0.0);
    milliseconds += support_number(row, "ms");
  }
  /* Two operations a multiply-add, 16 views: the stem 16^2 x 4 x 27, then blocks of 3x3 convolutions on 16, 8, 4, 2 px
   * with 4, 8, 16, 32 channels: four of C^2 in the first stage, C^2 / 2 + 3 C^2 and a 1x1 shortcut in the others. */
  double products = 16.0 * 16 * 4 * 27 + 4 * 16.0 * 16 * 4 * 36;
  for (int stage = 1, pixels = 64, channels = 8; stage < 4; stage++, pixels /= 4, channels *= 2) {
    products += (double)pixels * channels * channels * (9.0 * 3.5 + 0.5);
  }
  assert_true(fabs(gflop - 2e-9 * 16 * products) < 1e-12);
  assert_true(milliseconds > 0.0 && support_number(json, "images_per_s") > 0.0);
  cJSON_Delete(json);
}

/* Complete events in the order in which they ran, none over another. */
static void the_trace_is_a_line_of_events(void **state) {
  (void)state;
  support_expect(STEP " --trace trace.json", 0, "images/s");
  char path[300];
  snprintf(path, sizeof path, "%s/trace.json", support_folder);
  cJSON *json = NULL;
  const cJSON *events = NULL, *event;
  ss_error error = {""};
  assert_int_equal(ss_json_read(&json, path, (size_t)1 << 24, &error), SS_OK);
  assert_int_equal(ss_json_get_array(json, path, "traceEvents", &events, &error), SS_OK);
  int nodes = 0, phases = 0;
  double end = 0.0, update = 0.0;
  cJSON_ArrayForEach(event, events) {
    const char *category = NULL, *name = NULL, *kind = NULL;
    assert_int_equal(ss_json_get_string(event, path, "cat", &category, &error), SS_OK);
    assert_int_equal(ss_json_get_string(event, path, "name", &name, &error), SS_OK);
    assert_int_equal(ss_json_get_string(event, path, "ph", &kind, &error), SS_OK);
    assert_string_equal(kind, "X");
    const double begin = support_number(event, "ts");
    if (strcmp(category, "phase") == 0) {
      phases++;
      update = begin;
      continue;
    }
    assert_true(begin >= end - 1e-3);
    end = begin + support_number(event, "dur");
    nodes++;
  }
  assert_int_equal(phases, 2); /* there is no loader to wait for */
  assert_true(nodes > 100);
  assert_true(update >= end - 1e-3);
  cJSON_Delete(json);
}

static void wrong_words_are_told(void **state) {
  (void)state;
  support_expect("bench", 2, "usage: selfsup bench");
  support_expect("bench stpe", 2, "did you mean step");
  support_expect("bench step no-such-folder --rounds 1", 1, "no-such-folder");
  support_expect("bench step --method random --width 4 --size 16 --batch 8", 2, "no training steps");
  support_expect("bench step --rounds 0", 2, "rounds");
  support_expect("bench step --precision tf32 --width 4 --size 16 --batch 8", 2, "tf32 is arithmetic of GPUs");
  support_expect(STEP " --recompute=2", 2, "recompute");
  support_expect(STEP " --recompute", 0, "images/s");
}

static void the_loader_is_told_by_part(void **state) {
  (void)state;
  support_expect("bench loader --size 16 --batch 8 --images 32 --threads 2 --json", 0, "decode");
  cJSON *json = support_last_line();
  assert_true(support_number(json, "images") >= 32.0);
  assert_true(support_number(json, "images_per_s") > 0.0 && support_number(json, "decode_us") > 0.0 &&
              support_number(json, "views_us") > 0.0);
  cJSON_Delete(json);
}

static void clustering_is_timed(void **state) {
  (void)state;
  support_expect("bench kmeans -n 500 -d 8 -k 20 --iterations 3 --threads 2 --out points.npy --json", 0, "GFLOP/s");
  cJSON *json = support_last_line();
  assert_true(support_number(json, "iterations") == 3.0 && support_number(json, "iteration_s") > 0.0);
  assert_true(support_number(json, "least_points") >= 1.0 && support_number(json, "inertia") > 0.0);
  cJSON_Delete(json);
  support_expect("bench kmeans -n 500 -d 8 -k 20 --mini-batch 50 --spread 0.1", 0, "10 iterations");
  support_expect("bench kmeans -n 5 -k 20", 1, "5 points cannot make 20 clusters");
  support_expect("bench kmeans -n x", 2, "points");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_is_told_by_operation), cmocka_unit_test(the_trace_is_a_line_of_events),
      cmocka_unit_test(wrong_words_are_told),        cmocka_unit_test(the_loader_is_told_by_part),
      cmocka_unit_test(clustering_is_timed),
  };
  return cmocka_run_group_tests_name("bench", tests, support_set_up, support_tear_down);
}
