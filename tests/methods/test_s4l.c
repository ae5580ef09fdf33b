/* S4L: which labels are seen, which views they go with, and the sum of both losses worked out apart. */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Labels seen, by class; of those of support_configure, 4 + 2 c of class c. */
static void count_seen(const char *pairs, int seen[5], uint64_t *which) {
  support_task task;
  support_configure(&task, "s4l", 32, 4, pairs);
  memset(seen, 0, 5 * sizeof *seen);
  *which = 0;
  ss_image picture = support_picture(32, 32, 1);
  for (uint32_t i = 0; i < SUPPORT_SAMPLES; i++) {
    const int label = task.task.labels[i];
    void *slot = support_views(&task, &picture, 1, 0, i, label);
    const int32_t first = *(int32_t *)ss_view_slot(&task.task, slot, 1, 0);
    for (int v = 0; v < task.task.inputs[1].views; v++) { /* all views of a picture */
      assert_int_equal(*(int32_t *)ss_view_slot(&task.task, slot, 1, v), first);
    }
    assert_true(first == label || first == -1);
    if (first >= 0) {
      seen[first]++;
      *which |= (uint64_t)1 << i;
    }
    free(slot);
  }
  ss_image_free(&picture);
  support_release(&task);
}

static void each_class_shows_its_share_of_labels(void **state) {
  (void)state;
  int seen[5];
  uint64_t half, again, other;
  count_seen("labels=50%", seen, &half);
  assert_memory_equal(seen, ((const int[]){2, 3, 4, 5, 6}), sizeof seen);
  count_seen("labels=50% self=exemplar copies=3", seen, &again); /* the form plays no part */
  assert_true(half == again);
  count_seen("labels=1%", seen, &other); /* at least one */
  assert_memory_equal(seen, ((const int[]){1, 1, 1, 1, 1}), sizeof seen);
  assert_true((half & other) == other); /* fewer labels are among the more */
  count_seen("labels=1", seen, &other);
  assert_memory_equal(seen, ((const int[]){4, 6, 8, 10, 12}), sizeof seen);
}

static void held_out_pictures_have_their_labels(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "s4l", 32, 4, "labels=1%");
  ss_view_scratch scratch = {0};
  ss_image work[SS_WORK_IMAGES] = {{0}}, picture = support_picture(32, 32, 1);
  void *slot = calloc(1, ss_slot_bytes(&task.task));
  assert_non_null(slot);
  for (uint32_t i = 0; i < 100; i++) {
    ss_sample sample = {
        .image = &picture, .label = 3, .index = i, .rank = i, .held_out = true, .scratch = &scratch, .work = work};
    assert_int_equal(task.task.method->views(&task.task, &sample, slot, NULL), SS_OK);
    assert_int_equal(*(int32_t *)ss_view_slot(&task.task, slot, 1, 0), 3);
  }
  for (int i = 0; i < SS_WORK_IMAGES; i++) {
    ss_image_free(&work[i]);
  }
  free(slot);
  ss_scratch_free(&scratch);
  ss_image_free(&picture);
  support_release(&task);
}

/* Mean over rows with a label, columns [from, from + count); 0 without one. Adds its gradient to the biases. */
static double cross_entropy(const float *logits, int rows, int columns, int from, int count, const int32_t *labels,
                            double *bias) {
  double loss = 0.0;
  int labelled = 0;
  for (int i = 0; i < rows; i++) {
    labelled += labels[i] >= 0;
  }
  for (int i = 0; i < rows; i++) {
    const float *row = logits + i * columns + from;
    double sum = 0.0;
    for (int k = 0; k < count; k++) {
      sum += exp((double)row[k]);
    }
    for (int k = 0; k < count && labels[i] >= 0; k++) {
      bias[k] += (exp((double)row[k]) / sum - (k == labels[i])) / labelled;
    }
    loss += labels[i] >= 0 ? (log(sum) - (double)row[labels[i]]) / labelled : 0.0;
  }
  return loss;
}

static double report(const support_run *run, const char *name) {
  for (int i = 0; i < run->build.report_count; i++) {
    if (strcmp(run->build.reports[i].name, name) == 0) {
      return (double)support_scalar(run, run->build.reports[i].value);
    }
  }
  fail_msg("no report %s", name);
  return 0.0;
}

