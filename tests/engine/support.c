#include "support.h"

#include "base/bfloat16.h"
#include "base/random.h"
#include "engine/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIRECTIONS = 3, MAX_KEY = 256 };

static const double difference_step = 0.02;

static void *must_alloc(size_t count, size_t size) {
  void *memory = calloc(count > 0 ? count : 1, size);
  assert_non_null(memory);
  return memory;
}

double support_difference(const float *a, const float *b, int64_t count) {
  double largest = 0.0;
  for (int64_t i = 0; i < count; i++) {
    const double difference = fabs((double)a[i] - (double)b[i]);
    if (!(difference <= largest)) { /* a NaN is a difference too */
      largest = isnan(difference) ? INFINITY : difference;
    }
  }
  return largest;
}

/* ---- plans ---- */

static ss_plan *plan_on(ss_graph *graph, const ss_device *device, int threads) {
  ss_error error = {{0}};
  if (ss_graph_status(graph, &error) != SS_OK) {
    fail_msg("not recorded: %s", error.message);
  }
  ss_plan *plan = NULL;
  if (ss_plan_new(graph, &(ss_plan_options){.device = device, .threads = threads}, &plan, &error) != SS_OK) {
    fail_msg("not planned: %s", error.message);
  }
  return plan;
}

ss_plan *support_plan_threads(ss_graph *graph, int threads) {
  return plan_on(graph, NULL, threads);
}

ss_plan *support_plan(ss_graph *graph) {
  return support_plan_threads(graph, 2);
}

void support_run(ss_plan *plan) {
  ss_error error = {{0}};
  if (ss_plan_run(plan, 0, &error) != SS_OK) {
    fail_msg("not run: %s", error.message);
  }
}

void support_settle(ss_parameters *parameters) {
  ss_error error = {{0}};
  if (ss_parameters_settle(parameters, &error) != SS_OK) {
    fail_msg("not settled: %s", error.message);
  }
}

float *support_read(const ss_plan *plan, const ss_tensor *tensor) {
  const int64_t count = ss_shape_count(ss_tensor_shape(tensor));
  const void *data = ss_plan_data(plan, tensor);
  assert_non_null(data);
  float *values = must_alloc((size_t)count, sizeof *values);
  for (int64_t i = 0; i < count; i++) {
    switch (ss_tensor_dtype(tensor)) {
      case SS_F32:
        values[i] = ((const float *)data)[i];
        break;
      case SS_BF16:
        values[i] = ss_bf16_to_float(((const ss_bf16 *)data)[i]);
        break;
      case SS_I32:
        values[i] = (float)((const int32_t *)data)[i];
        break;
      default:
        fail_msg("cannot read a tensor of %s", ss_dtype_name(ss_tensor_dtype(tensor)));
    }
  }
  return values;
}

void support_write(const ss_plan *plan, const ss_tensor *tensor, const float *values) {
  const int64_t count = ss_shape_count(ss_tensor_shape(tensor));
  void *data = ss_plan_data(plan, tensor);
  assert_non_null(data);
  for (int64_t i = 0; i < count; i++) {
    switch (ss_tensor_dtype(tensor)) {
      case SS_F32:
        ((float *)data)[i] = values[i];
        break;
      case SS_BF16:
        ((ss_bf16 *)data)[i] = ss_bf16_from_float(values[i]);
        break;
      case SS_I32:
        ((int32_t *)data)[i] = (int32_t)values[i];
        break;
      default:
        fail_msg("cannot write a tensor of %s", ss_dtype_name(ss_tensor_dtype(tensor)));
    }
  }
}

/* ---- a case, recorded with L and its gradients ---- */

typedef struct recorded {
  ss_parameters *parameters;
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *inputs[SUPPORT_MAX_INPUTS];
  ss_tensor *gradients[SUPPORT_MAX_INPUTS]; /* NULL: none reaches the input */
  ss_tensor *output;
  float *weights; /* of L, the output's shape */
  int64_t output_count;
} recorded;

static bool is_labels(const support_case *test, int input) {
  return test->labels_below > 0 && input == test->input_count - 1;
}

static ss_random stream(const support_case *test, uint64_t what) {
  return ss_random_stream(test->seed, SS_RANDOM_METHOD, 0, what, 0);
}

