/* Counting: its loss and score against PyTorch's numbers, its tiles, and what it refuses. */
#include "support.h"

#include "augment/normalise.h"
#include "augment/resize.h"
#include "engine/plan.h"
#include "methods/image/counting.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 4, FEATURES = 6, NUMBERS = 5 * PICTURES * FEATURES };

static struct {
  float phi[NUMBERS];
  struct {
    float loss, gradient[NUMBERS];
  } of_margin[2]; /* 10, 60 */
  float found;
} golden;

static int read_golden(void **state) {
  (void)state;
  FILE *file = fopen(SS_GOLDEN "/counting.bin", "rb");
  if (!file) {
    return 1;
  }
  const bool whole = fread(&golden, sizeof golden, 1, file) == 1 && fgetc(file) == EOF;
  fclose(file);
  return whole ? 0 : 1;
}

static void expect_loss(float margin, float loss, const float *gradient) {
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *phi =
      ss_graph_parameter(graph, "phi", SS_F32, ss_shape_of(5 * PICTURES, FEATURES), SS_INIT_ZEROS, SS_TRAINABLE);
  memcpy(ss_parameters_find(parameters, "phi")->value, golden.phi, sizeof golden.phi);
  const ss_counts counts = ss_counts_of(graph, phi);
  ss_tensor *distance = NULL, *made = ss_counting_loss(graph, counts, margin, &distance);
  ss_graph_backward(graph, made, "");
  made = ss_graph_keep(graph, made);
  distance = ss_graph_keep(graph, distance);
  ss_tensor *score = ss_graph_keep(graph, ss_counting_score(graph, counts));
  ss_plan *plan = NULL;
  ss_error error = {{0}};
  if (ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  assert_float_equal(*(const float *)ss_plan_data(plan, made), loss, 1e-5f * loss);
  assert_true(*(const float *)ss_plan_data(plan, distance) < loss);
  assert_float_equal(*(const float *)ss_plan_data(plan, score), golden.found, 1e-6f);
  assert_int_equal(ss_graph_gradient_count(graph), 1);
  const float *values = ss_plan_data(plan, ss_graph_gradient_tensor(graph, 0));
  for (int i = 0; i < NUMBERS; i++) {
    assert_float_equal(values[i], gradient[i], 1e-4f);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void loss_is_pytorchs(void **state) {
  (void)state;
  expect_loss(10.0f, golden.of_margin[0].loss, golden.of_margin[0].gradient);
  expect_loss(60.0f, golden.of_margin[1].loss, golden.of_margin[1].gradient);
}

/* The tiles put together are the picture, and the first view is the picture at half its size by the chosen filter. */
static void expect_views(const char *filter, ss_resample resample) {
  support_task task;
  char pairs[64];
  snprintf(pairs, sizeof pairs, "gray=0 flip=0 min_scale=1 filter=%s", filter);
  support_configure(&task, "counting", 32, 2, pairs);
  ss_image picture = support_picture(32, 32, 5), half = {0};
  void *slot = support_views(&task, &picture, 1, 0, 0, -1);
  float *whole = malloc(sizeof(float) * 3 * 32 * 32), *small = malloc(sizeof(float) * 3 * 16 * 16);
  assert_true(whole && small);
  ss_image_to_float(&picture, 3, ss_imagenet_mean, ss_imagenet_deviation, false, whole);
  for (int j = 0; j < SS_COUNTING_TILES; j++) {
    const float *tile = ss_view_slot(&task.task, slot, 0, 1 + j);
    for (int y = 0; y < 16; y++) {
      const float *row = whole + 3 * ((j / 2 * 16 + y) * 32 + j % 2 * 16);
      assert_memory_equal(tile + (ptrdiff_t)3 * 16 * y, row, sizeof(float) * 3 * 16);
    }
  }
  ss_view_scratch scratch = {0};
  ss_error error = {{0}};
  assert_int_equal(ss_resize(&picture, 16, 16, resample, &scratch, &half, &error), SS_OK);
  ss_image_to_float(&half, 3, ss_imagenet_mean, ss_imagenet_deviation, false, small);
  assert_memory_equal(ss_view_slot(&task.task, slot, 0, 0), small, sizeof(float) * 3 * 16 * 16);
  ss_scratch_free(&scratch);
  ss_image_free(&half);
  ss_image_free(&picture);
  free(whole);
  free(small);
  free(slot);
  support_release(&task);
}

static void tiles_make_up_the_picture(void **state) {
  (void)state;
  expect_views("box", SS_RESAMPLE_BOX);
  expect_views("bilinear", SS_RESAMPLE_BILINEAR);
  expect_views("bicubic", SS_RESAMPLE_BICUBIC);
  expect_views("lanczos", SS_RESAMPLE_LANCZOS);
}

static bool same_floats(const float *a, const float *b, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (a[i] != b[i]) {
      return false;
    }
  }
  return true;
}

static bool is_gray(const float *view, int64_t numbers) {
  for (int64_t i = 0; i < numbers; i += 3) {
    float pixel[3];
    for (int c = 0; c < 3; c++) {
      pixel[c] = view[i + c] * ss_imagenet_deviation[c] + ss_imagenet_mean[c];
    }
    if (fabsf(pixel[0] - pixel[1]) > 1e-3f || fabsf(pixel[1] - pixel[2]) > 1e-3f) {
      return false;
    }
  }
  return true;
}

/* By default each of the four filters comes as often as the others, and two pictures of three are grey, all five views
 * of one alike. */
static void filters_and_greyness_are_drawn(void **state) {
  (void)state;
  enum { DRAWS = 400 };
  static const ss_resample resamples[] = {SS_RESAMPLE_BOX, SS_RESAMPLE_BILINEAR, SS_RESAMPLE_BICUBIC,
                                          SS_RESAMPLE_LANCZOS};
  support_task plain, usual;
  support_configure(&plain, "counting", 16, 2, "gray=0 flip=0 min_scale=1");
  support_configure(&usual, "counting", 16, 2, "");
  ss_image picture = support_picture(16, 16, 5);
  float small[4][3 * 8 * 8];
  ss_view_scratch scratch = {0};
  for (int f = 0; f < 4; f++) {
    ss_image half = {0};
    assert_int_equal(ss_resize(&picture, 8, 8, resamples[f], &scratch, &half, NULL), SS_OK);
    ss_image_to_float(&half, 3, ss_imagenet_mean, ss_imagenet_deviation, false, small[f]);
    ss_image_free(&half);
  }
  ss_scratch_free(&scratch);
  int drawn[4] = {0}, gray = 0;
  for (uint32_t i = 0; i < DRAWS; i++) {
    void *slot = support_views(&plain, &picture, 1, 0, i, -1);
    for (int f = 0; f < 4; f++) {
      drawn[f] += same_floats(slot, small[f], sizeof small[f] / sizeof(float));
    }
    free(slot);
    slot = support_views(&usual, &picture, 1, 0, i, -1);
    const bool first = is_gray(slot, (int64_t)3 * 8 * 8);
    gray += first;
    for (int v = 1; v < 5; v++) {
      assert_int_equal(is_gray(ss_view_slot(&usual.task, slot, 0, v), (int64_t)3 * 8 * 8), first);
    }
    free(slot);
  }
  assert_int_equal(drawn[0] + drawn[1] + drawn[2] + drawn[3], DRAWS);
  for (int f = 0; f < 4; f++) {
    assert_in_range(drawn[f], 100 - 35, 100 + 35); /* four deviations */
  }
  assert_in_range(gray, 268 - 38, 268 + 38);
  ss_image_free(&picture);
  support_release(&plain);
  support_release(&usual);
}

static void refuse(const char *arch, int size, int batch, const char *word) {
  ss_task task = {.backbone = {.arch = arch, .width = 8, .size = size}, .size = size, .batch = batch};
  ss_error error = {{0}};
  assert_int_equal(ss_method_find("counting", &task.method, &error), SS_OK);
  assert_int_equal(task.method->configure(&task, &error), SS_USAGE);
  if (!strstr(error.message, word)) {
    fail_msg("\"%s\" does not say \"%s\"", error.message, word);
  }
}

static void what_cannot_be_counted_is_refused(void **state) {
  (void)state;
  refuse("resnet18", 32, 1, "--batch of 2");
  refuse("resnet18", 33, 4, "even, not 33");
  refuse("resnet18", 14, 4, "--size 16, not 14");
  refuse("alexnet", 96, 4, "--size 126, not 96");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(loss_is_pytorchs), cmocka_unit_test(tiles_make_up_the_picture),
                                     cmocka_unit_test(filters_and_greyness_are_drawn),
                                     cmocka_unit_test(what_cannot_be_counted_is_refused)};
  return cmocka_run_group_tests(tests, read_golden, NULL);
}
