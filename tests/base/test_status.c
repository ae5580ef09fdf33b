#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void messages_are_formatted_and_cut(void **state) {
  (void)state;
  ss_error error;
  assert_int_equal(ss_fail(&error, SS_USAGE, "%s is %d", "it", 3), SS_USAGE);
  assert_string_equal(error.message, "it is 3");
  char lengthy[2000];
  memset(lengthy, 'x', sizeof lengthy - 1);
  lengthy[sizeof lengthy - 1] = '\0';
  assert_int_equal(ss_fail(&error, SS_FAILED, "%s", lengthy), SS_FAILED);
  assert_int_equal(strlen(error.message), sizeof error.message - 1);
  assert_int_equal(ss_fail(NULL, SS_FAILED, "nobody listens"), SS_FAILED);
  assert_int_equal(ss_fail_memory(&error, 2500000, "a batch"), SS_NO_MEMORY);
  assert_string_equal(error.message, "not enough memory for a batch (2.5 MB)");
}

static ss_status try_twice(ss_status first, int *reached) {
  SS_TRY(SS_OK);
  SS_TRY(first);
  ++*reached;
  return SS_OK;
}

static void try_returns_the_first_failure(void **state) {
  (void)state;
  int reached = 0;
  assert_int_equal(try_twice(SS_INTERRUPTED, &reached), SS_INTERRUPTED);
  assert_int_equal(reached, 0);
  assert_int_equal(try_twice(SS_OK, &reached), SS_OK);
  assert_int_equal(reached, 1);
}

typedef struct received {
  ss_log_level level;
  char message[1100];
} received;

static void receive(void *context, ss_log_level level, const char *message) {
  received *to = context;
  to->level = level;
  snprintf(to->message, sizeof to->message, "%s", message);
}

static void the_log_goes_to_its_sink(void **state) {
  (void)state;
  received got;
  const ss_log log = {receive, &got};
  ss_log_note(&log, "%d files left out", 3);
  assert_int_equal(got.level, SS_LOG_NOTE);
  assert_string_equal(got.message, "3 files left out");
  ss_log_warning(&log, "%2000d", 1);
  assert_int_equal(got.level, SS_LOG_WARNING);
  assert_int_equal(strlen(got.message), 1023);
  const ss_log silent = {0};
  ss_log_note(&silent, "unheard");
  ss_log_warning(NULL, "unheard");
}

static void the_machine_is_described(void **state) {
  (void)state;
  const double start = ss_clock_seconds();
  const double before = ss_system_peak_rss_mb();
  assert_true(before > 0.5);
  const size_t size = (size_t)64 << 20;
  char *memory = malloc(size);
  assert_non_null(memory);
  memset(memory, 1, size);
  assert_true(memory[size / 2] == 1);
  assert_true(ss_system_peak_rss_mb() >= 60);
  free(memory);
  assert_true(ss_system_processors() >= 1);
  char name[128] = "";
  ss_system_processor_name(name, sizeof name);
  assert_true(strlen(name) > 0);
  assert_null(strchr(name, '\n'));
  char small[4];
  ss_system_processor_name(small, sizeof small);
  assert_true(strlen(small) < sizeof small);
  ss_system_name(name, sizeof name);
  assert_int_equal(strncmp(name, "Linux ", 6), 0);
  assert_true(ss_system_available_memory() > 1000000);
  assert_true(ss_clock_seconds() > start);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_are_formatted_and_cut),
      cmocka_unit_test(try_returns_the_first_failure),
      cmocka_unit_test(the_log_goes_to_its_sink),
      cmocka_unit_test(the_machine_is_described),
  };
  return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
