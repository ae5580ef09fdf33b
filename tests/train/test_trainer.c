/* The trainer: it learns, repeats itself to the bit, resumes to the bit, and stops when it must. */
#include "support.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What some methods need to be quick, or to run at all, on small pictures. */
static const struct {
  const char *method, *pairs[2];
} needs[] = {{"superres", {"size=24", "blocks=1"}}, {"bow", {"words=random:resnet18?width=4&size=16", "vocabulary=8"}}};

static void set_needs(ss_config *config) {
  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
    for (int k = 0; k < 2 && strcmp(config->method->name, needs[i].method) == 0; k++) {
      assert_int_equal(ss_settings_set_pair(config->settings, needs[i].pairs[k], NULL), SS_OK);
    }
  }
}

/* Trains into FOLDER/NAME; the path is the caller's. */
static char *train(const char *name, const char *method, const char *pair, bool resume, int64_t stop_after,
                   ss_status expected, ss_train_result *result) {
  char *out = support_path(support_home, name);
  ss_config *config = support_config(method, support_data, pair, NULL);
  set_needs(config);
  ss_error error = {""};
  const ss_status status = support_train(config, out, resume, stop_after, result, &error);
  if (status != expected) {
    fail_msg("status %d, expected %d: %s", status, expected, error.message);
  }
  ss_config_free(config);
  return out;
}

static void test_learns_rotation(void **state) {
  (void)state;
  ss_train_result result;
  char *out = support_path(support_home, "learns");
  ss_config *config = support_config("rotation", support_data, "steps=40", "lr=0.1", NULL);
  ss_error error = {""};
  assert_int_equal(support_train(config, out, false, 0, &result, &error), SS_OK);
  assert_int_equal(result.steps, 40);
  assert_true(result.loss < 1.2); /* log 4 = 1.386 is chance; stripes turned by a quarter are told at once */
  assert_true(result.images_seen == 320);
  ss_config_free(config);
  free(out);
}

/* Every method that trains. */
static void test_same_seed_same_bits(void **state) {
  (void)state;
  for (const ss_method *const *method = ss_methods(); *method; method++) {
    if ((*method)->untrained) {
      continue;
    }
    ss_train_result result;
    char a[64], b[64];
    snprintf(a, sizeof a, "same-%s-a", (*method)->name);
    snprintf(b, sizeof b, "same-%s-b", (*method)->name);
    char *first = train(a, (*method)->name, "steps=5", false, 0, SS_OK, &result);
    char *second = train(b, (*method)->name, "steps=5", false, 0, SS_OK, &result);
    support_same_file(first, second, "checkpoint.safetensors");
    support_same_file(first, second, "backbone.safetensors");
    free(first);
    free(second);
  }
}

static void test_one_picture_is_refused(void **state) {
  (void)state;
  char *alone = support_path(support_home, "alone");
  char *one = support_pictures(alone, 1);
  char *out = support_path(support_home, "of-one");
  ss_config *config = support_config("transformation", one, "steps=1", NULL);
  ss_train_result result;
  ss_error error = {""};
  assert_int_equal(support_train(config, out, false, 0, &result, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "only one picture"));
  ss_config_free(config);
  free(alone);
  free(one);
  free(out);
}

static void test_another_seed_other_bits(void **state) {
  (void)state;
  ss_train_result one, other;
  free(train("seed-a", "rotation", "seed=3", false, 1, SS_INTERRUPTED, &one));
  free(train("seed-b", "rotation", "seed=4", false, 1, SS_INTERRUPTED, &other));
  assert_true(one.loss != other.loss);
}

/* Stops `method` after `stop` steps and goes on. */
static void check_resume(const char *method, int stop) {
  ss_train_result result;
  char whole[64], parts[64];
  snprintf(whole, sizeof whole, "whole-%s-%d", method, stop);
  snprintf(parts, sizeof parts, "parts-%s-%d", method, stop);
  char *first = train(whole, method, "steps=9", false, 0, SS_OK, &result);
  free(train(parts, method, "steps=9", false, stop, SS_INTERRUPTED, &result));
  assert_int_equal(result.steps, stop);
  char *second = train(parts, method, "steps=9", true, 0, SS_OK, &result);
  support_same_file(first, second, "checkpoint.safetensors");
  support_same_file(first, second, "backbone.safetensors");
  free(first);
  free(second);
}

/* 7 steps are an epoch of the 58 pictures that are not held out. */
static void test_resumes_to_the_same_bits(void **state) {
  (void)state;
  for (const ss_method *const *method = ss_methods(); *method; method++) {
    if (!(*method)->untrained) {
      check_resume((*method)->name, 4);
    }
  }
  check_resume("simclr", 1);
  check_resume("simclr", 7);
}

/* Scores are measured while the loader's threads go on making batches: they share no memory. */
static void test_scoring_changes_nothing(void **state) {
  (void)state;
  const char *const often[] = {"0", "1"};
  char *paths[2];
  for (int i = 0; i < 2; i++) {
    char pair[32];
    ss_train_result result;
    ss_error error = {""};
    snprintf(pair, sizeof pair, "knn-every=%s", often[i]);
    paths[i] = support_path(support_home, i ? "scored" : "unscored");
    ss_config *config = support_config("rotation", support_data, "steps=70", "threads=2", pair, NULL);
    assert_int_equal(support_train(config, paths[i], false, 0, &result, &error), SS_OK);
    ss_config_free(config);
  }
  support_same_file(paths[0], paths[1], "backbone.safetensors");
  free(paths[0]);
  free(paths[1]);
}

