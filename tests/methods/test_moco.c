/* MoCo: its queue, what it compares, what it refuses. The loss itself is tested with the engine's, against lightly. */
#include "support.h"

#include "base/random.h"

#include "methods/queue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { dims = 8 };

static float at(const ss_parameters *parameters, int row) {
  return ((const float *)ss_parameters_find(parameters, "queue.keys")->value)[(ptrdiff_t)row * dims];
}

static void new_keys_take_the_oldest_places(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "moco", 32, 4, "queue=10 projector_output=8");
  support_run run = support_run_loss(&task, 4);
  ss_error error = {{0}};
  float keys[4 * dims];
  for (int batch = 1; batch <= 3; batch++) {
    for (int i = 0; i < 4 * dims; i++) {
      keys[i] = (float)(10 * batch + i / dims);
    }
    assert_int_equal(task.task.method->after_batch(&task.task, run.parameters, keys, &error), SS_OK);
  }
  const float expected[10] = {32, 33, 12, 13, 20, 21, 22, 23, 30, 31}; /* the third batch goes round the end */
  for (int i = 0; i < 10; i++) {
    assert_true(fabsf(at(run.parameters, i) - expected[i]) < 1e-6f);
  }
  const int64_t *next = ss_parameters_find(run.parameters, "queue.next")->value;
  assert_int_equal(*next, 2);
  assert_int_equal(ss_queue_push(run.parameters, keys, 11, &error), SS_FAILED);
  support_run_free(&run);
  support_release(&task);
}

/* log(e^(cos(q, k) / tau) + sum e^(cos(q, n) / tau)) - cos(q, k) / tau, from the embeddings that the run left. */
static void the_loss_is_of_the_queue_and_not_of_the_batch(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "moco", 32, 4, "queue=12 projector_output=8 temperature=0.5");
  support_run run = support_run_loss(&task, 4);
  const float *q = ss_plan_data(run.plan, run.build.embeddings), *k = ss_plan_data(run.plan, run.build.carried);
  const float *queue = ss_parameters_find(run.parameters, "queue.keys")->value;
  double expected = 0.0;
  for (int i = 0; i < 4; i++) {
    double own = 0.0, length = 0.0, sum = 0.0;
    for (int d = 0; d < dims; d++) {
      own += (double)q[i * dims + d] * k[i * dims + d];
      length += (double)k[i * dims + d] * k[i * dims + d];
    }
    assert_true(fabs(length - 1.0) < 1e-5); /* keys enter the queue with unit length */
    for (int n = 0; n < 12; n++) {
      double cosine = 0.0, norm = 0.0;
      for (int d = 0; d < dims; d++) {
        cosine += (double)q[i * dims + d] * queue[n * dims + d];
        norm += (double)queue[n * dims + d] * queue[n * dims + d];
      }
      sum += exp(cosine / sqrt(norm) / 0.5);
    }
    expected += (log(exp(own / 0.5) + sum) - own / 0.5) / 4.0;
  }
  assert_true(fabs((double)support_scalar(&run, run.build.losses[0]) - expected) < 1e-4);
  support_run_free(&run);
  support_release(&task);
}

/* With norms over parts, a query's batch mates change nothing in another part's queries; without, they do. */
static void each_part_has_norms_of_its_own(void **state) {
  (void)state;
  for (int parts = 1; parts <= 2; parts++) {
    support_task task;
    support_configure(&task, "moco", 32, 4, parts == 1 ? "queue=12" : "queue=12 shuffle_parts=2");
    support_run run = support_run_loss(&task, 4);
    ss_error error = {{0}};
    const int64_t length = ss_tensor_dim(run.build.embeddings, 1);
    float *first = malloc((size_t)length * sizeof *first);
    assert_non_null(first);
    memcpy(first, ss_plan_data(run.plan, run.build.embeddings), (size_t)length * sizeof *first);
    float *views = ss_plan_data(run.plan, run.build.inputs[0]);
    const int64_t view = support_view_count(&task, 0);
    for (int64_t i = 3 * view; i < 4 * view; i++) { /* the last picture's first view, of the second part */
      views[i] = -views[i];
    }
    assert_int_equal(ss_plan_run(run.plan, 0, &error), SS_OK);
    const float *again = ss_plan_data(run.plan, run.build.embeddings);
    float difference = 0.0f;
    for (int64_t i = 0; i < length; i++) {
      difference = fmaxf(difference, fabsf(first[i] - again[i]));
    }
    assert_true(parts == 1 ? difference > 1e-4f : difference < 1e-6f);
    free(first);
    support_run_free(&run);
    support_release(&task);
  }
}

