/* PSNR and SSIM give scikit-image's numbers (golden/make_superres.py), in memory and in the graph. */
#include "../engine/support.h"

#include "methods/image_quality.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct pair {
  const char *name;
  int height, width, channels;
  double range;
} pair;

static const pair pairs[] = {
    {"grey", 20, 17, 1, 1.0}, {"colour", 16, 23, 3, 1.0}, {"bytes", 19, 19, 3, 255.0}, {"smallest", 11, 11, 1, 1.0}};
enum { PAIRS = sizeof pairs / sizeof *pairs };

static support_golden *open_pair(const pair *of, const float **a, const float **b) {
  char name[64];
  snprintf(name, sizeof name, "superres:%s", of->name);
  support_golden *golden = support_golden_open(name);
  int64_t count = 0;
  *a = support_golden_array(golden, "a", &count);
  assert_int_equal(count, of->height * of->width * of->channels);
  *b = support_golden_array(golden, "b", &count);
  return golden;
}

static double number(const support_golden *golden, const char *key) {
  int64_t count = 0;
  return (double)*support_golden_array(golden, key, &count);
}

static void as_scikit_image(void **state) {
  (void)state;
  for (int i = 0; i < PAIRS; i++) {
    const pair *of = &pairs[i];
    const float *a, *b;
    support_golden *golden = open_pair(of, &a, &b);
    const size_t count = (size_t)of->height * (size_t)of->width * (size_t)of->channels;
    assert_true(fabs(ss_psnr(a, b, count, of->range) - number(golden, "psnr")) < 1e-5);
    for (ss_ssim_window window = SS_SSIM_UNIFORM; window <= SS_SSIM_GAUSSIAN; window++) {
      double ssim = 0.0;
      assert_int_equal(ss_ssim(a, b, of->height, of->width, of->channels, of->range, window, &ssim, NULL), SS_OK);
      assert_true(fabs(ssim - number(golden, window == SS_SSIM_UNIFORM ? "uniform" : "gaussian")) < 1e-7);
    }
    support_golden_close(golden);
  }
}

static void equal_pictures_are_perfect(void **state) {
  (void)state;
  const float *a, *b;
  support_golden *golden = open_pair(&pairs[1], &a, &b);
  double ssim = 0.0;
  assert_true(isinf(ss_psnr(a, a, 100, 1.0)));
  assert_int_equal(ss_ssim(a, a, 16, 23, 3, 1.0, SS_SSIM_GAUSSIAN, &ssim, NULL), SS_OK);
  assert_true(fabs(ssim - 1.0) < 1e-12);
  support_golden_close(golden);
}

static void small_pictures_have_no_window(void **state) {
  (void)state;
  float pixels[100] = {0};
  double ssim = 0.0;
  ss_error error = {{0}};
  assert_int_equal(ss_ssim(pixels, pixels, 10, 10, 1, 1.0, SS_SSIM_GAUSSIAN, &ssim, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "11 x 11"));
  assert_int_equal(ss_ssim(pixels, pixels, 6, 10, 1, 1.0, SS_SSIM_UNIFORM, &ssim, &error), SS_USAGE);
  assert_int_equal(ss_ssim(pixels, pixels, 7, 7, 1, 1.0, SS_SSIM_UNIFORM, &ssim, &error), SS_OK);
}

typedef struct measured {
  float psnr, ssim[2];
} measured;

/* A batch of the pair and of a picture with itself, in a graph that computes in bf16: measuring stays in float32. */
static measured in_graph(const pair *of, const float *a, const float *b, bool with_itself) {
  const int n = with_itself ? 2 : 1;
  const int64_t count = (int64_t)of->height * of->width * of->channels;
  const ss_shape shape = ss_shape_of(n, of->height, of->width, of->channels);
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_BF16});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, shape), *y = ss_graph_input(graph, "y", SS_F32, shape);
  const float range = (float)of->range;
  ss_tensor *psnr = ss_graph_keep(graph, ss_psnr_mean(graph, x, y, range)), *ssim[2] = {NULL};
  for (int w = 0; w < 2 && of->channels == 1; w++) {
    ssim[w] = ss_graph_keep(graph, ss_ssim_mean(graph, x, y, range, (ss_ssim_window)w));
  }
  ss_plan *plan = support_plan(graph);
  for (int i = 0; i < n; i++) {
    memcpy((float *)ss_plan_data(plan, x) + i * count, a, (size_t)count * sizeof *a);
    memcpy((float *)ss_plan_data(plan, y) + i * count, i == 0 ? b : a, (size_t)count * sizeof *a);
  }
  support_run(plan);
  measured out = {.psnr = *(const float *)ss_plan_data(plan, psnr)};
  for (int w = 0; w < 2 && ssim[w]; w++) {
    out.ssim[w] = *(const float *)ss_plan_data(plan, ssim[w]);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return out;
}

static void the_graph_measures_the_same(void **state) {
  (void)state;
  for (int i = 0; i < PAIRS; i++) {
    const float *a, *b;
    support_golden *golden = open_pair(&pairs[i], &a, &b);
    const measured one = in_graph(&pairs[i], a, b, false), two = in_graph(&pairs[i], a, b, true);
    assert_true(fabs((double)one.psnr - number(golden, "psnr")) < 1e-4);
    assert_true(fabs((double)two.psnr - (number(golden, "psnr") + 100.0) / 2.0) < 1e-4); /* each picture's own */
    for (int w = 0; w < 2 && pairs[i].channels == 1; w++) {
      const double expected = number(golden, w == 0 ? "uniform" : "gaussian");
      assert_true(fabs((double)one.ssim[w] - expected) < 1e-5);
      assert_true(fabs((double)two.ssim[w] - (expected + 1.0) / 2.0) < 1e-5);
    }
    support_golden_close(golden);
  }
}

static void luma_is_601(void **state) {
  (void)state;
  const float *a, *b;
  support_golden *golden = open_pair(&pairs[1], &a, &b);
  int64_t count = 0;
  const float *expected = support_golden_array(golden, "luma", &count);
  assert_int_equal(count, 16 * 23);
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_BF16});
  ss_tensor *luma = ss_graph_keep(graph, ss_luma(graph, ss_graph_constant(graph, ss_shape_of(1, 16, 23, 3), a)));
  assert_true(ss_shape_equal(ss_tensor_shape(luma), ss_shape_of(1, 16, 23, 1)));
  ss_plan *plan = support_plan(graph);
  support_run(plan);
  assert_true(support_difference(ss_plan_data(plan, luma), expected, count) < 1e-6);
  ss_plan_free(plan);
  ss_graph_free(graph);
  support_golden_close(golden);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_scikit_image), cmocka_unit_test(equal_pictures_are_perfect),
                                     cmocka_unit_test(small_pictures_have_no_window),
                                     cmocka_unit_test(the_graph_measures_the_same), cmocka_unit_test(luma_is_601)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
