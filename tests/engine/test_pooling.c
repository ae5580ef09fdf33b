#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct pooling {
  const char *name;
  ss_shape shape;
  ss_tensor *(*windows)(ss_graph *, ss_tensor *, const ss_pool_options *); /* one of the two is set */
  ss_tensor *(*sized)(ss_graph *, ss_tensor *, int, int);
  ss_pool_options options;
  int height, width;
} pooling;

static const pooling cases[] = {
    {"max_resnet", {4, {2, 7, 6, 3}}, ss_max_pool, NULL, {{3, 3}, {2, 2}, {1, 1}, false}, 0, 0},
    {"max_ties", {4, {2, 7, 7, 16}}, ss_max_pool, NULL, {{3, 3}, {2, 2}, {1, 1}, false}, 0, 0},
    {"max_uneven", {4, {2, 5, 7, 33}}, ss_max_pool, NULL, {{3, 2}, {1, 3}, {1, 0}, false}, 0, 0},
    {"max_large", {4, {1, 18, 18, 3}}, ss_max_pool, NULL, {{17, 17}, {1, 1}, {0}, false}, 0, 0},
    {"max_3d", {5, {1, 3, 5, 4, 16}}, ss_max_pool, NULL, {{2, 3, 2}, {1, 2, 2}, {1, 1, 0}, false}, 0, 0},
    {"average", {4, {2, 4, 6, 64}}, ss_average_pool, NULL, {{2, 2}, {0}, {0}, true}, 0, 0},
    {"average_padded", {4, {2, 6, 5, 3}}, ss_average_pool, NULL, {{3, 3}, {2, 2}, {1, 1}, true}, 0, 0},
    {"average_inside", {4, {2, 6, 5, 3}}, ss_average_pool, NULL, {{3, 3}, {2, 2}, {1, 1}, false}, 0, 0},
    {"average_3d", {5, {1, 2, 4, 3, 16}}, ss_average_pool, NULL, {{1, 2, 3}, {1, 2, 1}, {0, 1, 1}, true}, 0, 0},
    {"adaptive_average", {4, {2, 7, 5, 3}}, NULL, ss_adaptive_average_pool, {{0}, {0}, {0}, false}, 3, 2},
    {"adaptive_average_larger", {4, {1, 4, 5, 3}}, NULL, ss_adaptive_average_pool, {{0}, {0}, {0}, false}, 6, 7},
    {"adaptive_max", {4, {2, 8, 6, 33}}, NULL, ss_adaptive_max_pool, {{0}, {0}, {0}, false}, 3, 4},
    {"adaptive_max_large", {4, {1, 20, 20, 3}}, NULL, ss_adaptive_max_pool, {{0}, {0}, {0}, false}, 1, 1},
    {"resize_up", {4, {2, 3, 4, 3}}, NULL, ss_resize_bilinear, {{0}, {0}, {0}, false}, 7, 9},
    {"resize_down", {4, {1, 8, 7, 33}}, NULL, ss_resize_bilinear, {{0}, {0}, {0}, false}, 3, 2},
    {"resize_double", {4, {1, 4, 4, 16}}, NULL, ss_resize_bilinear, {{0}, {0}, {0}, false}, 8, 8},
    {"resize_one", {4, {1, 1, 1, 3}}, NULL, ss_resize_bilinear, {{0}, {0}, {0}, false}, 3, 5},
};

enum { case_count = sizeof cases / sizeof cases[0] };

static ss_tensor *record(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  const pooling *of = context;
  ss_tensor *x = ss_cast(graph, inputs[0], ss_graph_compute_dtype(graph));
  return of->windows ? of->windows(graph, x, &of->options) : of->sized(graph, x, of->height, of->width);
}

static support_case case_of(const pooling *of) {
  return (support_case){
      .name = of->name, .record = record, .context = of, .input_count = 1, .shapes = {of->shape}, .seed = 3};
}

