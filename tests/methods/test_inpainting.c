/* Context encoders: masks and weights by their definition, and the losses against sums over the pixels. */
#include "support.h"

#include "engine/plan.h"
#include "methods/image/mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN, PICTURES, WEIGHTS };

static int area_of(const uint8_t *mask, int size) {
  int area = 0;
  for (int i = 0; i < size * size; i++) {
    assert_true(mask[i] <= 1);
    area += mask[i];
  }
  return area;
}

static void centres_are_squares(void **state) {
  (void)state;
  static const int sizes[][2] = {{8, 4}, {32, 16}, {96, 48}, {9, 4}, {5, 5}};
  uint8_t mask[96 * 96];
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const int size = sizes[i][0], hole = sizes[i][1], start = (size - hole) / 2;
    ss_mask_centre(size, hole, mask);
    assert_int_equal(area_of(mask, size), hole * hole);
    for (int k = 0; k < hole; k++) {
      assert_int_equal(mask[(start + k) * size + start + k], 1);
    }
  }
}

static bool has_whole_square(const uint8_t *mask, int size, int side) {
  for (int i = 0; i < (size - side + 1) * (size - side + 1); i++) {
    const int left = i % (size - side + 1), top = i / (size - side + 1);
    int covered = 0;
    for (int k = 0; k < side * side; k++) {
      covered += mask[(top + k / side) * size + left + k % side];
    }
    if (covered == side * side) {
      return true;
    }
  }
  return false;
}

/* Up to a quarter of the picture, at least what leaves no room for the largest block; every side is reached. */
static void blocks_cover_up_to_a_quarter(void **state) {
  (void)state;
  static const int sizes[] = {8, 32, 48, 96};
  uint8_t mask[96 * 96];
  for (int s = 0; s < 4; s++) {
    const int size = sizes[s], most = size / 4;
    int reached[96 * 96] = {0};
    for (uint32_t sample = 0; sample < 400; sample++) {
      ss_random random = ss_random_stream(1, SS_RANDOM_VIEWS, 0, sample, 1);
      ss_mask_blocks(size, &random, mask);
      const int area = area_of(mask, size);
      assert_true(4 * area <= size * size && area > size * size / 4 - most * most);
      assert_true(sample >= 20 || has_whole_square(mask, size, size / 8));
      for (int i = 0; i < size * size; i++) {
        reached[i] += mask[i];
      }
    }
    int sides[4] = {0};
    for (int i = 0; i < size; i++) {
      sides[0] += reached[i];
      sides[1] += reached[size * (size - 1) + i];
      sides[2] += reached[size * i];
      sides[3] += reached[size * i + size - 1];
    }
    assert_true(sides[0] > 0 && sides[1] > 0 && sides[2] > 0 && sides[3] > 0);
    assert_true(reached[size / 2 * size + size / 2] > 40);
  }
}

/* Between an eighth and a quarter, in few pieces with long borders: shapes, not noise; equally often on either side. */
static void regions_are_shapes(void **state) {
  (void)state;
  static const int sizes[] = {16, 33, 96};
  uint8_t mask[96 * 96];
  ss_view_scratch scratch = {0};
  for (int s = 0; s < 3; s++) {
    const int size = sizes[s];
    double least = 1.0, most = 0.0, left = 0.0, total = 0.0;
    for (uint32_t sample = 0; sample < 300; sample++) {
      ss_random random = ss_random_stream(1, SS_RANDOM_VIEWS, 0, sample, 1);
      assert_int_equal(ss_mask_region(size, &random, &scratch, mask, NULL), SS_OK);
      const double share = (double)area_of(mask, size) / (size * size);
      least = share < least ? share : least;
      most = share > most ? share : most;
      int changes = 0;
      for (int i = 0; i < size * size; i++) {
        changes += i % size > 0 && mask[i] != mask[i - 1];
        left += mask[i] && i % size < size / 2;
        total += mask[i] && (size % 2 == 0 || i % size != size / 2);
      }
      assert_true(changes < 8 * size); /* noise without shape has some size^2 / 3 */
    }
    assert_true(least > 0.11 && least < 0.14 && most <= 0.25 && most > 0.235);
    assert_true(fabs(left / total - 0.5) < 0.06);
  }
  ss_scratch_free(&scratch);
}

