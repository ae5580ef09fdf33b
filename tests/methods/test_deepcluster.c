/* DeepCluster: labels from features, their weights, a new classifier each epoch, edges for colours. */
#include "support.h"

#include "methods/pseudo_labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { blobs = 5 };

/* Features of five blobs far apart, sample i in blob i mod 5 for the epochs before `turned` and in blob i / 8 after. */
typedef struct made {
  int64_t dim;
  bool turned;
} made;

static int blob_of(int64_t sample, bool turned) {
  return (int)(turned ? sample / 8 : sample % blobs);
}

static ss_status features(void *context, const ss_feature_request *request, ss_error *error) {
  const made *of = context;
  float *values = calloc((size_t)(SUPPORT_SAMPLES * of->dim), sizeof *values);
  assert_true(values && !request->model && !request->map);
  ss_random random = ss_random_stream(9, SS_RANDOM_METHOD, of->turned, 0, 0);
  for (int64_t i = 0; i < SUPPORT_SAMPLES; i++) {
    for (int64_t d = 0; d < of->dim; d++) {
      const float centre = d % blobs == blob_of(i, of->turned) ? 10.0f : 0.0f;
      values[i * of->dim + d] = centre + 0.1f * ss_random_normal(&random);
    }
  }
  const ss_status status = request->take(request->taker, values, 0, SUPPORT_SAMPLES, of->dim, error);
  free(values);
  return status;
}

static void *value(const support_run *run, const char *name) {
  const ss_parameter *parameter = ss_parameters_find(run->parameters, name);
  assert_non_null(parameter);
  return parameter->value;
}

typedef struct fixture {
  support_task task;
  support_run run;
  made of;
} fixture;

/* A batch's graph, and the features' labels before the first epoch. */
static void make(fixture *f, const char *pairs) {
  support_configure(&f->task, "deepcluster", 32, 4, pairs);
  f->of = (made){.dim = ss_backbone_dim(&f->task.task.backbone), .turned = false};
  f->task.task.features = features;
  f->task.task.features_context = &f->of;
  f->run = support_run_loss(&f->task, 4);
}

