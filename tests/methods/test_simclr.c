/* SimCLR's two views, its options, and the share of views that find their partner. The loss itself is tested with the
 * engine's. */
#include "support.h"

#include "engine/plan.h"
#include "methods/image/views.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void two_views_are_drawn_apart(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "simclr", 32, 2, "");
  assert_int_equal(task.task.input_count, 1);
  assert_int_equal(task.task.inputs[0].views, 2);
  assert_true(ss_shape_equal(task.task.inputs[0].shape, ss_shape_of(32, 32, 3)));
  ss_image picture = support_picture(48, 40, 5);
  void *slot = support_views(&task, &picture, 1, 0, 0, -1);
  const float *a = ss_view_slot(&task.task, slot, 0, 0), *b = ss_view_slot(&task.task, slot, 0, 1);
  assert_memory_not_equal(a, b, ss_view_bytes(&task.task.inputs[0]));
  for (int64_t i = 0; i < 2 * support_view_count(&task, 0); i++) {
    assert_true(a[i] >= -2.2f && a[i] <= 2.7f); /* 0 to 255 after ImageNet's mean and deviation */
  }
  free(slot);
  ss_image_free(&picture);
  support_release(&task);
}

/* With every change off, a view is the picture mirrored or not. */
static void options_reach_the_views(void **state) {
  (void)state;
  support_task plain, gray;
  support_configure(&plain, "simclr", 32, 2, "min_scale=1 jitter=0 gray=0 blur=0");
  support_configure(&gray, "simclr", 32, 2, "min_scale=1 jitter=0 gray=1 blur=0");
  ss_image picture = support_picture(32, 32, 5);
  void *slot = support_views(&plain, &picture, 1, 0, 0, -1);
  float *upright = malloc(ss_view_bytes(&plain.task.inputs[0])),
        *mirrored = malloc(ss_view_bytes(&plain.task.inputs[0]));
  assert_true(upright && mirrored);
  ss_image_to_float(&picture, 3, ss_imagenet_mean, ss_imagenet_deviation, false, upright);
  ss_image_to_float(&picture, 3, ss_imagenet_mean, ss_imagenet_deviation, true, mirrored);
  for (int v = 0; v < 2; v++) {
    const void *view = ss_view_slot(&plain.task, slot, 0, v);
    assert_true(memcmp(view, upright, ss_view_bytes(&plain.task.inputs[0])) == 0 ||
                memcmp(view, mirrored, ss_view_bytes(&plain.task.inputs[0])) == 0);
  }
  free(slot);
  slot = support_views(&gray, &picture, 1, 0, 0, -1);
  const float *view = ss_view_slot(&gray.task, slot, 0, 0);
  for (int64_t i = 0; i < support_view_count(&gray, 0); i += 3) {
    float pixel[3];
    for (int c = 0; c < 3; c++) {
      pixel[c] = 255.0f * (view[i + c] * ss_imagenet_deviation[c] + ss_imagenet_mean[c]);
    }
    assert_true(fabsf(pixel[0] - pixel[1]) < 0.01f && fabsf(pixel[1] - pixel[2]) < 0.01f);
  }
  free(slot);
  free(upright);
  free(mirrored);
  ss_image_free(&picture);
  support_release(&plain);
  support_release(&gray);
}

static float matching_share(const float *embeddings, int rows, int dims) {
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *z = ss_graph_input(graph, "z", SS_F32, ss_shape_of(rows, dims));
  ss_tensor *score = ss_graph_keep(graph, ss_matching_score(graph, z));
  ss_plan *plan = NULL;
  ss_error error = {{0}};
  if (ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  memcpy(ss_plan_data(plan, z), embeddings, (size_t)(rows * dims) * sizeof *embeddings);
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  const float share = *(const float *)ss_plan_data(plan, score);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return share;
}

/* Views i and i + 3 belong together; lengths do not matter. */
static void matching_counts_views_whose_partner_is_nearest(void **state) {
  (void)state;
  const float all[6][2] = {{1, 0}, {0, 1}, {-1, 0}, {5, 0.1f}, {0.2f, 3}, {-2, -0.1f}};
  assert_true(matching_share(all[0], 6, 2) == 1.0f);
  const float none[6][2] = {{1, 0}, {0, 1}, {-1, 0}, {-1, 0.1f}, {1, -0.1f}, {0.1f, 1}};
  assert_true(matching_share(none[0], 6, 2) == 0.0f);
  const float some[6][2] = {{1, 0}, {0, 1}, {0.9f, 0.1f}, {1, 0.01f}, {0.1f, 1}, {-1, -1}}; /* the third pair apart */
  assert_true(fabsf(matching_share(some[0], 6, 2) - 4.0f / 6.0f) < 1e-6f);
}

static void chance_is_one_among_the_other_views(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "simclr", 32, 128, "");
  assert_true(fabs(task.task.method->score.chance(&task.task) - 100.0 / 255.0) < 1e-12);
  support_release(&task);
}

static void embeddings_have_the_projectors_size(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "simclr", 32, 2, "projector_output=24 projector_layers=3 projector_hidden=16");
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_build build = {.task = &task.task, .graph = graph, .batch = 2};
  build.inputs[0] = ss_graph_input(graph, "views", SS_F32, ss_shape_of(4, 32, 32, 3));
  task.task.method->loss(&build);
  ss_error error = {{0}};
  if (ss_graph_status(graph, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  assert_true(ss_shape_equal(ss_tensor_shape(build.embeddings), ss_shape_of(4, 24)));
  const ss_parameter *last = ss_parameters_find(parameters, "projector.layers.6.weight");
  assert_non_null(last);
  assert_true(ss_shape_equal(last->shape, ss_shape_of(24, 16)));
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  support_release(&task);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_views_are_drawn_apart), cmocka_unit_test(options_reach_the_views),
      cmocka_unit_test(matching_counts_views_whose_partner_is_nearest),
      cmocka_unit_test(chance_is_one_among_the_other_views), cmocka_unit_test(embeddings_have_the_projectors_size)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
