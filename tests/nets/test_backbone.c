/* Backbones against torchvision: outputs and every parameter's gradient, in training and evaluation.
 *
 * With arguments, the networks of those names are checked instead of golden/'s: NAME.safetensors and
 * NAME_values.safetensors as make_goldens.py writes them (check_torchvision.py does so at full width). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/plan.h"
#include "io/safetensors.h"
#include "nets/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 64 }; /* of a gradient, in the golden */

static const double tolerance = 1e-4;

static void must(ss_status status, const ss_error *error) {
  if (status != SS_OK) {
    fail_msg("%s", error->message);
  }
}

static const ss_safetensors_tensor *find(const ss_safetensors *file, const char *prefix, const char *name) {
  char key[256];
  snprintf(key, sizeof key, "%s%s", prefix, name);
  const ss_safetensors_tensor *tensor = ss_safetensors_find(file, key);
  if (!tensor) {
    fail_msg("%s has no %s", ss_safetensors_path(file), key);
  }
  return tensor;
}

/* Freed with free(). */
static float *read_floats(const ss_safetensors *file, const char *prefix, const char *name, int64_t *count) {
  const ss_safetensors_tensor *tensor = find(file, prefix, name);
  float *values = malloc(tensor->count * sizeof *values);
  assert_non_null(values);
  ss_error error = {{0}};
  must(ss_safetensors_read_float(file, tensor, values, &error), &error);
  *count = (int64_t)tensor->count;
  return values;
}

/* Largest |a - b| relative to the largest |b|, or to `floor` where that is more. */
static double relative_difference(const float *a, const float *b, int64_t count, double floor) {
  double difference = 0.0, scale = floor;
  for (int64_t i = 0; i < count; i++) {
    difference = fmax(difference, isnan(a[i]) ? INFINITY : fabs((double)a[i] - (double)b[i]));
    scale = fmax(scale, fabs((double)b[i]));
  }
  return difference / scale;
}

static void expect_near(const ss_safetensors *golden, const char *prefix, const char *name, const float *values,
                        int64_t count) {
  int64_t wanted_count = 0;
  float *wanted = read_floats(golden, prefix, name, &wanted_count);
  assert_int_equal(count, wanted_count);
  const double difference = relative_difference(values, wanted, count, 0.0);
  if (!(difference <= tolerance)) {
    fail_msg("%s: %s%s differs by %.3g", ss_safetensors_path(golden), prefix, name, difference);
  }
  free(wanted);
}

/* A network recorded on the golden's batch, run once. */
typedef struct running {
  ss_model *model;
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *output;
} running;

static void run(running *r, const char *weights, const ss_safetensors *golden, bool training) {
  ss_error error = {{0}};
  const ss_safetensors_tensor *input = find(golden, "", "input");
  must(ss_model_open(weights, (int)input->dims[1], 0, &r->model, &error), &error);
  r->graph = ss_graph_new(r->model->parameters, &(ss_graph_options){.compute = SS_F32, .training = training});
  assert_non_null(r->graph);
  ss_tensor *images = ss_graph_input(r->graph, "images", SS_F32, ss_shape_make(4, input->dims));
  ss_graph_push_scope(r->graph, "backbone");
  ss_tensor *output = ss_backbone_build(r->graph, images, &r->model->backbone).output;
  ss_graph_pop_scope(r->graph);
  assert_non_null(output);
  assert_int_equal(ss_tensor_dim(output, 1), ss_backbone_dim(&r->model->backbone));
  if (training) {
    int64_t count = 0;
    float *weight = read_floats(golden, "", "weight", &count);
    ss_tensor *weighted = ss_multiply(r->graph, output, ss_graph_constant(r->graph, ss_tensor_shape(output), weight));
    ss_graph_backward(r->graph, ss_reduce_sum(r->graph, weighted, 3u, false), "");
    free(weight);
  }
  r->output = ss_graph_keep(r->graph, output);
  must(ss_graph_status(r->graph, &error), &error);
  must(ss_plan_new(r->graph, &(ss_plan_options){.threads = 2}, &r->plan, &error), &error);
  must(ss_safetensors_read_float(golden, input, ss_plan_data(r->plan, images), &error), &error);
  must(ss_plan_run(r->plan, 0, &error), &error);
  must(ss_parameters_settle(r->model->parameters, &error), &error);
}

static void stop(running *r) {
  ss_plan_free(r->plan);
  ss_graph_free(r->graph);
  ss_model_free(r->model);
}

/* The model's parameters are torchvision's, no more and no fewer. */
static void check_names(const char *weights, const ss_parameters *parameters) {
  ss_safetensors *file = NULL;
  ss_error error = {{0}};
  must(ss_safetensors_open(&file, weights, &error), &error);
  assert_int_equal(ss_safetensors_count(file), ss_parameters_count(parameters));
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    find(file, "", ss_parameters_at(parameters, i)->name + strlen("backbone."));
  }
  ss_safetensors_close(file);
}

static double norm_of(const float *values, int64_t count) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) {
    sum += (double)values[i] * (double)values[i];
  }
  return sqrt(sum);
}

