#include "support.h"

#include "base/bfloat16.h"
#include "engine/cpu/elements.h"
#include "engine/elementwise.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Inputs and weights of the goldens are bf16 numbers, so in bf16 only results are rounded, by up to 2^-8: y, and
 * within its gradient y, one product before the last, and the last. In float32 it is 6e-8. */
static const double f32_tolerance = 1e-6, bf16_tolerance = 3.0 / 256;

static ss_tensor *in_compute_type(ss_graph *graph, ss_tensor *x) {
  return ss_cast(graph, x, ss_graph_compute_dtype(graph));
}

static ss_tensor *record_unary(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  ss_tensor *x = in_compute_type(graph, inputs[0]);
  switch (*(const int *)context) {
    case SS_UNARY_RELU:
      return ss_relu(graph, x);
    case SS_UNARY_LEAKY_RELU:
      return ss_leaky_relu(graph, x, 0.25f);
    case SS_UNARY_SIGMOID:
      return ss_sigmoid(graph, x);
    case SS_UNARY_TANH:
      return ss_tanh(graph, x);
    case SS_UNARY_EXP:
      return ss_exp(graph, x);
    case SS_UNARY_LOG:
      return ss_log(graph, x);
    case SS_UNARY_SQRT:
      return ss_sqrt(graph, x);
    case SS_UNARY_SQUARE:
      return ss_square(graph, x);
    case SS_UNARY_ABS:
      return ss_abs(graph, x);
    default:
      return ss_affine(graph, x, 1.5f, -0.75f);
  }
}

static const char *const unary_names[] = {"relu", "leaky_relu", "sigmoid", "tanh", "exp",
                                          "log",  "sqrt",       "square",  "abs",  "affine"};

static void test_unary(void **state) {
  (void)state;
  for (int kind = SS_UNARY_RELU; kind <= SS_UNARY_AFFINE; kind++) {
    char golden[64];
    snprintf(golden, sizeof golden, "elementwise:%s", unary_names[kind]);
    support_case test = {.name = unary_names[kind],
                         .record = record_unary,
                         .context = &kind,
                         .input_count = 1,
                         .shapes = {ss_shape_of(5, 7)},
                         .seed = 3};
    support_check_golden(&test, golden, SS_F32, f32_tolerance);
    support_check_golden(&test, golden, SS_BF16, bf16_tolerance);
    test.positive = kind == SS_UNARY_LOG || kind == SS_UNARY_SQRT;
    test.ladder = !test.positive && kind != SS_UNARY_EXP;
    support_check_gradient(&test, 1e-3);
  }
}

static ss_tensor *record_binary(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  ss_tensor *a = in_compute_type(graph, inputs[0]), *b = in_compute_type(graph, inputs[1]);
  switch (*(const int *)context) {
    case SS_BINARY_ADD:
      return ss_add(graph, a, b);
    case SS_BINARY_SUBTRACT:
      return ss_subtract(graph, a, b);
    case SS_BINARY_MULTIPLY:
      return ss_multiply(graph, a, b);
    default:
      return ss_divide(graph, a, b);
  }
}

static void test_binary(void **state) {
  (void)state;
  static const char *const names[] = {"add", "subtract", "multiply", "divide"};
  const struct {
    const char *name;
    ss_shape a, b;
  } shapes[] = {
      {"same", ss_shape_of(2, 3, 4, 5), ss_shape_of(2, 3, 4, 5)},
      {"channels", ss_shape_of(2, 3, 4, 5), ss_shape_of(5)},
      {"images", ss_shape_of(2, 1, 1, 5), ss_shape_of(2, 3, 4, 5)},
      {"places", ss_shape_of(2, 3, 4, 1), ss_shape_of(2, 1, 4, 5)},
      {"outer", ss_shape_of(6, 1), ss_shape_of(1, 7)},
      {"scalar", ss_shape_of(1), ss_shape_of(3, 5)},
  };
  for (int kind = SS_BINARY_ADD; kind <= SS_BINARY_DIVIDE; kind++) {
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
      char golden[64];
      snprintf(golden, sizeof golden, "elementwise:%s_%s", names[kind], shapes[i].name);
      const support_case test = {.name = golden,
                                 .record = record_binary,
                                 .context = &kind,
                                 .input_count = 2,
                                 .shapes = {shapes[i].a, shapes[i].b},
                                 .positive = kind == SS_BINARY_DIVIDE,
                                 .seed = 5};
      support_check_golden(&test, golden, SS_F32, f32_tolerance);
      support_check_golden(&test, golden, SS_BF16, bf16_tolerance);
      support_check_gradient(&test, 1e-3);
    }
  }
}

