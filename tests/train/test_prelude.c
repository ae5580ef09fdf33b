/* A method that learns from another run: it is made first, named in the configuration, and goes on when stopped. */
#include "support.h"

#include "base/file.h"
#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ss_status train(const char *name, const char *words, bool resume, int64_t stop_after, ss_error *error) {
  char *out = support_path(support_home, name);
  char pair[400];
  snprintf(pair, sizeof pair, "words=%s", words);
  ss_config *config =
      support_config("bow", support_data, "steps=9", "words_epochs=1", "vocabulary=8", *words ? pair : NULL, NULL);
  ss_train_result result;
  const ss_status status = support_train(config, out, resume, stop_after, &result, error);
  ss_config_free(config);
  free(out);
  return status;
}

static char *config_of(const char *name) {
  char *path = support_path(support_home, name), *file = support_path(path, "config.json"), *text = NULL;
  size_t size = 0;
  ss_error error = {""};
  assert_int_equal(ss_file_read(file, 1 << 20, &text, &size, &error), SS_OK);
  free(path);
  free(file);
  return text;
}

static void the_teacher_is_trained_first(void **state) {
  (void)state;
  ss_error error = {""};
  if (train("mine", "", false, 0, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  char *teacher = config_of("mine-words"), *mine = config_of("mine");
  assert_non_null(strstr(teacher, "\"rotation\""));
  assert_non_null(strstr(mine, "mine-words"));
  free(teacher);
  free(mine);
  assert_int_equal(train("mine", "", false, 0, &error), SS_FAILED); /* both are there already */
  char *words = support_path(support_home, "mine-words");
  assert_int_equal(train("other", words, false, 0, &error), SS_OK); /* named, it is not made again */
  char *path = support_path(support_home, "other-words");
  assert_false(ss_run_has_checkpoint(path));
  free(words);
  free(path);
}

/* An epoch of the teacher are 7 steps; each call of the observer is a step of either run. */
static void stopped_at_any_time_it_ends_with_the_same_bits(void **state) {
  (void)state;
  ss_error error = {""};
  assert_int_equal(train("whole", "", false, 0, &error), SS_OK);
  char *whole = support_path(support_home, "whole");
  static const int stops[] = {3, 9};
  for (int i = 0; i < 2; i++) {
    char name[32];
    snprintf(name, sizeof name, "parts-%d", i);
    assert_int_equal(train(name, "", false, stops[i], &error), SS_INTERRUPTED);
    char *out = support_path(support_home, name);
    assert_non_null(strstr(error.message, out)); /* says how to go on */
    if (train(name, "", true, 0, &error) != SS_OK) {
      fail_msg("%s", error.message);
    }
    support_same_file(whole, out, "backbone.safetensors");
    support_same_file(whole, out, "checkpoint.safetensors");
    free(out);
  }
  free(whole);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_teacher_is_trained_first),
                                     cmocka_unit_test(stopped_at_any_time_it_ends_with_the_same_bits)};
  return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}
