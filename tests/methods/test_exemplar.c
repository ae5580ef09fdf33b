/* Exemplar: seeds keep their place and number from epoch to epoch, copies do not; both forms' losses; what cannot be.
 */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int32_t seed_of(const support_task *task, void *slot, int view) {
  return *(int32_t *)ss_view_slot(&task->task, slot, 1, view);
}

/* Of a 96 px picture 200 / 40 = 5 patches, of which 4 are allowed; of one up to 48 px the picture itself. */
static void seeds_are_numbered_through(void **state) {
  (void)state;
  const struct {
    int size, side, views;
    const char *pairs;
  } cases[] = {{96, 32, 4, "seeds=200"}, {96, 32, 2, "seeds=95"},     {96, 32, 3, "patches=3"},
               {32, 32, 1, ""},          {48, 48, 1, "patches=2"},    {64, 32, 1, "seeds=40"},
               {120, 40, 1, "seeds=79"}, {96, 32, 8, "form=triplet"}, {32, 32, 2, "form=triplet"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    support_task task;
    support_configure(&task, "exemplar", cases[i].size, 4, cases[i].pairs);
    const ss_method_input *input = &task.task.inputs[0];
    assert_int_equal(input->views, cases[i].views);
    assert_true(ss_shape_equal(input->shape, ss_shape_of(cases[i].side, cases[i].side, 3)));
    const int copies = strstr(cases[i].pairs, "triplet") ? 2 : 1, patches = cases[i].views / copies;
    ss_image picture = support_picture(100, 70, 1);
    void *slot = support_views(&task, &picture, 1, 0, 7, -1);
    for (int v = 0; v < cases[i].views; v++) {
      assert_int_equal(seed_of(&task, slot, v), 7 * patches + v % patches);
    }
    free(slot);
    ss_image_free(&picture);
    support_release(&task);
  }
}

/* The same seed in two epochs: other copies. Pictures of any form. */
static void copies_are_drawn_anew(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "exemplar", 96, 4, "form=triplet");
  const int sizes[][2] = {{96, 96}, {20, 300}, {2000, 30}, {1, 1}};
  const size_t bytes = ss_view_bytes(&task.task.inputs[0]);
  for (int i = 0; i < 4; i++) {
    ss_image picture = support_picture(sizes[i][0], sizes[i][1], 1);
    void *first = support_views(&task, &picture, 1, 0, 7, -1), *second = support_views(&task, &picture, 1, 1, 7, -1);
    if (i < 3) {
      const int patches = task.task.inputs[0].views / 2;
      assert_memory_not_equal(ss_view_slot(&task.task, first, 0, 0), ss_view_slot(&task.task, second, 0, 0), bytes);
      assert_memory_not_equal(ss_view_slot(&task.task, first, 0, 0), ss_view_slot(&task.task, first, 0, patches),
                              bytes);
    }
    free(first);
    free(second);
    ss_image_free(&picture);
  }
  support_release(&task);
}

static void chances(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "exemplar", 96, 8, "seeds=120");
  assert_true(fabs(task.task.method->score.chance(&task.task) - 100.0 / 120.0) < 1e-9);
  support_release(&task);
  support_configure(&task, "exemplar", 32, 8, "form=triplet");
  assert_true(fabs(task.task.method->score.chance(&task.task) - 100.0 / 15.0) < 1e-9);
  assert_int_equal(task.task.method->most_samples(task.task.settings), 0);
  support_release(&task);
  support_configure(&task, "exemplar", 32, 8, "seeds=300 patches=4");
  assert_int_equal(task.task.method->most_samples(task.task.settings), 75);
  support_release(&task);
}