static void masks_repeat_themselves(void **state) {
  (void)state;
  enum { SIZE = 48 };
  uint8_t masks[3][SIZE * SIZE];
  ss_view_scratch scratch = {0};
  for (int k = 0; k < 3; k++) {
    ss_random random = ss_random_stream(k == 2 ? 8 : 7, SS_RANDOM_VIEWS, 0, 5, 1);
    assert_int_equal(ss_mask_region(SIZE, &random, &scratch, masks[k], NULL), SS_OK);
  }
  assert_memory_equal(masks[0], masks[1], sizeof masks[0]);
  assert_memory_not_equal(masks[0], masks[2], sizeof masks[0]);
  ss_scratch_free(&scratch);
}

/* ---- views ---- */

/* The hole of half the side at the mean colour; predicted with the overlap of 7 pixels of 64, which weighs ten times.
 */
static void the_centre_is_predicted_with_its_border(void **state) {
  (void)state;
  static const int sizes[][3] = {{32, 16, 2}, {96, 48, 5}, {128, 64, 7}, {16, 8, 1}};
  ss_image picture = support_picture(150, 140, 3);
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    const int size = sizes[s][0], hole = sizes[s][1], border = sizes[s][2], side = hole + 2 * border;
    support_task task;
    support_configure(&task, "inpainting", size, 2, "mask=center");
    assert_true(ss_shape_equal(task.task.inputs[WEIGHTS].shape, ss_shape_of(side, side, 1)));
    void *slot = support_views(&task, &picture, 1, 0, 0, -1);
    const float *seen = ss_view_slot(&task.task, slot, SEEN, 0), *whole = ss_view_slot(&task.task, slot, PICTURES, 0);
    const float *weights = ss_view_slot(&task.task, slot, WEIGHTS, 0);
    for (int i = 0; i < size * size; i++) {
      const int x = i % size - (size - hole) / 2, y = i / size - (size - hole) / 2;
      const bool missing = x >= 0 && x < hole && y >= 0 && y < hole;
      for (int c = 0; c < 3; c++) {
        assert_true(seen[3 * i + c] == (missing ? 0.0f : whole[3 * i + c]));
      }
      if (x >= -border && x < hole + border && y >= -border && y < hole + border) {
        assert_true(weights[(y + border) * side + x + border] == (missing ? 1.0f : 10.0f));
      }
    }
    free(slot);
    support_release(&task);
  }
  ss_image_free(&picture);
}

/* Other masks: weights where the picture is missing and nowhere else, of mean 1. */
static void random_masks_weigh_what_is_missing(void **state) {
  (void)state;
  static const char *const pairs[] = {"mask=blocks", "mask=region"};
  enum { SIZE = 32 };
  ss_image picture = support_picture(50, 40, 3);
  for (int k = 0; k < 2; k++) {
    support_task task;
    support_configure(&task, "inpainting", SIZE, 2, pairs[k]);
    void *slot = support_views(&task, &picture, 1, 0, 0, -1);
    const float *seen = ss_view_slot(&task.task, slot, SEEN, 0), *whole = ss_view_slot(&task.task, slot, PICTURES, 0);
    const float *weights = ss_view_slot(&task.task, slot, WEIGHTS, 0);
    double sum = 0.0;
    int missing = 0;
    for (int i = 0; i < SIZE * SIZE; i++) {
      sum += (double)weights[i];
      missing += weights[i] > 0.0f;
      for (int c = 0; c < 3; c++) {
        assert_true(seen[3 * i + c] == (weights[i] > 0.0f ? 0.0f : whole[3 * i + c]));
      }
    }
    assert_true(fabs(sum / (SIZE * SIZE) - 1.0) < 1e-5);
    assert_true(missing >= SIZE * SIZE / 10 && missing <= SIZE * SIZE / 4);
    free(slot);
    support_release(&task);
  }
  ss_image_free(&picture);
}

/* ---- losses ---- */

enum { SIZE = 32, BATCH = 3 };

static void fill(const support_task *task, const ss_plan *plan, const ss_build *build) {
  for (int sample = 0; sample < BATCH; sample++) {
    ss_image picture = support_picture(40, 50, (uint64_t)sample);
    void *slot = support_views(task, &picture, 1, 0, (uint32_t)sample, -1);
    for (int i = 0; i < task->task.input_count; i++) {
      const size_t bytes = ss_view_bytes(&task->task.inputs[i]);
      memcpy((char *)ss_plan_data(plan, build->inputs[i]) + (size_t)sample * bytes,
             ss_view_slot(&task->task, slot, i, 0), bytes);
    }
    free(slot);
    ss_image_free(&picture);
  }
}

