/* Colorization's samples, survey, losses, score and pictures against what they are defined as. */
#include "augment/lab.h"
#include "engine/plan.h"
#include "methods/image/colour_sheet.h"
#include "methods/image/colours.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 32, SIDE = 8, PLACES = SIDE * SIDE, BATCH = 3, BINS = SS_COLOUR_BINS };
enum { PICTURES, COLOURS, WEIGHTS, FOURTH, FIFTH };

static void survey_pictures(support_task *task, int count) {
  for (int i = 0; i < count; i++) {
    ss_image picture = support_picture(40 + i, 50, (uint64_t)i);
    assert_int_equal(task->task.method->survey(&task->task, &picture, NULL), SS_OK);
    ss_image_free(&picture);
  }
  assert_int_equal(task->task.method->survey(&task->task, NULL, NULL), SS_OK);
}

static void a_sample_is_lab_with_encoded_quarters(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "colorization", SIZE, BATCH, "");
  survey_pictures(&task, 4);
  assert_int_equal(task.task.backbone.input, SS_INPUT_LIGHTNESS);
  assert_int_equal(task.task.input_count, 5);
  ss_image picture = support_picture(45, 60, 1);
  void *slot = support_views(&task, &picture, 1, 0, 0, -1);
  const float *lab = ss_view_slot(&task.task, slot, PICTURES, 0), *ab = ss_view_slot(&task.task, slot, COLOURS, 0);
  const float *weights = ss_view_slot(&task.task, slot, WEIGHTS, 0), *shares = ss_view_slot(&task.task, slot, FIFTH, 0);
  const int32_t *bins = ss_view_slot(&task.task, slot, FOURTH, 0);
  float of_bin[BINS] = {0};
  for (int i = 0; i < PLACES; i++) {
    float mean[2] = {0, 0};
    for (int k = 0; k < 16; k++) {
      for (int c = 0; c < 2; c++) {
        mean[c] += lab[3 * ((i / SIDE * 4 + k / 4) * SIZE + i % SIDE * 4 + k % 4) + 1 + c] / 16;
      }
    }
    assert_float_equal(ab[2 * i], mean[0], 1e-6);
    assert_float_equal(ab[2 * i + 1], mean[1], 1e-6);
    const float colour[2] = {ab[2 * i] * 110, ab[2 * i + 1] * 110};
    int32_t expected[5];
    float expected_shares[5];
    ss_colour_encode(colour, 1, expected, expected_shares);
    assert_memory_equal(bins + 5 * i, expected, sizeof expected);
    assert_memory_equal(shares + 5 * i, expected_shares, sizeof expected_shares);
    assert_true(weights[i] > 0 && (of_bin[bins[5 * i]] == 0 || of_bin[bins[5 * i]] == weights[i]));
    of_bin[bins[5 * i]] = weights[i];
  }
  free(slot);
  ss_image_free(&picture);
  support_release(&task);
}

/* Rare colours count more than common ones, and for l2 and with rebalance=1 all the same. */
static void weights_come_from_the_survey(void **state) {
  (void)state;
  ss_image picture = support_picture(64, 64, 0);
  const char *pairs[] = {"", "rebalance=1", "loss=l2"};
  for (int i = 0; i < 3; i++) {
    support_task task;
    support_configure(&task, "colorization", SIZE, BATCH, pairs[i]);
    survey_pictures(&task, 3);
    void *slot = support_views(&task, &picture, 1, 0, 0, -1);
    const float *weights = ss_view_slot(&task.task, slot, WEIGHTS, 0);
    float least = INFINITY, largest = 0;
    for (int k = 0; k < PLACES; k++) {
      least = fminf(least, weights[k]);
      largest = fmaxf(largest, weights[k]);
    }
    assert_true(i == 0 ? largest > 1.2f * least : least == 1 && largest == 1);
    free(slot);
    support_release(&task);
  }
  ss_image_free(&picture);
}

