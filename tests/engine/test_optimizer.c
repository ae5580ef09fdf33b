/* Optimisers against PyTorch's, LARS against its formula, accumulation against one large batch.
 *
 * The loss is sum(parameter x input), so that each parameter's gradient is what is written into its input. */
#include "support.h"

#include "base/random.h"
#include "engine/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 2, STEPS = 5, LARGE = 40000 /* elements, for more than one chunk */ };

static const float rates[STEPS] = {0.1f, 0.2f, 0.05f, 0.1f, 0.01f};
static const char *const names[PARTS] = {"weight", "bias"};

/* Two parameters, a weight and a bias, and what they learn with. */
typedef struct bench {
  ss_parameters *parameters;
  ss_graph *graph;
  ss_plan *plan;
  ss_optimizer *optimizer;
  ss_tensor *inputs[PARTS];
  ss_parameter *parts[PARTS];
} bench;

static void make_bench(bench *b, const ss_optimizer_options *options, ss_shape weight, ss_shape bias) {
  const ss_shape shapes[PARTS] = {weight, bias};
  *b = (bench){.parameters = ss_parameters_new(1)};
  b->graph = ss_graph_new(b->parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *loss = NULL;
  for (int i = 0; i < PARTS; i++) {
    b->inputs[i] = ss_graph_input(b->graph, names[i], SS_F32, shapes[i]);
    ss_tensor *parameter = ss_graph_parameter(b->graph, names[i], SS_F32, shapes[i], SS_INIT_ZEROS,
                                              SS_TRAINABLE | (i == 1 ? SS_NORM_OR_BIAS : 0));
    ss_tensor *term =
        ss_reduce_sum(b->graph, ss_multiply(b->graph, parameter, b->inputs[i]), (1u << shapes[i].rank) - 1, false);
    loss = loss ? ss_add(b->graph, loss, term) : term;
    b->parts[i] = ss_parameters_find(b->parameters, names[i]);
  }
  ss_graph_backward(b->graph, loss, "");
  b->plan = support_plan(b->graph);
  support_settle(b->parameters);
  ss_error error = {{0}};
  if (ss_optimizer_new(options, b->graph, "", &b->optimizer, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
}

static void free_bench(bench *b) {
  ss_optimizer_free(b->optimizer);
  ss_plan_free(b->plan);
  ss_graph_free(b->graph);
  ss_parameters_free(b->parameters);
}

static bool step(bench *b, const float *const gradients[PARTS], float rate, int accumulate) {
  for (int i = 0; i < PARTS; i++) {
    support_write(b->plan, b->inputs[i], gradients[i]);
  }
  support_run(b->plan);
  const int64_t before = ss_optimizer_updates(b->optimizer);
  ss_error error = {{0}};
  if (ss_optimizer_step(b->optimizer, b->plan, rate, accumulate, &error) != SS_OK) {
    fail_msg("no step: %s", error.message);
  }
  support_settle(b->parameters);
  return ss_optimizer_updates(b->optimizer) > before;
}

/* ---- PyTorch's ---- */

static void make_golden_bench(bench *b, const support_golden *start, const ss_optimizer_options *options) {
  make_bench(b, options, ss_shape_of(7, 5), ss_shape_of(7));
  for (int i = 0; i < PARTS; i++) {
    int64_t count = 0;
    const float *values = support_golden_array(start, names[i], &count);
    assert_int_equal(count, b->parts[i]->count);
    memcpy(b->parts[i]->value, values, (size_t)count * sizeof *values);
  }
}

static void golden_gradients(const support_golden *start, int index, const float *gradients[PARTS]) {
  for (int i = 0; i < PARTS; i++) {
    char key[32];
    snprintf(key, sizeof key, "gradient%d.%s", index, names[i]);
    gradients[i] = support_golden_array(start, key, NULL);
  }
}

static void expect_values(const bench *b, const char *test, const support_golden *golden, const char *when) {
  for (int i = 0; i < PARTS; i++) {
    char key[32];
    int64_t count = 0;
    snprintf(key, sizeof key, "%s.%s", when, names[i]);
    const float *wanted = support_golden_array(golden, key, &count);
    const double difference = support_difference(b->parts[i]->value, wanted, count);
    if (!(difference <= 2e-6)) { /* of numbers of about one */
      fail_msg("%s: %s differs by %.3g", test, key, difference);
    }
  }
}

static void updates_are_pytorchs(void **state) {
  (void)state;
  static const struct {
    const char *name;
    ss_optimizer_options options;
  } cases[] = {{"optimizer:sgd", {.kind = SS_SGD}},
               {"optimizer:momentum", {.kind = SS_SGD, .momentum = 0.9f}},
               {"optimizer:decay", {.kind = SS_SGD, .momentum = 0.9f, .weight_decay = 0.1f}},
               {"optimizer:nesterov", {.kind = SS_SGD, .momentum = 0.8f, .weight_decay = 0.1f, .nesterov = true}},
               {"optimizer:skip", {.kind = SS_SGD, .momentum = 0.9f, .weight_decay = 0.1f, .skip_norm_and_bias = true}},
               {"optimizer:adam", {.kind = SS_ADAM}},
               {"optimizer:adam_decay",
                {.kind = SS_ADAM, .beta1 = 0.8f, .beta2 = 0.95f, .epsilon = 1e-3f, .weight_decay = 0.1f}},
               {"optimizer:adamw", {.kind = SS_ADAMW, .weight_decay = 0.1f}},
               {"optimizer:adamw_skip", {.kind = SS_ADAMW, .weight_decay = 0.1f, .skip_norm_and_bias = true}}};
  support_golden *start = support_golden_open("optimizer:start");
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    support_golden *golden = support_golden_open(cases[c].name);
    bench b;
    make_golden_bench(&b, start, &cases[c].options);
    for (int k = 0; k < STEPS; k++) {
      const float *gradients[PARTS];
      golden_gradients(start, k, gradients);
      assert_true(step(&b, gradients, rates[k], 1));
      if (k == 0) {
        expect_values(&b, cases[c].name, golden, "first");
      }
    }
    expect_values(&b, cases[c].name, golden, "fifth");
    assert_int_equal(ss_optimizer_updates(b.optimizer), STEPS);
    free_bench(&b);
    support_golden_close(golden);
  }
  support_golden_close(start);
}

/* ---- LARS ---- */

static void fill(float *values, int64_t count, uint64_t what) {
  ss_random random = ss_random_stream(5, SS_RANDOM_METHOD, 0, what, 0);
  for (int64_t i = 0; i < count; i++) {
    values[i] = ss_random_normal(&random);
  }
}

static double norm_of(const double *values, int64_t count) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) {
    sum += values[i] * values[i];
  }
  return sqrt(sum);
}

