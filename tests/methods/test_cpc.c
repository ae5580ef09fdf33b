/* Contrastive predictive coding: where patches lie, what is done to each alone, and PyTorch's loss and gradients; the
 * masked convolutions see no later row. */
#include "support_golden.h"
#include "support_places.h"

#include "methods/masked_convolution.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void patches_make_an_overlapping_grid(void **state) {
  (void)state;
  static const int sizes[] = {48, 90, 96}, sides[] = {12, 22, 24}, pitches[] = {6, 11, 12};
  for (int s = 0; s < 3; s++) {
    const int side = sides[s];
    support_task task;
    support_configure(&task, "cpc", sizes[s], 2, "min_scale=1 gray=0 subcrop=1");
    assert_int_equal(task.task.input_count, 1);
    assert_int_equal(task.task.inputs[0].views, 49);
    assert_true(ss_shape_equal(task.task.inputs[0].shape, ss_shape_of(side, side, 3)));
    ss_image picture = support_place_picture(sizes[s]);
    void *slot = support_views(&task, &picture, 1, 0, 7, -1);
    int first_left = 0, first_top = 0;
    for (int i = 0; i < 49; i++) {
      int left, top;
      bool mirrored;
      support_place_of(ss_view_slot(&task.task, slot, 0, i), side, sizes[s], &left, &top, &mirrored);
      first_left = i ? first_left : left;
      first_top = i ? first_top : top;
      assert_int_equal(left - first_left, i % 7 * pitches[s]);
      assert_int_equal(top - first_top, i / 7 * pitches[s]);
    }
    assert_in_range(first_left, 0, sizes[s] - side - 6 * pitches[s]);
    assert_in_range(first_top, 0, sizes[s] - side - 6 * pitches[s]);
    free(slot);
    ss_image_free(&picture);
    support_release(&task);
  }
}

/* Each patch shows a piece of 22 of its 24 px, drawn, in its middle, and that piece's edge around it. */
static void pieces_are_drawn_and_padded(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "cpc", 96, 2, "min_scale=1 gray=0");
  ss_image picture = support_place_picture(96);
  int met[3] = {0};
  for (uint32_t n = 0; n < 10; n++) {
    void *slot = support_views(&task, &picture, 1, 0, n, -1);
    for (int i = 0; i < 49; i++) {
      const float *patch = ss_view_slot(&task.task, slot, 0, i);
      for (int y = 0; y < 24; y++) {
        for (int x = 0; x < 24; x++) {
          const int inner_y = y < 1 ? 1 : y > 22 ? 22 : y, inner_x = x < 1 ? 1 : x > 22 ? 22 : x;
          assert_memory_equal(patch + 3 * (24 * y + x), patch + 3 * (24 * inner_y + inner_x), 3 * sizeof *patch);
        }
      }
      const int top = support_level(patch[3 * (24 + 1) + 1], 1) - 12 * (i / 7);
      assert_in_range(top, 0, 2);
      met[top]++;
    }
    free(slot);
  }
  for (int i = 0; i < 3; i++) {
    assert_in_range(met[i], 490 / 3 - 50, 490 / 3 + 50);
  }
  ss_image_free(&picture);
  support_release(&task);
}

/* Share of patches whose three channels are, in 0..1, the same everywhere. */
static double share_of_gray(const char *pairs) {
  support_task task;
  support_configure(&task, "cpc", 96, 2, pairs);
  int gray = 0;
  for (uint32_t n = 0; n < 8; n++) {
    ss_image picture = support_picture(120, 100, n);
    void *slot = support_views(&task, &picture, 1, 0, n, -1);
    for (int i = 0; i < 49; i++) {
      const float *patch = ss_view_slot(&task.task, slot, 0, i);
      bool same = true;
      for (int p = 0; p < 24 * 24 && same; p++) {
        const int red = support_level(patch[3 * p], 0);
        same = red == support_level(patch[3 * p + 1], 1) && red == support_level(patch[3 * p + 2], 2);
      }
      gray += same;
    }
    free(slot);
    ss_image_free(&picture);
  }
  support_release(&task);
  return gray / (8.0 * 49.0);
}

static void options_reach_the_patches(void **state) {
  (void)state;
  assert_true(share_of_gray("") == 1.0);
  assert_true(share_of_gray("gray=0") < 0.05);
  const double half = share_of_gray("gray=0 patch_gray=0.5");
  assert_true(half > 0.38 && half < 0.62);
  assert_true(share_of_gray("gray=1 patch_drop=1") < 0.05);
}

/* With jitter each patch is changed on its own: one of the same place and piece is another one. */
static void patches_are_changed_apart(void **state) {
  (void)state;
  support_task plain, changed;
  support_configure(&plain, "cpc", 96, 2, "min_scale=1 gray=0 subcrop=1");
  support_configure(&changed, "cpc", 96, 2, "min_scale=1 gray=0 subcrop=1 patch_jitter=0.5 patch_scale=0.3");
  ss_image picture = support_place_picture(96);
  for (int i = 0; i < 96 * 96 * 3; i++) {
    picture.pixels[i] = (uint8_t)(i / 3 % 96 < 48 ? 90 : 160); /* patches of a column are the same */
  }
  for (int c = 0; c < 2; c++) {
    const support_task *task = c ? &changed : &plain;
    void *slot = support_views(task, &picture, 1, 0, 3, -1);
    int differ = 0;
    for (int row = 1; row < 7; row++) {
      differ += memcmp(ss_view_slot(&task->task, slot, 0, 0), ss_view_slot(&task->task, slot, 0, 7 * row),
                       ss_view_bytes(&task->task.inputs[0])) != 0;
    }
    assert_true(c ? differ >= 3 : differ == 0);
    free(slot);
  }
  ss_image_free(&picture);
  support_release(&plain);
  support_release(&changed);
}

