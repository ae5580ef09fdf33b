#include "support.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct norm {
  ss_batch_norm_options options;
  bool relu;
  bool keep;  /* the norm's own value is kept, so that nothing can be fused into it */
  bool twice; /* two nodes read the result, so that two gradients reach it */
} norm;

static ss_tensor *record(ss_graph *graph, ss_tensor *const *inputs, const void *context, int input_count) {
  const norm *of = context;
  const ss_dtype compute = ss_graph_compute_dtype(graph);
  ss_tensor *y = ss_batch_norm(graph, ss_cast(graph, inputs[0], compute), &of->options, "norm");
  if (of->keep) {
    ss_graph_keep(graph, y);
  }
  if (input_count > 1) {
    y = ss_add(graph, y, ss_cast(graph, inputs[1], compute));
  }
  y = of->relu ? ss_relu(graph, y) : y;
  return of->twice ? ss_multiply(graph, y, y) : y;
}

static ss_tensor *record_one(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  return record(graph, inputs, context, 1);
}

static ss_tensor *record_two(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  return record(graph, inputs, context, 2);
}

typedef struct golden_case {
  const char *name;
  ss_shape shape;
  norm norm;
  bool residual, evaluation;
} golden_case;

static support_case case_of(const golden_case *of) {
  return (support_case){.name = of->name,
                        .record = of->residual ? record_two : record_one,
                        .context = &of->norm,
                        .input_count = of->residual ? 2 : 1,
                        .shapes = {of->shape, of->shape},
                        .evaluation = of->evaluation,
                        .seed = 5};
}