/* Many points of a plane: no step from the constant makes the weighted mean distance less. */
static void the_constant_is_the_best(void **state) {
  (void)state;
  ss_colour_survey survey = {.chroma = 0};
  float weights[BINS], ab[2 * 500];
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, 0, 0);
  for (int i = 0; i < 1000; i++) {
    ab[i] = 0.2f * ss_random_normal(&random) + (i % 2 ? 0.1f : -0.05f);
  }
  for (int i = 0; i < BINS; i++) {
    weights[i] = 0.5f + (float)(i % 7);
  }
  ss_colour_survey_add(&survey, ab, 500);
  float best[2];
  ss_colour_survey_constant(&survey, weights, best);
  double least = 0;
  for (int step = 0; step < 9; step++) {
    double cost = 0;
    for (int bin = 0; bin < BINS; bin++) {
      if (survey.counts[bin] > 0) {
        const double a = survey.sums[bin][0] / survey.counts[bin], b = survey.sums[bin][1] / survey.counts[bin];
        cost += survey.counts[bin] * (double)weights[bin] *
                hypot(a - (double)best[0] - 0.01 * (step % 3 - (step ? 1 : 0)),
                      b - (double)best[1] - 0.01 * (step ? step / 3 - 1 : 0));
      }
    }
    least = step == 0 ? cost : least;
    assert_true(cost >= least - 1e-9);
  }
}

static void data_without_colour_are_refused(void **state) {
  (void)state;
  for (int channels = 1; channels <= 3; channels += 2) {
    support_task task;
    support_configure(&task, "colorization", SIZE, BATCH, "");
    ss_image grey = {0};
    assert_int_equal(ss_image_resize_buffer(&grey, 40, 40, channels, NULL), SS_OK);
    for (int i = 0; i < 1600 * channels; i++) {
      grey.pixels[i] = (uint8_t)(i / channels * 7);
    }
    ss_error error = {{0}};
    assert_int_equal(task.task.method->survey(&task.task, &grey, &error), SS_OK);
    assert_int_equal(task.task.method->survey(&task.task, NULL, &error), SS_FAILED);
    assert_non_null(strstr(error.message, "colorization needs colour pictures"));
    ss_image_free(&grey);
    support_release(&task);
  }
}

/* Hints are the true colours of patches, as many as asked for, nearer to the centre than to the border. */
static void hints_reveal_true_colours(void **state) {
  (void)state;
  enum { LARGE = 64, QUARTER = 16 };
  static float lab[3 * LARGE * LARGE], hints[3 * QUARTER * QUARTER];
  for (int i = 0; i < LARGE * LARGE; i++) {
    lab[3 * i + 1] = (float)(i % LARGE) / LARGE;
    lab[3 * i + 2] = (float)(i / LARGE) / LARGE;
  }
  ss_random random = ss_random_stream(3, SS_RANDOM_METHOD, 0, 0, 0);
  int revealed = 0, central = 0;
  for (int draw = 0; draw < 300; draw++) {
    ss_colour_hints(lab, LARGE, QUARTER, 1, &random, hints);
    int here = 0;
    for (int i = 0; i < QUARTER * QUARTER; i++) {
      const float *hint = hints + 3 * i;
      assert_true(hint[2] == 0 || hint[2] == 1);
      if (hint[2] == 1) { /* the mean of a patch of at most 2 x 2 that touches this place of 4 x 4 */
        assert_true(fabsf(hint[0] * LARGE - (float)(i % QUARTER * 4) - 1.5f) <= 3);
        assert_true(fabsf(hint[1] * LARGE - (float)(i / QUARTER * 4) - 1.5f) <= 3);
        central += abs(i % QUARTER * 2 - QUARTER + 1) < QUARTER / 2 && abs(i / QUARTER * 2 - QUARTER + 1) < QUARTER / 2;
        here++;
      } else {
        assert_true(hint[0] == 0 && hint[1] == 0);
      }
    }
    assert_in_range(here, 1, 4);
    revealed += here;
  }
  assert_true(central * 3 > revealed); /* a quarter if places were uniform; 0.47 of a normal deviate's are within */
  ss_colour_hints(lab, LARGE, QUARTER, 0, &random, hints);
  for (int i = 0; i < 3 * QUARTER * QUARTER; i++) {
    assert_true(hints[i] == 0);
  }
}

typedef struct run {
  support_task task;
  ss_parameters *parameters;
  ss_graph *graph;
  ss_plan *plan;
  ss_build build;
  ss_image pictures[BATCH];
} run;