static void what_cannot_be_is_refused(void **state) {
  (void)state;
  support_expect_refused("cpc", 40, 2, "resnet18", "", "at least 48 px");
  support_expect_refused("cpc", 96, 1, "resnet18", "", "--batch of 2");
  support_expect_refused("cpc", 96, 2, "resnet18", "grid=4 farthest=4",
                         "a grid of 4 rows cannot predict the rows 1 to 4 down");
  support_expect_refused("cpc", 96, 2, "resnet18", "nearest=4 farthest=3", "nearest must not be above farthest");
  support_expect_refused("cpc", 48, 2, "resnet18", "patch=1/8", "patches of at least 8 px, not the 5 px");
  support_task task;
  support_configure(&task, "cpc", 48, 2, "grid=2"); /* as many rows as there are */
  support_release(&task);
}

static void the_second_version_fits_every_size(void **state) {
  (void)state;
  const ss_method *method = NULL;
  assert_int_equal(ss_method_find("cpc", &method, NULL), SS_OK);
  assert_string_equal(method->recipes[0].name, "v2");
  char pairs[512];
  snprintf(pairs, sizeof pairs, "%s", method->recipes[0].pairs);
  char *training = strstr(pairs, " lr="); /* last, and no option of the method */
  assert_non_null(training);
  *training = '\0';
  for (int size = 48; size < 320; size++) {
    support_task task;
    support_configure(&task, "cpc", size, 2, pairs);
    assert_int_equal(task.task.backbone.norm, SS_BACKBONE_LAYER_NORM);
    assert_int_equal(task.task.inputs[0].views, 36);
    support_release(&task);
  }
}

static void chance_is_one_of_all_patches(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "cpc", 96, 8, "grid=5");
  assert_true(fabs(task.task.method->score.chance(&task.task) - 100.0 / 200.0) < 1e-9);
  support_release(&task);
}

static void loss_and_gradients_as_pytorch(void **state) {
  (void)state;
  ss_safetensors *golden = support_golden("patches");
  support_check_method(golden, "cpc", 48, "grid=4 farthest=2 directions=4 blocks=2 hidden=12 target=10 scale=0.1",
                       2e-4);
  ss_safetensors_close(golden);
}

enum { HEIGHT = 6, WIDTH = 5, DIMS = 4, PLACES = HEIGHT * WIDTH };

/* The context's values when `value` is added to one place of fixed numbers. */
static void run_context(ss_plan *plan, const ss_tensor *z, const ss_tensor *c, int place, float value,
                        float out[PLACES * DIMS]) {
  float *values = ss_plan_data(plan, z);
  support_numbers("z", 1.0f, 0.0f, values, PLACES * DIMS);
  for (int d = 0; d < DIMS; d++) {
    values[place * DIMS + d] += value;
  }
  assert_int_equal(ss_plan_run(plan, 0, NULL), SS_OK);
  memcpy(out, ss_plan_data(plan, c), PLACES * DIMS * sizeof *out);
}

static void expect_seen_from(const float *before, const float *after, int place) {
  for (int i = 0; i < PLACES; i++) {
    const int down = i / WIDTH - place / WIDTH, aside = abs(i % WIDTH - place % WIDTH);
    bool same = true;
    for (int d = i * DIMS; d < (i + 1) * DIMS; d++) {
      same = same && before[d] == after[d];
    }
    assert_int_equal(same, !(down >= 0 && down <= 2 && aside <= 2));
  }
}

/* Two blocks: a place is seen from its own row and the two below it, up to two columns away, and from nowhere else: to
 * the bit, for it is one plan, and so the same kernels, that runs again and again. */
static void context_sees_no_later_row(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(3);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *z = ss_graph_input(graph, "z", SS_F32, ss_shape_of(1, HEIGHT, WIDTH, DIMS));
  ss_tensor *c = ss_graph_keep(graph, ss_masked_context(graph, z, 2, 8, "context"));
  support_fill_parameters(parameters);
  ss_plan *plan = NULL;
  assert_int_equal(ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, NULL), SS_OK);
  float before[PLACES * DIMS], after[PLACES * DIMS];
  run_context(plan, z, c, 0, 0.0f, before);
  for (int place = 0; place < PLACES; place++) {
    run_context(plan, z, c, place, 2.0f, after);
    expect_seen_from(before, after, place);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patches_make_an_overlapping_grid), cmocka_unit_test(pieces_are_drawn_and_padded),
      cmocka_unit_test(options_reach_the_patches),        cmocka_unit_test(patches_are_changed_apart),
      cmocka_unit_test(what_cannot_be_is_refused),        cmocka_unit_test(the_second_version_fits_every_size),
      cmocka_unit_test(chance_is_one_of_all_patches),     cmocka_unit_test(loss_and_gradients_as_pytorch),
      cmocka_unit_test(context_sees_no_later_row)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
