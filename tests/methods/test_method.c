/* What holds for every method: its table entry, its inputs, its views, its graph. */
#include "support.h"

#include "engine/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 32, BATCH = 4 };

/* A method that needs larger pictures than most gets them. */
static int size_for(const ss_method *method) {
  return method->smallest_size > SIZE ? method->smallest_size : SIZE;
}

static void every_method_is_complete(void **state) {
  (void)state;
  const ss_method *const *table = ss_methods();
  assert_non_null(table[0]);
  for (int i = 0; table[i]; i++) {
    const ss_method *method = table[i];
    const ss_method *found = NULL;
    assert_int_equal(ss_method_find(method->name, &found, NULL), SS_OK);
    assert_ptr_equal(found, method); /* so no name comes twice */
    assert_true(strlen(method->summary) > 0);
    assert_true(strlen(method->paper.title) > 0 && strlen(method->paper.authors) > 0 &&
                strlen(method->paper.venue) > 0);
    assert_true(method->configure && method->views && method->loss && method->picture);
    assert_true(method->untrained || method->score.what);
    for (const ss_recipe *recipe = method->recipes; recipe && recipe->name; recipe++) {
      assert_true(recipe->what && recipe->pairs && strchr(recipe->pairs, '='));
    }
    for (const ss_option *option = method->options; option && option->name; option++) {
      assert_non_null(option->help);
    }
  }
}

static void an_unknown_method_names_the_nearest(void **state) {
  (void)state;
  const ss_method *found = NULL;
  ss_error error = {{0}};
  assert_int_equal(ss_method_find("simclear", &found, &error), SS_USAGE);
  assert_null(found);
  assert_non_null(strstr(error.message, "simclear"));
  assert_non_null(strstr(error.message, "did you mean simclr"));
  assert_int_equal(ss_method_find("", &found, &error), SS_USAGE);
  assert_int_equal(ss_method_find("xylophone", &found, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "selfsup methods"));
}

/* A sample's slot has a place of its own for every view of every input. */
static void slots_do_not_overlap(void **state) {
  (void)state;
  for (const ss_method *const *method = ss_methods(); *method; method++) {
    support_task task;
    support_configure(&task, (*method)->name, size_for(*method), BATCH, "");
    assert_in_range(task.task.input_count, 1, SS_MAX_METHOD_INPUTS);
    char *slot = calloc(1, ss_slot_bytes(&task.task));
    assert_non_null(slot);
    char *expected = slot;
    for (int i = 0; i < task.task.input_count; i++) {
      for (int v = 0; v < task.task.inputs[i].views; v++) {
        assert_ptr_equal(ss_view_slot(&task.task, slot, i, v), expected);
        expected += ss_view_bytes(&task.task.inputs[i]);
      }
    }
    assert_true((size_t)(expected - slot) <= ss_slot_bytes(&task.task));
    assert_int_equal(ss_slot_bytes(&task.task) % 64, 0);
    free(slot);
    support_release(&task);
  }
}

static void views_depend_on_seed_epoch_and_sample_alone(void **state) {
  (void)state;
  ss_image picture = support_picture(150, 120, 1); /* of many places, so that no two draws agree */
  for (const ss_method *const *method = ss_methods(); *method; method++) {
    support_task task;
    support_configure(&task, (*method)->name, size_for(*method), BATCH, "");
    const size_t bytes = ss_slot_bytes(&task.task);
    void *first = support_views(&task, &picture, 1, 2, 3, 4);
    void *again = support_views(&task, &picture, 1, 2, 3, 4);
    assert_memory_equal(first, again, bytes);
    void *others[3] = {support_views(&task, &picture, 9, 2, 3, 4), support_views(&task, &picture, 1, 9, 3, 4),
                       support_views(&task, &picture, 1, 2, 9, 4)};
    for (int i = 0; i < 3; i++) { /* an untrained one's is the whole picture, mirrored or not */
      assert_true((*method)->untrained || memcmp(first, others[i], bytes) != 0);
      free(others[i]);
    }
    free(first);
    free(again);
    support_release(&task);
  }
  ss_image_free(&picture);
}