/* You et al. 2017, algorithm 1, in double; `adapted` is false for norms and biases. Clipped: a rate of its own, at most
 * `rate`. */
static void naive_lars(double *weight, double *velocity, const float *gradient, int64_t count, double rate,
                       double momentum, double decay, double trust, bool clip, bool adapted) {
  double *g = malloc((size_t)count * sizeof *g);
  assert_non_null(g);
  for (int64_t i = 0; i < count; i++) {
    g[i] = (double)gradient[i];
  }
  const double w_norm = norm_of(weight, count), g_norm = norm_of(g, count);
  const double used = adapted ? decay : 0.0;
  double local = adapted && w_norm > 0.0 && g_norm > 0.0 ? trust * w_norm / (g_norm + decay * w_norm) : 1.0;
  if (clip && adapted) {
    local = fmin(local / rate, 1.0);
  }
  for (int64_t i = 0; i < count; i++) {
    velocity[i] = momentum * velocity[i] + local * (g[i] + used * weight[i]);
    weight[i] -= rate * velocity[i];
  }
  free(g);
}

static void check_lars(float trust, bool clip, bool from_zero) {
  const ss_optimizer_options options = {
      .kind = SS_LARS, .momentum = 0.9f, .weight_decay = 0.01f, .trust = trust, .clip_trust = clip};
  const double used_trust = trust > 0.0f ? (double)trust : 0.001;
  bench b;
  make_bench(&b, &options, ss_shape_of(8, LARGE / 8), ss_shape_of(300));
  float *gradients[PARTS];
  double *weights[PARTS], *velocities[PARTS];
  for (int i = 0; i < PARTS; i++) {
    const int64_t count = b.parts[i]->count;
    gradients[i] = calloc((size_t)count, sizeof(float));
    weights[i] = calloc((size_t)count, sizeof(double));
    velocities[i] = calloc((size_t)count, sizeof(double));
    assert_true(gradients[i] && weights[i] && velocities[i]);
    if (!from_zero) {
      fill(b.parts[i]->value, count, (uint64_t)i);
    }
    for (int64_t k = 0; k < count; k++) {
      weights[i][k] = (double)((float *)b.parts[i]->value)[k];
    }
  }
  for (int s = 0; s < STEPS; s++) {
    for (int i = 0; i < PARTS; i++) {
      fill(gradients[i], b.parts[i]->count, 10 + 2 * (uint64_t)s + (uint64_t)i);
      naive_lars(weights[i], velocities[i], gradients[i], b.parts[i]->count, (double)rates[s], (double)0.9f,
                 (double)0.01f, used_trust, clip, i == 0);
    }
    assert_true(step(&b, (const float *const *)gradients, rates[s], 1));
  }
  for (int i = 0; i < PARTS; i++) {
    for (int64_t k = 0; k < b.parts[i]->count; k++) {
      assert_true(fabs(weights[i][k] - (double)((float *)b.parts[i]->value)[k]) < 2e-6);
    }
    free(gradients[i]);
    free(weights[i]);
    free(velocities[i]);
  }
  free_bench(&b);
}

