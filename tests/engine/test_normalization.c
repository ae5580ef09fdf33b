#include "support.h"

#include "base/random.h"
#include "engine/node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct response {
  int size;
  float alpha, beta, k;
} response;

static ss_tensor *compute(ss_graph *graph, ss_tensor *x) {
  return ss_cast(graph, x, ss_graph_compute_dtype(graph));
}

static ss_tensor *layer_norm(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_layer_norm(graph, compute(graph, inputs[0]), "norm");
}

static ss_tensor *local_response_norm(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  const response *of = context;
  return ss_local_response_norm(graph, compute(graph, inputs[0]), of->size, of->alpha, of->beta, of->k);
}

static ss_tensor *l2_normalize(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_l2_normalize(graph, compute(graph, inputs[0]));
}

static ss_tensor *softmax(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_softmax(graph, compute(graph, inputs[0]));
}

static ss_tensor *log_softmax(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_log_softmax(graph, compute(graph, inputs[0]));
}

static ss_tensor *dropout(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  return ss_dropout(graph, inputs[0], *(const float *)context);
}

static const response alexnet = {5, 1e-4f, 0.75f, 2.0f}, even = {4, 0.5f, 0.6f, 1.0f}, wide = {9, 0.5f, 0.75f, 1.0f};

static const struct {
  const char *name;
  support_record record;
  const void *context;
  ss_shape shape;
} cases[] = {
    {"layer_norm_3", layer_norm, NULL, {2, {5, 3}}},
    {"layer_norm_33", layer_norm, NULL, {2, {40, 33}}},
    {"layer_norm_64", layer_norm, NULL, {4, {2, 2, 2, 64}}},
    {"response_alexnet", local_response_norm, &alexnet, {4, {2, 2, 2, 16}}},
    {"response_even", local_response_norm, &even, {3, {2, 3, 33}}},
    {"response_wide", local_response_norm, &wide, {3, {2, 2, 3}}},
    {"l2_3", l2_normalize, NULL, {2, {7, 3}}},
    {"l2_33", l2_normalize, NULL, {3, {2, 3, 33}}},
    {"softmax_3", softmax, NULL, {2, {5, 3}}},
    {"softmax_70", softmax, NULL, {3, {3, 2, 70}}},
    {"log_softmax_3", log_softmax, NULL, {2, {5, 3}}},
    {"log_softmax_70", log_softmax, NULL, {3, {3, 2, 70}}},
};

static void check_goldens(ss_dtype type, double tolerance) {
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const support_case test = {.name = cases[i].name,
                               .record = cases[i].record,
                               .context = cases[i].context,
                               .input_count = 1,
                               .shapes = {cases[i].shape}};
    char name[64];
    snprintf(name, sizeof name, "normalization:%s", cases[i].name);
    support_check_golden(&test, name, type, tolerance);
  }
}

static void f32_as_pytorch(void **state) {
  (void)state;
  check_goldens(SS_F32, 3e-6);
}

/* Inputs are exact in bf16, sums are float32. Outputs and gradients are rounded, by 2^-8 of their largest; softmax's
 * gradient is found from the rounded y, which doubles that. */
static void bf16_as_pytorch(void **state) {
  (void)state;
  check_goldens(SS_BF16, 0x1p-7);
}

static void gradients(void **state) {
  (void)state;
  static const float half = 0.5f;
  const support_case tests[] = {
      {.name = "layer norm", .record = layer_norm, .input_count = 1, .shapes = {ss_shape_of(6, 33)}, .seed = 1},
      {.name = "response",
       .record = local_response_norm,
       .context = &even,
       .input_count = 1,
       .shapes = {ss_shape_of(3, 16)},
       .seed = 2},
      {.name = "L2", .record = l2_normalize, .input_count = 1, .shapes = {ss_shape_of(5, 16)}, .seed = 3},
      {.name = "softmax", .record = softmax, .input_count = 1, .shapes = {ss_shape_of(4, 33)}, .seed = 4},
      {.name = "log softmax", .record = log_softmax, .input_count = 1, .shapes = {ss_shape_of(4, 33)}, .seed = 5},
      {.name = "dropout",
       .record = dropout,
       .context = &half,
       .input_count = 1,
       .shapes = {ss_shape_of(7, 33)},
       .seed = 6},
  };
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
    support_check_gradient(&tests[i], 2e-3);
  }
}

