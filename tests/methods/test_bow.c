/* BoWNet: the words of pictures, their bags, the mixture of two, and the cosine classifier. */
#include "support.h"

#include "methods/cosine_classifier.h"
#include "methods/visual_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { words = 4, places = 4, batch = 4 };

static const char words_model[] = "random:resnet18?width=4&size=32";

/* Place p of sample i shows thing (i + p) mod 4, except that samples of a multiple of 5 show thing 0 everywhere. */
static int thing_at(int64_t sample, int64_t place) {
  return sample % 5 == 0 ? 0 : (int)((sample + place) % words);
}

static ss_status features(void *context, const ss_feature_request *request, ss_error *error) {
  int64_t channels = *(const int64_t *)context, dim = channels * places;
  assert_true(request->map && request->model && strcmp(request->model, words_model) == 0);
  float *values = calloc((size_t)(SUPPORT_SAMPLES * dim), sizeof *values);
  assert_non_null(values);
  for (int64_t i = 0; i < SUPPORT_SAMPLES; i++) {
    for (int64_t p = 0; p < places; p++) {
      values[i * dim + p * channels + thing_at(i, p)] = 10.0f + 0.01f * (float)i;
    }
  }
  ss_status status = SS_OK;
  for (int64_t i = 0; i < SUPPORT_SAMPLES && status == SS_OK; i += 10) {
    status = request->take(request->taker, values + i * dim, i, 10, dim, error);
  }
  free(values);
  return status;
}

typedef struct fixture {
  support_task task;
  support_run run;
  int64_t channels;
  const int32_t *bags;
} fixture;