static void record(run *out, const char *pairs) {
  *out = (run){0};
  support_configure(&out->task, "colorization", SIZE, BATCH, pairs);
  survey_pictures(&out->task, BATCH);
  ss_task *task = &out->task.task;
  out->parameters = ss_parameters_new(1);
  out->graph = ss_graph_new(out->parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_build *build = &out->build;
  *build = (ss_build){.task = task, .graph = out->graph, .batch = BATCH};
  for (int i = 0; i < task->input_count; i++) {
    ss_shape shape = {.rank = task->inputs[i].shape.rank + 1, .dims = {BATCH}};
    memcpy(shape.dims + 1, task->inputs[i].shape.dims, sizeof(int64_t) * (size_t)task->inputs[i].shape.rank);
    build->inputs[i] = ss_graph_input(out->graph, task->inputs[i].name, task->inputs[i].dtype, shape);
  }
  task->method->loss(build);
  ss_graph_backward(out->graph, build->losses[0], "");
  ss_tensor *kept[] = {build->losses[0], build->score, build->chance, build->prediction};
  for (int i = 0; i < 4; i++) {
    assert_ptr_equal(ss_graph_keep(out->graph, kept[i]), kept[i]);
  }
  ss_error error = {{0}};
  if (ss_plan_new(out->graph, &(ss_plan_options){.threads = 1}, &out->plan, &error) != SS_OK ||
      ss_parameters_settle(out->parameters, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  for (int s = 0; s < BATCH; s++) {
    ss_image picture = support_picture(40, 50, (uint64_t)s);
    void *slot = support_views(&out->task, &picture, 1, 0, (uint32_t)s, s);
    for (int i = 0; i < task->input_count; i++) {
      const size_t bytes = ss_view_bytes(&task->inputs[i]);
      memcpy((char *)ss_plan_data(out->plan, build->inputs[i]) + (size_t)s * bytes, ss_view_slot(task, slot, i, 0),
             bytes);
    }
    free(slot);
    ss_image_free(&picture);
  }
}

static void run_free(run *done) {
  ss_plan_free(done->plan);
  ss_graph_free(done->graph);
  ss_parameters_free(done->parameters);
  support_release(&done->task);
}

static float *parameter(const run *of, const char *name) {
  ss_parameter *found = ss_parameters_find(of->parameters, name);
  assert_non_null(found);
  return found->value;
}

static const float *gradient(const run *of, const char *name) {
  for (size_t i = 0; i < ss_graph_gradient_count(of->graph); i++) {
    if (strcmp(ss_graph_gradient_parameter(of->graph, i)->name, name) == 0) {
      return ss_plan_data(of->plan, ss_graph_gradient_tensor(of->graph, i));
    }
  }
  fail_msg("no gradient of %s", name);
  return NULL;
}

/* The weighted mean distance of the true colours from `at`, one colour or one for each place. */
static double naive_distance(const run *of, const float *at, int stride) {
  const float *ab = ss_plan_data(of->plan, of->build.inputs[COLOURS]);
  const float *weights = ss_plan_data(of->plan, of->build.inputs[WEIGHTS]);
  double sum = 0, total = 0;
  for (int i = 0; i < BATCH * PLACES; i++) {
    sum += (double)weights[i] *
           hypot((double)(ab[2 * i] - at[stride * i]), (double)(ab[2 * i + 1] - at[stride * i + 1])) * 110;
    total += (double)weights[i];
  }
  return sum / total;
}

static double scalar(const run *of, const ss_tensor *tensor) {
  return (double)*(const float *)ss_plan_data(of->plan, tensor);
}

/* The head made a bias alone: every place has the same logits, so that loss and gradient can be written down. */
static void classify_as_defined(void **state) {
  (void)state;
  run now;
  record(&now, "rebalance=0.2");
  float *bias = parameter(&now, "head.bias");
  memset(parameter(&now, "head.weight"), 0, (size_t)ss_parameters_find(now.parameters, "head.weight")->count * 4);
  double sum = 0, share[BINS], slope[BINS] = {0}, loss = 0, total = 0;
  for (int k = 0; k < BINS; k++) {
    bias[k] = sinf((float)(k * k));
    sum += exp((double)bias[k]);
  }
  assert_int_equal(ss_plan_run(now.plan, 0, NULL), SS_OK);
  const float *weights = ss_plan_data(now.plan, now.build.inputs[WEIGHTS]);
  const float *shares = ss_plan_data(now.plan, now.build.inputs[FIFTH]);
  const int32_t *bins = ss_plan_data(now.plan, now.build.inputs[FOURTH]);
  for (int k = 0; k < BINS; k++) {
    share[k] = exp((double)bias[k]) / sum;
  }
  for (int i = 0; i < BATCH * PLACES; i++) {
    total += (double)weights[i];
    for (int k = 0; k < 5; k++) {
      loss -= (double)(weights[i] * shares[5 * i + k]) * log(share[bins[5 * i + k]]);
      slope[bins[5 * i + k]] -= (double)(weights[i] * shares[5 * i + k]);
    }
  }
  assert_float_equal(scalar(&now, now.build.losses[0]), loss / total, 1e-5);
  const float *got = gradient(&now, "head.bias");
  for (int k = 0; k < BINS; k++) {
    assert_float_equal(got[k], slope[k] / total + share[k], 1e-6);
  }
  double mean[2] = {0, 0}, sharp = 0;
  for (int k = 0; k < BINS; k++) {
    sharp += pow(share[k], 1 / 0.38);
    mean[0] += pow(share[k], 1 / 0.38) * (double)(*ss_colour_bins())[k][0] / 110;
    mean[1] += pow(share[k], 1 / 0.38) * (double)(*ss_colour_bins())[k][1] / 110;
  }
  const float *prediction = ss_plan_data(now.plan, now.build.prediction);
  for (int i = 0; i < BATCH * PLACES; i++) {
    assert_float_equal(prediction[2 * i], mean[0] / sharp, 1e-5);
    assert_float_equal(prediction[2 * i + 1], mean[1] / sharp, 1e-5);
  }
  assert_float_equal(scalar(&now, now.build.score), naive_distance(&now, prediction, 2), 1e-3);
  ss_colour_survey survey = {.chroma = 0};
  float of_bin[BINS], constant[2];
  for (int i = 0; i < BATCH; i++) {
    ss_image picture = support_picture(40 + i, 50, (uint64_t)i);
    assert_int_equal(ss_colour_survey_picture(&survey, &picture, SIZE, SIDE, NULL), SS_OK);
    ss_image_free(&picture);
  }
  ss_colour_rebalance(survey.counts, SS_COLOUR_SIGMA, 0.2, NULL, of_bin);
  ss_colour_survey_constant(&survey, of_bin, constant);
  assert_float_equal(scalar(&now, now.build.chance), naive_distance(&now, constant, 0), 1e-3);
  run_free(&now);
}

static void l2_as_defined(void **state) {
  (void)state;
  run now;
  record(&now, "loss=l2");
  assert_int_equal(now.task.task.input_count, 3);
  assert_int_equal(ss_plan_run(now.plan, 0, NULL), SS_OK);
  const float *ab = ss_plan_data(now.plan, now.build.inputs[COLOURS]);
  const float *prediction = ss_plan_data(now.plan, now.build.prediction);
  double loss = 0, slope[2] = {0, 0};
  for (int i = 0; i < 2 * BATCH * PLACES; i++) {
    const double difference = (double)(prediction[i] - ab[i]);
    loss += difference * difference / (2 * BATCH * PLACES);
    slope[i % 2] += 2 * difference / (2 * BATCH * PLACES);
  }
  assert_float_equal(scalar(&now, now.build.losses[0]) / loss, 1, 1e-5);
  for (int c = 0; c < 2; c++) {
    assert_float_equal(gradient(&now, "head.bias")[c], slope[c], 1e-6);
  }
  assert_float_equal(scalar(&now, now.build.score), naive_distance(&now, prediction, 2), 1e-3);
  assert_true(prediction[0] != prediction[2]); /* it sees something */
  run_free(&now);
}

/* The loss does not see colour: a network is shown lightness three times, whatever a and b are. */
static void colour_is_hidden(void **state) {
  (void)state;
  run now;
  record(&now, "loss=l2");
  assert_int_equal(ss_plan_run(now.plan, 0, NULL), SS_OK);
  float before[2 * PLACES];
  memcpy(before, ss_plan_data(now.plan, now.build.prediction), sizeof before);
  float *lab = ss_plan_data(now.plan, now.build.inputs[PICTURES]);
  for (int i = 0; i < BATCH * SIZE * SIZE; i++) {
    lab[3 * i + 1] = lab[3 * i + 2] = 0.5f;
  }
  assert_int_equal(ss_plan_run(now.plan, 0, NULL), SS_OK);
  assert_memory_equal(before, ss_plan_data(now.plan, now.build.prediction), sizeof before);
  run_free(&now);
}

/* With labels the classification counts 1/300; hints and the global vector reach the prediction. */
static void hints_and_global_join(void **state) {
  (void)state;
  run now;
  record(&now, "loss=l2 hints=3 global=1");
  assert_int_equal(now.task.task.input_count, 5);
  assert_int_equal(now.build.report_count, 1);
  memset(parameter(&now, "classes.weight"), 0, (size_t)ss_parameters_find(now.parameters, "classes.weight")->count * 4);
  memset(parameter(&now, "classes.bias"), 0, 5 * sizeof(float));
  assert_int_equal(ss_plan_run(now.plan, 0, NULL), SS_OK);
  const float *ab = ss_plan_data(now.plan, now.build.inputs[COLOURS]);
  const float *prediction = ss_plan_data(now.plan, now.build.prediction);
  double loss = log(5) / 300;
  for (int i = 0; i < 2 * BATCH * PLACES; i++) {
    loss += pow((double)(prediction[i] - ab[i]), 2) / (2 * BATCH * PLACES);
  }
  assert_float_equal(scalar(&now, now.build.losses[0]) / loss, 1, 1e-5);
  const char *reached[] = {"hints1.weight", "join.weight", "global.weight", "fusion.weight"};
  for (int i = 0; i < 4; i++) {
    const float *slope = gradient(&now, reached[i]);
    double sum = 0;
    for (int64_t k = 0; k < ss_parameters_find(now.parameters, reached[i])->count; k++) {
      sum += fabs((double)slope[k]);
    }
    assert_true(sum > 0);
  }
  run_free(&now);
}

/* Grey, coloured, original: true colours at full size give the picture back. */
static void pictures(void **state) {
  (void)state;
  ss_image picture = support_picture(96, 96, 2), sheet = {0};
  static float lab[3 * 96 * 96], ab[2 * 96 * 96];
  ss_image_to_lab(&picture, lab);
  ss_colours_shrink(lab, 96, 96, ab);
  const ss_colour_sheet what = {.lab = lab, .size = 96, .ab = ab, .side = 96, .pictures = 1};
  assert_int_equal(ss_sheet_of_colours(&what, &sheet, NULL), SS_OK);
  const int gap = (sheet.height - 3 * 96) / 4;
  assert_true(gap > 0 && sheet.width == 96 + 2 * gap);
  for (int y = 0; y < 96; y++) {
    for (int row = 0; row < 3; row++) {
      const uint8_t *shown = sheet.pixels + 3 * ((row * (96 + gap) + gap + y) * sheet.width + gap);
      for (int x = 0; x < 96 && row == 0; x++) {
        assert_in_range(shown[3 * x] - shown[3 * x + 2] + 1, 0, 2);
      }
      if (row > 0) {
        assert_memory_equal(shown, picture.pixels + (ptrdiff_t)3 * 96 * y, 3 * 96);
      }
    }
  }
  ss_image_free(&sheet);
  ss_image_free(&picture);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_sample_is_lab_with_encoded_quarters),
                                     cmocka_unit_test(weights_come_from_the_survey),
                                     cmocka_unit_test(the_constant_is_the_best),
                                     cmocka_unit_test(data_without_colour_are_refused),
                                     cmocka_unit_test(hints_reveal_true_colours),
                                     cmocka_unit_test(classify_as_defined),
                                     cmocka_unit_test(l2_as_defined),
                                     cmocka_unit_test(colour_is_hidden),
                                     cmocka_unit_test(hints_and_global_join),
                                     cmocka_unit_test(pictures)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
