/* Transformer layers against torch.nn.TransformerEncoderLayer, and attention pooling. */
#include "support_golden.h"

#include "methods/attention.h"

#include <stdlib.h>
#include <string.h>

static const double tolerance = 2e-5;

static void check_layer(const char *key, bool norm_first) {
  ss_safetensors *golden = support_golden("patches");
  const ss_shape shape = ss_shape_of(3, 5, 24);
  const int64_t count = ss_shape_count(shape);
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, shape), *weight = ss_graph_input(graph, "weight", SS_F32, shape);
  ss_graph_want_gradient(graph, x);
  const ss_transformer_options options = {.heads = 4, .inner = 20, .norm_first = norm_first};
  ss_tensor *output = ss_graph_keep(graph, ss_transformer_layer(graph, x, &options, "layer"));
  ss_tensor *loss = ss_reduce_sum(graph, ss_multiply(graph, output, weight), 7u, false);
  support_fill_parameters(parameters);
  ss_graph_backward(graph, loss, "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_error error = {{0}};
  ss_plan *plan = NULL;
  if (ss_graph_status(graph, &error) != SS_OK ||
      ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  support_numbers("x", 1.0f, 0.0f, ss_plan_data(plan, x), count);
  support_numbers("weight", 1.0f, 0.0f, ss_plan_data(plan, weight), count);
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  support_expect_near(golden, key, "output", ss_plan_data(plan, output), count, tolerance);
  support_expect_near(golden, key, "gradient", ss_plan_data(plan, gradient), count, tolerance);
  support_expect_gradients(golden, key, graph, plan, tolerance);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  ss_safetensors_close(golden);
}

static void norms_after_the_sums_as_pytorch(void **state) {
  (void)state;
  check_layer("post", false);
}

static void norms_before_the_parts_as_pytorch(void **state) {
  (void)state;
  check_layer("pre", true);
}

/* Pools x (B, T, D); the result is the caller's. */
static float *pool(const float *values, int batch, int length, int dims) {
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(batch, length, dims));
  const ss_transformer_options options = {.heads = 2, .inner = 8};
  ss_tensor *u = ss_graph_keep(graph, ss_attention_pool(graph, x, 2, &options, "pool"));
  assert_non_null(ss_parameters_find(parameters, "pool.u0"));
  assert_non_null(ss_parameters_find(parameters, "pool.layers.1.self_attn.in_proj_weight"));
  assert_true(ss_shape_equal(ss_tensor_shape(u), ss_shape_of(batch, dims)));
  ss_error error = {{0}};
  ss_plan *plan = NULL;
  if (ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  memcpy(ss_plan_data(plan, x), values, (size_t)batch * (size_t)length * (size_t)dims * sizeof *values);
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  float *pooled = malloc((size_t)batch * (size_t)dims * sizeof *pooled);
  assert_non_null(pooled);
  memcpy(pooled, ss_plan_data(plan, u), (size_t)batch * (size_t)dims * sizeof *pooled);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return pooled;
}

/* A set of vectors is pooled to one whatever their order, and each set by itself. */
static void pooling_is_of_sets(void **state) {
  (void)state;
  enum { LENGTH = 4, DIMS = 12, NUMBERS = LENGTH * DIMS };
  float x[2 * NUMBERS];
  support_numbers("x", 1.0f, 0.0f, x, 2 * NUMBERS);
  float *first = pool(x, 2, LENGTH, DIMS);
  float turned[2 * NUMBERS];
  memcpy(turned, x, sizeof x);
  for (int t = 0; t < LENGTH; t++) {
    memcpy(turned + t * DIMS, x + (LENGTH - 1 - t) * DIMS, DIMS * sizeof *x);
  }
  turned[NUMBERS] += 1.0f;
  float *second = pool(turned, 2, LENGTH, DIMS);
  bool differs = false;
  for (int d = 0; d < DIMS; d++) {
    assert_float_equal(first[d], second[d], 1e-5f);
    differs = differs || first[DIMS + d] - second[DIMS + d] > 1e-3f || second[DIMS + d] - first[DIMS + d] > 1e-3f;
  }
  assert_true(differs);
  free(first);
  free(second);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(norms_after_the_sums_as_pytorch),
                                     cmocka_unit_test(norms_before_the_parts_as_pytorch),
                                     cmocka_unit_test(pooling_is_of_sets)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