/* Fills the graph's inputs view by view, as the trainer does. */
static void fill(const support_task *task, const ss_plan *plan, const ss_build *build) {
  for (int s = 0; s < BATCH; s++) {
    ss_image picture = support_picture(40, 50, (uint64_t)s);
    void *slot = support_views(task, &picture, 1, 0, (uint32_t)s, s);
    for (int i = 0; i < task->task.input_count; i++) {
      const size_t bytes = ss_view_bytes(&task->task.inputs[i]);
      for (int v = 0; v < task->task.inputs[i].views; v++) {
        memcpy((char *)ss_plan_data(plan, build->inputs[i]) + (size_t)(v * BATCH + s) * bytes,
               ss_view_slot(&task->task, slot, i, v), bytes);
      }
    }
    free(slot);
    ss_image_free(&picture);
  }
}

static void record_inputs(const support_task *task, ss_build *build) {
  for (int i = 0; i < task->task.input_count; i++) {
    const ss_method_input *input = &task->task.inputs[i];
    ss_shape shape = {.rank = input->shape.rank + 1, .dims = {(int64_t)input->views * BATCH}};
    for (int axis = 0; axis < input->shape.rank; axis++) {
      shape.dims[axis + 1] = input->shape.dims[axis];
    }
    build->inputs[i] = ss_graph_input(build->graph, input->name, input->dtype, shape);
  }
}

/* Whether a gradient reaches every trainable parameter of the backbone. */
static void expect_gradients(const ss_build *build, const ss_parameters *parameters) {
  size_t trainable = 0, reached = 0;
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(parameters, i);
    trainable += strncmp(parameter->name, "backbone.", 9) == 0 && (parameter->flags & SS_TRAINABLE);
  }
  for (size_t i = 0; i < ss_graph_gradient_count(build->graph); i++) {
    reached += strncmp(ss_graph_gradient_parameter(build->graph, i)->name, "backbone.", 9) == 0;
  }
  assert_true(trainable > 0);
  assert_int_equal(reached, trainable);
}

static void record_and_run(const char *name) {
  support_task task;
  const ss_method *method = NULL;
  assert_int_equal(ss_method_find(name, &method, NULL), SS_OK);
  support_configure(&task, name, size_for(method), BATCH, "");
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_build build = {.task = &task.task, .graph = graph, .batch = BATCH};
  record_inputs(&task, &build);
  task.task.method->loss(&build);
  ss_error error = {{0}};
  if (ss_graph_status(graph, &error) != SS_OK) {
    fail_msg("%s: %s", name, error.message);
  }
  assert_int_equal(ss_shape_count(ss_tensor_shape(build.losses[0])), 1);
  assert_int_equal(build.score != NULL, task.task.method->score.what != NULL);
  assert_true(!build.score || build.chance || task.task.method->score.chance);
  ss_graph_backward(graph, build.losses[0], "");
  expect_gradients(&build, parameters);
  ss_tensor *loss = ss_graph_keep(graph, build.losses[0]);
  ss_tensor *score = build.score ? ss_graph_keep(graph, build.score) : NULL;
  ss_tensor *measured = build.chance ? ss_graph_keep(graph, build.chance) : NULL;
  ss_plan *plan = NULL;
  if (ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s: %s", name, error.message);
  }
  fill(&task, plan, &build);
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  assert_true(isfinite(*(const float *)ss_plan_data(plan, loss)));
  if (score && task.task.method->score.per_cent) {
    const float share = *(const float *)ss_plan_data(plan, score);
    assert_true(share >= 0.0f && share <= 1.0f);
    const double chance = measured ? 100.0 * (double)*(const float *)ss_plan_data(plan, measured)
                                   : task.task.method->score.chance(&task.task);
    assert_true(chance >= 0.0 && chance < 100.0 && (measured || chance > 0.0));
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  support_release(&task);
}

static void every_method_records_and_runs(void **state) {
  (void)state;
  for (const ss_method *const *method = ss_methods(); *method; method++) {
    record_and_run((*method)->name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_method_is_complete), cmocka_unit_test(an_unknown_method_names_the_nearest),
      cmocka_unit_test(slots_do_not_overlap), cmocka_unit_test(views_depend_on_seed_epoch_and_sample_alone),
      cmocka_unit_test(every_method_records_and_runs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