/* Cross-entropy over the seeds from the kept logits, and its gradient with respect to the biases. */
static void the_softmax_loss_is_over_seeds(void **state) {
  (void)state;
  enum { batch = 5, classes = 120 };
  support_task task;
  support_configure(&task, "exemplar", 96, batch, "seeds=120");
  support_run run = support_run_loss(&task, batch);
  const float *logits = ss_plan_data(run.plan, run.build.prediction);
  const int32_t *labels = ss_plan_data(run.plan, run.build.inputs[1]);
  const int rows = 3 * batch;
  double loss = 0.0, bias[classes] = {0.0};
  for (int i = 0; i < rows; i++) {
    double sum = 0.0;
    for (int k = 0; k < classes; k++) {
      sum += exp((double)logits[i * classes + k]);
    }
    assert_int_equal(labels[i], 3 * (i % batch) + i / batch);
    loss += (log(sum) - (double)logits[i * classes + labels[i]]) / rows;
    for (int k = 0; k < classes; k++) {
      bias[k] += (exp((double)logits[i * classes + k]) / sum - (k == labels[i])) / rows;
    }
  }
  assert_true(fabs((double)support_scalar(&run, run.build.losses[0]) - loss) < 1e-4);
  for (int k = 0; k < classes; k++) {
    assert_true(fabs((double)support_gradient(&run, "head.bias")[k] - bias[k]) < 1e-5);
  }
  support_run_free(&run);
  support_release(&task);
}

/* From the kept embeddings of unit length: each one's farthest copy and nearest other. */
static void the_triplet_loss_is_of_both_copies(void **state) {
  (void)state;
  enum { batch = 6, rows = 2 * batch, dims = 16 };
  for (int soft = 0; soft < 2; soft++) {
    support_task task;
    support_configure(&task, "exemplar", 32, batch,
                      soft ? "form=triplet embedding=16" : "form=triplet embedding=16 margin=0.5");
    support_run run = support_run_loss(&task, batch);
    const float *z = ss_plan_data(run.plan, run.build.prediction);
    double loss = 0.0;
    for (int a = 0; a < rows; a++) {
      double same = 0.0, other = 10.0;
      for (int b = 0; b < rows; b++) {
        double square = 0.0;
        for (int d = 0; d < dims; d++) {
          square += pow((double)(z[a * dims + d] - z[b * dims + d]), 2.0);
        }
        same = a % batch == b % batch ? fmax(same, sqrt(square)) : same;
        other = a % batch != b % batch ? fmin(other, sqrt(square)) : other;
      }
      loss += (soft ? log1p(exp(same - other)) : fmax(0.0, same - other + 0.5)) / rows;
    }
    assert_true(fabs((double)support_scalar(&run, run.build.losses[0]) - loss) < 1e-3);
    ss_shown shown = {
        .inputs = {ss_plan_data(run.plan, run.build.inputs[0]), ss_plan_data(run.plan, run.build.inputs[1])},
        .prediction = z,
        .batch = batch};
    ss_image sheet = {0};
    assert_int_equal(task.task.method->picture(&task.task, &shown, &sheet, NULL), SS_OK);
    ss_image_free(&sheet);
    support_run_free(&run);
    support_release(&task);
  }
}

static void refuse(uint32_t samples, int batch, int size, const char *arch, const char *pairs, ss_status expected,
                   const char *said) {
  const ss_method *method = NULL;
  ss_settings *settings = NULL;
  ss_error error = {{0}};
  assert_int_equal(ss_method_find("exemplar", &method, &error), SS_OK);
  assert_int_equal(ss_settings_new(method->options, NULL, &settings, &error), SS_OK);
  assert_int_equal(ss_settings_apply_defaults(settings, pairs, &error), SS_OK);
  ss_task task = {.method = method,
                  .settings = settings,
                  .backbone = {.arch = arch, .width = 4, .size = size},
                  .size = size,
                  .batch = batch,
                  .samples = samples};
  assert_int_equal(method->configure(&task, &error), expected);
  assert_non_null(strstr(error.message, said));
  method->release(&task);
  ss_settings_free(settings);
}

static void what_cannot_be_learned_is_refused(void **state) {
  (void)state;
  refuse(1, 1, 32, "resnet18", "", SS_FAILED, "two or more");
  refuse(40, 1, 32, "resnet18", "form=triplet", SS_USAGE, "--batch");
  refuse(40, 4, 96, "alexnet", "", SS_USAGE, "patches of 32 px");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_are_numbered_through),
                                     cmocka_unit_test(copies_are_drawn_anew),
                                     cmocka_unit_test(chances),
                                     cmocka_unit_test(the_softmax_loss_is_over_seeds),
                                     cmocka_unit_test(the_triplet_loss_is_of_both_copies),
                                     cmocka_unit_test(what_cannot_be_learned_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