static ss_tensor *record_output(recorded *r, const support_case *test, ss_dtype compute) {
  *r = (recorded){0};
  r->parameters = ss_parameters_new(test->seed);
  assert_non_null(r->parameters);
  r->graph = ss_graph_new(r->parameters,
                          &(ss_graph_options){.compute = compute, .training = !test->evaluation, .seed = test->seed});
  assert_non_null(r->graph);
  for (int i = 0; i < test->input_count; i++) {
    char name[32];
    snprintf(name, sizeof name, "input%d", i);
    r->inputs[i] = ss_graph_input(r->graph, name, is_labels(test, i) ? SS_I32 : SS_F32, test->shapes[i]);
    if (!is_labels(test, i)) {
      ss_graph_want_gradient(r->graph, r->inputs[i]);
    }
  }
  return test->record(r->graph, r->inputs, test->context);
}

/* `weights` of L, or NULL to draw them; device: NULL for that of any test. */
static void record_on(recorded *r, const support_case *test, ss_dtype compute, const float *weights,
                      int64_t weight_count, const ss_device *device) {
  ss_tensor *output = record_output(r, test, compute);
  ss_error error = {{0}};
  if (output == NULL) {
    ss_graph_status(r->graph, &error);
    fail_msg("%s: not recorded: %s", test->name, error.message);
    return;
  }
  const ss_shape shape = ss_tensor_shape(output);
  r->output_count = ss_shape_count(shape);
  r->weights = must_alloc((size_t)r->output_count, sizeof(float));
  if (weights != NULL) {
    if (weight_count != r->output_count) {
      char text[80];
      fail_msg("%s: output %s, golden has %lld elements", test->name, ss_shape_text(shape, text),
               (long long)weight_count);
    }
    memcpy(r->weights, weights, (size_t)weight_count * sizeof(float));
  } else {
    ss_random random = stream(test, 100);
    for (int64_t i = 0; i < r->output_count; i++) {
      r->weights[i] = ss_random_normal(&random);
    }
  }
  ss_tensor *wide = ss_tensor_dtype(output) == SS_F32 ? output : ss_cast(r->graph, output, SS_F32);
  ss_tensor *weighted = ss_multiply(r->graph, wide, ss_graph_constant(r->graph, shape, r->weights));
  ss_graph_backward(r->graph, ss_reduce_sum(r->graph, weighted, (1u << shape.rank) - 1, false), "");
  r->output = ss_graph_keep(r->graph, output);
  for (int i = 0; i < test->input_count; i++) {
    if (!is_labels(test, i)) {
      ss_tensor *gradient = ss_graph_gradient_of(r->graph, r->inputs[i]);
      r->gradients[i] = gradient != NULL ? ss_graph_keep(r->graph, gradient) : NULL;
    }
  }
  r->plan = plan_on(r->graph, device, 2);
  support_settle(r->parameters); /* which are given other values before the first run */
}

static void record(recorded *r, const support_case *test, ss_dtype compute, const float *weights,
                   int64_t weight_count) {
  record_on(r, test, compute, weights, weight_count, NULL);
}

static void release(recorded *r) {
  ss_plan_free(r->plan);
  ss_graph_free(r->graph);
  ss_parameters_free(r->parameters);
  free(r->weights);
}

void support_expect_mistake(const support_case *test, const char *text) {
  recorded r;
  assert_null(record_output(&r, test, SS_F32));
  ss_error error = {{0}};
  assert_int_not_equal(ss_graph_status(r.graph, &error), SS_OK);
  if (strstr(error.message, text) == NULL) {
    fail_msg("%s: \"%s\" says nothing of \"%s\"", test->name, error.message, text);
  }
  release(&r);
}

/* ---- gradients against differences ---- */