static void check_goldens(ss_dtype compute, double tolerance, bool keep) {
  golden_case cases[] = {
      {.name = "vectors", .shape = ss_shape_of(9, 33)},
      {.name = "sequence", .shape = ss_shape_of(4, 7, 16)},
      {.name = "picture", .shape = ss_shape_of(4, 5, 3, 3)},
      {.name = "picture_64", .shape = ss_shape_of(2, 3, 3, 64)},
      {.name = "clip", .shape = ss_shape_of(2, 2, 3, 2, 16)},
      {.name = "groups", .shape = ss_shape_of(6, 3, 3, 3), .norm = {.options = {.groups = 3}}},
      {.name = "groups_33",
       .shape = ss_shape_of(4, 2, 2, 33),
       .norm = {.options = {.groups = 2}, .relu = true},
       .residual = true},
      {.name = "momentum", .shape = ss_shape_of(6, 16), .norm = {.options = {.momentum = 0.25f}}},
      {.name = "no_affine", .shape = ss_shape_of(8, 3), .norm = {.options = {.no_affine = true}}},
      {.name = "no_bias", .shape = ss_shape_of(8, 3), .norm = {.options = {.no_bias = true}}},
      {.name = "relu", .shape = ss_shape_of(3, 3, 3, 3), .norm = {.relu = true}},
      {.name = "relu_64", .shape = ss_shape_of(2, 3, 3, 64), .norm = {.relu = true}},
      {.name = "residual", .shape = ss_shape_of(3, 3, 3, 16), .norm = {.relu = true}, .residual = true},
      {.name = "evaluation", .shape = ss_shape_of(3, 2, 2, 33), .evaluation = true},
      {.name = "evaluation_residual",
       .shape = ss_shape_of(3, 2, 2, 16),
       .norm = {.relu = true},
       .residual = true,
       .evaluation = true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    cases[i].norm.keep = keep;
    const support_case test = case_of(&cases[i]);
    char name[64];
    snprintf(name, sizeof name, "batch_norm:%s", cases[i].name);
    support_check_golden(&test, name, compute, tolerance);
  }
}

static void f32_as_pytorch(void **state) {
  (void)state;
  check_goldens(SS_F32, 3e-6, false);
}

/* Inputs are exact in bf16, sums are float32: what is left is the rounding of y and of dx, 2^-8 of their largest. */
static void bf16_as_pytorch(void **state) {
  (void)state;
  check_goldens(SS_BF16, 0x1p-8, false);
}

/* The norm, the sum and the ReLU as nodes of their own. */
static void composed_as_pytorch(void **state) {
  (void)state;
  check_goldens(SS_F32, 3e-6, true);
}

/* The sum of the two gradients is made within the norm's backward node. */
static void sums_two_gradients(void **state) {
  (void)state;
  const golden_case twice = {
      .name = "twice", .shape = ss_shape_of(3, 3, 3, 16), .norm = {.relu = true, .twice = true}, .residual = true};
  const support_case test = case_of(&twice);
  support_check_golden(&test, "batch_norm:twice", SS_F32, 3e-6);
}

/* Mean 1000, deviation 2: float32 itself leaves 1000 x 2^-24 / 2. */
static void far_from_zero(void **state) {
  (void)state;
  const golden_case far = {.name = "far", .shape = ss_shape_of(16, 3, 3, 3)};
  const support_case test = case_of(&far);
  support_check_golden(&test, "batch_norm:far", SS_F32, 4e-5);
}

static void gradients(void **state) {
  (void)state;
  const golden_case cases[] = {
      {.name = "3 channels", .shape = ss_shape_of(4, 3, 3, 3)},
      {.name = "16 channels", .shape = ss_shape_of(6, 16)},
      {.name = "33 channels, groups", .shape = ss_shape_of(4, 2, 2, 33), .norm = {.options = {.groups = 2}}},
      {.name = "64 channels", .shape = ss_shape_of(3, 2, 64), .residual = true},
      {.name = "evaluation", .shape = ss_shape_of(2, 2, 2, 16), .residual = true, .evaluation = true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const support_case test = case_of(&cases[i]);
    support_check_gradient(&test, 2e-3);
  }
}

/* ---- larger than a chunk ---- */

enum { large_channels = 33, large_rows = 32 * 16 * 16, large_count = large_rows * large_channels };

typedef struct results {
  float *y, *dx, *dweight;
  float mean[large_channels], variance[large_channels];
  int64_t batches;
  size_t nodes;
} results;

/* relu(norm(x) + x), of x of mean 100 and deviation 1, and its gradients. */
static results run_large(int threads, ss_dtype compute, bool keep) {
  results out = {0};
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = compute, .training = true});
  ss_tensor *input = ss_graph_input(graph, "x", SS_F32, ss_shape_of(32, 16, 16, large_channels));
  ss_graph_want_gradient(graph, input);
  const norm of = {.options = {.momentum = 1.0f}, .relu = true, .keep = keep};
  ss_tensor *inputs[] = {input, ss_affine(graph, input, 1.0f, -100.0f)};
  ss_tensor *y = ss_cast(graph, record_two(graph, inputs, &of), SS_F32);
  ss_graph_keep(graph, y);
  ss_graph_backward(graph, ss_reduce_mean(graph, ss_square(graph, y), 15, false), "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, input));
  ss_plan *plan = support_plan_threads(graph, threads);
  float *x = malloc(large_count * sizeof *x);
  assert_non_null(x);
  ss_random random = ss_random_stream(3, SS_RANDOM_METHOD, 0, 0, 0);
  for (int i = 0; i < large_count; i++) {
    x[i] = 100.0f + ss_random_normal(&random);
  }
  support_write(plan, input, x);
  support_run(plan);
  out.nodes = ss_plan_node_count(plan);
  out.y = support_read(plan, y);
  out.dx = support_read(plan, gradient);
  for (size_t i = 0; i < ss_graph_gradient_count(graph); i++) {
    if (strcmp(ss_graph_gradient_parameter(graph, i)->name, "norm.weight") == 0) {
      out.dweight = support_read(plan, ss_graph_gradient_tensor(graph, i));
    }
  }
  support_settle(parameters);
  memcpy(out.mean, ss_parameters_find(parameters, "norm.running_mean")->value, sizeof out.mean);
  memcpy(out.variance, ss_parameters_find(parameters, "norm.running_var")->value, sizeof out.variance);
  out.batches = *(int64_t *)ss_parameters_find(parameters, "norm.num_batches_tracked")->value;
  free(x);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return out;
}

static void free_results(results *of) {
  free(of->y);
  free(of->dx);
  free(of->dweight);
}

static void same_bits_for_any_threads(void **state) {
  (void)state;
  const ss_dtype types[] = {SS_F32, SS_BF16};
  for (int i = 0; i < 2; i++) {
    results one = run_large(1, types[i], false);
    for (int threads = 2; threads <= 3; threads++) {
      results more = run_large(threads, types[i], false);
      assert_memory_equal(one.y, more.y, large_count * sizeof(float));
      assert_memory_equal(one.dx, more.dx, large_count * sizeof(float));
      assert_memory_equal(one.dweight, more.dweight, large_channels * sizeof(float));
      assert_memory_equal(one.mean, more.mean, sizeof one.mean);
      assert_memory_equal(one.variance, more.variance, sizeof one.variance);
      free_results(&more);
    }
    free_results(&one);
  }
}

static void fused_is_composed(void **state) {
  (void)state;
  results fused = run_large(2, SS_F32, false), composed = run_large(2, SS_F32, true);
  assert_true(fused.nodes < composed.nodes);
  assert_memory_equal(fused.y, composed.y, large_count * sizeof(float));
  assert_memory_equal(fused.dx, composed.dx, large_count * sizeof(float));
  assert_memory_equal(fused.dweight, composed.dweight, large_channels * sizeof(float));
  free_results(&fused);
  free_results(&composed);
}

/* With momentum 1 the running statistics are the batch's: against sums in double. */
static void statistics_are_exact(void **state) {
  (void)state;
  results got = run_large(2, SS_F32, false);
  for (int channel = 0; channel < large_channels; channel++) {
    ss_random random = ss_random_stream(3, SS_RANDOM_METHOD, 0, 0, 0);
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < large_count; i++) {
      const double x = (double)(100.0f + ss_random_normal(&random)) - 100.0;
      if (i % large_channels == channel) {
        sum += x;
        squares += x * x;
      }
    }
    const double mean = sum / large_rows;
    const double variance = (squares - sum * mean) / (large_rows - 1);
    assert_true(fabs((double)got.mean[channel] - (100.0 + mean)) <= 100.0 * 0x1p-24);
    assert_true(fabs((double)got.variance[channel] - variance) <= variance * 1e-6);
    channel += 7; /* a few are enough */
  }
  assert_int_equal(got.batches, 1);
  free_results(&got);
}