/* Long enough for several threads and uneven at the end. */
static void test_long_tensors_of_two_types(void **state) {
  (void)state;
  enum { ROWS = 37, COLUMNS = 2051 };
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *a = ss_graph_input(graph, "a", SS_BF16, ss_shape_of(ROWS, COLUMNS));
  ss_tensor *b = ss_graph_input(graph, "b", SS_F32, ss_shape_of(COLUMNS));
  ss_tensor *mixed = ss_graph_keep(graph, ss_multiply(graph, a, b));
  ss_tensor *added = ss_graph_keep(graph, ss_add(graph, a, a));
  ss_tensor *relu = ss_graph_keep(graph, ss_relu(graph, a));
  ss_tensor *narrow = ss_graph_keep(graph, ss_cast(graph, mixed, SS_BF16));
  assert_int_equal(ss_tensor_dtype(mixed), SS_F32);
  assert_int_equal(ss_tensor_dtype(added), SS_BF16);
  ss_plan *plan = support_plan(graph);
  ss_bf16 *values = ss_plan_data(plan, a);
  float *scales = ss_plan_data(plan, b);
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    values[i] = ss_bf16_from_float((float)(i % 4093) * 0.37f - 700.0f);
  }
  for (int i = 0; i < COLUMNS; i++) {
    scales[i] = 1.0f + (float)i * 1e-3f;
  }
  support_run(plan);
  const float *of_mixed = ss_plan_data(plan, mixed);
  const ss_bf16 *of_added = ss_plan_data(plan, added), *of_relu = ss_plan_data(plan, relu);
  const ss_bf16 *of_narrow = ss_plan_data(plan, narrow);
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    const float x = ss_bf16_to_float(values[i]);
    assert_true(of_mixed[i] == x * scales[i % COLUMNS]);
    assert_int_equal(of_added[i], ss_bf16_from_float(x + x));
    assert_int_equal(of_relu[i], x > 0.0f ? values[i] : 0);
    assert_int_equal(of_narrow[i], ss_bf16_from_float(of_mixed[i]));
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
}

/* The values that a function in place has written over must not be the ones its gradient needs. */
static ss_tensor *record_chain(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  ss_tensor *x = ss_affine(graph, inputs[0], 0.5f, 0.1f);
  ss_tensor *squared = ss_square(graph, ss_sigmoid(graph, x));
  ss_tensor *twice = ss_multiply(graph, ss_tanh(graph, squared), squared);
  return ss_add(graph, ss_subtract(graph, ss_exp(graph, twice), x), ss_divide(graph, x, ss_exp(graph, squared)));
}

static void test_chain(void **state) {
  (void)state;
  const support_case test = {
      .name = "chain", .record = record_chain, .input_count = 1, .shapes = {ss_shape_of(3, 11)}, .seed = 9};
  support_check_gradient(&test, 1e-3);
}

static ss_tensor *record_stopped(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_multiply(graph, inputs[0], ss_stop_gradient(graph, ss_square(graph, inputs[0])));
}