static void symmetric_compares_both_ways(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "moco", 32, 4, "queue=12 symmetric=1 shuffle_parts=2");
  support_run run = support_run_loss(&task, 4);
  assert_true(ss_shape_equal(ss_tensor_shape(run.build.embeddings), ss_shape_of(8, 128)));
  assert_true(ss_shape_equal(ss_tensor_shape(run.build.carried), ss_shape_of(8, 128)));
  support_run_free(&run);
  support_release(&task);
}

/* Each picture's two views are the same, and the momentum encoder is another network: it has no say. */
static void the_score_is_of_the_encoder_alone(void **state) {
  (void)state;
  enum { batch = 4 };
  support_task task;
  support_configure(&task, "moco", 32, batch, "queue=12");
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32});
  ss_build build = {.task = &task.task, .graph = graph, .batch = batch};
  build.inputs[0] = ss_graph_input(graph, "views", SS_F32, ss_shape_of(2 * batch, 32, 32, 3));
  task.task.method->loss(&build);
  ss_tensor *score = ss_graph_keep(graph, build.score);
  ss_plan *plan = NULL;
  ss_error error = {{0}};
  if (ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  float *views = ss_plan_data(plan, build.inputs[0]);
  const int64_t half = batch * support_view_count(&task, 0);
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, 0, 0);
  for (int64_t i = 0; i < half; i++) {
    views[i] = views[half + i] = ss_random_normal(&random);
  }
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  assert_true(*(const float *)ss_plan_data(plan, score) == 1.0f);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  support_release(&task);
}

static void expect_usage(int batch, const char *pairs, const char *text) {
  const ss_method *moco = NULL;
  ss_settings *settings = NULL;
  ss_error error = {{0}};
  assert_int_equal(ss_method_find("moco", &moco, &error), SS_OK);
  assert_int_equal(ss_settings_new(moco->options, NULL, &settings, &error), SS_OK);
  assert_int_equal(ss_settings_apply_defaults(settings, pairs, &error), SS_OK);
  ss_task task = {.method = moco, .settings = settings, .size = 32, .batch = batch};
  assert_int_equal(moco->configure(&task, &error), SS_USAGE);
  assert_non_null(strstr(error.message, text));
  moco->release(&task);
  ss_settings_free(settings);
}

static void what_cannot_be_is_refused(void **state) {
  (void)state;
  expect_usage(128, "queue=100", "a queue of 100 keys does not hold a batch's 128");
  expect_usage(128, "queue=200 symmetric=1", "256");
  expect_usage(10, "shuffle_parts=4", "not 4 equal parts");
  expect_usage(8, "shuffle_parts=8", "not 8 equal parts of two or more");
  expect_usage(1, "", "moco tells pictures from one another");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(new_keys_take_the_oldest_places),
                                     cmocka_unit_test(the_loss_is_of_the_queue_and_not_of_the_batch),
                                     cmocka_unit_test(each_part_has_norms_of_its_own),
                                     cmocka_unit_test(symmetric_compares_both_ways),
                                     cmocka_unit_test(the_score_is_of_the_encoder_alone),
                                     cmocka_unit_test(what_cannot_be_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
