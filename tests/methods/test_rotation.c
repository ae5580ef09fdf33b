/* Rotation's views are one picture turned exactly, with the turns as labels. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

/* One quarter counter-clockwise: what was the right column becomes the top row. */
static void turn(const float *from, int size, float *to) {
  for (int y = 0; y < size; y++) {
    for (int x = 0; x < size; x++) {
      memcpy(to + 3 * (y * size + x), from + 3 * (x * size + size - 1 - y), 3 * sizeof *to);
    }
  }
}

static void check(int size, const char *pairs) {
  support_task task;
  support_configure(&task, "rotation", size, 2, pairs);
  assert_int_equal(task.task.inputs[0].views, 4);
  assert_int_equal(task.task.inputs[1].dtype, SS_I32);
  const int64_t count = support_view_count(&task, 0);
  assert_int_equal(count, 3 * size * size);
  ss_image picture = support_picture(size + 13, size + 7, 5);
  void *slot = support_views(&task, &picture, 1, 0, 0, -1);
  float *expected = malloc((size_t)count * sizeof *expected);
  assert_non_null(expected);
  for (int k = 0; k < 4; k++) {
    assert_int_equal(*(int32_t *)ss_view_slot(&task.task, slot, 1, k), k);
    turn(ss_view_slot(&task.task, slot, 0, k), size, expected);
    assert_memory_equal(expected, ss_view_slot(&task.task, slot, 0, (k + 1) % 4), (size_t)count * sizeof *expected);
  }
  assert_memory_not_equal(ss_view_slot(&task.task, slot, 0, 0), ss_view_slot(&task.task, slot, 0, 1),
                          (size_t)count * sizeof *expected);
  free(expected);
  free(slot);
  ss_image_free(&picture);
  support_release(&task);
}

static void four_exact_turns_with_their_labels(void **state) {
  (void)state;
  check(32, "");
  check(33, "min_scale=1 flip=0");
  check(8, "flip=1");
}

static void chance_is_one_in_four(void **state) {
  (void)state;
  const ss_method *rotation = NULL;
  assert_int_equal(ss_method_find("rotation", &rotation, NULL), SS_OK);
  assert_true(rotation->score.chance(NULL) == 25.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(four_exact_turns_with_their_labels),
                                     cmocka_unit_test(chance_is_one_in_four)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