/* The weighted mean of squares of what was predicted (N, side, side, 3) against the middle of the pictures. */
static double reconstruction_of(const ss_plan *plan, const ss_build *build, int side) {
  const float *made = ss_plan_data(plan, build->prediction), *pictures = ss_plan_data(plan, build->inputs[PICTURES]);
  const float *weights = ss_plan_data(plan, build->inputs[WEIGHTS]);
  const int start = (SIZE - side) / 2;
  double sum = 0.0;
  for (int n = 0; n < BATCH; n++) {
    for (int i = 0; i < side * side; i++) {
      const int place = (n * SIZE + start + i / side) * SIZE + start + i % side;
      for (int c = 0; c < 3; c++) {
        const double d = (double)made[3 * (n * side * side + i) + c] - (double)pictures[3 * place + c];
        sum += (double)weights[n * side * side + i] * d * d;
      }
    }
  }
  return sum / (3.0 * BATCH * side * side);
}

static void check_losses(const char *pairs, int side, bool adversarial) {
  support_task task;
  support_configure(&task, "inpainting", SIZE, BATCH, pairs);
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_build build = {.task = &task.task, .graph = graph, .batch = BATCH};
  for (int i = 0; i < task.task.input_count; i++) {
    ss_shape shape = task.task.inputs[i].shape;
    build.inputs[i] = ss_graph_input(graph, task.task.inputs[i].name, SS_F32,
                                     ss_shape_of(BATCH, shape.dims[0], shape.dims[1], shape.dims[2]));
  }
  task.task.method->loss(&build);
  assert_int_equal(ss_graph_status(graph, NULL), SS_OK);
  ss_graph_keep(graph, build.losses[0]);
  ss_graph_keep(graph, build.prediction);
  assert_int_equal(build.report_count, adversarial ? 2 : 0);
  assert_int_equal(build.losses[1] != NULL, adversarial);
  for (int i = 0; i < build.report_count; i++) {
    ss_graph_keep(graph, build.reports[i].value);
  }
  ss_plan *plan = NULL;
  assert_int_equal(ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, NULL), SS_OK);
  fill(&task, plan, &build);
  assert_int_equal(ss_plan_run(plan, 0, NULL), SS_OK);
  const double expected = reconstruction_of(plan, &build, side);
  const double loss = (double)*(const float *)ss_plan_data(plan, build.losses[0]);
  if (adversarial) {
    const double reconstruction = (double)*(const float *)ss_plan_data(plan, build.reports[0].value);
    const double of_adversary = (double)*(const float *)ss_plan_data(plan, build.reports[1].value);
    assert_string_equal(build.reports[0].name, "reconstruction");
    assert_string_equal(build.reports[1].name, "adversarial");
    assert_true(fabs(reconstruction - expected) < 1e-5 * expected);
    assert_true(fabs(loss - (0.999 * expected + 0.001 * of_adversary)) < 1e-5 * loss);
  } else {
    assert_true(fabs(loss - expected) < 1e-5 * expected);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  support_release(&task);
}

static void losses_are_as_defined(void **state) {
  (void)state;
  check_losses("mask=center adversarial=0", 20, false);
  check_losses("mask=blocks adversarial=0", 32, false);
  check_losses("mask=region adversarial=0", 32, false);
  check_losses("mask=center", 20, true);
  check_losses("mask=region", 32, true);
}

static void pictures_may_be_too_small(void **state) {
  (void)state;
  ss_settings *settings = NULL;
  ss_task task = {.size = 12, .batch = 2};
  ss_error error = {{0}};
  assert_int_equal(ss_method_find("inpainting", &task.method, NULL), SS_OK);
  assert_int_equal(ss_settings_new(task.method->options, NULL, &settings, NULL), SS_OK);
  task.settings = settings;
  assert_int_equal(task.method->configure(&task, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "16 pixels"));
  ss_settings_free(settings);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(centres_are_squares),
                                     cmocka_unit_test(blocks_cover_up_to_a_quarter),
                                     cmocka_unit_test(regions_are_shapes),
                                     cmocka_unit_test(masks_repeat_themselves),
                                     cmocka_unit_test(the_centre_is_predicted_with_its_border),
                                     cmocka_unit_test(random_masks_weigh_what_is_missing),
                                     cmocka_unit_test(losses_are_as_defined),
                                     cmocka_unit_test(pictures_may_be_too_small)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