static void check_sum(const char *pairs, bool rotation, double weight, bool some_labels) {
  enum { batch = 8, classes = 5 };
  support_task task;
  support_configure(&task, "s4l", 32, batch, pairs);
  support_run run = support_run_loss(&task, batch);
  if (!some_labels) {
    memset(ss_plan_data(run.plan, run.build.inputs[1]), 0xff,
           (size_t)task.task.inputs[1].views * batch * sizeof(int32_t));
    assert_int_equal(ss_plan_run(run.plan, 0, NULL), SS_OK);
  }
  const int rows = task.task.inputs[0].views * batch, columns = classes + (rotation ? 4 : 0);
  const float *logits = ss_plan_data(run.plan, run.build.prediction);
  const int32_t *labels = ss_plan_data(run.plan, run.build.inputs[1]);
  double of_class[classes] = {0.0}, of_turn[4] = {0.0};
  const double supervised = cross_entropy(logits, rows, columns, columns - classes, classes, labels, of_class);
  const float *seen = ss_plan_data(run.plan, run.build.inputs[2]);
  double self = report(&run, "self_supervised_loss"), share = 0.0; /* of labelled views */
  for (int i = 0; i < rows; i++) {
    assert_true(!some_labels || (seen[i] == 1.0f) == (labels[i] >= 0));
    share += (double)seen[i] / rows;
  }
  if (rotation) {
    const double turned =
        cross_entropy(logits, rows, columns, 0, 4, ss_plan_data(run.plan, run.build.inputs[3]), of_turn);
    assert_true(fabs(turned - self) < 1e-4);
    for (int k = 0; k < 4; k++) {
      assert_true(fabs((double)support_gradient(&run, "rotations.bias")[k] - weight * of_turn[k]) < 1e-5);
    }
  }
  assert_true(some_labels == (supervised > 0.0));
  assert_true(fabs(report(&run, "supervised_loss") - supervised) < 1e-4);
  assert_true(fabs((double)support_scalar(&run, run.build.losses[0]) - (share * supervised + weight * self)) < 1e-4);
  for (int k = 0; k < classes; k++) {
    assert_true(fabs((double)support_gradient(&run, "classes.bias")[k] - share * of_class[k]) < 1e-5);
  }
  ss_shown shown = {.prediction = logits, .batch = batch};
  for (int i = 0; i < task.task.input_count; i++) {
    shown.inputs[i] = ss_plan_data(run.plan, run.build.inputs[i]);
  }
  ss_image sheet = {0};
  assert_int_equal(task.task.method->picture(&task.task, &shown, &sheet, NULL), SS_OK);
  ss_image_free(&sheet);
  support_run_free(&run);
  support_release(&task);
}

static void the_loss_is_the_sum_of_both(void **state) {
  (void)state;
  check_sum("labels=60%", true, 1.0, true);
  check_sum("labels=100% weight=0.3", true, 0.3, true);
  check_sum("labels=60% self=exemplar copies=3 weight=2", false, 2.0, true);
}

/* No picture of the batch has a label: the supervised part is zero, and so is its gradient. */
static void a_batch_without_labels_is_finite(void **state) {
  (void)state;
  check_sum("labels=0", true, 1.0, false);
  check_sum("labels=0 self=exemplar copies=2", false, 1.0, false);
}

static void one_class_is_refused(void **state) {
  (void)state;
  const ss_method *method = NULL;
  ss_settings *settings = NULL;
  ss_error error = {{0}};
  assert_int_equal(ss_method_find("s4l", &method, &error), SS_OK);
  assert_int_equal(ss_settings_new(method->options, NULL, &settings, &error), SS_OK);
  const int32_t labels[3] = {0, 0, 0};
  ss_task task = {
      .method = method, .settings = settings, .size = 32, .batch = 2, .classes = 1, .samples = 3, .labels = labels};
  assert_int_equal(method->configure(&task, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "two or more"));
  method->release(&task);
  task.classes = 2;
  task.batch = 1;
  assert_int_equal(ss_settings_set(settings, "self", "exemplar", true, &error), SS_OK);
  assert_int_equal(method->configure(&task, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "--batch"));
  method->release(&task);
  ss_settings_free(settings);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_class_shows_its_share_of_labels), cmocka_unit_test(held_out_pictures_have_their_labels),
      cmocka_unit_test(the_loss_is_the_sum_of_both), cmocka_unit_test(a_batch_without_labels_is_finite),
      cmocka_unit_test(one_class_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
