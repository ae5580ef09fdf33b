/* The momentum encoder: its schedule, its first copy, its average; the shuffle of batches. */
#include "support.h"

#include "methods/momentum_encoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void the_share_follows_the_cosine(void **state) {
  (void)state;
  assert_true(fabs(ss_momentum_at(0.996, 1.0, 0, 100) - 0.996) < 1e-12);
  assert_true(fabs(ss_momentum_at(0.996, 1.0, 50, 100) - 0.998) < 1e-12);
  assert_true(fabs(ss_momentum_at(0.996, 1.0, 25, 100) - (1.0 - 0.004 * (cos(atan(1.0)) + 1.0) / 2.0)) < 1e-12);
  assert_true(fabs(ss_momentum_at(0.996, 1.0, 100, 100) - 1.0) < 1e-12);
  assert_true(fabs(ss_momentum_at(0.99, 0.99, 37, 100) - 0.99) < 1e-12);
}

static float *copy_of(const ss_parameter *parameter) {
  float *copy = malloc((size_t)parameter->count * sizeof *copy);
  assert_non_null(copy);
  memcpy(copy, parameter->value, (size_t)parameter->count * sizeof *copy);
  return copy;
}

/* BYOL's copy equals the network before the first batch and follows it after an update, statistics apart. */
static void the_copy_follows_the_network(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "byol", 32, 4, "hidden=8 output=8 tau=0.9 tau_end=0.9");
  support_run run = support_run_loss(&task, 4);
  ss_error error = {{0}};
  ss_parameter *online = ss_parameters_find(run.parameters, "backbone.conv1.weight");
  ss_parameter *slow = ss_parameters_find(run.parameters, "momentum.backbone.conv1.weight");
  ss_parameter *head = ss_parameters_find(run.parameters, "momentum.projector.layers.3.bias");
  const ss_parameter *statistics = ss_parameters_find(run.parameters, "momentum.backbone.bn1.running_mean");
  assert_true(online && slow && head && statistics);
  assert_null(
      ss_parameters_find(run.parameters, "momentum.predictor.layers.0.weight")); /* the target predicts nothing */
  assert_int_equal(ss_momentum_before_epoch(&task.task, run.parameters, 0, &error), SS_OK);
  const size_t bytes = (size_t)online->count * sizeof(float);
  assert_memory_equal(online->value, slow->value, bytes);
  float *before = copy_of(slow), *means = copy_of(statistics);
  float *weights = online->value;
  for (int64_t i = 0; i < online->count; i++) {
    weights[i] += 1.0f;
  }
  const ss_parameter *online_statistics = ss_parameters_find(run.parameters, "backbone.bn1.running_mean");
  ((float *)online_statistics->value)[0] += 5.0f;
  assert_int_equal(ss_momentum_before_epoch(&task.task, run.parameters, 1, &error),
                   SS_OK); /* later epochs copy nothing */
  assert_memory_equal(before, slow->value, bytes);
  assert_int_equal(ss_momentum_after_step(&task.task, run.parameters, 3, &error), SS_OK);
  for (int64_t i = 0; i < online->count; i++) {
    assert_true(fabsf(((const float *)slow->value)[i] - (before[i] + 0.1f)) < 1e-5f);
  }
  assert_memory_equal(means, statistics->value, (size_t)statistics->count * sizeof(float));
  free(before);
  free(means);
  support_run_free(&run);
  support_release(&task);
}

/* The copy has no gradient, the network and its predictor have. */
static void the_copy_is_not_trained(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "byol", 32, 4, "hidden=8 output=8");
  support_run run = support_run_loss(&task, 4);
  int online = 0;
  for (size_t i = 0; i < ss_graph_gradient_count(run.graph); i++) {
    const char *name = ss_graph_gradient_parameter(run.graph, i)->name;
    assert_true(strncmp(name, "momentum.", 9) != 0);
    online += strcmp(name, "backbone.conv1.weight") == 0 || strcmp(name, "predictor.layers.0.weight") == 0;
  }
  assert_int_equal(online, 2);
  support_run_free(&run);
  support_release(&task);
}

static void the_shuffle_mixes_the_parts_and_goes_back(void **state) {
  (void)state;
  enum { views = 2, rows = 48, parts = 4, share = rows / views / parts };
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true, .seed = 0});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(rows, 2));
  ss_tensor *mixed = ss_graph_keep(graph, ss_shuffle_batch(graph, x, views, parts));
  ss_tensor *back = ss_graph_keep(graph, ss_unshuffle_batch(graph, mixed, views, parts));
  ss_plan *plan = NULL;
  ss_error error = {{0}};
  if (ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  float *values = ss_plan_data(plan, x);
  for (int i = 0; i < rows; i++) {
    values[2 * i] = (float)i;
    values[2 * i + 1] = -(float)i;
  }
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  const float *shuffled = ss_plan_data(plan, mixed), *restored = ss_plan_data(plan, back);
  for (int part = 0; part < views * parts; part++) { /* each holds rows of all parts of its view and of no other */
    int from[views * parts] = {0};
    for (int i = 0; i < share; i++) {
      const float *row = shuffled + (ptrdiff_t)2 * (part * share + i);
      from[(int)row[0] / share]++;
      assert_true(fabsf(row[0] + row[1]) < 1e-6f);
    }
    for (int k = 0; k < views * parts; k++) {
      assert_true(k / parts == part / parts ? from[k] >= 1 : from[k] == 0);
    }
  }
  for (int i = 0; i < 2 * rows; i++) {
    assert_true(fabsf(restored[i] - values[i]) < 1e-6f);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_share_follows_the_cosine), cmocka_unit_test(the_copy_follows_the_network),
      cmocka_unit_test(the_copy_is_not_trained), cmocka_unit_test(the_shuffle_mixes_the_parts_and_goes_back)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