static void make(fixture *of, const char *pairs) {
  support_configure(&of->task, "bow", 32, batch, pairs);
  of->channels = ss_backbone_dim(&of->task.task.backbone);
  of->task.task.features = features;
  of->task.task.features_context = &of->channels;
  of->run = support_run_loss(&of->task, batch);
  ss_error error = {{0}};
  if (ss_visual_words_make(&of->task.task, of->run.parameters, words_model, words, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  of->bags = ss_parameters_find(of->run.parameters, "words.bags")->value;
}

static void drop(fixture *of) {
  support_run_free(&of->run);
  support_release(&of->task);
}

static void pictures_are_spelled_with_words(void **state) {
  (void)state;
  fixture of;
  make(&of, "vocabulary=4");
  int32_t name[words];
  for (int64_t p = 0; p < places; p++) {
    name[thing_at(1, p)] = of.bags[SS_WORD_PLACES + p];
  }
  for (int64_t i = 0; i < SUPPORT_SAMPLES; i++) {
    for (int64_t p = 0; p < SS_WORD_PLACES; p++) {
      assert_int_equal(of.bags[i * SS_WORD_PLACES + p], p < places ? name[thing_at(i, p)] : -1);
    }
  }
  const float *shares = ss_parameters_find(of.run.parameters, "words.shares")->value;
  for (int p = 0; p < SS_WORD_PLACES; p++) {
    assert_true(fabsf(shares[p] - (p < places ? 0.25f : 0.0f)) < 1e-7f);
  }
  /* 32 samples in four equal parts and 8 all of thing 0: shares 0.4 and three of 0.2 */
  const float entropy = *(float *)ss_parameters_find(of.run.parameters, "words.entropy")->value;
  assert_true(fabs((double)entropy + 0.4 * log(0.4) + 3 * 0.2 * log(0.2)) < 1e-6);
  drop(&of);
}

/* Logits from the features and the head's own numbers; the loss from both pictures' bags by area. */
static void the_loss_mixes_two_bags_by_area(void **state) {
  (void)state;
  fixture of;
  make(&of, "vocabulary=4 cutmix=1");
  ss_error error = {{0}};
  ss_parameter *gamma = ss_parameters_find(of.run.parameters, "head.gamma");
  *(float *)gamma->value = 0.0f; /* every word is as likely: -log 1/4, whatever the mixture */
  assert_int_equal(ss_plan_run(of.run.plan, 0, &error), SS_OK);
  assert_true(fabs((double)support_scalar(&of.run, of.run.build.losses[0]) - log(4.0)) < 1e-5);
  assert_int_equal(ss_parameters_settle(of.run.parameters, &error), SS_OK);
  *(float *)gamma->value = 5.0f;
  const float *mask = ss_plan_data(of.run.plan, of.run.build.inputs[2]);
  float *view = ss_plan_data(of.run.plan, of.run.build.inputs[0]);
  const int64_t pixels = (int64_t)32 * 32;
  for (int64_t i = 0; i < batch * pixels * 3; i++) { /* every picture grey of its own: so is what is cut from it */
    view[i] = (float)(i / (pixels * 3));
  }
  assert_int_equal(ss_plan_run(of.run.plan, 0, &error), SS_OK);
  const float *seen = ss_plan_data(of.run.plan, of.run.build.prediction);
  for (int64_t i = 0; i < batch * pixels; i++) {
    const float expected = mask[i] > 0.5f ? (float)(i / pixels) : (float)((i / pixels + 1) % batch);
    assert_true(fabsf(seen[3 * i] - expected) < 1e-6f);
  }
  drop(&of);
}

static void masks_are_rectangles_of_any_share(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "bow", 32, batch, "vocabulary=4 cutmix=1");
  ss_image picture = support_picture(40, 40, 2);
  double sum = 0.0;
  for (uint32_t i = 0; i < 60; i++) {
    void *slot = support_views(&task, &picture, 1, 0, i, -1);
    const float *mask = ss_view_slot(&task.task, slot, 2, 0);
    int left = 32, right = -1, top = 32, bottom = -1, cut = 0;
    for (int k = 0; k < 32 * 32; k++) {
      if (mask[k] < 0.5f) {
        cut++;
        left = k % 32 < left ? k % 32 : left;
        right = k % 32 > right ? k % 32 : right;
        top = k / 32 < top ? k / 32 : top;
        bottom = k / 32 > bottom ? k / 32 : bottom;
      }
    }
    assert_int_equal(cut, right < left ? 0 : (right - left + 1) * (bottom - top + 1));
    sum += cut / 1024.0;
    free(slot);
  }
  assert_true(sum / 60.0 > 0.15 && sum / 60.0 < 0.6); /* half of the view on average, less what falls outside */
  ss_image_free(&picture);
  support_release(&task);
}

static void without_cutmix_a_view_stays_whole(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "bow", 32, batch, "vocabulary=4 cutmix=0");
  ss_image picture = support_picture(40, 40, 2);
  void *slot = support_views(&task, &picture, 1, 0, 3, -1);
  const float *mask = ss_view_slot(&task.task, slot, 2, 0);
  for (int i = 0; i < 32 * 32; i++) {
    assert_true(mask[i] > 0.5f);
  }
  free(slot);
  ss_image_free(&picture);
  support_release(&task);
}

static void the_cosine_classifier_heeds_directions_alone(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true, .seed = 0});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(2, 3));
  ss_tensor *y = ss_graph_keep(graph, ss_cosine_classifier(graph, x, 2, 7.0f, "head"));
  ss_plan *plan = NULL;
  ss_error error = {{0}};
  if (ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  const float weight[2][3] = {{0, 5, 0}, {1, 1, 0}}, rows[2][3] = {{0, 0.2f, 0}, {-30, 0, 0}};
  assert_int_equal(ss_parameters_settle(parameters, &error), SS_OK);
  memcpy(ss_parameters_find(parameters, "head.weight")->value, weight, sizeof weight);
  memcpy(ss_plan_data(plan, x), rows, sizeof rows);
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  const float *logits = ss_plan_data(plan, y);
  const float expected[4] = {7.0f, 7.0f * sqrtf(0.5f), 0.0f, -7.0f * sqrtf(0.5f)};
  for (int i = 0; i < 4; i++) {
    assert_true(fabsf(logits[i] - expected[i]) < 1e-5f);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pictures_are_spelled_with_words), cmocka_unit_test(the_loss_mixes_two_bags_by_area),
      cmocka_unit_test(masks_are_rectangles_of_any_share), cmocka_unit_test(without_cutmix_a_view_stays_whole),
      cmocka_unit_test(the_cosine_classifier_heeds_directions_alone)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
