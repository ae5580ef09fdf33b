/* Convolutions against PyTorch, against differences, and their mistakes. */
#include "support.h"

#include "engine/cpu/features.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct convolution_case {
  const char *name;
  ss_shape x;
  int outputs;
  ss_convolution_options options;
  bool transposed;
  int output_padding[3];
} convolution_case;

static ss_tensor *record(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  const convolution_case *c = context;
  const bool flat = ss_tensor_rank(inputs[0]) == 4;
  if (ss_tensor_rank(inputs[0]) == 3) {
    return ss_convolution1d(graph, inputs[0], c->outputs, &c->options, "c");
  }
  if (c->transposed) {
    return flat ? ss_transposed_convolution2d(graph, inputs[0], c->outputs, &c->options, c->output_padding, "c")
                : ss_transposed_convolution3d(graph, inputs[0], c->outputs, &c->options, c->output_padding, "c");
  }
  return flat ? ss_convolution2d(graph, inputs[0], c->outputs, &c->options, "c")
              : ss_convolution3d(graph, inputs[0], c->outputs, &c->options, "c");
}

/* As in golden/make_convolution.py. */
static const convolution_case cases[] = {
    {"1d", {3, {3, 17, 5}}, 6, {.kernel = {5}, .stride = {2}, .padding = {2}, .bias = true}, false, {0}},
    {"1d_strided", {3, {2, 40, 1}}, 8, {.kernel = {10}, .stride = {5}, .padding = {3}, .bias = true}, false, {0}},
    {"1d_groups", {3, {2, 11, 8}}, 12, {.kernel = {3}, .dilation = {2}, .groups = 4}, false, {0}},
    {"3x3", {4, {2, 7, 9, 5}}, 8, {.kernel = {3, 3}, .padding = {1, 1}, .bias = true}, false, {0}},
    {"3x3_stride", {4, {2, 8, 8, 16}}, 16, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, false, {0}},
    {"dilated",
     {4, {2, 9, 8, 4}},
     6,
     {.kernel = {3, 3}, .padding = {2, 2}, .dilation = {2, 2}, .bias = true},
     false,
     {0}},
    {"groups", {4, {2, 6, 5, 8}}, 12, {.kernel = {3, 3}, .padding = {1, 1}, .groups = 4, .bias = true}, false, {0}},
    {"depthwise", {4, {2, 6, 6, 16}}, 16, {.kernel = {3, 3}, .padding = {1, 1}, .groups = 16}, false, {0}},
    {"1x1", {4, {3, 5, 5, 16}}, 24, {.kernel = {1, 1}, .bias = true}, false, {0}},
    {"1x1_stride", {4, {2, 6, 7, 16}}, 8, {.kernel = {1, 1}, .stride = {2, 2}}, false, {0}},
    {"7x7", {4, {2, 17, 14, 3}}, 16, {.kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3}}, false, {0}},
    {"uneven", {4, {2, 8, 7, 3}}, 5, {.kernel = {3, 5}, .stride = {2, 1}, .padding = {1, 2}, .bias = true}, false, {0}},
    {"3d",
     {5, {2, 4, 6, 7, 3}},
     8,
     {.kernel = {3, 3, 3}, .stride = {1, 2, 2}, .padding = {1, 1, 1}, .bias = true},
     false,
     {0}},
    {"3d_groups",
     {5, {1, 5, 4, 5, 4}},
     6,
     {.kernel = {3, 1, 3}, .stride = {2, 1, 1}, .padding = {1, 0, 1}, .groups = 2},
     false,
     {0}},
    {"transposed",
     {4, {2, 4, 5, 8}},
     6,
     {.kernel = {4, 4}, .stride = {2, 2}, .padding = {1, 1}, .bias = true},
     true,
     {0}},
    {"transposed_padded", {4, {2, 4, 5, 6}}, 4, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, true, {1, 1}},
    {"transposed_groups",
     {4, {2, 4, 4, 8}},
     4,
     {.kernel = {3, 3}, .stride = {2, 1}, .padding = {1, 1}, .dilation = {2, 1}, .groups = 2, .bias = true},
     true,
     {1, 0}},
    {"transposed_dilated",
     {4, {2, 5, 4, 3}},
     4,
     {.kernel = {3, 3}, .padding = {2, 2}, .dilation = {3, 3}, .bias = true},
     true,
     {2, 1}},
    {"transposed_3d",
     {5, {1, 3, 3, 4, 4}},
     5,
     {.kernel = {3, 4, 4}, .stride = {1, 2, 2}, .padding = {1, 1, 1}, .bias = true},
     true,
     {0}},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static support_case as_support_case(const convolution_case *c) {
  return (support_case){.name = c->name, .record = record, .context = c, .input_count = 1, .shapes = {c->x}, .seed = 5};
}