static void check_goldens(ss_dtype type, double tolerance) {
  for (int i = 0; i < case_count; i++) {
    const support_case test = case_of(&cases[i]);
    char name[64];
    snprintf(name, sizeof name, "pooling:%s", cases[i].name);
    support_check_golden(&test, name, type, tolerance);
  }
}

static void f32_as_pytorch(void **state) {
  (void)state;
  check_goldens(SS_F32, 1e-6);
}

/* Inputs are exact in bf16: outputs and gradients are off by their own rounding, 2^-8 of the largest. */
static void bf16_as_pytorch(void **state) {
  (void)state;
  check_goldens(SS_BF16, 0x1p-8);
}

static void gradients(void **state) {
  (void)state;
  for (int i = 0; i < case_count; i++) {
    support_case test = case_of(&cases[i]);
    test.ladder = true;
    support_check_gradient(&test, 2e-3);
  }
}

/* ---- the same bits for any number of threads, of all cases on a larger batch ---- */

static float *run_case(const pooling *of, int threads, int64_t *count) {
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_shape shape = of->shape;
  shape.dims[0] = 16;
  shape.dims[shape.rank - 1] = 70;
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, shape);
  ss_graph_want_gradient(graph, x);
  ss_tensor *y = record(graph, &x, of);
  ss_graph_backward(graph, ss_reduce_sum(graph, ss_square(graph, y), (1u << shape.rank) - 1, false), "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_plan *plan = support_plan_threads(graph, threads);
  *count = ss_shape_count(shape);
  float *values = ss_plan_data(plan, x);
  for (int64_t i = 0; i < *count; i++) {
    values[i] = (float)((i * 7919) % 1000) / 500.0f - 1.0f;
  }
  support_run(plan);
  float *out = support_read(plan, gradient);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return out;
}

static void same_bits_for_any_threads(void **state) {
  (void)state;
  for (int i = 0; i < case_count; i++) {
    int64_t count;
    float *one = run_case(&cases[i], 1, &count), *three = run_case(&cases[i], 3, &count);
    assert_memory_equal(one, three, (size_t)count * sizeof *one);
    free(one);
    free(three);
  }
}

static void nan_is_largest(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(1, 2, 2, 2));
  ss_tensor *y = ss_graph_keep(graph, ss_max_pool(graph, x, &(ss_pool_options){.kernel = {2, 2}}));
  ss_plan *plan = support_plan(graph);
  const float values[] = {1.0f, 1.0f, NAN, 5.0f, 7.0f, 2.0f, 3.0f, -1.0f};
  support_write(plan, x, values);
  support_run(plan);
  float *out = support_read(plan, y);
  assert_true(isnan(out[0]));
  assert_true(out[1] == 5.0f);
  free(out);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void mistakes(void **state) {
  (void)state;
  const pooling wrong[] = {
      {"no kernel", {4, {1, 4, 4, 3}}, ss_max_pool, NULL, {{0}, {0}, {0}, false}, 0, 0},
      {"padding", {4, {1, 4, 4, 3}}, ss_max_pool, NULL, {{2, 2}, {2, 2}, {2, 2}, false}, 0, 0},
      {"too large", {4, {1, 4, 4, 3}}, ss_average_pool, NULL, {{5, 5}, {1, 1}, {0}, false}, 0, 0},
      {"rank", {2, {4, 4}}, ss_average_pool, NULL, {{2, 2}, {0}, {0}, false}, 0, 0},
      {"size", {4, {1, 4, 4, 3}}, NULL, ss_resize_bilinear, {{0}, {0}, {0}, false}, 0, 3},
  };
  const char *const texts[] = {"kernel 0", "half the kernel", "does not fit", "(N, [D,] H, W, C)", "0 x 3"};
  for (int i = 0; i < 5; i++) {
    const support_case test = case_of(&wrong[i]);
    support_expect_mistake(&test, texts[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(f32_as_pytorch), cmocka_unit_test(bf16_as_pytorch),
      cmocka_unit_test(gradients),      cmocka_unit_test(same_bits_for_any_threads),
      cmocka_unit_test(nan_is_largest), cmocka_unit_test(mistakes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
