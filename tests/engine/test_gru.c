/* The GRU: PyTorch's values and gradients; differences; what it refuses; the same bits again. */
#include "support.h"

#include "engine/node.h"
#include "engine/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ss_tensor *record(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  return ss_gru(graph, inputs[0], *(const int *)context, "gru");
}

static const struct {
  const char *name;
  ss_shape shape;
  int hidden;
} cases[] = {{"short", {3, {3, 4, 5}}, 6},
             {"one", {3, {2, 1, 3}}, 4},
             {"long", {3, {2, 40, 4}}, 17},
             {"alone", {3, {1, 7, 1}}, 1}};

static void as_pytorch(ss_dtype type, double tolerance) {
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const support_case test = {.name = cases[i].name,
                               .record = record,
                               .context = &cases[i].hidden,
                               .input_count = 1,
                               .shapes = {cases[i].shape}};
    char name[64];
    snprintf(name, sizeof name, "gru:%s", cases[i].name);
    support_check_golden(&test, name, type, tolerance);
  }
}

static void f32_as_pytorch(void **state) {
  (void)state;
  as_pytorch(SS_F32, 3e-6);
}

/* What x gives is rounded to bf16 before the gates. */
static void bf16_as_pytorch(void **state) {
  (void)state;
  as_pytorch(SS_BF16, 0x1p-6);
}

static void gradients(void **state) {
  (void)state;
  static const int hidden = 9;
  const support_case test = {.name = "gru",
                             .record = record,
                             .context = &hidden,
                             .input_count = 1,
                             .shapes = {ss_shape_of(3, 6, 5)},
                             .seed = 4};
  support_check_gradient(&test, 1e-3);
}

enum { SAMPLES = 40, TIMES = 5, INPUTS = 8, HIDDEN = 450 /* enough for several threads */ };
enum { NUMBERS = 3 * HIDDEN * (INPUTS + HIDDEN + 2) };

/* The gradients of all four parameters, one after the other; freed with free(). */
static float *read_gradients(const ss_graph *graph, ss_plan *plan) {
  float *out = calloc(NUMBERS, sizeof *out);
  assert_non_null(out);
  assert_int_equal(ss_graph_gradient_count(graph), 4);
  size_t count = 0;
  for (size_t i = 0; i < 4; i++) {
    const size_t here = (size_t)ss_graph_gradient_parameter(graph, i)->count;
    memcpy(out + count, ss_plan_data(plan, ss_graph_gradient_tensor(graph, i)), here * sizeof *out);
    count += here;
  }
  assert_int_equal(count, NUMBERS);
  return out;
}

/* One plan, and so the same kernels, run twice for the gradients of sum(h^2). */
static void check_same_bits(int threads) {
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true, .seed = 7});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(SAMPLES, TIMES, INPUTS));
  ss_tensor *h = ss_gru(graph, x, HIDDEN, "gru");
  ss_graph_backward(graph, ss_reduce_sum(graph, ss_square(graph, h), 7, false), "");
  ss_plan *plan = support_plan_threads(graph, threads);
  float *gradients[2];
  for (int i = 0; i < 2; i++) {
    float *values = ss_plan_data(plan, x);
    for (int k = 0; k < SAMPLES * TIMES * INPUTS; k++) {
      values[k] = (float)((k * 7919) % 1000 - 500) / 500.0f;
    }
    support_run(plan);
    gradients[i] = read_gradients(graph, plan);
  }
  assert_memory_equal(gradients[0], gradients[1], NUMBERS * sizeof *gradients[0]);
  free(gradients[0]);
  free(gradients[1]);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void the_same_bits_again(void **state) {
  (void)state;
  check_same_bits(1);
  check_same_bits(2);
}

static void mistakes(void **state) {
  (void)state;
  static const int hidden = 4, none = 0;
  const support_case flat = {
      .name = "flat", .record = record, .context = &hidden, .input_count = 1, .shapes = {ss_shape_of(6, 5)}};
  support_expect_mistake(&flat, "the input must be f32 or bf16 (N, T, I), not f32 (6, 5)");
  const support_case empty = {
      .name = "empty", .record = record, .context = &none, .input_count = 1, .shapes = {ss_shape_of(2, 6, 5)}};
  support_expect_mistake(&empty, "at least 1 number, not 0");
}

/* Each time's product of (N, H) and (H, 3H), in both directions. */
static void work_is_counted(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true, .seed = 7});
  ss_tensor *h = ss_gru(graph, ss_graph_input(graph, "x", SS_F32, ss_shape_of(2, 5, 3)), 4, "gru");
  ss_graph_backward(graph, ss_reduce_sum(graph, h, 7, false), "");
  int met = 0;
  for (size_t i = 0; i < graph->node_count; i++) {
    const ss_operation operation = graph->nodes[i]->operation;
    if (operation == SS_OP_GRU || operation == SS_OP_GRU_BACKWARD) {
      assert_true(ss_node_work(graph->nodes[i]).flops == 2.0 * 2 * 5 * 4 * 12);
      met++;
    }
  }
  assert_int_equal(met, 2);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(f32_as_pytorch), cmocka_unit_test(bf16_as_pytorch),
                                     cmocka_unit_test(gradients),      cmocka_unit_test(the_same_bits_again),
                                     cmocka_unit_test(mistakes),       cmocka_unit_test(work_is_counted)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