static void check_goldens(ss_dtype compute, double tolerance, double transposed_tolerance) {
  for (int i = 0; i < CASES; i++) {
    char golden[64];
    snprintf(golden, sizeof golden, "convolution_%s", cases[i].name);
    const support_case test = as_support_case(&cases[i]);
    support_check_golden(&test, golden, compute, cases[i].transposed ? transposed_tolerance : tolerance);
  }
}

/* Sums of up to 500 products in float32 against float64. */
static void test_goldens(void **state) {
  (void)state;
  check_goldens(SS_F32, 2e-6, 2e-6);
}

/* The goldens' operands are bf16 numbers, so only rounding the result is left: 2^-8 of it at most (eight significant
 * bits), and twice for a transposed convolution, whose bias may be added to the rounded result. */
static void test_goldens_bf16(void **state) {
  (void)state;
  check_goldens(SS_BF16, 1.01 / 256.0, 2.02 / 256.0);
}

static void test_gradients(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    const support_case test = as_support_case(&cases[i]);
    support_check_gradient(&test, 1e-3);
  }
}

/* PyTorch's default: both within 1 / sqrt(fan_in), fan_in of a transposed convolution from its second axis. */
static void test_initial_values(void **state) {
  (void)state;
  for (int transposed = 0; transposed < 2; transposed++) {
    ss_parameters *parameters = ss_parameters_new(1);
    ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
    ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(1, 4, 4, 32));
    const ss_convolution_options options = {.kernel = {3, 3}, .padding = {1, 1}, .bias = true};
    assert_non_null(transposed ? ss_transposed_convolution2d(graph, x, 64, &options, NULL, "c")
                               : ss_convolution2d(graph, x, 64, &options, "c"));
    const double bound = 1.0 / sqrt(transposed ? 64.0 * 9.0 : 32.0 * 9.0);
    const char *const names[] = {"c.weight", "c.bias"};
    for (int k = 0; k < 2; k++) {
      const ss_parameter *parameter = ss_parameters_find(parameters, names[k]);
      assert_non_null(parameter);
      double largest = 0.0;
      for (int64_t i = 0; i < parameter->count; i++) {
        largest = fmax(largest, fabs((double)((const float *)parameter->value)[i]));
      }
      assert_true(largest <= bound * 1.000001 && largest > 0.9 * bound);
    }
    ss_graph_free(graph);
    ss_parameters_free(parameters);
  }
}

static void expect(const convolution_case *c, const char *text) {
  const support_case test = as_support_case(c);
  support_expect_mistake(&test, text);
}

