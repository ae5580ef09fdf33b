/* DeeperCluster: two levels of labels for the four rotations, and a loss of both. */
#include "support.h"

#include "methods/pseudo_labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { groups = 2, parts = 3 };

/* Two halves far apart, each of three blobs apart: sample i in half i mod 2, blob i mod 3. */
static ss_status features(void *context, const ss_feature_request *request, ss_error *error) {
  const int64_t dim = *(const int64_t *)context;
  float *values = calloc((size_t)(SUPPORT_SAMPLES * dim), sizeof *values);
  assert_non_null(values);
  ss_random random = ss_random_stream(9, SS_RANDOM_METHOD, 0, 0, 0);
  for (int64_t i = 0; i < SUPPORT_SAMPLES; i++) {
    float *row = values + i * dim;
    for (int64_t d = 0; d < dim; d++) {
      row[d] = 1e-3f * ss_random_normal(&random);
    }
    row[0] += i % 2 ? 10.0f : -10.0f;
    row[1 + i % 3] += 3.0f;
  }
  ss_status status = SS_OK;
  for (int64_t i = 0; i < SUPPORT_SAMPLES && status == SS_OK; i += 8) { /* batch by batch */
    status = request->take(request->taker, values + i * dim, i, 8, dim, error);
  }
  free(values);
  return status;
}

typedef struct fixture {
  support_task task;
  support_run run;
  int64_t dim;
} fixture;

static void make(fixture *of) {
  support_configure(&of->task, "deepercluster", 32, 4, "clusters=6 groups=2 components=4");
  of->dim = ss_backbone_dim(&of->task.task.backbone);
  of->task.task.features = features;
  of->task.task.features_context = &of->dim;
  of->run = support_run_loss(&of->task, 4);
  ss_error error = {{0}};
  if (of->task.task.method->before_epoch(&of->task.task, of->run.parameters, 0, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
}

static void drop(fixture *of) {
  support_run_free(&of->run);
  support_release(&of->task);
}

static void every_rotation_has_a_super_class_and_a_part_of_it(void **state) {
  (void)state;
  fixture of;
  make(&of);
  const int32_t *labels = ss_pseudo_label_values(of.run.parameters, "assignment");
  const int32_t *super = ss_pseudo_label_values(of.run.parameters, "super");
  const int32_t *sub = ss_pseudo_label_values(of.run.parameters, "sub");
  assert_true(labels && super && sub);
  for (int i = 0; i < SUPPORT_SAMPLES; i++) {
    assert_in_range(labels[i], 0, groups * parts - 1);
    for (int r = 0; r < 4; r++) {
      assert_int_equal(super[4 * i + r], 4 * (labels[i] / parts) + r);
      assert_int_equal(sub[4 * i + r] / parts, super[4 * i + r]);
      assert_int_equal(sub[4 * i + r] % parts, labels[i] % parts);
    }
    for (int k = 0; k < SUPPORT_SAMPLES; k++) { /* the same cluster, the same part: parts are of one group */
      assert_true(labels[i] != labels[k] || labels[i] / parts == labels[k] / parts);
    }
  }
  assert_true(of.task.task.renewed && strcmp(of.task.task.renewed, "super.|sub.") == 0);
  drop(&of);
}

static double log_sum(const float *logits, int count) {
  double sum = 0.0;
  for (int i = 0; i < count; i++) {
    sum += exp((double)logits[i]);
  }
  return log(sum);
}

/* With classifiers that give each class a number of its own whatever the picture, both losses are known. */
static void the_loss_is_of_both_levels(void **state) {
  (void)state;
  fixture of;
  make(&of);
  ss_error error = {{0}};
  float numbers[2][4 * groups * parts];
  static const char *const heads[2][2] = {{"super.weight", "super.bias"}, {"sub.weight", "sub.bias"}};
  for (int level = 0; level < 2; level++) {
    const ss_parameter *weight = ss_parameters_find(of.run.parameters, heads[level][0]);
    const ss_parameter *bias = ss_parameters_find(of.run.parameters, heads[level][1]);
    memset(weight->value, 0, (size_t)weight->count * sizeof(float));
    assert_int_equal(bias->count, level ? 4 * groups * parts : 4 * groups);
    for (int64_t i = 0; i < bias->count; i++) {
      numbers[level][i] = ((float *)bias->value)[i] = 0.3f * (float)(i * i % 7) - 0.5f * (float)level;
    }
  }
  assert_int_equal(ss_plan_run(of.run.plan, 0, &error), SS_OK);
  const int32_t *super = ss_pseudo_label_values(of.run.parameters, "super");
  const int32_t *sub = ss_pseudo_label_values(of.run.parameters, "sub");
  double expected = 0.0;
  for (int i = 0; i < 4; i++) { /* the batch is of the first four samples */
    for (int r = 0; r < 4; r++) {
      const int y = super[4 * i + r], z = sub[4 * i + r];
      expected += (log_sum(numbers[0], 4 * groups) - (double)numbers[0][y]) / 16.0;
      expected += (log_sum(numbers[1] + (ptrdiff_t)y * parts, parts) - (double)numbers[1][z]) / 16.0;
    }
  }
  assert_true(fabs((double)support_scalar(&of.run, of.run.build.losses[0]) - expected) < 1e-4);
  drop(&of);
}

/* Classifiers of other super-classes than a sample's have no gradient from it. */
static void only_the_super_classs_own_parts_learn(void **state) {
  (void)state;
  fixture of;
  make(&of);
  ss_error error = {{0}};
  assert_int_equal(ss_plan_run(of.run.plan, 0, &error), SS_OK);
  const int32_t *super = ss_pseudo_label_values(of.run.parameters, "super");
  const float *gradient = support_gradient(&of.run, "sub.bias");
  bool seen[4 * groups] = {false};
  for (int row = 0; row < 16; row++) {
    seen[super[row]] = true;
  }
  for (int y = 0; y < 4 * groups; y++) {
    float most = 0.0f;
    for (int k = 0; k < parts; k++) {
      most = fmaxf(most, fabsf(gradient[y * parts + k]));
    }
    assert_int_equal(most > 1e-7f, seen[y]);
  }
  drop(&of);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_rotation_has_a_super_class_and_a_part_of_it),
                                     cmocka_unit_test(the_loss_is_of_both_levels),
                                     cmocka_unit_test(only_the_super_classs_own_parts_learn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
