/* Jigsaw: tiles in the order of the label's permutation, nothing given away by colour, the loss is PyTorch's. */
#include "support_golden.h"
#include "support_places.h"

#include "methods/permutations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char plain[] = "normalise=0 gray=0 channel_shift=0 min_scale=1";

static const int32_t *permutations_of(support_task *task, int *count) {
  ss_state_array array;
  assert_true(task->task.method->state(&task->task, 0, &array));
  assert_string_equal(array.name, "permutations");
  assert_int_equal(array.dtype, SS_I32);
  assert_int_equal(array.shape.dims[1], SS_TILES);
  *count = (int)array.shape.dims[0];
  const int32_t *permutations = array.values;
  assert_false(task->task.method->state(&task->task, 1, &array));
  return permutations;
}

static void check_puzzles(const char *pairs, int tile, int cell, int room) {
  support_task task;
  support_configure(&task, "jigsaw", 96, 2, pairs);
  assert_int_equal(task.task.inputs[0].views, SS_TILES);
  assert_true(ss_shape_equal(task.task.inputs[0].shape, ss_shape_of(tile, tile, 3)));
  int count = 0, first = 96, last = 0;
  const int32_t *permutations = permutations_of(&task, &count);
  bool *met = calloc((size_t)count, sizeof *met);
  assert_non_null(met);
  ss_image picture = support_place_picture(96);
  for (uint32_t n = 0; n < 400; n++) {
    void *slot = support_views(&task, &picture, 1, 0, n, -1);
    const int label = *(int32_t *)ss_view_slot(&task.task, slot, 1, 0);
    assert_in_range(label, 0, count - 1);
    met[label] = true;
    int corner_left = 0, corner_top = 0; /* of the grid, when tiles do not wander */
    for (int i = 0; i < SS_TILES; i++) {
      const int at = permutations[label * SS_TILES + i];
      int left, top;
      bool mirrored;
      support_place_of(ss_view_slot(&task.task, slot, 0, i), tile, 96, &left, &top, &mirrored);
      left -= at % 3 * cell;
      top -= at / 3 * cell;
      assert_in_range(left, 0, room);
      assert_in_range(top, 0, room);
      first = left < first ? left : first;
      last = left > last ? left : last;
      if (tile == cell) {
        assert_true(i == 0 || (left == corner_left && top == corner_top));
        corner_left = left;
        corner_top = top;
      }
    }
    free(slot);
  }
  assert_int_equal(first, 0);
  assert_int_equal(last, room);
  for (int i = 0; i < count; i++) {
    assert_true(met[i]);
  }
  free(met);
  ss_image_free(&picture);
  support_release(&task);
}

static void tiles_come_in_the_labels_order(void **state) {
  (void)state;
  check_puzzles("normalise=0 gray=0 channel_shift=0 min_scale=1 permutations=20", 27, 32, 5);
  check_puzzles("normalise=0 gray=0 channel_shift=0 min_scale=1 permutations=20 gap=0", 27, 27, 15);
}

static void the_set_is_the_seeds(void **state) {
  (void)state;
  support_task one, other;
  support_configure(&one, "jigsaw", 48, 2, plain);
  support_configure(&other, "jigsaw", 48, 2, "permutations=64");
  int count = 0, other_count = 0;
  const int32_t *a = permutations_of(&one, &count), *b = permutations_of(&other, &other_count);
  assert_int_equal(count, 100);
  assert_int_equal(other_count, 64);
  assert_memory_equal(a, b, 64 * SS_TILES * sizeof *a);
  assert_true(fabs(one.task.method->score.chance(&one.task) - 1.0) < 1e-9);
  assert_true(fabs(other.task.method->score.chance(&other.task) - 100.0 / 64.0) < 1e-9);
  support_release(&one);
  support_release(&other);
}

