/* Rescaled untrained networks: every convolution's output has zero mean and unit variance over the pictures. */
#include "support.h"

#include "engine/plan.h"
#include "eval/rescale.h"
#include "features/pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ss_feature_options plain = {.threads = 1, .layer = SS_LAST_LAYER};

static bool ends_with(const char *name, const char *end) {
  return strlen(name) >= strlen(end) && strcmp(name + strlen(name) - strlen(end), end) == 0;
}

static ss_source *make_data(char folder[256], ss_subset *all) {
  ss_error error = {""};
  support_make_folder(folder);
  support_pictures(folder, "cat", 20, 72, 66);
  support_pictures(folder, "dog", 20, 70, 70);
  ss_source *source = support_open(folder);
  support_ok(ss_subset_everything(source, all, &error), &error);
  return source;
}

static ss_model *rescaled_by(const ss_model *model, const ss_source *source, const ss_subset *all, ss_ways *ways) {
  ss_feature_options options = plain;
  options.ways = ways;
  ss_model *rescaled = NULL;
  ss_error error = {""};
  support_ok(ss_rescaled_model(model, source, all, &options, &rescaled, &error), &error);
  return rescaled;
}

static ss_model *rescaled_model(const ss_model *model, const ss_source *source, const ss_subset *all) {
  return rescaled_by(model, source, all, NULL);
}

/* Training norms over the same pictures move running statistics towards those of the batch. Where they already are the
 * batch's, they stay. */
static void check_norms(const char *name) {
  char folder[256];
  ss_subset all = {0};
  ss_source *source = make_data(folder, &all);
  ss_model *model = support_model(name), *rescaled = rescaled_model(model, source, &all);
  ss_graph *graph = ss_graph_new(rescaled->parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *images = ss_graph_input(graph, "images", SS_F32, ss_shape_of(40, 24, 24, 3));
  ss_graph_push_scope(graph, "backbone");
  ss_graph_keep(graph, ss_backbone_build(graph, images, &rescaled->backbone).output);
  ss_plan *plan = NULL;
  ss_pictures *pictures = NULL;
  const ss_picture_options reading = {.size = 24, .batch = 40, .threads = 1};
  const uint32_t *samples = NULL;
  int64_t count = 0;
  ss_error error = {""};
  ss_model *before = rescaled_model(model, source, &all);
  support_ok(ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error), &error);
  support_ok(ss_pictures_open(model, source, &all, &reading, &pictures, &error), &error);
  support_ok(ss_pictures_next(pictures, ss_plan_data(plan, images), &samples, &count, &error), &error);
  support_ok(ss_plan_run(plan, 0, &error), &error);
  int checked = 0;
  for (size_t i = 0; i < ss_parameters_count(rescaled->parameters); i++) {
    const ss_parameter *after = ss_parameters_at(rescaled->parameters, i);
    const ss_parameter *held = ss_parameters_find(before->parameters, after->name);
    const bool mean = ends_with(after->name, ".running_mean"), variance = ends_with(after->name, ".running_var");
    for (int64_t c = 0; (mean || variance) && c < after->count; c++) {
      const float now = ((float *)after->value)[c], then = ((float *)held->value)[c];
      assert_true(fabsf(now - then) < 1e-3f);
      assert_true(mean || then == 1.0f);
      checked++;
    }
  }
  assert_int_equal(checked, 2 * (5 * 4 + 5 * 8 + 5 * 16 + 5 * 32)); /* 20 norms */
  ss_pictures_close(pictures);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_model_free(before);
  ss_model_free(rescaled);
  ss_model_free(model);
  ss_subset_free(&all);
  ss_source_close(source);
  support_remove_folder(folder);
}

static void norms_find_what_they_hold(void **unused) {
  (void)unused;
  check_norms("random:resnet18?width=4&size=24");
  check_norms("random:resnet18?width=4&size=24&input=lightness");
  check_norms("random:resnet18?width=4&size=24&input=lab&split=1"); /* two of width 2: as many channels */
}

