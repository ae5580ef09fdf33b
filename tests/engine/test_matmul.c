/* Linear layers and matrix products against PyTorch, differences and each other. */
#include "support_ways.h"

#include "engine/cpu/features.h"

#include <stdio.h>

typedef struct matmul_case {
  bool transpose_a, transpose_b;
} matmul_case;

static ss_tensor *record_linear(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_linear(graph, inputs[0], 21, true, "l");
}

static ss_tensor *record_matmul(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  const matmul_case *c = context;
  ss_tensor *a = ss_cast(graph, inputs[0], ss_graph_compute_dtype(graph));
  ss_tensor *b = ss_cast(graph, inputs[1], ss_graph_compute_dtype(graph));
  return ss_matmul(graph, a, c->transpose_a, b, c->transpose_b, 0.5f);
}

static ss_tensor *record_nothing(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_linear(graph, inputs[0], 0, true, "l");
}

static const support_case linear = {
    .name = "linear", .record = record_linear, .input_count = 1, .shapes = {{2, {9, 37}}}, .seed = 3};

/* (6, 11) x (11, 7), plain or 3 of them, with bit 0 of `transposed` for a and bit 1 for b. */
static support_case product(const matmul_case *c, bool batched) {
  support_case test = {.name = "matmul", .record = record_matmul, .context = c, .input_count = 2, .seed = 4};
  const int64_t a[] = {3, c->transpose_a ? 11 : 6, c->transpose_a ? 6 : 11};
  const int64_t b[] = {3, c->transpose_b ? 7 : 11, c->transpose_b ? 11 : 7};
  test.shapes[0] = batched ? ss_shape_make(3, a) : ss_shape_make(2, a + 1);
  test.shapes[1] = batched ? ss_shape_make(3, b) : ss_shape_make(2, b + 1);
  return test;
}

static void check_goldens(ss_dtype compute, double tolerance) {
  support_check_golden(&linear, "linear", compute, tolerance);
  for (int i = 0; i < 8; i++) {
    const matmul_case c = {(i & 1) != 0, (i & 2) != 0};
    const support_case test = product(&c, i >= 4);
    char name[32];
    snprintf(name, sizeof name, "matmul_%d%s", i % 4, i >= 4 ? "_batched" : "");
    support_check_golden(&test, name, compute, tolerance);
  }
}

static void test_goldens(void **state) {
  (void)state;
  check_goldens(SS_F32, 2e-6);
}

/* Operands are bf16 numbers: only the rounding of results is left. */
static void test_goldens_bf16(void **state) {
  (void)state;
  check_goldens(SS_BF16, 1.01 / 256.0);
}

static void test_gradients(void **state) {
  (void)state;
  support_check_gradient(&linear, 1e-3);
  for (int i = 0; i < 8; i++) {
    const matmul_case c = {(i & 1) != 0, (i & 2) != 0};
    const support_case test = product(&c, i >= 4);
    support_check_gradient(&test, 1e-3);
  }
}

static void test_mistakes(void **state) {
  (void)state;
  const matmul_case c = {false, true};
  support_case test = product(&c, false);
  test.shapes[1] = ss_shape_of(7, 12);
  support_expect_mistake(&test, "(6, 11) and f32 (7, 12) transposed");
  test.shapes[1] = ss_shape_of(2, 7, 11);
  support_expect_mistake(&test, "(6, 11) and f32 (2, 7, 11)");
  test = linear;
  test.shapes[0] = ss_shape_of(9, 3, 4);
  support_expect_mistake(&test, "l: the input must be (N, I), not (9, 3, 4)");
  test = linear;
  test.record = record_nothing;
  support_expect_mistake(&test, "l: a linear layer needs at least 1 output, not 0");
}

/* The products of a linear layer's two gradients and others, in every mixture of types a graph records. */
static void test_ways(void **state) {
  (void)state;
  static const struct {
    ss_dtype a, b, c;
    double tolerance; /* results rounded to bf16 differ by two roundings, 2^-8 each */
  } types[] = {{SS_F32, SS_F32, SS_F32, 1e-5},
               {SS_BF16, SS_BF16, SS_BF16, 2.0 / 256.0},
               {SS_BF16, SS_F32, SS_BF16, 2.0 / 256.0},
               {SS_BF16, SS_BF16, SS_F32, 1e-5},
               {SS_F32, SS_BF16, SS_F32, 1e-5}};
  static const int64_t sizes[][4] = {{1, 65, 130, 33}, {1, 128, 64, 256}, {4, 17, 16, 9}, {1, 1, 40, 5}, {1, 6, 1, 8}};
  int checked = 0;
  for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      for (unsigned flags = 0; flags < 4; flags++) {
        ss_parameters *parameters = ss_parameters_new(1);
        ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = types[t].c, .training = true});
        const int64_t batch = sizes[s][0], m = sizes[s][1], k = sizes[s][2], n = sizes[s][3];
        const int64_t a[] = {batch, flags & 1u ? k : m, flags & 1u ? m : k};
        const int64_t b[] = {batch, flags & 2u ? n : k, flags & 2u ? k : n};
        const int skip_batch = batch == 1;
        ss_tensor *left = ss_graph_input(graph, "a", types[t].a, ss_shape_make(3 - skip_batch, a + skip_batch));
        ss_tensor *right = ss_graph_input(graph, "b", types[t].b, ss_shape_make(3 - skip_batch, b + skip_batch));
        ss_tensor *c = ss_matmul(graph, left, flags & 1u, right, flags & 2u, 0.25f);
        assert_non_null(c);
        c->dtype = types[t].c; /* as a gradient may ask for */
        checked += support_check_ways(c->producer, types[t].tolerance, 10 * s + flags);
        if (skip_batch && flags == 2 && types[t].b == SS_F32) {
          ss_tensor *y = ss_linear(graph, left, (int)n, true, "l");
          assert_non_null(y);
          checked += support_check_ways(y->producer, types[t].tolerance, s);
        }
        ss_graph_free(graph);
        ss_parameters_free(parameters);
      }
    }
  }
  assert_true(checked >= (ss_cpu_has_bf16() ? 5 : 1) * 5 * 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_goldens),  cmocka_unit_test(test_goldens_bf16), cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_mistakes), cmocka_unit_test(test_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