static void lars_adapts_weights_and_leaves_norms_and_biases(void **state) {
  (void)state;
  check_lars(0.0f, false, false);
  check_lars(0.05f, false, false);
  check_lars(0.0f, false, true);  /* a weight of zeros has no norm to adapt to */
  check_lars(0.02f, true, false); /* the rate is the adaptation: below every rate */
  check_lars(2.0f, true, false);  /* the rate is the schedule's */
}

/* ---- many parameters ---- */

/* Weights of ones, parameter i's gradient i + 1 everywhere. A first step takes rate x gradient from each weight; LARS,
 * for which the gradient's size is nothing, rate x trust. */
static void check_many(ss_optimizer_kind kind) {
  enum { MANY = 150 };
  const float rate = 0.01f, trust = 0.5f;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *loss = NULL;
  for (int i = 0; i < MANY; i++) {
    char name[32];
    snprintf(name, sizeof name, "weight%d", i);
    ss_tensor *weight = ss_graph_parameter(graph, name, SS_F32, ss_shape_of(1 + 31 * i), SS_INIT_ONES, SS_TRAINABLE);
    ss_tensor *term = ss_reduce_sum(graph, ss_affine(graph, weight, (float)(i + 1), 0.0f), 1u, false);
    loss = loss ? ss_add(graph, loss, term) : term;
  }
  ss_graph_backward(graph, loss, "");
  ss_plan *plan = support_plan(graph);
  ss_optimizer *optimizer = NULL;
  ss_error error = {{0}};
  assert_int_equal(
      ss_optimizer_new(&(ss_optimizer_options){.kind = kind, .trust = trust}, graph, "", &optimizer, &error), SS_OK);
  support_run(plan);
  assert_int_equal(ss_optimizer_step(optimizer, plan, rate, 1, &error), SS_OK);
  support_settle(parameters);
  for (int i = 0; i < MANY; i++) {
    const ss_parameter *weight = ss_parameters_at(parameters, (size_t)i);
    const float expected = 1.0f - rate * (kind == SS_LARS ? trust : (float)(i + 1));
    for (int64_t k = 0; k < weight->count; k++) {
      assert_true(fabsf(((const float *)weight->value)[k] - expected) < 1e-6f);
    }
  }
  ss_optimizer_free(optimizer);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void all_of_many_are_updated(void **state) {
  (void)state;
  check_many(SS_SGD);
  check_many(SS_LARS);
}

/* ---- accumulation ---- */

static void accumulating_equals_one_large_batch(void **state) {
  (void)state;
  static const ss_optimizer_options cases[] = {{.kind = SS_SGD, .momentum = 0.9f, .weight_decay = 0.1f},
                                               {.kind = SS_LARS, .momentum = 0.9f, .weight_decay = 0.1f},
                                               {.kind = SS_ADAMW, .weight_decay = 0.1f}};
  support_golden *start = support_golden_open("optimizer:start");
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    bench parts, whole;
    make_golden_bench(&parts, start, &cases[c]);
    make_golden_bench(&whole, start, &cases[c]);
    ss_error error = {{0}};
    assert_int_equal(ss_optimizer_reserve_accumulation(parts.optimizer, &error), SS_OK);
    for (int round = 0; round < 2; round++) {
      float mean[PARTS][35] = {{0}};
      for (int k = 0; k < 4; k++) {
        const float *gradients[PARTS];
        golden_gradients(start, k + round, gradients);
        for (int i = 0; i < PARTS; i++) {
          for (int64_t e = 0; e < parts.parts[i]->count; e++) {
            mean[i][e] += gradients[i][e] / 4.0f;
          }
        }
        assert_int_equal(ss_optimizer_accumulated(parts.optimizer), k);
        assert_int_equal(step(&parts, gradients, rates[round], 4), k == 3);
      }
      assert_true(step(&whole, (const float *const[]){mean[0], mean[1]}, rates[round], 1));
      assert_int_equal(ss_optimizer_updates(parts.optimizer), round + 1);
      assert_int_equal(ss_optimizer_accumulated(parts.optimizer), 0);
    }
    for (int i = 0; i < PARTS; i++) {
      assert_true(support_difference(parts.parts[i]->value, whole.parts[i]->value, parts.parts[i]->count) < 2e-6);
    }
    free_bench(&parts);
    free_bench(&whole);
  }
  support_golden_close(start);
}