/* Each colour channel of a tile is a piece of the picture, at most a pixel apart from the others. */
static void channels_are_moved_apart(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "jigsaw", 96, 2, "normalise=0 gray=0 min_scale=1");
  ss_image picture = support_picture(96, 96, 3);
  for (int i = 0; i < 96 * 96; i++) { /* red and green the same picture */
    picture.pixels[3 * i + 1] = picture.pixels[3 * i];
  }
  int apart[5] = {0};
  for (uint32_t n = 0; n < 60; n++) {
    void *slot = support_views(&task, &picture, 1, 0, n, -1);
    for (int tile = 0; tile < SS_TILES; tile++) {
      const float *values = ss_view_slot(&task.task, slot, 0, tile);
      int found = -9, matches = 0;
      for (int k = 0; k < 25; k++) { /* inside by two pixels, so that every offset has something to compare */
        bool same = true;
        for (int y = 2; y < 25 && same; y++) {
          for (int x = 2; x < 25 && same; x++) {
            const int other = (y + k / 5 - 2) * 27 + x + k % 5 - 2;
            same = abs(support_level(values[3 * (27 * y + x)], 0) - support_level(values[3 * other + 1], 1)) <= 1;
          }
        }
        matches += same;
        found = same ? k % 5 - 2 : found;
      }
      assert_true(matches >= 1);
      if (matches == 1) {
        apart[found + 2]++;
      }
    }
    free(slot);
  }
  for (int k = 0; k < 5; k++) {
    assert_true(apart[k] > 20);
  }
  ss_image_free(&picture);
  support_release(&task);
}

static void a_share_of_pictures_is_gray(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "jigsaw", 48, 2, "normalise=0 min_scale=1 permutations=2");
  ss_image picture = support_picture(48, 48, 3);
  int gray = 0;
  for (uint32_t n = 0; n < 400; n++) {
    void *slot = support_views(&task, &picture, 1, 0, n, -1);
    int equal = 0;
    for (int tile = 0; tile < SS_TILES; tile++) {
      const float *values = ss_view_slot(&task.task, slot, 0, tile);
      equal += support_level(values[0], 0) == support_level(values[1], 1) &&
               support_level(values[1], 1) == support_level(values[2], 2);
    }
    gray += equal == SS_TILES;
    free(slot);
  }
  assert_in_range(gray, 85, 155); /* 0.3 of 400, and 3.8 deviations */
  ss_image_free(&picture);
  support_release(&task);
}

static void every_tile_has_its_own_statistics(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "jigsaw", 96, 2, "");
  ss_image picture = support_picture(130, 110, 3);
  void *slot = support_views(&task, &picture, 1, 0, 0, -1);
  for (int tile = 0; tile < SS_TILES; tile++) {
    const float *values = ss_view_slot(&task.task, slot, 0, tile);
    for (int c = 0; c < 3; c++) {
      double mean = 0.0, square = 0.0;
      for (int i = 0; i < 27 * 27; i++) {
        mean += values[3 * i + c] / (27.0 * 27.0);
        square += (double)values[3 * i + c] * values[3 * i + c] / (27.0 * 27.0);
      }
      assert_true(fabs(mean) < 1e-4 && fabs(square - 1.0) < 1e-3);
    }
  }
  free(slot);
  ss_image_free(&picture);
  support_release(&task);
}

static void loss_and_gradients_as_pytorch(void **state) {
  (void)state;
  ss_safetensors *golden = support_golden("patches");
  support_check_method(golden, "jigsaw", 48, "permutations=30 hidden=24", 2e-4);
  ss_safetensors_close(golden);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tiles_come_in_the_labels_order),    cmocka_unit_test(the_set_is_the_seeds),
      cmocka_unit_test(channels_are_moved_apart),          cmocka_unit_test(a_share_of_pictures_is_gray),
      cmocka_unit_test(every_tile_has_its_own_statistics), cmocka_unit_test(loss_and_gradients_as_pytorch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
