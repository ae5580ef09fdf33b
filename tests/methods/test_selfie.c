/* Selfie: every patch once with its true place, in random order; the loss is PyTorch's. */
#include "support_golden.h"
#include "support_places.h"

#include <math.h>
#include <stdlib.h>

static void every_patch_comes_once_with_its_place(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "selfie", 90, 2, "min_scale=1"); /* 4 x 22 px: two pixels are left over */
  ss_image picture = support_place_picture(90);
  int last_masked[16] = {0};
  for (uint32_t n = 0; n < 400; n++) {
    void *slot = support_views(&task, &picture, 1, 0, n, -1);
    unsigned met = 0;
    int corner_left = 0, corner_top = 0;
    for (int i = 0; i < 16; i++) {
      const int row = *(int32_t *)ss_view_slot(&task.task, slot, 1, i);
      const int column = *(int32_t *)ss_view_slot(&task.task, slot, 2, i);
      assert_true(row >= 0 && row < 4 && column >= 0 && column < 4);
      met |= 1u << (4 * row + column);
      last_masked[4 * row + column] += i >= 12;
      int left, top;
      bool mirrored;
      support_place_of(ss_view_slot(&task.task, slot, 0, i), 22, 90, &left, &top, &mirrored);
      left -= 22 * column;
      top -= 22 * row;
      assert_true(i == 0 || (left == corner_left && top == corner_top));
      corner_left = left;
      corner_top = top;
    }
    assert_in_range(corner_left, 0, 2);
    assert_in_range(corner_top, 0, 2);
    assert_int_equal(met, 0xFFFF);
    free(slot);
  }
  for (int place = 0; place < 16; place++) {
    assert_in_range(last_masked[place], 65, 135); /* a quarter of 400 */
  }
  ss_image_free(&picture);
  support_release(&task);
}

static void chance_is_one_of_the_masked(void **state) {
  (void)state;
  static const char *const pairs[] = {"", "masked=0.5", "grid=6 masked=1/3"};
  static const double chances[] = {25.0, 12.5, 100.0 / 12.0};
  for (int i = 0; i < 3; i++) {
    support_task task;
    support_configure(&task, "selfie", 96, 2, pairs[i]);
    assert_true(fabs(task.task.method->score.chance(&task.task) - chances[i]) < 1e-9);
    support_release(&task);
  }
}

static void loss_and_gradients_as_pytorch(void **state) {
  (void)state;
  ss_safetensors *golden = support_golden("patches");
  support_check_method(golden, "selfie", 48, "grid=3 masked=1/3 layers=2 heads=2 inner=20", 2e-4);
  ss_safetensors_close(golden);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_patch_comes_once_with_its_place),
                                     cmocka_unit_test(chance_is_one_of_the_masked),
                                     cmocka_unit_test(loss_and_gradients_as_pytorch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