/* ---- state ---- */

/* What a checkpoint does: parameters, states and counters into a new optimiser, in the middle of an accumulation. */
static void copy_state(const bench *from, bench *to) {
  ss_error error = {{0}};
  assert_int_equal(ss_optimizer_settle(from->optimizer, &error), SS_OK);
  assert_int_equal(ss_optimizer_settle(to->optimizer, &error), SS_OK);
  for (int i = 0; i < PARTS; i++) {
    memcpy(to->parts[i]->value, from->parts[i]->value, (size_t)to->parts[i]->count * sizeof(float));
  }
  const size_t count = ss_optimizer_state_count(from->optimizer);
  assert_int_equal(ss_optimizer_state_count(to->optimizer), count);
  for (size_t i = 0; i < count; i++) {
    const char *name = NULL, *other = NULL;
    float *values = NULL, *target = NULL;
    ss_shape shape, same;
    ss_optimizer_state_at(from->optimizer, i, &name, &shape, &values);
    ss_optimizer_state_at(to->optimizer, i, &other, &same, &target);
    assert_string_equal(name, other);
    assert_true(ss_shape_equal(shape, same));
    memcpy(target, values, (size_t)ss_shape_count(shape) * sizeof *values);
  }
  ss_optimizer_set_counters(to->optimizer, ss_optimizer_updates(from->optimizer),
                            ss_optimizer_accumulated(from->optimizer));
}

static void the_state_is_all_there_is(void **state) {
  (void)state;
  static const struct {
    ss_optimizer_options options;
    const char *first_state;
    size_t states;
  } cases[] = {{{.kind = SS_SGD, .momentum = 0.9f}, "momentum.weight", 4},
               {{.kind = SS_ADAM, .weight_decay = 0.1f}, "first.weight", 6}};
  support_golden *start = support_golden_open("optimizer:start");
  for (size_t c = 0; c < 2; c++) {
    bench stopped, resumed;
    make_golden_bench(&stopped, start, &cases[c].options);
    make_golden_bench(&resumed, start, &cases[c].options);
    ss_error error = {{0}};
    assert_int_equal(ss_optimizer_reserve_accumulation(stopped.optimizer, &error), SS_OK);
    assert_int_equal(ss_optimizer_reserve_accumulation(resumed.optimizer, &error), SS_OK);
    assert_int_equal(ss_optimizer_state_count(stopped.optimizer), cases[c].states);
    const char *name = NULL;
    float *values = NULL;
    ss_shape shape;
    ss_optimizer_state_at(stopped.optimizer, 0, &name, &shape, &values);
    assert_string_equal(name, cases[c].first_state);
    for (int k = 0; k < STEPS; k++) {
      const float *gradients[PARTS];
      golden_gradients(start, k, gradients);
      step(&stopped, gradients, rates[k], 2);
      if (k == 2) {
        copy_state(&stopped, &resumed);
      } else if (k > 2) {
        step(&resumed, gradients, rates[k], 2);
      }
    }
    for (int i = 0; i < PARTS; i++) {
      assert_memory_equal(stopped.parts[i]->value, resumed.parts[i]->value,
                          (size_t)stopped.parts[i]->count * sizeof(float));
    }
    free_bench(&stopped);
    free_bench(&resumed);
  }
  support_golden_close(start);
}

