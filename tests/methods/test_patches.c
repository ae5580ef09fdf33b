/* Where patches lie, what is cut there, and what is done to a patch, against NumPy. */
#include "support_golden.h"

#include "augment/normalise.h"
#include "methods/patches.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIXELS = 35 };

static void patches_wander_about_their_places(void **state) {
  (void)state;
  const ss_patch_grid grid = {.cells = 3, .patch = 10, .pitch = 14, .wander = 4};
  assert_int_equal(ss_patch_grid_span(&grid), 42);
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, 0, 0);
  int gaps[9] = {0}, lefts[7] = {0}, draws = 0;
  for (int n = 0; n < 2000; n++, draws++) {
    ss_box boxes[9];
    ss_patch_grid_draw(&grid, 48, &random, boxes);
    int first = 48;
    for (int i = 0; i < 9; i++) {
      assert_int_equal(boxes[i].width, 10);
      assert_int_equal(boxes[i].height, 10);
      assert_in_range(boxes[i].left, 14 * (i % 3), 48 - 10 - 14 * (2 - i % 3));
      assert_in_range(boxes[i].top, 14 * (i / 3), 48 - 10 - 14 * (2 - i / 3));
      first = boxes[i].left - 14 * (i % 3) < first ? boxes[i].left - 14 * (i % 3) : first;
    }
    const int gap = boxes[1].left - boxes[0].left - 10; /* 4 - wander to 4 + wander */
    assert_in_range(gap, 0, 8);
    gaps[gap]++;
    if (first <= 6) {
      lefts[first]++;
    }
  }
  /* The difference of two uniform numbers 0 to 4 falls off on both sides: 1 2 3 4 5 4 3 2 1 of 25. */
  for (int gap = 0; gap < 9; gap++) {
    const double expected = (5.0 - fabs(gap - 4.0)) / 25.0;
    assert_true(fabs(gaps[gap] / (double)draws - expected) < 0.03);
  }
  for (int left = 0; left <= 6; left++) { /* the grid as a whole takes the room that is left */
    assert_true(lefts[left] > draws / 12);
  }
}

/* One picture for each pixel: red its column, green its row. */
static ss_image coordinates(int width, int height) {
  ss_image picture = {0};
  assert_int_equal(ss_image_resize_buffer(&picture, width, height, 3, NULL), SS_OK);
  for (int i = 0; i < width * height; i++) {
    picture.pixels[3 * i] = (uint8_t)(i % width);
    picture.pixels[3 * i + 1] = (uint8_t)(i / width);
    picture.pixels[3 * i + 2] = 200;
  }
  return picture;
}

static int level(float value, int channel) {
  return (int)lroundf(255.0f * (value * SS_PATCH_DEVIATION + ss_imagenet_mean[channel]));
}

static void what_lies_there_is_cut(void **state) {
  (void)state;
  ss_image picture = coordinates(20, 16);
  const ss_box box = {.left = 13, .top = 2, .width = 7, .height = 5};
  float patch[3 * PIXELS];
  ss_patch_cut(&picture, box, NULL, patch);
  for (int i = 0; i < PIXELS; i++) {
    assert_int_equal(level(patch[3 * i], 0), 13 + i % 7);
    assert_int_equal(level(patch[3 * i + 1], 1), 2 + i / 7);
    assert_int_equal(level(patch[3 * i + 2], 2), 200);
  }
  static const int shift[3][2] = {{2, 0}, {0, -3}, {0, 0}}; /* to the picture's edge and no farther */
  ss_patch_cut(&picture, box, shift, patch);
  for (int i = 0; i < PIXELS; i++) {
    assert_int_equal(level(patch[3 * i], 0), i % 7 + 15 > 19 ? 19 : i % 7 + 15);
    assert_int_equal(level(patch[3 * i + 1], 1), i / 7 - 1 < 0 ? 0 : i / 7 - 1);
  }
  picture.channels = 1; /* its first 320 bytes as a grey picture: the three channels are the same */
  ss_patch_cut(&picture, box, NULL, patch);
  for (int i = 0; i < PIXELS; i++) {
    for (int c = 0; c < 3; c++) {
      assert_int_equal(level(patch[3 * i + c], c), picture.pixels[20 * (2 + i / 7) + 13 + i % 7]);
    }
  }
  ss_image_free(&picture);
}

