/* A batch for which the GPU has no memory: the message names the largest that fits, and that one does. */
#include "support.h"

#include "engine/kernel.h"
#include "train/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 48 };

/* Records and plans; what the plan of the first player takes is left in *bytes. */
static ss_status record(const char *method, int batch, size_t *bytes, ss_error *error) {
  static const ss_observer nobody;
  char pair[32];
  snprintf(pair, sizeof pair, "batch=%d", batch);
  ss_config *config = support_config(method, support_data, pair, "device=cuda", NULL);
  ss_session session = {0};
  ss_status status = ss_session_open(&session, config, &nobody, error);
  if (status == SS_OK) {
    status = ss_session_record(&session, error);
  }
  if (status == SS_OK) {
    *bytes = ss_plan_arena_bytes(session.players[0].plan);
  }
  ss_session_close(&session);
  ss_config_free(config);
  return status;
}

static void check(const ss_device *device, const char *method) {
  size_t whole = 0, bytes = 0;
  ss_error error = {""};
  void *held = NULL;
  if (record(method, LARGE, &whole, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  const size_t left = whole / 2;
  assert_int_equal(device->memory->reserve(ss_device_available_memory(device) - left, "a test", &held, &error), SS_OK);
  assert_int_equal(record(method, LARGE, &bytes, &error), SS_NO_MEMORY);
  const char *place = strstr(error.message, "--batch ");
  assert_non_null(strstr(error.message, "a batch of 48: it takes "));
  if (!place) {
    fail_msg("%s", error.message);
    return;
  }
  const int largest = atoi(place + strlen("--batch "));
  assert_in_range(largest, 4, LARGE - 1);
  if (record(method, largest, &bytes, &error) != SS_OK) {
    fail_msg("%s: %s", method, error.message);
  }
  const int next = largest + (largest < 16 ? 1 : largest < 32 ? 2 : 4);
  assert_int_equal(record(method, next, &bytes, &error), SS_NO_MEMORY);
  print_message("%s: %.1f MB hold a batch of %d, not %d\n", method, (double)left / 1e6, largest, next);
  device->memory->release(held);
}

static void the_largest_batch_is_named(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  check(device, "simclr");
  check(device, "inpainting"); /* two players, each with a plan */
}

/* Nothing fits: no batch is named. */
static void no_batch_is_named_where_none_fits(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  size_t bytes = 0;
  ss_error error = {""};
  void *held = NULL;
  assert_int_equal(record("simclr", LARGE, &bytes, &error), SS_OK);
  const size_t free_bytes = ss_device_available_memory(device);
  assert_int_equal(device->memory->reserve(free_bytes - bytes / 1000, "a test", &held, &error), SS_OK);
  assert_int_equal(record("simclr", LARGE, &bytes, &error), SS_NO_MEMORY);
  assert_non_null(strstr(error.message, "not enough memory on the GPU for "));
  assert_non_null(strstr(error.message, "use a smaller --batch"));
  device->memory->release(held);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_largest_batch_is_named),
                                     cmocka_unit_test(no_batch_is_named_where_none_fits)};
  return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}