enum { between_side = 8, between_channels = 32, between_pixels = between_side * between_side * between_channels };

/* conv(relu(norm(conv(x)))) of `images`, normed in `groups`, and the gradient of its sum of squares by the first
 * convolution's weight. */
static void run_between(const float *x, int images, int groups, float *y, float *gradient) {
  ss_parameters *parameters = ss_parameters_new(5);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_BF16, .training = true});
  const ss_convolution_options three = {.kernel = {3, 3}, .padding = {1, 1}};
  ss_tensor *input =
      ss_graph_input(graph, "x", SS_F32, ss_shape_of(images, between_side, between_side, between_channels));
  ss_tensor *h = ss_convolution2d(graph, ss_cast(graph, input, SS_BF16), between_channels, &three, "first");
  h = ss_relu(graph, ss_batch_norm(graph, h, &(ss_batch_norm_options){.groups = groups}, "norm"));
  ss_tensor *out =
      ss_graph_keep(graph, ss_cast(graph, ss_convolution2d(graph, h, between_channels, &three, "second"), SS_F32));
  ss_graph_backward(graph, ss_reduce_sum(graph, ss_square(graph, out), 15u, false), "first.");
  ss_plan *plan = support_plan(graph);
  support_write(plan, input, x);
  support_run(plan);
  memcpy(y, ss_plan_data(plan, out), (size_t)images * between_pixels * sizeof *y);
  memcpy(gradient, ss_plan_data(plan, ss_graph_gradient_tensor(graph, 0)),
         9 * between_channels * between_channels * sizeof *gradient);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

/* Groups of eight images between convolutions that may want sixteen side by side: as each group alone. */
static void groups_keep_their_images(void **state) {
  (void)state;
  enum { images = 16, half = images / 2, weights = 9 * between_channels * between_channels };
  float *x = calloc((size_t)images * between_pixels, sizeof *x),
        *together = calloc((size_t)images * between_pixels, sizeof *x),
        *apart = calloc((size_t)images * between_pixels, sizeof *x),
        *gradients = calloc((size_t)3 * weights, sizeof *x);
  assert_true(x && together && apart && gradients);
  ss_random random = ss_random_stream(11, SS_RANDOM_METHOD, 0, 0, 0);
  for (int i = 0; i < images * between_pixels; i++) { /* the halves differ in size and mean */
    x[i] = i < half * between_pixels ? ss_random_normal(&random) : 2.0f + 3.0f * ss_random_normal(&random);
  }
  run_between(x, images, 2, together, gradients);
  run_between(x, half, 1, apart, gradients + weights);
  run_between(x + half * between_pixels, half, 1, apart + half * between_pixels, gradients + 2 * weights);
  float largest = 0.0f, largest_gradient = 0.0f;
  for (int i = 0; i < images * between_pixels; i++) {
    largest = fmaxf(largest, fabsf(apart[i]));
  }
  assert_true(support_difference(together, apart, (int64_t)images * between_pixels) <= 0.02 * (double)largest);
  for (int i = 0; i < weights; i++) {
    gradients[weights + i] += gradients[2 * weights + i];
    largest_gradient = fmaxf(largest_gradient, fabsf(gradients[weights + i]));
  }
  assert_true(support_difference(gradients, gradients + weights, weights) <= 0.02 * (double)largest_gradient);
  free(x);
  free(together);
  free(apart);
  free(gradients);
}