static void statistics_and_projection_as_numpy(void **state) {
  (void)state;
  ss_safetensors *golden = support_golden("patches");
  float patch[3 * PIXELS];
  support_numbers("patch", 1.0f, 0.0f, patch, 3 * PIXELS);
  ss_patch_subtract_mean(patch, PIXELS);
  support_expect_near(golden, "patch", "less_mean", patch, 3 * PIXELS, 1e-6);
  support_numbers("patch", 1.0f, 0.0f, patch, 3 * PIXELS);
  ss_patch_normalise(patch, PIXELS);
  support_expect_near(golden, "patch", "normalised", patch, 3 * PIXELS, 1e-6);
  support_numbers("patch", 1.0f, 0.0f, patch, 3 * PIXELS);
  ss_patch_project_colours(patch, PIXELS);
  support_expect_near(golden, "patch", "projected", patch, 3 * PIXELS, 1e-6);
  ss_safetensors_close(golden);
}

static void a_flat_patch_becomes_zeros(void **state) {
  (void)state;
  float patch[3 * PIXELS];
  for (int i = 0; i < 3 * PIXELS; i++) {
    patch[i] = 0.7f;
  }
  ss_patch_normalise(patch, PIXELS);
  for (int i = 0; i < 3 * PIXELS; i++) {
    assert_true(fabsf(patch[i]) < 1e-4f);
  }
}

/* One channel stays, each as often; the others are noise of a hundredth of its deviation. */
static void two_colours_become_noise(void **state) {
  (void)state;
  enum { MANY = 400 };
  static float whole[3 * MANY], patch[3 * MANY];
  support_numbers("patch", 1.0f, 0.0f, whole, 3 * MANY); /* uniform: a deviation of 1 / sqrt 3 */
  ss_random random = ss_random_stream(2, SS_RANDOM_METHOD, 0, 0, 0);
  int kept[3] = {0};
  for (int n = 0; n < 300; n++) {
    memcpy(patch, whole, sizeof whole);
    ss_patch_drop_colours(patch, MANY, &random);
    int same = 0;
    for (int c = 0; c < 3; c++) {
      double sum = 0.0, square = 0.0;
      bool equal = true;
      for (int i = 0; i < MANY; i++) {
        equal = equal && patch[3 * i + c] == whole[3 * i + c];
        sum += patch[3 * i + c];
        square += (double)patch[3 * i + c] * patch[3 * i + c];
      }
      kept[c] += equal;
      same += equal;
      assert_true(equal || (fabs(sqrt(square / MANY) - 0.01 / sqrt(3.0)) < 0.0012 && fabs(sum / MANY) < 0.0015));
    }
    assert_int_equal(same, 1);
  }
  for (int c = 0; c < 3; c++) {
    assert_in_range(kept[c], 70, 130);
  }
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  support_expect_refused("jigsaw", 47, 4, "resnet18", "", "at least 48 px");
  support_expect_refused("relative-patch", 32, 4, "resnet18", "", "--size 48");
  support_expect_refused("selfie", 31, 4, "resnet18", "", "at least 32 px");
  support_expect_refused("selfie", 32, 4, "resnet18", "grid=5", "patches of at least 8 px, not the 6 px");
  support_expect_refused("jigsaw", 96, 4, "alexnet", "", "patches of at least 63 px, not the 27 px");
  support_expect_refused("relative-patch", 96, 4, "resnet18", "patch=0.4", "and --size is 96");
  support_expect_refused("relative-patch", 96, 4, "resnet18", "gap=1", "and --size is 96");
  support_expect_refused("jigsaw", 96, 4, "resnet18", "tile=0.5", "and --size is 96");
  support_expect_refused("selfie", 96, 4, "resnet18", "masked=0", "two to choose from");
  support_expect_refused("selfie", 96, 4, "resnet18", "masked=1", "one that is seen");
  support_expect_refused("selfie", 96, 4, "resnet18", "heads=5", "heads=5");
}

/* The defaults fit at any size from the smallest on. */
static void defaults_fit_every_size(void **state) {
  (void)state;
  static const char *const methods[] = {"relative-patch", "jigsaw", "selfie", "cpc"};
  for (int m = 0; m < 4; m++) {
    for (int size = m == 2 ? 32 : 48; size < 320; size++) {
      support_task task;
      support_configure(&task, methods[m], size, 4, m == 1 ? "permutations=2" : "");
      support_release(&task);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(patches_wander_about_their_places),
                                     cmocka_unit_test(what_lies_there_is_cut),
                                     cmocka_unit_test(statistics_and_projection_as_numpy),
                                     cmocka_unit_test(a_flat_patch_becomes_zeros),
                                     cmocka_unit_test(two_colours_become_noise),
                                     cmocka_unit_test(what_does_not_fit_is_refused),
                                     cmocka_unit_test(defaults_fit_every_size)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
