/* Split-brain: what it is shown and what it is to predict, what knowing nothing scores, and the data it refuses. */
#include "support.h"

#include "augment/lab.h"
#include "engine/plan.h"
#include "methods/colour_bins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES, COLOUR_BINS, COLOUR_SHARES, LIGHTNESS_BINS, LIGHTNESS_SHARES };

static void survey(support_task *task, const ss_image *pictures, int count, ss_status expected, const char *word) {
  ss_error error = {{0}};
  for (int i = 0; i < count; i++) {
    assert_int_equal(task->task.method->survey(&task->task, &pictures[i], &error), SS_OK);
  }
  assert_int_equal(task->task.method->survey(&task->task, NULL, &error), expected);
  assert_true(!word || strstr(error.message, word));
}

/* The bin whose centre is nearest, by looking at all. */
static int nearest_colour(float a, float b) {
  ss_colour_centres *centres = ss_colour_bins();
  int best = 0;
  for (int bin = 1; bin < SS_COLOUR_BINS; bin++) {
    if (hypotf((*centres)[bin][0] - a, (*centres)[bin][1] - b) <
        hypotf((*centres)[best][0] - a, (*centres)[best][1] - b)) {
      best = bin;
    }
  }
  return best;
}

/* A picture of 4 x 4 plain squares is predicted exactly at a quarter of its size. */
static void targets_are_the_pictures_own_bins(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "split-brain", 32, 2, "flip=0 min_scale=1");
  assert_int_equal(task.task.backbone.input, SS_INPUT_LAB);
  assert_true(task.task.backbone.split);
  assert_int_equal(ss_backbone_check(&task.task.backbone, NULL), SS_OK);
  ss_image squares = support_picture(8, 8, 3), picture = {0};
  assert_int_equal(ss_image_resize_buffer(&picture, 32, 32, 3, NULL), SS_OK);
  for (int i = 0; i < 32 * 32; i++) {
    memcpy(picture.pixels + 3 * i, squares.pixels + 3 * (i / 32 / 4 * 8 + i % 32 / 4), 3);
  }
  void *slot = support_views(&task, &picture, 1, 0, 0, -1);
  float shown[3 * 32 * 32], lab[3 * 8 * 8];
  ss_image_to_lab(&picture, shown);
  assert_memory_equal(ss_view_slot(&task.task, slot, PICTURES, 0), shown, sizeof shown);
  ss_lab_from_rgb(squares.pixels, (size_t)8 * 8, lab);
  const int32_t *colours = ss_view_slot(&task.task, slot, COLOUR_BINS, 0);
  const int32_t *lightness = ss_view_slot(&task.task, slot, LIGHTNESS_BINS, 0);
  const float *colour_shares = ss_view_slot(&task.task, slot, COLOUR_SHARES, 0);
  const float *lightness_shares = ss_view_slot(&task.task, slot, LIGHTNESS_SHARES, 0);
  for (int i = 0; i < 8 * 8; i++) {
    assert_int_equal(colours[5 * i], nearest_colour(lab[3 * i + 1], lab[3 * i + 2]));
    assert_int_equal(lightness[3 * i], (int)(lab[3 * i] / 2.0f));
    float sums[2] = {0};
    for (int k = 0; k < 5; k++) {
      sums[0] += colour_shares[5 * i + k];
      sums[1] += k < 3 ? lightness_shares[3 * i + k] : 0.0f;
    }
    assert_true(fabsf(sums[0] - 1.0f) < 1e-5f && fabsf(sums[1] - 1.0f) < 1e-5f);
  }
  free(slot);
  ss_image_free(&squares);
  ss_image_free(&picture);
  support_release(&task);
}

/* Half of the places red and dark, a quarter each green and blue and lighter: the commonest is right half of the time.
 */
