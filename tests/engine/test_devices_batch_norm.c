/* Batch norm on the GPU against the processors: every output, in both types, in shapes that are cut into many pieces,
 * with one gradient of y and with two. */
#include "support.h"

#include "base/random.h"
#include "engine/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct norm_case {
  const char *name;
  ss_shape shape;
  int groups;
  bool relu, residual, twice, evaluation, far;
} norm_case;

static const norm_case cases[] = {
    {"3 channels", {4, {12, 13, 11, 3}}, 1, .relu = true},
    {"1 channel", {2, {3000, 1}}, 3, .residual = true},
    {"33 channels", {4, {6, 31, 17, 33}}, 2, .relu = true, .residual = true, .twice = true},
    {"64 channels", {4, {32, 23, 31, 64}}, 1, .relu = true, .residual = true, .twice = true},
    {"72 channels", {3, {10, 257, 72}}, 5, .relu = true, .twice = true},
    {"512 channels", {4, {16, 11, 13, 512}}, 2, .relu = true},
    {"2048 channels", {2, {300, 2048}}, 1, .relu = true, .residual = true},
    {"2056 channels", {2, {33, 2056}}, 1, .relu = false},
    {"evaluation", {4, {16, 3, 3, 64}}, 1, .relu = true, .residual = true, .evaluation = true},
    {"evaluation of 5 channels", {2, {77, 5}}, 1, .relu = true, .evaluation = true},
    {"far from zero", {4, {16, 15, 15, 48}}, 1, .far = true},
};

enum { input_count = 4, most_results = 8 }; /* x, the residual, two gradients of y */

typedef struct results {
  const char *names[most_results];
  float *values[most_results]; /* of y the first */
  int64_t counts[most_results];
  int count;
} results;

static void keep(results *out, const char *name, float *values, int64_t count) {
  assert_true(out->count < most_results);
  out->names[out->count] = name;
  out->values[out->count] = values;
  out->counts[out->count++] = count;
}

static void fill_input(const ss_plan *plan, const ss_tensor *tensor, uint64_t which, float mean) {
  const int64_t count = ss_shape_count(ss_tensor_shape(tensor));
  float *values = malloc((size_t)count * sizeof *values);
  assert_non_null(values);
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, which, 0);
  for (int64_t i = 0; i < count; i++) {
    values[i] = mean + ss_random_normal(&random);
  }
  support_write(plan, tensor, values);
  free(values);
}

/* Weights and biases apart from 1 and 0. */
static void fill_parameters(ss_parameters *parameters) {
  support_settle(parameters);
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(parameters, i);
    ss_random random = ss_random_stream(2, SS_RANDOM_METHOD, 0, i, 0);
    for (int64_t k = 0; parameter->dtype == SS_F32 && k < parameter->count; k++) {
      ((float *)parameter->value)[k] = ss_random_between(&random, 0.5f, 1.5f);
    }
  }
}