static void fill_inputs(const recorded *r, const support_case *test) {
  for (int i = 0; i < test->input_count; i++) {
    ss_random random = stream(test, (uint64_t)i);
    const int64_t count = ss_shape_count(test->shapes[i]);
    float *values = must_alloc((size_t)count, sizeof(float));
    uint32_t *rungs = must_alloc((size_t)count, sizeof *rungs);
    for (int64_t k = 0; k < count; k++) {
      rungs[k] = (uint32_t)k;
    }
    ss_random_shuffle(&random, rungs, (size_t)count);
    for (int64_t k = 0; k < count; k++) {
      if (is_labels(test, i)) {
        values[k] = (float)ss_random_below(&random, (uint32_t)test->labels_below);
      } else if (test->ladder) {
        values[k] = 0.1f * ((float)rungs[k] - (float)(count / 2)) + 0.05f;
      } else if (test->positive) {
        values[k] = ss_random_between(&random, 0.5f, 1.5f);
      } else {
        values[k] = ss_random_normal(&random);
      }
    }
    support_write(r->plan, r->inputs[i], values);
    free(values);
    free(rungs);
  }
}

static double loss(const recorded *r) {
  support_run(r->plan);
  support_settle(r->parameters);
  float *output = support_read(r->plan, r->output);
  double sum = 0.0;
  for (int64_t i = 0; i < r->output_count; i++) {
    sum += (double)output[i] * (double)r->weights[i];
  }
  free(output);
  return sum;
}

/* (L(x + h v) - L(x - h v)) / 2h, with what h x v really came to in float32 taken out of the error by small steps. */
static double difference(const recorded *r, float *x, const float *start, const float *v, int64_t count, double h) {
  double sides[2];
  for (int side = 0; side < 2; side++) {
    for (int64_t i = 0; i < count; i++) {
      x[i] = (float)((double)start[i] + (side == 0 ? h : -h) * (double)v[i]);
    }
    sides[side] = loss(r);
  }
  memcpy(x, start, (size_t)count * sizeof(float));
  return (sides[0] - sides[1]) / (2.0 * h);
}

static void check_one(const recorded *r, const support_case *test, const char *what, float *x, const float *gradient,
                      int64_t count, uint64_t which, double tolerance) {
  float *start = must_alloc((size_t)count, sizeof(float));
  float *v = must_alloc((size_t)count, sizeof(float));
  memcpy(start, x, (size_t)count * sizeof(float));
  double norm = 0.0;
  for (int64_t i = 0; i < count; i++) {
    norm += (double)gradient[i] * (double)gradient[i];
  }
  norm = sqrt(norm);
  for (int direction = 0; direction < DIRECTIONS; direction++) {
    ss_random random = stream(test, 1000 + which * DIRECTIONS + (uint64_t)direction);
    double projected = 0.0;
    for (int64_t i = 0; i < count; i++) {
      v[i] = (ss_random_bits(&random) & 1u) != 0 ? 1.0f : -1.0f;
      projected += (double)gradient[i] * (double)v[i];
    }
    const double wide = difference(r, x, start, v, count, difference_step);
    const double narrow = difference(r, x, start, v, count, difference_step / 2.0);
    const double expected = (4.0 * narrow - wide) / 3.0;
    if (!(fabs(projected - expected) <= tolerance * fmax(norm, 1e-3))) {
      fail_msg("%s: gradient of %s along direction %d is %.9g, by differences %.9g (norm %.3g)", test->name, what,
               direction, projected, expected, norm);
    }
  }
  free(start);
  free(v);
}

static void move_parameters(const recorded *r, const support_case *test) {
  for (size_t k = 0; k < ss_parameters_count(r->parameters); k++) {
    ss_parameter *parameter = ss_parameters_at(r->parameters, k);
    if (parameter->dtype == SS_F32 && (parameter->flags & SS_TRAINABLE) != 0) {
      ss_random random = stream(test, 200 + k);
      for (int64_t i = 0; i < parameter->count; i++) {
        ((float *)parameter->value)[i] += 0.1f * ss_random_normal(&random);
      }
    }
  }
}