static void a_prefix_leaves_the_others_alone(void **state) {
  (void)state;
  support_golden *start = support_golden_open("optimizer:start");
  bench b;
  const ss_optimizer_options options = {.kind = SS_SGD};
  make_golden_bench(&b, start, &options);
  ss_optimizer_free(b.optimizer);
  ss_error error = {{0}};
  assert_int_equal(ss_optimizer_new(&options, b.graph, "bi", &b.optimizer, &error), SS_OK);
  const float *gradients[PARTS];
  golden_gradients(start, 0, gradients);
  step(&b, gradients, 0.1f, 1);
  assert_memory_equal(b.parts[0]->value, support_golden_array(start, "weight", NULL), 35 * sizeof(float));
  assert_memory_not_equal(b.parts[1]->value, support_golden_array(start, "bias", NULL), 7 * sizeof(float));
  free_bench(&b);
  support_golden_close(start);
}

/* Gradients of one, momentum 0.5, rate 0.1: the second step is 0.15 of what is remembered and 0.1 of what is not. */
static void what_is_forgotten_begins_anew(void **state) {
  (void)state;
  const ss_optimizer_options options = {.kind = SS_SGD, .momentum = 0.5f};
  bench b;
  make_bench(&b, &options, ss_shape_of(2, 2), ss_shape_of(4));
  const float ones[4] = {1, 1, 1, 1};
  const float *const gradients[PARTS] = {ones, ones};
  step(&b, gradients, 0.1f, 1);
  assert_int_equal(ss_optimizer_forget(b.optimizer, "nothing|bias", NULL), SS_OK);
  step(&b, gradients, 0.1f, 1);
  for (int i = 0; i < 4; i++) {
    assert_true(fabsf(((const float *)b.parts[0]->value)[i] + 0.25f) < 1e-6f);
    assert_true(fabsf(((const float *)b.parts[1]->value)[i] + 0.2f) < 1e-6f);
  }
  free_bench(&b);
}

static void prefixes_are_separated_by_bars(void **state) {
  (void)state;
  char name[] = "decoder.0.weight";
  const ss_parameter parameter = {.name = name};
  assert_true(ss_parameter_matches(&parameter, ""));
  assert_true(ss_parameter_matches(&parameter, "decoder."));
  assert_true(ss_parameter_matches(&parameter, "backbone.|decoder."));
  assert_true(ss_parameter_matches(&parameter, "decoder.|backbone."));
  assert_false(ss_parameter_matches(&parameter, "backbone."));
  assert_false(ss_parameter_matches(&parameter, "backbone.|discriminator."));
  assert_false(ss_parameter_matches(&parameter, "coder.|decoder.1"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(updates_are_pytorchs),
                                     cmocka_unit_test(lars_adapts_weights_and_leaves_norms_and_biases),
                                     cmocka_unit_test(all_of_many_are_updated),
                                     cmocka_unit_test(accumulating_equals_one_large_batch),
                                     cmocka_unit_test(the_state_is_all_there_is),
                                     cmocka_unit_test(a_prefix_leaves_the_others_alone),
                                     cmocka_unit_test(what_is_forgotten_begins_anew),
                                     cmocka_unit_test(prefixes_are_separated_by_bars)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
