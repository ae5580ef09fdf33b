/* PReLU: PyTorch's values and gradients, in both types; the same bits for any number of threads. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ss_tensor *record(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_prelu(graph, ss_cast(graph, inputs[0], ss_graph_compute_dtype(graph)), "prelu");
}

static void check_goldens(ss_dtype type, double tolerance) {
  static const struct {
    const char *name;
    ss_shape shape;
  } cases[] = {
      {"vectors", {2, {5, 3}}}, {"picture", {4, {2, 5, 4, 16}}}, {"uneven", {3, {3, 7, 33}}}, {"wide", {2, {2, 1030}}}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const support_case test = {.name = cases[i].name, .record = record, .input_count = 1, .shapes = {cases[i].shape}};
    char name[64];
    snprintf(name, sizeof name, "prelu:%s", cases[i].name);
    support_check_golden(&test, name, type, tolerance);
  }
}

static void f32_as_pytorch(void **state) {
  (void)state;
  check_goldens(SS_F32, 1e-6);
}

static void bf16_as_pytorch(void **state) {
  (void)state;
  check_goldens(SS_BF16, 0x1p-8);
}

static void gradients(void **state) {
  (void)state;
  const support_case test = {
      .name = "prelu", .record = record, .input_count = 1, .shapes = {ss_shape_of(6, 33)}, .ladder = true, .seed = 1};
  support_check_gradient(&test, 1e-3);
}

enum { rows = 3000, length = 33 };

/* Gradients of sum(y^2) with respect to x and the slopes. */
static float *run(int threads) {
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true, .seed = 7});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(rows, length));
  ss_graph_want_gradient(graph, x);
  ss_tensor *y = ss_prelu(graph, x, "prelu");
  ss_graph_backward(graph, ss_reduce_sum(graph, ss_square(graph, y), 3, false), "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_tensor *of_slope = ss_graph_gradient_tensor(graph, 0);
  ss_plan *plan = support_plan_threads(graph, threads);
  float *values = ss_plan_data(plan, x);
  for (int i = 0; i < rows * length; i++) {
    values[i] = (float)((i * 7919) % 1000 - 500) / 500.0f;
  }
  support_run(plan);
  float *out = calloc(rows * length + length, sizeof *out);
  assert_non_null(out);
  memcpy(out, ss_plan_data(plan, gradient), rows * length * sizeof *out);
  memcpy(out + rows * length, ss_plan_data(plan, of_slope), length * sizeof *out);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return out;
}

static void same_bits_for_any_threads(void **state) {
  (void)state;
  float *one = run(1);
  for (int threads = 2; threads <= 3; threads++) {
    float *more = run(threads);
    assert_memory_equal(one, more, (rows * length + length) * sizeof *one);
    free(more);
  }
  free(one);
}

static ss_tensor *of_labels(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_prelu(graph, inputs[0], "prelu");
}

static void mistakes(void **state) {
  (void)state;
  const support_case test = {
      .name = "labels", .record = of_labels, .input_count = 1, .shapes = {ss_shape_of(6)}, .labels_below = 3};
  support_expect_mistake(&test, "PReLU wants f32 or bf16, not i32");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(f32_as_pytorch), cmocka_unit_test(bf16_as_pytorch),
                                     cmocka_unit_test(gradients), cmocka_unit_test(same_bits_for_any_threads),
                                     cmocka_unit_test(mistakes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