void support_check_gradient(const support_case *test, double tolerance) {
  recorded r;
  record(&r, test, SS_F32, NULL, 0);
  fill_inputs(&r, test);
  move_parameters(&r, test);
  support_run(r.plan);
  support_settle(r.parameters);

  /* all gradients are read before anything is moved */
  const int inputs = test->input_count;
  const size_t parameters = ss_graph_gradient_count(r.graph);
  float *input_gradients[SUPPORT_MAX_INPUTS] = {NULL};
  float **parameter_gradients = must_alloc(parameters, sizeof *parameter_gradients);
  for (int i = 0; i < inputs; i++) {
    if (is_labels(test, i)) {
      continue;
    }
    input_gradients[i] = r.gradients[i] != NULL ? support_read(r.plan, r.gradients[i])
                                                : must_alloc((size_t)ss_shape_count(test->shapes[i]), sizeof(float));
  }
  for (size_t k = 0; k < parameters; k++) {
    parameter_gradients[k] = support_read(r.plan, ss_graph_gradient_tensor(r.graph, k));
  }
  for (int i = 0; i < inputs; i++) {
    if (!is_labels(test, i)) {
      char name[32];
      snprintf(name, sizeof name, "input%d", i);
      check_one(&r, test, name, ss_plan_data(r.plan, r.inputs[i]), input_gradients[i], ss_shape_count(test->shapes[i]),
                (uint64_t)i, tolerance);
    }
    free(input_gradients[i]);
  }
  for (size_t k = 0; k < parameters; k++) {
    ss_parameter *parameter = ss_graph_gradient_parameter(r.graph, k);
    check_one(&r, test, parameter->name, parameter->value, parameter_gradients[k], parameter->count, 10 + k, tolerance);
    free(parameter_gradients[k]);
  }
  free(parameter_gradients);
  release(&r);
}

/* ---- goldens compared ---- */

static void set_parameters(const recorded *r, const support_golden *golden) {
  for (size_t k = 0; k < ss_parameters_count(r->parameters); k++) {
    ss_parameter *parameter = ss_parameters_at(r->parameters, k);
    char key[MAX_KEY];
    snprintf(key, sizeof key, "parameter.%s", parameter->name);
    if ((parameter->flags & SS_TRAINABLE) == 0 && !support_golden_has(golden, key)) {
      continue; /* a buffer at its initial value */
    }
    int64_t count = 0;
    const float *values = support_golden_array(golden, key, &count);
    assert_int_equal(parameter->dtype, SS_F32);
    assert_int_equal(count, parameter->count);
    memcpy(parameter->value, values, (size_t)count * sizeof(float));
  }
}

static void compare(const support_case *test, const support_golden *golden, const char *key, const float *values,
                    int64_t count, double tolerance) {
  int64_t expected_count = 0;
  const float *expected = support_golden_array(golden, key, &expected_count);
  if (expected_count != count) {
    fail_msg("%s: %s has %lld elements, golden %lld", test->name, key, (long long)count, (long long)expected_count);
  }
  double largest = 0.0;
  for (int64_t i = 0; i < count; i++) {
    largest = fmax(largest, fabs((double)expected[i]));
  }
  const double off = support_difference(values, expected, count);
  if (!(off <= tolerance * largest)) {
    fail_msg("%s: %s differs from the golden by %.3g (largest magnitude %.3g, tolerance %.3g)", test->name, key, off,
             largest, tolerance);
  }
}

static void compare_gradient(const recorded *r, const support_case *test, const support_golden *golden,
                             const char *name, const ss_tensor *gradient, double tolerance) {
  char key[MAX_KEY];
  snprintf(key, sizeof key, "gradient.%s", name);
  if (gradient == NULL) {
    fail_msg("%s: no gradient reaches %s", test->name, name);
    return;
  }
  float *values = support_read(r->plan, gradient);
  compare(test, golden, key, values, ss_shape_count(ss_tensor_shape(gradient)), tolerance);
  free(values);
}

