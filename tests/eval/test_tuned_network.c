/* Networks that are fine-tuned: steps against PyTorch's, what is frozen stays to the bit, what is not is trained. */
#include "support.h"

#include "base/random.h"
#include "eval/tuned_network.h"
#include "io/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 8, CLASSES = 4 };

static const ss_tuning_options plain = {
    .size = 16, .batch = BATCH, .classes = CLASSES, .momentum = 0.9f, .weight_decay = 5e-4f, .threads = 1};

static ss_tuned_network open_network(const ss_model *start, const ss_tuning_options *options) {
  ss_tuned_network network;
  ss_error error = {""};
  support_ok(ss_tuned_network_open(start, options, &network, &error), &error);
  return network;
}

static double step(ss_tuned_network *network, float rate) {
  double loss = NAN;
  ss_error error = {""};
  support_ok(ss_tuned_network_step(network, rate, &loss, &error), &error);
  return loss;
}

static void fill_batch(const ss_tuned_network *network, const ss_tuning_options *options) {
  ss_random random = ss_random_stream(3, SS_RANDOM_METHOD, 0, 0, 0);
  float *images = ss_tuned_network_images(network);
  for (int i = 0; i < options->batch * options->size * options->size * 3; i++) {
    images[i] = ss_random_normal(&random);
  }
  for (int i = 0; i < options->batch; i++) {
    ss_tuned_network_labels(network)[i] = i % options->classes;
  }
}

/* ---- PyTorch ---- */

/* Of the golden; freed with free(). */
static float *read(const ss_safetensors *golden, const char *prefix, const char *name, uint64_t *count) {
  char key[256];
  snprintf(key, sizeof key, "%s%s", prefix, name);
  const ss_safetensors_tensor *tensor = ss_safetensors_find(golden, key);
  if (!tensor) {
    fail_msg("the golden has no %s", key);
  }
  float *values = malloc((size_t)tensor->count * sizeof *values);
  assert_non_null(values);
  ss_error error = {""};
  if (tensor->dtype == SS_SAFETENSORS_I32) {
    support_ok(ss_safetensors_read(golden, tensor, values, &error), &error);
  } else {
    support_ok(ss_safetensors_read_float(golden, tensor, values, &error), &error);
  }
  *count = tensor->count;
  return values;
}

static void set_classifier(const ss_safetensors *golden, const ss_parameters *parameters) {
  static const char *const names[] = {"fc.weight", "fc.bias"};
  for (int i = 0; i < 2; i++) {
    const ss_parameter *parameter = ss_parameters_find(parameters, names[i]);
    uint64_t count = 0;
    float *values = read(golden, "start.", names[i], &count);
    assert_non_null(parameter);
    assert_int_equal(parameter->count, count);
    memcpy(parameter->value, values, (size_t)count * sizeof *values);
    free(values);
  }
}

/* Every parameter and statistic, at most 64 elements of each at even distances. */
static void check_values(const ss_safetensors *golden, const char *prefix, const ss_parameters *parameters) {
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(parameters, i);
    const bool backbone = strncmp(parameter->name, "backbone.", strlen("backbone.")) == 0;
    uint64_t count = 0;
    float *wanted = read(golden, prefix, parameter->name + (backbone ? strlen("backbone.") : 0), &count);
    const int64_t stride = parameter->count < 64 ? 1 : (parameter->count + 63) / 64;
    assert_int_equal(count, (parameter->count + stride - 1) / stride);
    for (int64_t k = 0; k < (int64_t)count; k++) {
      const double value = parameter->dtype == SS_I64 ? (double)((const int64_t *)parameter->value)[k]
                                                      : (double)((const float *)parameter->value)[k * stride];
      if (!(fabs(value - (double)wanted[k]) <= 1e-5)) {
        fail_msg("%s%s: %lld is %.7f, not %.7f", prefix, parameter->name, (long long)k, value, (double)wanted[k]);
      }
    }
    free(wanted);
  }
}

static void check_case(const char *name, int frozen_layers) {
  ss_safetensors *golden = NULL;
  ss_error error = {""};
  support_ok(ss_safetensors_open(&golden, SS_GOLDEN "/finetune.safetensors", &error), &error);
  ss_model *start = support_model(SS_GOLDEN "/../../nets/golden/resnet18_small.safetensors");
  ss_tuning_options options = plain;
  options.frozen_layers = frozen_layers;
  ss_tuned_network network = open_network(start, &options);
  set_classifier(golden, network.model->parameters);
  char prefix[32];
  snprintf(prefix, sizeof prefix, "%s.", name);
  uint64_t images_count = 0, labels_count = 0, steps = 0;
  float *images = read(golden, "", "images", &images_count), *labels = read(golden, "", "labels", &labels_count);
  float *losses = read(golden, prefix, "loss", &steps);
  assert_int_equal(steps, 3);
  assert_int_equal(labels_count, 3 * BATCH);
  const size_t each = (size_t)images_count / 3;
  for (size_t k = 0; k < 3; k++) {
    memcpy(ss_tuned_network_images(&network), images + k * each, each * sizeof *images);
    memcpy(ss_tuned_network_labels(&network), labels + k * BATCH, BATCH * sizeof *labels);
    const double loss = step(&network, 0.05f);
    assert_true(fabs(loss - (double)losses[k]) < 1e-5);
  }
  check_values(golden, prefix, network.model->parameters);
  free(images);
  free(labels);
  free(losses);
  ss_tuned_network_close(&network);
  ss_model_free(start);
  ss_safetensors_close(golden);
}

