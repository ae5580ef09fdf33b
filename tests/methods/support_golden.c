#include "support_golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4, SAMPLES = 16, MOST_PARAMETERS = 256 };

ss_safetensors *support_golden(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s.safetensors", SS_GOLDEN, name);
  ss_safetensors *golden = NULL;
  ss_error error = {{0}};
  if (ss_safetensors_open(&golden, path, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return golden;
}

static void *read_array(const ss_safetensors *golden, const char *key, const char *name, ss_safetensors_dtype dtype,
                        int64_t *count) {
  char full[256];
  snprintf(full, sizeof full, "%s.%s", key, name);
  const ss_safetensors_tensor *tensor = ss_safetensors_find(golden, full);
  if (!tensor || tensor->dtype != dtype) {
    fail_msg("the golden has no %s of %s", full, ss_safetensors_dtype_name(dtype));
    return NULL;
  }
  void *values = malloc(tensor->bytes + 1);
  assert_non_null(values);
  assert_int_equal(ss_safetensors_read(golden, tensor, values, NULL), SS_OK);
  *count = (int64_t)tensor->count;
  return values;
}

float *support_golden_floats(const ss_safetensors *golden, const char *key, const char *name, int64_t *count) {
  return read_array(golden, key, name, SS_SAFETENSORS_F32, count);
}

int32_t *support_golden_ints(const ss_safetensors *golden, const char *key, const char *name, int64_t *count) {
  return read_array(golden, key, name, SS_SAFETENSORS_I32, count);
}

void support_numbers(const char *name, float scale, float offset, float *values, int64_t count) {
  const uint64_t hash = ss_hash_text(name);
  for (int64_t i = 0; i < count; i++) {
    uint64_t z = hash + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    values[i] = (float)((double)offset + (double)scale * ((double)(z >> 40) / 8388608.0 - 1.0));
  }
}

static bool ends_with(const char *text, const char *end) {
  return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

void support_fill_parameters(ss_parameters *parameters) {
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    ss_parameter *parameter = ss_parameters_at(parameters, i);
    if (!(parameter->flags & SS_TRAINABLE)) {
      continue;
    }
    float scale = 0.3f, offset = strstr(parameter->name, "attn") ? 0.0f : 3.0f;
    if (parameter->shape.rank > 1) {
      scale = (float)sqrt(3.0 / (double)(parameter->count / parameter->shape.dims[0]));
      offset = 0.0f;
    } else if (ends_with(parameter->name, "weight")) {
      offset = 1.0f;
    }
    support_numbers(parameter->name, scale, offset, parameter->value, parameter->count);
  }
}

/* Differences count relative to the largest wanted value, or to `floor` where that is more. */
static void expect_close(const char *key, const char *name, const float *values, const float *wanted, int64_t count,
                         double floor, double tolerance) {
  double difference = 0.0, largest = floor;
  for (int64_t i = 0; i < count; i++) {
    const double apart = fabs((double)values[i] - (double)wanted[i]);
    difference = isnan(apart) ? INFINITY : fmax(difference, apart);
    largest = fmax(largest, fabs((double)wanted[i]));
  }
  if (!(difference <= tolerance * largest)) {
    fail_msg("%s.%s differs by %.3g of %.3g", key, name, difference, largest);
  }
}

static void expect_near(const ss_safetensors *golden, const char *key, const char *name, const float *values,
                        int64_t count, double floor, double tolerance) {
  int64_t wanted_count = 0;
  float *wanted = support_golden_floats(golden, key, name, &wanted_count);
  assert_int_equal(count, wanted_count);
  expect_close(key, name, values, wanted, count, floor, tolerance);
  free(wanted);
}

void support_expect_near(const ss_safetensors *golden, const char *key, const char *name, const float *values,
                         int64_t count, double tolerance) {
  expect_near(golden, key, name, values, count, 0.0, tolerance);
}

/* The golden's gradients: how many, and the median of their norms. A gradient that is zero but for rounding (that of a
 * bias before a norm) is measured by it. */
static size_t count_gradients(const ss_safetensors *golden, const char *key, double *median) {
  double norms[MOST_PARAMETERS] = {0.0};
  size_t count = 0;
  char prefix[64];
  snprintf(prefix, sizeof prefix, "%s.gradient.", key);
  for (size_t i = 0; i < ss_safetensors_count(golden); i++) {
    const char *name = ss_safetensors_at(golden, i)->name;
    if (strncmp(name, prefix, strlen(prefix)) == 0) {
      int64_t numbers = 0;
      float *values = support_golden_floats(golden, key, name + strlen(key) + 1, &numbers);
      assert_true(count < MOST_PARAMETERS);
      size_t at = count++; /* in order */
      for (; at > 0 && norms[at - 1] > values[0]; at--) {
        norms[at] = norms[at - 1];
      }
      norms[at] = values[0];
      free(values);
    }
  }
  assert_true(count > 0);
  *median = norms[count / 2];
  return count;
}

void support_expect_gradients(const ss_safetensors *golden, const char *key, const ss_graph *graph, const ss_plan *plan,
                              double tolerance) {
  double median = 0.0;
  const size_t expected = count_gradients(golden, key, &median);
  assert_int_equal(ss_graph_gradient_count(graph), expected);
  for (size_t i = 0; i < expected; i++) {
    const ss_parameter *parameter = ss_graph_gradient_parameter(graph, i);
    const float *gradient = ss_plan_data(plan, ss_graph_gradient_tensor(graph, i));
    float some[SAMPLES + 1];
    int64_t count = 1;
    const int64_t step = (parameter->count + SAMPLES - 1) / SAMPLES;
    double square = 0.0;
    for (int64_t k = 0; k < parameter->count; k++) {
      square += (double)gradient[k] * gradient[k];
      if (k % step == 0) {
        some[count++] = gradient[k];
      }
    }
    some[0] = (float)sqrt(square);
    char name[200];
    snprintf(name, sizeof name, "gradient.%s", parameter->name);
    expect_near(golden, key, name, some, count, median, tolerance);
  }
}

static void record_inputs(const ss_task *task, ss_build *build) {
  for (int i = 0; i < task->input_count; i++) {
    const ss_method_input *input = &task->inputs[i];
    ss_shape shape = {.rank = input->shape.rank + 1, .dims = {(int64_t)input->views * BATCH}};
    memcpy(shape.dims + 1, input->shape.dims, (size_t)input->shape.rank * sizeof *shape.dims);
    build->inputs[i] = ss_graph_input(build->graph, input->name, input->dtype, shape);
  }
}

static void fill_inputs(const ss_safetensors *golden, const ss_task *task, const ss_build *build, const ss_plan *plan) {
  for (int i = 0; i < task->input_count; i++) {
    const char *name = task->inputs[i].name;
    const int64_t count = ss_shape_count(ss_tensor_shape(build->inputs[i]));
    if (task->inputs[i].dtype == SS_F32) {
      support_numbers(name, 2.0f, 0.0f, ss_plan_data(plan, build->inputs[i]), count);
      continue;
    }
    int64_t golden_count = 0;
    int32_t *values = support_golden_ints(golden, task->method->name, name, &golden_count);
    assert_int_equal(count, golden_count);
    memcpy(ss_plan_data(plan, build->inputs[i]), values, (size_t)count * sizeof *values);
    free(values);
  }
}

void support_check_method(const ss_safetensors *golden, const char *method, int size, const char *pairs,
                          double tolerance) {
  support_task task;
  support_configure(&task, method, size, BATCH, pairs);
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_build build = {.task = &task.task, .graph = graph, .batch = BATCH};
  record_inputs(&task.task, &build);
  task.task.method->loss(&build);
  support_fill_parameters(parameters);
  ss_graph_backward(graph, build.losses[0], "");
  ss_tensor *kept[3] = {ss_graph_keep(graph, build.losses[0]), ss_graph_keep(graph, build.prediction),
                        ss_graph_keep(graph, build.score)};
  ss_error error = {{0}};
  ss_plan *plan = NULL;
  if (ss_graph_status(graph, &error) != SS_OK ||
      ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s: %s", method, error.message);
  }
  fill_inputs(golden, &task.task, &build, plan);
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  static const char *const names[3] = {"loss", "logits", "score"};
  for (int i = 0; i < 3; i++) {
    const int64_t count = ss_shape_count(ss_tensor_shape(kept[i]));
    support_expect_near(golden, method, names[i], ss_plan_data(plan, kept[i]), count, tolerance);
  }
  support_expect_gradients(golden, method, graph, plan, tolerance);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  support_release(&task);
}