void support_check_golden(const support_case *test, const char *golden_name, ss_dtype compute, double tolerance) {
  support_golden *golden = support_golden_open(golden_name);
  recorded r;
  int64_t weight_count = 0;
  const float *weights = support_golden_array(golden, "weight", &weight_count);
  record(&r, test, compute, weights, weight_count);
  for (int i = 0; i < test->input_count; i++) {
    char key[32];
    snprintf(key, sizeof key, "input%d", i);
    int64_t count = 0;
    const float *values = support_golden_array(golden, key, &count);
    assert_int_equal(count, ss_shape_count(test->shapes[i]));
    support_write(r.plan, r.inputs[i], values);
  }
  set_parameters(&r, golden);
  support_run(r.plan);
  support_settle(r.parameters);

  float *output = support_read(r.plan, r.output);
  compare(test, golden, "output", output, r.output_count, tolerance);
  free(output);

  /* every array of the golden is compared: a key that names nothing is a mistake of the test */
  const char *key = NULL;
  for (size_t array = 0; (key = support_golden_key(golden, array)) != NULL; array++) {
    if (strncmp(key, "gradient.", 9) == 0) {
      const char *name = key + 9;
      int input = -1;
      if (sscanf(name, "input%d", &input) == 1 && input >= 0 && input < test->input_count) {
        compare_gradient(&r, test, golden, name, r.gradients[input], tolerance);
        continue;
      }
      const ss_tensor *gradient = NULL;
      for (size_t k = 0; k < ss_graph_gradient_count(r.graph); k++) {
        if (strcmp(ss_graph_gradient_parameter(r.graph, k)->name, name) == 0) {
          gradient = ss_graph_gradient_tensor(r.graph, k);
        }
      }
      compare_gradient(&r, test, golden, name, gradient, tolerance);
    } else if (strncmp(key, "after.", 6) == 0) {
      const ss_parameter *parameter = ss_parameters_find(r.parameters, key + 6);
      if (parameter == NULL || parameter->dtype != SS_F32) {
        fail_msg("%s: no float32 buffer %s", test->name, key + 6);
        break;
      }
      compare(test, golden, key, parameter->value, parameter->count, tolerance);
    } else if (strncmp(key, "parameter.", 10) == 0 && ss_parameters_find(r.parameters, key + 10) == NULL) {
      fail_msg("%s: golden %s has a parameter %s that the case has not", test->name, golden_name, key + 10);
    }
  }
  release(&r);
  support_golden_close(golden);
}

/* ---- devices compared ---- */

static void compare_tensors(const support_case *test, const char *what, const ss_plan *plan, const ss_tensor *tensor,
                            const ss_plan *other_plan, const ss_tensor *other, double tolerance) {
  const int64_t count = ss_shape_count(ss_tensor_shape(tensor));
  float *expected = support_read(plan, tensor), *values = support_read(other_plan, other);
  double largest = 0.0;
  for (int64_t i = 0; i < count; i++) {
    largest = fmax(largest, fabs((double)expected[i]));
  }
  const double off = support_difference(values, expected, count);
  if (!(off <= tolerance * largest)) {
    fail_msg("%s: %s differs by %.3g (largest magnitude %.3g, tolerance %.3g)", test->name, what, off, largest,
             tolerance);
  }
  free(expected);
  free(values);
}

static void compare_recorded(const support_case *test, const recorded *r, const recorded *other, double tolerance) {
  compare_tensors(test, "the output", r->plan, r->output, other->plan, other->output, tolerance);
  for (int i = 0; i < test->input_count; i++) {
    if (r->gradients[i] != NULL) {
      char what[40];
      snprintf(what, sizeof what, "the gradient of input%d", i);
      compare_tensors(test, what, r->plan, r->gradients[i], other->plan, other->gradients[i], tolerance);
    }
  }
  for (size_t k = 0; k < ss_graph_gradient_count(r->graph); k++) {
    compare_tensors(test, ss_graph_gradient_parameter(r->graph, k)->name, r->plan,
                    ss_graph_gradient_tensor(r->graph, k), other->plan, ss_graph_gradient_tensor(other->graph, k),
                    tolerance);
  }
}

void support_check_devices(const support_case *test, ss_dtype compute, double tolerance) {
  ss_error error = {{0}};
  const ss_device *cpu = NULL, *gpu = support_gpu();
  assert_int_equal(ss_device_open("cpu", &cpu, &error), SS_OK);
  /* A second run on the GPU is recorded, a third is replayed. */
  const struct {
    const ss_device *device;
    int runs;
  } places[] = {{cpu, 1}, {gpu, 1}, {gpu, 3}};
  recorded r[3];
  for (int i = 0; i < 3; i++) {
    record_on(&r[i], test, compute, NULL, 0, places[i].device);
    fill_inputs(&r[i], test);
    for (int run = 0; run < places[i].runs; run++) {
      support_run(r[i].plan);
    }
  }
  compare_recorded(test, &r[0], &r[1], tolerance);
  compare_recorded(test, &r[1], &r[2], 0.0);
  for (int i = 0; i < 3; i++) {
    release(&r[i]);
  }
}