static void steps_equal_pytorch(void **unused) {
  (void)unused;
  check_case("all", 0);
  check_case("layer2", 3);
}

/* ---- freezing ---- */

/* Values of all parameters, one after the other; freed with free(). */
static char *snapshot(const ss_parameters *parameters) {
  size_t bytes = 1;
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(parameters, i);
    bytes += (size_t)parameter->count * ss_dtype_size(parameter->dtype);
  }
  char *copy = malloc(bytes), *to = copy;
  assert_non_null(copy);
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(parameters, i);
    memcpy(to, parameter->value, (size_t)parameter->count * ss_dtype_size(parameter->dtype));
    to += (size_t)parameter->count * ss_dtype_size(parameter->dtype);
  }
  return copy;
}

/* Nodes of the plan whose operation has that name. */
static int count_nodes(const ss_plan *plan, const char *operation) {
  int count = 0;
  for (size_t i = 0; i < ss_plan_node_count(plan); i++) {
    count += strcmp(ss_plan_profile(plan, i).operation, operation) == 0;
  }
  return count;
}

/* What `frozen` names stays to the bit, everything else changes; the backward pass has as many convolutions. */
static void check_frozen(const char *name, int layers, const char *frozen, int weight_gradients, int data_gradients) {
  ss_model *start = support_model(name);
  ss_tuning_options options = plain;
  options.size = start->backbone.size;
  options.frozen_layers = layers;
  ss_tuned_network network = open_network(start, &options);
  fill_batch(&network, &options);
  assert_int_equal(count_nodes(network.plan, "convolution_backward_weight"), weight_gradients);
  assert_int_equal(count_nodes(network.plan, "convolution_backward_data"), data_gradients);
  char *before = snapshot(network.model->parameters);
  step(&network, 0.1f);
  const char *at = before;
  int kept = 0;
  for (size_t i = 0; i < ss_parameters_count(network.model->parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(network.model->parameters, i);
    const size_t size = (size_t)parameter->count * ss_dtype_size(parameter->dtype);
    const bool same = memcmp(at, parameter->value, size) == 0;
    const bool wanted = *frozen && ss_parameter_matches(parameter, frozen);
    if (same != wanted) {
      fail_msg("%s with %d frozen layers: %s %s", name, layers, parameter->name, same ? "stayed" : "changed");
    }
    kept += same;
    at += size;
  }
  assert_true((kept > 0) == (layers > 0));
  free(before);
  ss_tuned_network_close(&network);
  ss_model_free(start);
}

static void frozen_layers_stay_to_the_bit(void **unused) {
  (void)unused;
  static const char resnet[] = "random:resnet18?width=4&size=16";
  check_frozen(resnet, 0, "", 20, 19);
  check_frozen(resnet, 1, "backbone.conv1.|backbone.bn1.", 19, 18);
  check_frozen(resnet, 3, "backbone.conv1.|backbone.bn1.|backbone.layer1.|backbone.layer2.", 10, 8);
  check_frozen(resnet, 5, "backbone.", 0, 0);
  check_frozen(resnet, SS_MAX_LAYERS, "backbone.", 0, 0); /* more than there are */
  check_frozen("random:resnet50?width=4&size=16", 2, "backbone.conv1.|backbone.bn1.|backbone.layer1.", 42, 40);
  check_frozen("random:alexnet?width=4&size=64", 2, "backbone.features.0.|backbone.features.3.", 3, 2);
  check_frozen("random:alexnet_bn?width=4&size=64", 2,
               "backbone.features.0.|backbone.features.1.|backbone.features.4.|backbone.features.5.", 3, 2);
  check_frozen("random:vgg11_bn?width=4&size=32", 1, "backbone.features.0.|backbone.features.1.", 7, 6);
}

static void frozen_layers_stay_whatever_the_input_and_norm(void **unused) {
  (void)unused;
  check_frozen("random:resnet18?width=8&size=16&input=lab&split=1", 1,
               "backbone.lightness.conv1.|backbone.lightness.bn1.|backbone.colour.conv1.|backbone.colour.bn1.", 38, 36);
  check_frozen("random:resnet18?width=4&size=16&norm=layer", 2, "backbone.conv1.|backbone.bn1.|backbone.layer1.", 15,
               13);
  check_frozen("random:resnet18?width=4&size=16&input=sobel", 4,
               "backbone.conv1.|backbone.bn1.|backbone.layer1.|backbone.layer2.|backbone.layer3.", 5, 3);
}

/* In bf16, as is the default, too. */
static void frozen_layers_stay_in_bf16(void **unused) {
  (void)unused;
  ss_model *start = support_model("random:resnet18?width=16&size=16");
  ss_tuning_options options = plain;
  options.bf16 = true;
  options.batch = 16;
  options.frozen_layers = 2;
  ss_tuned_network network = open_network(start, &options);
  fill_batch(&network, &options);
  step(&network, 0.1f);
  for (size_t i = 0; i < ss_parameters_count(start->parameters); i++) {
    const ss_parameter *before = ss_parameters_at(start->parameters, i);
    const ss_parameter *after = ss_parameters_find(network.model->parameters, before->name);
    const bool frozen = ss_parameter_matches(before, "backbone.conv1.|backbone.bn1.|backbone.layer1.");
    const size_t bytes = (size_t)before->count * ss_dtype_size(before->dtype);
    assert_true((memcmp(before->value, after->value, bytes) == 0) == frozen);
  }
  ss_tuned_network_close(&network);
  ss_model_free(start);
}

/* ---- the classifier alone ---- */

/* Outputs of the model in evaluation, (BATCH, D) float32; freed with free(). */
static float *outputs_of(ss_model *model, const float *images, int64_t *dim) {
  ss_graph *graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32});
  const int size = model->backbone.size;
  ss_tensor *input = ss_graph_input(graph, "images", SS_F32, ss_shape_of(BATCH, size, size, 3));
  ss_graph_push_scope(graph, "backbone");
  ss_tensor *output = ss_graph_keep(graph, ss_backbone_build(graph, input, &model->backbone).output);
  ss_plan *plan = NULL;
  ss_error error = {""};
  support_ok(ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error), &error);
  memcpy(ss_plan_data(plan, input), images, (size_t)(BATCH * size * size * 3) * sizeof *images);
  support_ok(ss_plan_run(plan, 0, &error), &error);
  *dim = ss_tensor_dim(output, 1);
  float *values = malloc((size_t)(BATCH * *dim) * sizeof *values);
  assert_non_null(values);
  memcpy(values, ss_plan_data(plan, output), (size_t)(BATCH * *dim) * sizeof *values);
  ss_plan_free(plan);
  ss_graph_free(graph);
  return values;
}