static ss_parameter *next_weight(const ss_parameters *parameters, size_t *index) {
  while (*index < ss_parameters_count(parameters)) {
    ss_parameter *parameter = ss_parameters_at(parameters, (*index)++);
    if (parameter->shape.rank == 4) {
      return parameter;
    }
  }
  return NULL;
}

/* Without norms the biases do what norms with those statistics would: the features are the same. */
static void biases_stand_for_norms(void **unused) {
  (void)unused;
  static const char *const archs[] = {"alexnet", "vgg11"};
  char folder[256];
  ss_subset all = {0};
  ss_source *source = make_data(folder, &all);
  for (int a = 0; a < 2; a++) {
    char name[64], normed_name[64];
    snprintf(name, sizeof name, "random:%s?width=4&size=64", archs[a]);
    snprintf(normed_name, sizeof normed_name, "random:%s_bn?width=4&size=64", archs[a]);
    ss_model *model = support_model(name), *normed = support_model(normed_name);
    size_t from = 0, to = 0;
    for (ss_parameter *weight; (weight = next_weight(model->parameters, &from));) {
      ss_parameter *copy = next_weight(normed->parameters, &to);
      assert_int_equal(copy->count, weight->count);
      memcpy(copy->value, weight->value, (size_t)weight->count * sizeof(float));
    }
    ss_model *one = rescaled_model(model, source, &all), *other = rescaled_model(normed, source, &all);
    ss_features x = {0}, y = {0}, z = {0};
    ss_error error = {""};
    support_ok(ss_features_extract(one, source, &all, &plain, &x, &error), &error);
    support_ok(ss_features_extract(other, source, &all, &plain, &y, &error), &error);
    support_ok(ss_features_extract(model, source, &all, &plain, &z, &error), &error);
    double most = 0.0, changed = 0.0;
    for (int64_t i = 0; i < x.count * x.dim; i++) {
      most = fmax(most, fabs((double)x.values[i] - y.values[i]));
      changed = fmax(changed, fabs((double)x.values[i] - z.values[i]));
    }
    assert_true(most < 1e-3);
    assert_true(changed > 0.1);
    ss_features_free(&x);
    ss_features_free(&y);
    ss_features_free(&z);
    ss_model_free(one);
    ss_model_free(other);
    ss_model_free(model);
    ss_model_free(normed);
  }
  ss_subset_free(&all);
  ss_source_close(source);
  support_remove_folder(folder);
}

/* Layer norms keep no statistics: their network gets the weights of its form with batch norms. */
static void layer_norms_get_the_weights_of_batch_norms(void **unused) {
  (void)unused;
  char folder[256];
  ss_subset all = {0};
  ss_source *source = make_data(folder, &all);
  ss_model *model = support_model("random:resnet18?width=4&size=24&norm=layer");
  ss_model *normed = support_model("random:resnet18?width=4&size=24");
  ss_ways *ways = ss_ways_new(); /* the same kernels: bits are compared */
  ss_model *one = rescaled_by(model, source, &all, ways), *other = rescaled_by(normed, source, &all, ways);
  ss_ways_free(ways);
  assert_int_equal(one->backbone.norm, SS_BACKBONE_LAYER_NORM);
  size_t from = 0, to = 0, untouched = 0;
  int weights = 0;
  for (const ss_parameter *weight; (weight = next_weight(one->parameters, &from)); weights++) {
    const size_t bytes = (size_t)weight->count * sizeof(float);
    assert_memory_equal(weight->value, next_weight(other->parameters, &to)->value, bytes);
    assert_memory_not_equal(weight->value, next_weight(model->parameters, &untouched)->value, bytes);
  }
  assert_int_equal(weights, 20);
  ss_model_free(one);
  ss_model_free(other);
  ss_model_free(model);
  ss_model_free(normed);
  ss_subset_free(&all);
  ss_source_close(source);
  support_remove_folder(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(norms_find_what_they_hold),
                                     cmocka_unit_test(biases_stand_for_norms),
                                     cmocka_unit_test(layer_norms_get_the_weights_of_batch_norms)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
