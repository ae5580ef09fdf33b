/* BYOL: what it compares, and each view's own norms. The loss itself is tested with the engine's, against lightly. */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Each view is predicted from the other, so which one is called the first does not matter. */
static void the_loss_is_symmetric(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "byol", 32, 4, "hidden=16 output=8");
  support_run run = support_run_loss(&task, 4);
  ss_error error = {{0}};
  const float before = support_scalar(&run, run.build.losses[0]);
  assert_true(before >= -1.0f && before <= 1.0f);
  float *views = ss_plan_data(run.plan, run.build.inputs[0]);
  const size_t half = (size_t)(4 * support_view_count(&task, 0)) * sizeof(float);
  char *first = malloc(half);
  assert_non_null(first);
  memcpy(first, views, half);
  memmove(views, (char *)views + half, half);
  memcpy((char *)views + half, first, half);
  assert_int_equal(ss_plan_run(run.plan, 0, &error), SS_OK);
  assert_true(fabsf(support_scalar(&run, run.build.losses[0]) - before) < 1e-4f);
  free(first);
  support_run_free(&run);
  support_release(&task);
}

/* Other second views change nothing in the first views' embeddings. */
static void each_view_has_norms_of_its_own(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "byol", 32, 4, "hidden=16 output=8");
  support_run run = support_run_loss(&task, 4);
  ss_error error = {{0}};
  const int64_t rows = 4, dims = ss_tensor_dim(run.build.embeddings, 1);
  const size_t bytes = (size_t)(rows * dims) * sizeof(float);
  float *first = malloc(bytes);
  assert_non_null(first);
  memcpy(first, ss_plan_data(run.plan, run.build.embeddings), bytes);
  float *views = ss_plan_data(run.plan, run.build.inputs[0]);
  for (int64_t i = rows * support_view_count(&task, 0); i < 2 * rows * support_view_count(&task, 0); i++) {
    views[i] *= -0.5f; /* all second views */
  }
  assert_int_equal(ss_plan_run(run.plan, 0, &error), SS_OK);
  const float *again = ss_plan_data(run.plan, run.build.embeddings);
  for (int64_t i = 0; i < rows * dims; i++) {
    assert_true(fabsf(first[i] - again[i]) < 1e-5f);
  }
  free(first);
  support_run_free(&run);
  support_release(&task);
}

static void the_second_view_may_be_drawn_otherwise(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "byol", 32, 2, "min_scale=1 jitter=0 gray=0 blur=0 solarize=0 second_solarize=1");
  ss_image picture = support_picture(32, 32, 5);
  float *plain = malloc(ss_view_bytes(&task.task.inputs[0]));
  assert_non_null(plain);
  void *slot = support_views(&task, &picture, 1, 0, 0, -1);
  float brightest[2] = {-10.0f, -10.0f};
  for (int v = 0; v < 2; v++) {
    const float *view = ss_view_slot(&task.task, slot, 0, v);
    for (int64_t i = 0; i < support_view_count(&task, 0); i += 3) {
      brightest[v] = fmaxf(brightest[v], view[i]);
    }
  }
  const float half = (128.0f / 255.0f - 0.485f) / 0.229f; /* solarised: nothing red is brighter */
  assert_true(brightest[0] > half + 0.5f);
  assert_true(brightest[1] < half + 0.01f);
  free(plain);
  free(slot);
  ss_image_free(&picture);
  support_release(&task);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_loss_is_symmetric),
                                     cmocka_unit_test(each_view_has_norms_of_its_own),
                                     cmocka_unit_test(the_second_view_may_be_drawn_otherwise)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