static void test_resumes_between_accumulated_batches(void **state) {
  (void)state;
  ss_train_result result;
  char *whole = train("acc-whole", "simclr", "accumulate=2", false, 3, SS_INTERRUPTED, &result);
  free(train("acc-parts", "simclr", "accumulate=2", false, 1, SS_INTERRUPTED, &result));
  char *parts = train("acc-parts", "simclr", "accumulate=2", true, 2, SS_INTERRUPTED, &result);
  support_same_file(whole, parts, "checkpoint.safetensors");
  free(whole);
  free(parts);
}

static void test_metrics_have_each_step_once(void **state) {
  (void)state;
  ss_train_result result;
  free(train("metrics", "rotation", "steps=7", false, 3, SS_INTERRUPTED, &result));
  char *out = train("metrics", "rotation", "steps=7", true, 0, SS_OK, &result);
  char *path = support_path(out, "metrics.jsonl"), *text = NULL;
  size_t size = 0;
  ss_error error = {""};
  assert_int_equal(ss_file_read(path, 1 << 20, &text, &size, &error), SS_OK);
  int64_t expected = 1;
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    cJSON *json = cJSON_Parse(line);
    assert_non_null(json);
    assert_int_equal((int64_t)cJSON_GetObjectItem(json, "step")->valuedouble, expected++);
    assert_true(isfinite(cJSON_GetObjectItem(json, "loss")->valuedouble));
    cJSON_Delete(json);
  }
  assert_int_equal(expected, 8);
  free(text);
  free(path);
  free(out);
}

static void test_existing_run_needs_resume(void **state) {
  (void)state;
  ss_train_result result;
  free(train("twice", "rotation", "steps=2", false, 0, SS_OK, &result));
  free(train("twice", "rotation", "steps=2", false, 0, SS_FAILED, &result));
  free(train("twice", "rotation", "steps=2", true, 0, SS_OK, &result));
  assert_true(result.finished_before);
  free(train("twice", "rotation", "steps=4", true, 0, SS_OK, &result));
  assert_int_equal(result.steps, 4);
  free(train("twice", "rotation", "lr=0.2", true, 0, SS_USAGE, &result));
  free(train("twice", "simclr", "steps=4", true, 0, SS_USAGE, &result));
}

static void test_resume_without_checkpoint_starts(void **state) {
  (void)state;
  ss_train_result result;
  char *out = train("anew", "rotation", "steps=2", true, 0, SS_OK, &result);
  assert_int_equal(result.steps, 2);
  free(out);
}

static void test_not_a_number_stops_and_keeps_the_checkpoint(void **state) {
  (void)state;
  char *out = support_path(support_home, "nan");
  ss_config *config = support_config("rotation", support_data, "steps=60", "save-every=1", NULL);
  ss_train_result result;
  ss_error error = {""};
  assert_int_equal(support_train(config, out, false, 2, &result, &error), SS_INTERRUPTED);
  ss_config_free(config);
  char *before = support_path(out, "checkpoint.safetensors");
  assert_true(ss_file_exists(before));
  free(out);
  out = support_path(support_home, "nan-at-once");
  config = support_config("rotation", support_data, "steps=60", "lr=1000", "momentum=0", "weight_decay=100", NULL);
  assert_int_equal(support_train(config, out, false, 0, &result, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "loss became"));
  ss_config_free(config);
  free(before);
  free(out);
}

static void test_random_is_the_initialisation(void **state) {
  (void)state;
  ss_train_result result;
  char *first = train("random-a", "random", "seed=3", false, 0, SS_OK, &result);
  char *second = train("random-b", "random", "seed=3", false, 0, SS_OK, &result);
  support_same_file(first, second, "backbone.safetensors");
  assert_int_equal(result.steps, 0);
  free(first);
  free(second);
}

static void test_optimizers_train(void **state) {
  (void)state;
  static const char *const pairs[] = {"optimizer=lars", "optimizer=adam", "optimizer=adamw"};
  for (int i = 0; i < 3; i++) {
    char name[32];
    ss_train_result result;
    snprintf(name, sizeof name, "optimizer-%d", i);
    char *out = support_path(support_home, name);
    ss_config *config = support_config("rotation", support_data, pairs[i], "steps=6", i ? "lr=0.001" : "lr=0.5", NULL);
    ss_error error = {""};
    assert_int_equal(support_train(config, out, false, 4, &result, &error), SS_INTERRUPTED);
    assert_int_equal(support_train(config, out, true, 0, &result, &error), SS_OK);
    assert_true(isfinite(result.loss));
    ss_config_free(config);
    free(out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_learns_rotation),
                                     cmocka_unit_test(test_same_seed_same_bits),
                                     cmocka_unit_test(test_one_picture_is_refused),
                                     cmocka_unit_test(test_another_seed_other_bits),
                                     cmocka_unit_test(test_resumes_to_the_same_bits),
                                     cmocka_unit_test(test_scoring_changes_nothing),
                                     cmocka_unit_test(test_resumes_between_accumulated_batches),
                                     cmocka_unit_test(test_metrics_have_each_step_once),
                                     cmocka_unit_test(test_existing_run_needs_resume),
                                     cmocka_unit_test(test_resume_without_checkpoint_starts),
                                     cmocka_unit_test(test_not_a_number_stops_and_keeps_the_checkpoint),
                                     cmocka_unit_test(test_random_is_the_initialisation),
                                     cmocka_unit_test(test_optimizers_train)};
  return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}