static void chance_is_the_commonest_bin(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "split-brain", 32, 2, "flip=0 min_scale=1");
  static const uint8_t colours[4][3] = {{120, 0, 0}, {120, 0, 0}, {0, 255, 0}, {80, 80, 255}};
  ss_image picture = {0};
  assert_int_equal(ss_image_resize_buffer(&picture, 32, 32, 3, NULL), SS_OK);
  for (int i = 0; i < 32 * 32; i++) {
    memcpy(picture.pixels + 3 * i, colours[i % 32 / 8], 3);
  }
  survey(&task, &picture, 1, SS_OK, NULL);
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32});
  ss_build build = {.task = &task.task, .graph = graph, .batch = 2};
  for (int i = 0; i < task.task.input_count; i++) {
    const ss_method_input *input = &task.task.inputs[i];
    ss_shape shape = {.rank = 4, .dims = {2}};
    memcpy(shape.dims + 1, input->shape.dims, 3 * sizeof *shape.dims);
    build.inputs[i] = ss_graph_input(graph, input->name, input->dtype, shape);
  }
  task.task.method->loss(&build);
  assert_int_equal(build.report_count, 4);
  ss_tensor *chance = ss_graph_keep(graph, build.chance), *score = ss_graph_keep(graph, build.score);
  ss_tensor *accuracies[2] = {ss_graph_keep(graph, build.reports[1].value),
                              ss_graph_keep(graph, build.reports[3].value)};
  ss_plan *plan = NULL;
  ss_error error = {{0}};
  if (ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  for (int n = 0; n < 2; n++) {
    void *slot = support_views(&task, &picture, 1, 0, (uint32_t)n, -1);
    for (int i = 0; i < task.task.input_count; i++) {
      const size_t bytes = ss_view_bytes(&task.task.inputs[i]);
      char *to = ss_plan_data(plan, build.inputs[i]);
      if (to) {
        memcpy(to + (size_t)n * bytes, ss_view_slot(&task.task, slot, i, 0), bytes);
      }
    }
    free(slot);
  }
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  assert_float_equal(*(const float *)ss_plan_data(plan, chance), 0.5f, 1e-6f);
  const float mean =
      0.5f * (*(const float *)ss_plan_data(plan, accuracies[0]) + *(const float *)ss_plan_data(plan, accuracies[1]));
  assert_float_equal(*(const float *)ss_plan_data(plan, score), mean, 1e-6f);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  ss_image_free(&picture);
  support_release(&task);
}

static void grey_pictures_are_refused(void **state) {
  (void)state;
  ss_image grey[2] = {{0}}, colourful = support_picture(40, 30, 1);
  assert_int_equal(ss_image_resize_buffer(&grey[0], 40, 30, 1, NULL), SS_OK);
  assert_int_equal(ss_image_resize_buffer(&grey[1], 40, 30, 3, NULL), SS_OK);
  for (int i = 0; i < 40 * 30; i++) {
    grey[0].pixels[i] = (uint8_t)(i % 251);
    memset(grey[1].pixels + 3 * i, i % 253, 3);
  }
  support_task task;
  support_configure(&task, "split-brain", 32, 2, "");
  survey(&task, grey, 2, SS_FAILED, "split-brain needs colour pictures");
  support_release(&task);
  support_configure(&task, "split-brain", 32, 2, "");
  survey(&task, grey, 2, SS_FAILED, "colour");
  survey(&task, &colourful, 1, SS_OK, NULL); /* one of three */
  support_release(&task);
  ss_image_free(&grey[0]);
  ss_image_free(&grey[1]);
  ss_image_free(&colourful);

  ss_task small = {.backbone = {.arch = "resnet18", .width = 8, .size = 7}, .size = 7, .batch = 4};
  ss_error error = {{0}};
  assert_int_equal(ss_method_find("split-brain", &small.method, &error), SS_OK);
  assert_int_equal(small.method->configure(&small, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "8 or more, not 7"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(targets_are_the_pictures_own_bins),
                                     cmocka_unit_test(chance_is_the_commonest_bin),
                                     cmocka_unit_test(grey_pictures_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