static void test_mistakes(void **state) {
  (void)state;
  const ss_shape x = {4, {2, 5, 5, 6}};
  expect(&(convolution_case){"no kernel", x, 4, {.kernel = {3}}, false, {0}}, "c: the kernel's width");
  expect(&(convolution_case){"too large", x, 4, {.kernel = {3, 7}}, false, {0}}, "width 5 of (2, 5, 5, 6)");
  expect(&(convolution_case){"groups", x, 4, {.kernel = {3, 3}, .groups = 4}, false, {0}}, "4 groups");
  expect(&(convolution_case){"no outputs", x, 0, {.kernel = {3, 3}}, false, {0}}, "0 output channels");
  expect(&(convolution_case){"stride", x, 4, {.kernel = {3, 3}, .stride = {-1, 1}}, false, {0}}, "stride -1");
  expect(&(convolution_case){"rank", {2, {5, 6}}, 4, {.kernel = {3, 3}}, false, {0}}, "(5, 6)");
  expect(&(convolution_case){"1d", {3, {2, 5, 6}}, 4, {.kernel = {6}}, false, {0}}, "width 5 of (2, 1, 5, 6)");
  expect(&(convolution_case){"1d groups", {3, {2, 5, 6}}, 4, {.kernel = {3}, .groups = 4}, false, {0}}, "4 groups");
  expect(&(convolution_case){"output padding", x, 4, {.kernel = {3, 3}, .stride = {2, 2}}, true, {2, 0}},
         "output padding 2");
  expect(&(convolution_case){"nothing left", x, 4, {.kernel = {1, 1}, .padding = {0, 3}}, true, {0}},
         "leaves nothing of the width");
}

static ss_tensor *record_1d(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_convolution1d(graph, inputs[0], 4, &(ss_convolution_options){.kernel = {3}}, "c");
}

/* The parameter has PyTorch's three axes and its default bounds; pictures are refused. */
static void test_1d_parameters(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(2, 9, 100));
  assert_non_null(ss_convolution1d(graph, x, 4, &(ss_convolution_options){.kernel = {3}, .bias = true}, "c"));
  const ss_parameter *weight = ss_parameters_find(parameters, "c.weight");
  assert_true(ss_shape_equal(weight->shape, ss_shape_of(4, 100, 3)));
  double largest = 0.0;
  for (int64_t i = 0; i < weight->count; i++) {
    largest = fmax(largest, fabs((double)((const float *)weight->value)[i]));
  }
  assert_true(largest <= 1.000001 / sqrt(300.0) && largest > 0.95 / sqrt(300.0));
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  const support_case picture = {
      .name = "picture", .record = record_1d, .input_count = 1, .shapes = {ss_shape_of(2, 5, 5, 6)}};
  support_expect_mistake(&picture, "c: the input must be (N, L, C), not (2, 5, 5, 6)");
}

static ss_tensor *record_given(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  const support_case *test = context;
  return ss_convolution_with(graph, inputs[0], inputs[1], test->input_count > 2 ? inputs[2] : NULL,
                             &(ss_convolution_options){.kernel = {3, 3}});
}

static void test_given_weights(void **state) {
  (void)state;
  support_case test = {.name = "given",
                       .record = record_given,
                       .context = &test,
                       .input_count = 2,
                       .shapes = {{4, {2, 5, 5, 6}}, {4, {4, 6, 3, 3}}},
                       .seed = 9};
  support_check_gradient(&test, 1e-3);
  test.shapes[1] = (ss_shape){4, {4, 5, 3, 3}};
  support_expect_mistake(&test, "the weight is f32 (4, 5, 3, 3), it must be f32 (4, 6, 3, 3)");
  test.shapes[1] = (ss_shape){4, {4, 6, 3, 3}};
  test.input_count = 3;
  test.shapes[2] = (ss_shape){1, {4}};
  support_check_gradient(&test, 1e-3);
  test.shapes[2] = (ss_shape){1, {3}};
  support_expect_mistake(&test, "the bias is f32 (3), it must be f32 (4)");
}

static void test_feature_names(void **state) {
  (void)state;
  char names[64], cut[5];
  ss_cpu_feature_names(names, sizeof names);
  assert_true(strlen(names) > 0);
  assert_int_equal(strstr(names, "avx512_bf16") != NULL, ss_cpu_has_bf16());
  ss_cpu_feature_names(cut, sizeof cut);
  assert_memory_equal(cut, names, 4);
  assert_int_equal(cut[4], 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_goldens),        cmocka_unit_test(test_goldens_bf16),  cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_initial_values), cmocka_unit_test(test_mistakes),      cmocka_unit_test(test_given_weights),
      cmocka_unit_test(test_1d_parameters),  cmocka_unit_test(test_feature_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