/* A bias before a batch norm has no gradient but rounding: what is small beside the weight's own counts as none. */
static double floor_of(const ss_safetensors *golden, const char *name) {
  const size_t length = strlen(name);
  char weight[256];
  if (length < 4 || strcmp(name + length - 4, "bias") != 0) {
    return 0.0;
  }
  snprintf(weight, sizeof weight, "%.*sweight", (int)(length - 4), name);
  int64_t count = 0;
  float *norm = read_floats(golden, "norm.", weight, &count);
  const double floor = (double)*norm;
  free(norm);
  return floor;
}

static void check_gradient(const ss_safetensors *golden, const running *r, size_t index) {
  const ss_parameter *parameter = ss_graph_gradient_parameter(r->graph, index);
  const char *name = parameter->name + strlen("backbone.");
  const float *gradient = ss_plan_data(r->plan, ss_graph_gradient_tensor(r->graph, index));
  assert_non_null(gradient);
  int64_t count = 0, one = 0;
  float *wanted = read_floats(golden, "gradient.", name, &count);
  float *wanted_norm = read_floats(golden, "norm.", name, &one);
  const int64_t stride = (parameter->count + SAMPLES - 1) / SAMPLES;
  float some[SAMPLES];
  assert_true(count <= SAMPLES && count == (parameter->count + stride - 1) / stride);
  for (int64_t i = 0; i < count; i++) {
    some[i] = gradient[i * stride];
  }
  const double floor = floor_of(golden, name); /* of a norm; an element's share of it for elements */
  const double element_floor = fmax(floor, (double)*wanted_norm) / sqrt((double)parameter->count);
  const double difference = relative_difference(some, wanted, count, element_floor);
  const float norm = (float)norm_of(gradient, parameter->count);
  const double norm_difference = relative_difference(&norm, wanted_norm, 1, floor);
  if (!(difference <= tolerance) || !(norm_difference <= tolerance)) {
    fail_msg("%s: the gradient of %s differs by %.3g, its norm by %.3g", ss_safetensors_path(golden), name, difference,
             norm_difference);
  }
  free(wanted);
  free(wanted_norm);
}

/* Running statistics after one run. */
static void check_buffers(const ss_safetensors *golden, const ss_parameters *parameters) {
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(parameters, i);
    const char *name = parameter->name + strlen("backbone.");
    if (parameter->flags & SS_TRAINABLE) {
      continue;
    }
    if (parameter->dtype == SS_F32) {
      expect_near(golden, "after.", name, parameter->value, parameter->count);
    } else {
      int64_t wanted = -1;
      ss_error error = {{0}};
      must(ss_safetensors_read(golden, find(golden, "after.", name), &wanted, &error), &error);
      assert_int_equal(*(int64_t *)parameter->value, wanted);
    }
  }
}

static void check(void **state) {
  const char *name = *state;
  char weights[512], values[512];
  const char *folder = strchr(name, '/') ? "" : SS_GOLDEN "/";
  snprintf(weights, sizeof weights, "%s%s.safetensors", folder, name);
  snprintf(values, sizeof values, "%s%s_values.safetensors", folder, name);
  ss_safetensors *golden = NULL;
  ss_error error = {{0}};
  must(ss_safetensors_open(&golden, values, &error), &error);
  running r = {0};
  run(&r, weights, golden, false);
  check_names(weights, r.model->parameters);
  expect_near(golden, "output.", "evaluation", ss_plan_data(r.plan, r.output),
              ss_shape_count(ss_tensor_shape(r.output)));
  stop(&r);
  r = (running){0};
  run(&r, weights, golden, true);
  expect_near(golden, "output.", "training", ss_plan_data(r.plan, r.output), ss_shape_count(ss_tensor_shape(r.output)));
  size_t trainable = 0;
  for (size_t i = 0; i < ss_parameters_count(r.model->parameters); i++) {
    trainable += (ss_parameters_at(r.model->parameters, i)->flags & SS_TRAINABLE) != 0;
  }
  assert_int_equal(ss_graph_gradient_count(r.graph), trainable);
  for (size_t i = 0; i < trainable; i++) {
    check_gradient(golden, &r, i);
  }
  check_buffers(golden, r.model->parameters);
  stop(&r);
  ss_safetensors_close(golden);
}

int main(int argc, char **argv) {
  static const char *const names[] = {"resnet18", "resnet18_small", "resnet18_layer", "resnet34", "resnet50",
                                      "alexnet",  "alexnet_bn",     "vgg11",          "vgg11_bn"};
  enum { own = sizeof names / sizeof *names, most = 16 };
  struct CMUnitTest tests[most] = {{0}};
  size_t count = 0;
  for (int i = 0; i < (argc > 1 ? argc - 1 : own) && i < most; i++) {
    const char *name = argc > 1 ? argv[i + 1] : names[i];
    tests[count++] = (struct CMUnitTest){.name = name, .test_func = check, .initial_state = (void *)name};
  }
  return _cmocka_run_group_tests("backbones against torchvision", tests, count, NULL, NULL);
}
