/* Batch hard triplets against PyTorch: values, gradients, and the share of instances found. */
#include "support.h"

#include "methods/triplet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number(FILE *file) {
  double value;
  assert_int_equal(fscanf(file, "%lf", &value), 1);
  return value;
}

static void expect_near(float got, double expected) {
  if (!(fabs((double)got - expected) <= 2e-5)) {
    fail_msg("%.8g, expected %.8g", (double)got, expected);
  }
}

static void check(FILE *file, int views) {
  const int instances = (int)number(file), dims = (int)number(file), rows = views * instances;
  const float margin = (float)number(file);
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(rows, dims));
  ss_graph_want_gradient(graph, x);
  ss_tensor *loss = ss_graph_keep(graph, ss_batch_hard_loss(graph, x, views, margin));
  ss_tensor *score = ss_graph_keep(graph, ss_nearest_instance_score(graph, x, views));
  ss_graph_backward(graph, loss, "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_plan *plan = NULL;
  ss_error error = {{0}};
  if (ss_graph_status(graph, &error) != SS_OK ||
      ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  float *values = ss_plan_data(plan, x);
  for (int i = 0; i < rows * dims; i++) {
    values[i] = (float)number(file);
  }
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  expect_near(*(const float *)ss_plan_data(plan, loss), number(file));
  for (int i = 0; i < rows * dims; i++) {
    expect_near(((const float *)ss_plan_data(plan, gradient))[i], number(file));
  }
  expect_near(*(const float *)ss_plan_data(plan, score), number(file));
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void losses_and_gradients_are_pytorchs(void **state) {
  (void)state;
  FILE *file = fopen(SS_GOLDEN "/triplet.txt", "r");
  assert_non_null(file);
  int cases = 0, views = 0;
  while (fscanf(file, "%d", &views) == 1) {
    check(file, views);
    cases++;
  }
  fclose(file);
  assert_int_equal(cases, 5);
}

/* All alike: no direction, but a number. */
static void equal_embeddings_have_finite_gradients(void **state) {
  (void)state;
  enum { rows = 6, dims = 4 };
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(rows, dims));
  ss_graph_want_gradient(graph, x);
  ss_tensor *loss = ss_graph_keep(graph, ss_batch_hard_loss(graph, x, 2, SS_SOFT_MARGIN));
  ss_graph_backward(graph, loss, "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_plan *plan = NULL;
  assert_int_equal(ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, NULL), SS_OK);
  for (int zero = 0; zero < 2; zero++) {
    float *values = ss_plan_data(plan, x);
    for (int i = 0; i < rows * dims; i++) {
      values[i] = zero ? 0.0f : 0.3f;
    }
    assert_int_equal(ss_plan_run(plan, 0, NULL), SS_OK);
    assert_true(fabsf(*(const float *)ss_plan_data(plan, loss) - logf(2.0f)) < 1e-3f);
    for (int i = 0; i < rows * dims; i++) {
      assert_true(isfinite(((const float *)ss_plan_data(plan, gradient))[i]));
    }
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void chance_is_one_of_the_others(void **state) {
  (void)state;
  assert_true(fabs(ss_nearest_instance_chance(2, 64) - 1.0 / 127.0) < 1e-12);
  assert_true(fabs(ss_nearest_instance_chance(8, 16) - 7.0 / 127.0) < 1e-12);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(losses_and_gradients_are_pytorchs),
                                     cmocka_unit_test(equal_embeddings_have_finite_gradients),
                                     cmocka_unit_test(chance_is_one_of_the_others)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