static void begin(fixture *f, int64_t epoch) {
  ss_error error = {{0}};
  if (f->task.task.method->before_epoch(&f->task.task, f->run.parameters, epoch, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
}

static void drop(fixture *f) {
  support_run_free(&f->run);
  support_release(&f->task);
}

static void labels_are_the_clusters_of_the_features(void **state) {
  (void)state;
  fixture f;
  make(&f, "clusters=5 components=4");
  float *weight = value(&f.run, "head.weight"), *bias = value(&f.run, "head.bias");
  const float old = weight[0];
  bias[0] = 3.0f;
  begin(&f, 0);
  assert_true(f.task.task.renewed && strcmp(f.task.task.renewed, "head.") == 0);
  assert_true(fabsf(weight[0] - old) > 1e-9f && fabsf(bias[0]) < 1e-9f);
  const int32_t *labels = value(&f.run, "clusters.assignment");
  for (int i = 0; i < SUPPORT_SAMPLES; i++) {
    for (int k = 0; k < SUPPORT_SAMPLES; k++) {
      assert_int_equal(labels[i] == labels[k], blob_of(i, false) == blob_of(k, false));
    }
  }
  assert_true(fabsf(*(float *)value(&f.run, "clusters.largest") - 0.2f) < 1e-6f);
  assert_true(fabsf(*(float *)value(&f.run, "clusters.nmi_previous")) < 1e-9f); /* there were none before */
  int32_t before[SUPPORT_SAMPLES];
  memcpy(before, labels, sizeof before);
  begin(&f, 1);
  assert_true(fabsf(*(float *)value(&f.run, "clusters.nmi_previous") - 1.0f) < 1e-5f); /* the same, by other names */
  f.of.turned = true;
  begin(&f, 2);
  const float previous = *(float *)value(&f.run, "clusters.nmi_previous"); /* blobs of 8 and residues share little */
  assert_true(previous < 0.2f);
  drop(&f);
}

/* Samples of a small cluster weigh more: each cluster has the same sum, the mean over all samples is one. */
static void weights_make_clusters_equal(void **state) {
  (void)state;
  fixture f;
  make(&f, "clusters=3 components=4");
  begin(&f, 0);
  const int32_t *labels = value(&f.run, "clusters.assignment");
  const float *weights = value(&f.run, "clusters.weights");
  double sums[3] = {0.0, 0.0, 0.0};
  for (int i = 0; i < SUPPORT_SAMPLES; i++) {
    sums[labels[i]] += (double)weights[i];
  }
  for (int j = 0; j < 3; j++) {
    assert_true(fabs(sums[j] - SUPPORT_SAMPLES / 3.0) < 1e-4);
  }
  drop(&f);
}

/* The loss is the weighted mean of the samples' cross-entropies with their clusters, looked up by rank. */
static void the_loss_is_that_of_the_ranks_labels(void **state) {
  (void)state;
  fixture f;
  make(&f, "clusters=5 components=4");
  ss_error error = {{0}};
  begin(&f, 0);
  float *weights = value(&f.run, "clusters.weights");
  for (int i = 0; i < SUPPORT_SAMPLES; i++) {
    weights[i] = 1.0f + (float)i;
  }
  int32_t *ranks = ss_plan_data(f.run.plan, f.run.build.inputs[1]);
  const int32_t chosen[4] = {7, 0, 22, 39};
  memcpy(ranks, chosen, sizeof chosen);
  assert_int_equal(ss_plan_run(f.run.plan, 0, &error), SS_OK);
  const float *logits = ss_plan_data(f.run.plan, f.run.build.prediction);
  const int32_t *labels = value(&f.run, "clusters.assignment");
  double sum = 0.0, total = 0.0;
  for (int i = 0; i < 4; i++) {
    double exponents = 0.0;
    for (int j = 0; j < 5; j++) {
      exponents += exp((double)logits[5 * i + j]);
    }
    const double weight = 1.0 + chosen[i];
    sum += weight * (log(exponents) - (double)logits[5 * i + labels[chosen[i]]]);
    total += weight;
  }
  assert_true(fabs((double)support_scalar(&f.run, f.run.build.losses[0]) - sum / total) < 1e-4);
  drop(&f);
}

static void the_number_of_clusters_suits_the_data(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "deepcluster", 32, 4, "");
  assert_int_equal(ss_pseudo_label_count(&task.task), SUPPORT_SAMPLES / 2); /* not 50 */
  task.task.samples = 100000;
  assert_int_equal(ss_pseudo_label_count(&task.task), 50);
  task.task.classes = 0;
  assert_int_equal(ss_pseudo_label_count(&task.task), 1000);
  support_release(&task);
}

static void new_labels_come_when_due(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "deepcluster", 32, 4, "every=3");
  for (int64_t epoch = 0; epoch < 7; epoch++) {
    assert_int_equal(ss_pseudo_labels_due(&task.task, epoch), epoch % 3 == 0);
  }
  support_release(&task);
}

static void edges_take_the_place_of_colours(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "deepcluster", 32, 4, "sobel=1");
  assert_int_equal(task.task.backbone.input, SS_INPUT_SOBEL);
  ss_image picture = support_picture(40, 40, 2);
  void *slot = support_views(&task, &picture, 1, 0, 5, -1);
  const float *view = ss_view_slot(&task.task, slot, 0, 0);
  float most = 0.0f;
  for (int64_t i = 0; i < support_view_count(&task, 0); i += 3) {
    most = fmaxf(most, fmaxf(fabsf(view[i]), fabsf(view[i + 1])));
    assert_true(fabsf(view[i + 2]) < 1e-9f);
  }
  assert_true(most > 0.01f && most <= 1.0f);
  assert_int_equal(*(int32_t *)ss_view_slot(&task.task, slot, 1, 0), 5);
  free(slot);
  ss_image_free(&picture);
  support_release(&task);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(labels_are_the_clusters_of_the_features),
                                     cmocka_unit_test(weights_make_clusters_equal),
                                     cmocka_unit_test(the_loss_is_that_of_the_ranks_labels),
                                     cmocka_unit_test(the_number_of_clusters_suits_the_data),
                                     cmocka_unit_test(new_labels_come_when_due),
                                     cmocka_unit_test(edges_take_the_place_of_colours)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