static void counts_a_batch_a_group(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(6, 3));
  ss_graph_keep(graph, ss_batch_norm(graph, x, &(ss_batch_norm_options){.groups = 3}, "norm"));
  ss_plan *plan = support_plan(graph);
  memset(ss_plan_data(plan, x), 0, 6 * 3 * sizeof(float));
  support_run(plan);
  support_run(plan);
  support_settle(parameters);
  assert_int_equal(*(int64_t *)ss_parameters_find(parameters, "norm.num_batches_tracked")->value, 6);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

/* Two norms, the first of which holds its statistics, the second of which is not read by anything kept. */
static void statistics_are_held_and_unread_norms_do_nothing(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(6, 1));
  ss_graph_hold_statistics(graph, true);
  ss_tensor *y = ss_graph_keep(graph, ss_batch_norm(graph, x, NULL, "held"));
  ss_graph_hold_statistics(graph, false);
  ss_batch_norm(graph, y, NULL, "unread");
  ss_tensor *z = ss_graph_keep(graph, ss_batch_norm(graph, x, NULL, "plain"));
  ss_plan *plan = support_plan(graph);
  const float values[] = {1, 2, 3, 4, 5, 6};
  memcpy(ss_plan_data(plan, x), values, sizeof values);
  support_run(plan);
  support_settle(parameters);
  assert_memory_equal(ss_plan_data(plan, y), ss_plan_data(plan, z), sizeof values); /* the batch's statistics in both */
  const struct {
    const char *name;
    int64_t batches;
    float mean;
  } expected[] = {{"held", 0, 0.0f}, {"unread", 0, 0.0f}, {"plain", 1, 0.35f}};
  for (int i = 0; i < 3; i++) {
    char name[64];
    snprintf(name, sizeof name, "%s.num_batches_tracked", expected[i].name);
    assert_int_equal(*(int64_t *)ss_parameters_find(parameters, name)->value, expected[i].batches);
    snprintf(name, sizeof name, "%s.running_mean", expected[i].name);
    assert_true(fabsf(*(float *)ss_parameters_find(parameters, name)->value - expected[i].mean) < 1e-6f);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void a_fused_value_is_nowhere(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true, .seed = 1});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(16, 2, 2, 32));
  ss_tensor *y = ss_batch_norm(graph, x, &(ss_batch_norm_options){0}, "norm");
  ss_tensor *z = ss_graph_keep(graph, ss_relu(graph, y));
  ss_plan *plan = support_plan(graph);
  assert_null(ss_plan_data(plan, y));
  assert_non_null(ss_plan_data(plan, z));
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void mistakes(void **state) {
  (void)state;
  const golden_case uneven = {.name = "uneven", .shape = ss_shape_of(5, 3), .norm = {.options = {.groups = 2}}};
  const golden_case single = {.name = "single", .shape = ss_shape_of(2, 3), .norm = {.options = {.groups = 2}}};
  const support_case tests[] = {case_of(&uneven), case_of(&single)};
  support_expect_mistake(&tests[0], "equal parts");
  support_expect_mistake(&tests[1], "one value a channel");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(groups_keep_their_images),
      cmocka_unit_test(f32_as_pytorch),
      cmocka_unit_test(bf16_as_pytorch),
      cmocka_unit_test(composed_as_pytorch),
      cmocka_unit_test(far_from_zero),
      cmocka_unit_test(sums_two_gradients),
      cmocka_unit_test(gradients),
      cmocka_unit_test(same_bits_for_any_threads),
      cmocka_unit_test(fused_is_composed),
      cmocka_unit_test(statistics_are_exact),
      cmocka_unit_test(counts_a_batch_a_group),
      cmocka_unit_test(statistics_are_held_and_unread_norms_do_nothing),
      cmocka_unit_test(a_fused_value_is_nowhere),
      cmocka_unit_test(mistakes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