static results run(const ss_device *device, const norm_case *of, ss_dtype dtype) {
  results out = {.count = 0};
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph =
      ss_graph_new(parameters, &(ss_graph_options){.compute = dtype, .training = !of->evaluation, .seed = 1});
  const char *names[input_count] = {"x", "residual", "first", "second"};
  ss_tensor *in[input_count];
  for (int i = 0; i < input_count; i++) {
    in[i] = ss_graph_input(graph, names[i], dtype, of->shape);
  }
  ss_graph_want_gradient(graph, in[0]);
  ss_graph_want_gradient(graph, in[1]);
  ss_tensor *y = ss_batch_norm(graph, in[0], &(ss_batch_norm_options){.groups = of->groups}, "norm");
  y = of->residual ? ss_add(graph, y, in[1]) : y;
  y = of->relu ? ss_relu(graph, y) : y;
  ss_graph_keep(graph, y);
  ss_tensor *product = ss_multiply(graph, y, in[2]);
  product = of->twice ? ss_add(graph, product, ss_multiply(graph, y, in[3])) : product;
  ss_tensor *sum = ss_reduce_sum(graph, ss_cast(graph, product, SS_F32), (1u << of->shape.rank) - 1, false);
  ss_graph_backward(graph, sum, "");
  ss_tensor *dx = ss_graph_keep(graph, ss_graph_gradient_of(graph, in[0]));
  ss_tensor *dresidual = of->residual ? ss_graph_keep(graph, ss_graph_gradient_of(graph, in[1])) : NULL;
  ss_error error = {{0}};
  ss_plan *plan = NULL;
  if (ss_plan_new(graph, &(ss_plan_options){.device = device, .threads = 2}, &plan, &error) != SS_OK) {
    fail_msg("%s: %s", of->name, error.message);
  }
  fill_parameters(parameters);
  for (int i = 0; i < input_count; i++) {
    fill_input(plan, in[i], (uint64_t)i, i == 0 && of->far ? 500.0f : 0.0f);
  }
  support_run(plan);
  const int64_t count = ss_shape_count(of->shape);
  keep(&out, "y", support_read(plan, y), count);
  keep(&out, "dx", support_read(plan, dx), count);
  if (dresidual) {
    keep(&out, "dresidual", support_read(plan, dresidual), count);
  }
  for (size_t i = 0; i < ss_graph_gradient_count(graph); i++) {
    ss_tensor *gradient = ss_graph_gradient_tensor(graph, i);
    keep(&out, i == 0 ? "dweight" : "dbias", support_read(plan, gradient), ss_shape_count(ss_tensor_shape(gradient)));
  }
  support_settle(parameters);
  static const char *const running[] = {"norm.running_mean", "norm.running_var"};
  for (int i = 0; i < 2; i++) {
    const ss_parameter *parameter = ss_parameters_find(parameters, running[i]);
    float *values = malloc((size_t)parameter->count * sizeof *values);
    assert_non_null(values);
    memcpy(values, parameter->value, (size_t)parameter->count * sizeof *values);
    keep(&out, running[i], values, parameter->count);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return out;
}

/* To its type's rounding. Where y is so near zero that its rounding says whether the ReLU lets it through, the
 * gradients may differ; that is rare. */
static void compare(const norm_case *of, ss_dtype dtype, const results *expected, const results *got) {
  const int64_t count = ss_shape_count(of->shape);
  const float *y = expected->values[0], *other_y = got->values[0];
  assert_int_equal(expected->count, got->count);
  int64_t ambiguous = 0;
  for (int k = 0; k < expected->count; k++) {
    const bool large = expected->counts[k] == count && k < 3, rounded = large && dtype == SS_BF16;
    double largest = 0.0, difference = 0.0;
    for (int64_t i = 0; i < expected->counts[k]; i++) {
      const double one = (double)expected->values[k][i], other = (double)got->values[k][i];
      largest = fmax(largest, fabs(one));
      if (large && (y[i] == 0.0f) != (other_y[i] == 0.0f) && fmaxf(y[i], other_y[i]) < 1e-5f) {
        ambiguous++;
        continue;
      }
      if (!(fabs(one - other) <= difference)) { /* a NaN is a difference too */
        difference = isnan(one - other) ? INFINITY : fabs(one - other);
      }
    }
    /* Far from zero float32 itself leaves 500 x 2^-24 of a deviation of 1. */
    const double tolerance = rounded ? 0x1p-8 : of->far ? 4e-5 : 3e-6;
    if (!(difference <= tolerance * largest)) {
      fail_msg("%s in %s: %s is off by %g of %g", of->name, ss_dtype_name(dtype), expected->names[k], difference,
               largest);
    }
  }
  assert_true(ambiguous <= 6 + count / 100000);
}

static void release(results *of) {
  for (int i = 0; i < of->count; i++) {
    free(of->values[i]);
  }
}

static void batch_norms(void **state) {
  (void)state;
  const ss_device *gpu = support_gpu();
  const ss_dtype types[] = {SS_F32, SS_BF16};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (int t = 0; t < 2; t++) {
      results expected = run(ss_device_cpu(), &cases[i], types[t]), got = run(gpu, &cases[i], types[t]);
      compare(&cases[i], types[t], &expected, &got);
      release(&expected);
      release(&got);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(batch_norms)};
  return cmocka_run_group_tests_name("devices, batch norm", tests, NULL, NULL);
}