/* A row of zeros, a tiny one and rows that overflow a naive exponential. */
static void extremes(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(3, 2));
  ss_graph_want_gradient(graph, x);
  ss_tensor *unit = ss_graph_keep(graph, ss_l2_normalize(graph, x));
  ss_tensor *shares = ss_graph_keep(graph, ss_softmax(graph, x));
  ss_tensor *logs = ss_graph_keep(graph, ss_log_softmax(graph, x));
  ss_graph_backward(graph, ss_reduce_sum(graph, unit, 3, false), "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_plan *plan = support_plan(graph);
  const float values[] = {0.0f, 0.0f, 1e-13f, 0.0f, 1000.0f, 900.0f};
  support_write(plan, x, values);
  support_run(plan);
  float *of_unit = support_read(plan, unit), *of_shares = support_read(plan, shares);
  float *of_logs = support_read(plan, logs), *of_gradient = support_read(plan, gradient);
  assert_true(of_unit[0] == 0.0f && of_unit[1] == 0.0f);
  assert_true(fabs((double)of_unit[2] - 0.1) < 1e-6);
  assert_true(fabs((double)of_gradient[0] / 1e12 - 1.0) < 1e-6);
  assert_true(fabs((double)of_gradient[2] / 1e12 - 1.0) < 1e-6);
  assert_true(of_shares[0] == 0.5f && of_shares[4] == 1.0f && of_shares[5] < 1e-37f);
  assert_true(of_logs[4] == 0.0f && of_logs[5] == -100.0f);
  free(of_unit);
  free(of_shares);
  free(of_logs);
  free(of_gradient);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

/* ---- the same bits for any number of threads ---- */

enum { rows = 1500, length = 33 };

/* The output and the gradient of the input of sum(y^2), two arrays of rows x length. */
static float *run_rows(support_record record, const void *context, int threads, uint64_t step) {
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true, .seed = 7});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(rows, length));
  ss_graph_want_gradient(graph, x);
  ss_tensor *y = ss_graph_keep(graph, record(graph, &x, context));
  ss_graph_backward(graph, ss_reduce_sum(graph, ss_square(graph, y), 3, false), "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_tensor *of_weight = ss_graph_gradient_count(graph) > 0 ? ss_graph_gradient_tensor(graph, 0) : NULL;
  ss_plan *plan = support_plan_threads(graph, threads);
  float *values = ss_plan_data(plan, x);
  for (int i = 0; i < rows * length; i++) {
    values[i] = (float)((i * 7919) % 1000 + 1) / 500.0f;
  }
  ss_error error;
  assert_int_equal(ss_plan_run(plan, step, &error), SS_OK);
  float *out = calloc(2 * rows * length + length, sizeof *out);
  assert_non_null(out);
  memcpy(out, ss_plan_data(plan, y), rows * length * sizeof *out);
  memcpy(out + rows * length, ss_plan_data(plan, gradient), rows * length * sizeof *out);
  if (of_weight) {
    memcpy(out + 2 * rows * length, ss_plan_data(plan, of_weight), length * sizeof *out);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return out;
}

static void same_bits_for_any_threads(void **state) {
  (void)state;
  static const float half = 0.5f;
  const struct {
    support_record record;
    const void *context;
  } all[] = {{layer_norm, NULL}, {local_response_norm, &even}, {l2_normalize, NULL},
             {softmax, NULL},    {log_softmax, NULL},          {dropout, &half}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    float *one = run_rows(all[i].record, all[i].context, 1, 0);
    for (int threads = 2; threads <= 3; threads++) {
      float *more = run_rows(all[i].record, all[i].context, threads, 0);
      assert_memory_equal(one, more, (2 * rows * length + length) * sizeof(float));
      free(more);
    }
    free(one);
  }
}

/* ---- dropout ---- */

static void dropout_drops(void **state) {
  (void)state;
  static const float probability = 0.3f;
  float *first = run_rows(dropout, &probability, 2, 0), *second = run_rows(dropout, &probability, 2, 1);
  int zeros = 0, differ = 0;
  for (int i = 0; i < rows * length; i++) {
    const double x = (double)((i * 7919) % 1000 + 1) / 500.0;
    const double y = (double)first[i], gradient = (double)first[rows * length + i];
    if (y == 0.0) {
      zeros++;
      assert_true(gradient == 0.0);
    } else {
      assert_true(fabs(y - x / 0.7) < 1e-6 * x / 0.7);
      assert_true(fabs(gradient - 2.0 * y / 0.7) < 1e-6 * gradient);
    }
    differ += (first[i] == 0.0f) != (second[i] == 0.0f);
  }
  const double count = rows * length;
  assert_true(fabs(zeros / count - 0.3) < 5.0 * sqrt(0.3 * 0.7 / count));
  assert_true(fabs(differ / count - 2.0 * 0.3 * 0.7) <
              5.0 * sqrt(0.42 * 0.58 / count)); /* another step, other numbers */
  free(first);
  free(second);
}

/* Element i has the i-th number of the node's stream, of this seed and step: on every device, at every run. */
static void dropout_draws_its_stream(void **state) {
  (void)state;
  enum { COUNT = 1003, SEED = 7 };
  const float probability = 0.4f;
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32, .training = true, .seed = SEED});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(COUNT));
  ss_tensor *y = ss_graph_keep(graph, ss_dropout(graph, x, probability));
  assert_non_null(y);
  const uint64_t node = (uint64_t)y->producer->id;
  ss_plan *plan = support_plan(graph);
  float *values = ss_plan_data(plan, x);
  for (int i = 0; i < COUNT; i++) {
    values[i] = 1.0f;
  }
  for (uint32_t step = 0; step < 4; step++) {
    ss_error error = {{0}};
    assert_int_equal(ss_plan_run(plan, step, &error), SS_OK);
    ss_random random = ss_random_stream(SEED, SS_RANDOM_DROPOUT, step, node, 0);
    const float *dropped = ss_plan_data(plan, y);
    for (int i = 0; i < COUNT; i++) {
      const bool zero = (double)ss_random_bits(&random) < floor((double)probability * 0x1p32);
      assert_true(dropped[i] == (zero ? 0.0f : 1.0f / (1.0f - probability)));
    }
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
}