static void test_stop_gradient(void **state) {
  (void)state;
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(4));
  ss_graph_want_gradient(graph, x);
  ss_graph_backward(graph, ss_reduce_sum(graph, record_stopped(graph, &x, NULL), 1u, false), "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_plan *plan = support_plan(graph);
  const float values[] = {1.0f, -2.0f, 0.5f, 3.0f};
  support_write(plan, x, values);
  support_run(plan);
  const float *of_x = ss_plan_data(plan, gradient);
  for (int i = 0; i < 4; i++) {
    assert_true(of_x[i] == values[i] * values[i]);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
}

static void test_cast_of_integers(void **state) {
  (void)state;
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *bytes = ss_graph_input(graph, "bytes", SS_U8, ss_shape_of(256));
  ss_tensor *labels = ss_graph_input(graph, "labels", SS_I32, ss_shape_of(3));
  ss_tensor *of_bytes = ss_graph_keep(graph, ss_cast(graph, bytes, SS_BF16));
  ss_tensor *of_labels = ss_graph_keep(graph, ss_cast(graph, labels, SS_F32));
  ss_plan *plan = support_plan(graph);
  for (int i = 0; i < 256; i++) {
    ((uint8_t *)ss_plan_data(plan, bytes))[i] = (uint8_t)i;
  }
  support_write(plan, labels, (const float[]){-7.0f, 0.0f, 65537.0f});
  support_run(plan);
  for (int i = 0; i < 256; i++) {
    assert_true(ss_bf16_to_float(((const ss_bf16 *)ss_plan_data(plan, of_bytes))[i]) == (float)i);
  }
  assert_true(((const float *)ss_plan_data(plan, of_labels))[2] == 65537.0f);
  assert_true(((const float *)ss_plan_data(plan, of_labels))[0] == -7.0f);
  ss_plan_free(plan);
  ss_graph_free(graph);
}

static void test_exponential(void **state) {
  (void)state;
  double worst = 0.0;
  for (int i = -87300; i <= 88700; i++) {
    const float x = (float)i * 1e-3f;
    const double expected = exp((double)x);
    worst = fmax(worst, fabs((double)ss_element_exp(x) - expected) / expected);
  }
  assert_true(worst < 2.5e-7); /* two units in the last place */
  assert_true(ss_element_exp(0.0f) == 1.0f);
  assert_true(ss_element_exp(-INFINITY) == 0.0f && ss_element_exp(-1000.0f) == 0.0f);
  assert_true(isinf(ss_element_exp(INFINITY)) && isinf(ss_element_exp(89.0f)));
  assert_true(isnan(ss_element_exp(NAN)));
}

static void test_narrowing(void **state) {
  (void)state;
  static const uint32_t low[] = {0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF};
  for (uint32_t high = 0; high < 0x10000; high++) {
    for (size_t i = 0; i < sizeof low / sizeof low[0]; i++) {
      const uint32_t bits = high << 16 | low[i];
      float value;
      memcpy(&value, &bits, sizeof value);
      if (ss_element_narrow(value) != ss_bf16_from_float(value)) {
        fail_msg("%08x narrows to %04x, not %04x", bits, ss_element_narrow(value), ss_bf16_from_float(value));
      }
    }
  }
}

static ss_tensor *record_negative_slope(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_leaky_relu(graph, inputs[0], -0.5f);
}

static ss_tensor *record_cast(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  return ss_cast(graph, inputs[0], *(const ss_dtype *)context);
}

static void test_mistakes(void **state) {
  (void)state;
  const int add = SS_BINARY_ADD;
  const support_case shapes = {.name = "shapes",
                               .record = record_binary,
                               .context = &add,
                               .input_count = 2,
                               .shapes = {ss_shape_of(2, 3), ss_shape_of(4, 2)}};
  support_expect_mistake(&shapes, "(2, 3) and (4, 2)");
  const support_case slope = {
      .name = "slope", .record = record_negative_slope, .input_count = 1, .shapes = {ss_shape_of(2)}};
  support_expect_mistake(&slope, "-0.5");
  const ss_dtype integers = SS_I32;
  const support_case cast = {
      .name = "cast", .record = record_cast, .context = &integers, .input_count = 1, .shapes = {ss_shape_of(2, 5)}};
  support_expect_mistake(&cast, "(2, 5) to i32");

  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *labels = ss_graph_input(graph, "labels", SS_I32, ss_shape_of(6));
  assert_null(ss_relu(graph, labels));
  ss_error error = {{0}};
  assert_int_equal(ss_graph_status(graph, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "i32 (6)"));
  assert_null(ss_add(graph, NULL, labels));
  ss_graph_free(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_unary),
      cmocka_unit_test(test_binary),
      cmocka_unit_test(test_long_tensors_of_two_types),
      cmocka_unit_test(test_chain),
      cmocka_unit_test(test_stop_gradient),
      cmocka_unit_test(test_cast_of_integers),
      cmocka_unit_test(test_exponential),
      cmocka_unit_test(test_narrowing),
      cmocka_unit_test(test_mistakes),
  };
  return cmocka_run_group_tests_name("elementwise", tests, NULL, NULL);
}