/* p - y of softmax regression, (BATCH, CLASSES); the mean cross-entropy. */
static double softmax_errors(const float *h, int64_t dim, const float *weight, const float *bias, const int32_t *labels,
                             double *errors) {
  double loss = 0.0;
  for (int n = 0; n < BATCH; n++) {
    double *p = errors + (size_t)n * CLASSES, sum = 0.0;
    for (int c = 0; c < CLASSES; c++) {
      double logit = (double)bias[c];
      for (int64_t d = 0; d < dim; d++) {
        logit += (double)weight[c * dim + d] * (double)h[n * dim + d];
      }
      p[c] = exp(logit);
      sum += p[c];
    }
    loss -= log(p[labels[n]] / sum) / BATCH;
    for (int c = 0; c < CLASSES; c++) {
      p[c] = p[c] / sum - (c == labels[n] ? 1.0 : 0.0);
    }
  }
  return loss;
}

/* W' = W - rate ((p - y)^T h / N + decay W): with everything else frozen, softmax regression on the features. */
static void classifier_alone_is_softmax_regression(void **unused) {
  (void)unused;
  ss_model *start = support_model(SS_GOLDEN "/../../nets/golden/resnet18_small.safetensors");
  start->backbone.size = plain.size;
  ss_tuning_options options = plain;
  options.frozen_layers = 5;
  options.weight_decay = 0.1f;
  ss_tuned_network network = open_network(start, &options);
  fill_batch(&network, &options);
  int64_t dim = 0;
  float *h = outputs_of(start, ss_tuned_network_images(&network), &dim);
  const ss_parameter *weight = ss_parameters_find(network.model->parameters, "fc.weight");
  const ss_parameter *bias = ss_parameters_find(network.model->parameters, "fc.bias");
  float before[CLASSES * 32], before_bias[CLASSES];
  assert_int_equal(weight->count, sizeof before / sizeof *before);
  memcpy(before, weight->value, sizeof before);
  memcpy(before_bias, bias->value, sizeof before_bias);
  double errors[BATCH * CLASSES];
  const double wanted = softmax_errors(h, dim, before, before_bias, ss_tuned_network_labels(&network), errors);
  assert_true(fabs(step(&network, 0.5f) - wanted) < 1e-5);
  for (int c = 0; c < CLASSES; c++) {
    double bias_gradient = 0.1 * (double)before_bias[c];
    for (int n = 0; n < BATCH; n++) {
      bias_gradient += errors[n * CLASSES + c] / BATCH;
    }
    assert_true(fabs((double)((float *)bias->value)[c] - ((double)before_bias[c] - 0.5 * bias_gradient)) < 1e-6);
    for (int64_t d = 0; d < dim; d++) {
      double gradient = 0.1 * (double)before[c * dim + d];
      for (int n = 0; n < BATCH; n++) {
        gradient += errors[n * CLASSES + c] * (double)h[n * dim + d] / BATCH;
      }
      const double after = (double)((float *)weight->value)[c * dim + d];
      assert_true(fabs(after - ((double)before[c * dim + d] - 0.5 * gradient)) < 1e-5);
    }
  }
  free(h);
  ss_tuned_network_close(&network);
  ss_model_free(start);
}