static void dropout_is_nothing_in_evaluation(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(2, 3));
  assert_ptr_not_equal(ss_dropout(graph, x, 0.5f), x);
  assert_ptr_equal(ss_dropout(graph, x, 0.0f), x);
  ss_graph_set_training(graph, false);
  assert_ptr_equal(ss_dropout(graph, x, 0.5f), x);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void mistakes(void **state) {
  (void)state;
  static const float all = 1.0f;
  static const response none = {0, 1.0f, 1.0f, 1.0f};
  const support_case tests[] = {
      {.name = "dropout", .record = dropout, .context = &all, .input_count = 1, .shapes = {ss_shape_of(2, 3)}},
      {.name = "response",
       .record = local_response_norm,
       .context = &none,
       .input_count = 1,
       .shapes = {ss_shape_of(2, 3)}},
  };
  support_expect_mistake(&tests[0], "probability 1");
  support_expect_mistake(&tests[1], "0 channels");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(f32_as_pytorch),
      cmocka_unit_test(bf16_as_pytorch),
      cmocka_unit_test(gradients),
      cmocka_unit_test(extremes),
      cmocka_unit_test(same_bits_for_any_threads),
      cmocka_unit_test(dropout_drops),
      cmocka_unit_test(dropout_draws_its_stream),
      cmocka_unit_test(dropout_is_nothing_in_evaluation),
      cmocka_unit_test(mistakes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