/* ---- where it starts ---- */

static void check_start(bool reinitialise) {
  ss_model *start = support_model(SS_GOLDEN "/../../nets/golden/resnet18_small.safetensors");
  ss_tuning_options options = plain;
  options.frozen_layers = 2;
  options.reinitialise = reinitialise;
  options.seed = 9;
  ss_tuned_network network = open_network(start, &options);
  ss_model *drawn = NULL;
  ss_error error = {""};
  support_ok(ss_model_untrained(start, 9, &drawn, &error), &error);
  for (size_t i = 0; i < ss_parameters_count(start->parameters); i++) {
    const ss_parameter *from = ss_parameters_at(start->parameters, i);
    const bool kept = !reinitialise || ss_parameter_matches(from, "backbone.conv1.|backbone.bn1.|backbone.layer1.");
    const ss_parameter *wanted = kept ? from : ss_parameters_find(drawn->parameters, from->name);
    const ss_parameter *has = ss_parameters_find(network.model->parameters, from->name);
    assert_memory_equal(has->value, wanted->value, (size_t)from->count * ss_dtype_size(from->dtype));
  }
  assert_int_equal(ss_parameters_count(network.model->parameters), ss_parameters_count(start->parameters) + 2);
  ss_model_free(drawn);
  ss_tuned_network_close(&network);
  ss_model_free(start);
}

static void starts_from_the_model_or_anew(void **unused) {
  (void)unused;
  check_start(false);
  check_start(true);
}

static void refuses_what_cannot_be(void **unused) {
  (void)unused;
  ss_model *start = support_model("random:resnet18?width=4&size=16");
  ss_tuned_network network;
  ss_error error = {""};
  ss_tuning_options options = plain;
  options.classes = 1;
  assert_int_equal(ss_tuned_network_open(start, &options, &network, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "two classes"));
  ss_tuned_network_close(&network);
  options = plain;
  options.size = 4;
  assert_int_equal(ss_tuned_network_open(start, &options, &network, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "8 px"));
  ss_tuned_network_close(&network);
  ss_model_free(start);
}

/* A loss that is no number stops it before the weights are lost. */
static void stops_at_a_loss_that_is_no_number(void **unused) {
  (void)unused;
  ss_model *start = support_model("random:resnet18?width=4&size=16");
  ss_tuned_network network = open_network(start, &plain);
  fill_batch(&network, &plain);
  ((float *)ss_parameters_find(network.model->parameters, "fc.bias")->value)[1] = NAN;
  const ss_parameter *stem = ss_parameters_find(network.model->parameters, "backbone.conv1.weight");
  float before[4 * 27];
  assert_int_equal(stem->count, sizeof before / sizeof *before);
  memcpy(before, stem->value, sizeof before);
  double loss = 0.0;
  ss_error error = {""};
  assert_int_equal(ss_tuned_network_step(&network, 0.1f, &loss, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "--lr"));
  assert_memory_equal(stem->value, before, sizeof before);
  ss_tuned_network_close(&network);
  ss_model_free(start);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(steps_equal_pytorch),
                                     cmocka_unit_test(frozen_layers_stay_to_the_bit),
                                     cmocka_unit_test(frozen_layers_stay_whatever_the_input_and_norm),
                                     cmocka_unit_test(frozen_layers_stay_in_bf16),
                                     cmocka_unit_test(classifier_alone_is_softmax_regression),
                                     cmocka_unit_test(starts_from_the_model_or_anew),
                                     cmocka_unit_test(refuses_what_cannot_be),
                                     cmocka_unit_test(stops_at_a_loss_that_is_no_number)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
