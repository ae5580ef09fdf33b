/* Super-resolution: views against Pillow, each loss against a second way to compute it, which player trains what. */
#include "support.h"

#include "methods/image_quality.h"
#include "nets/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 24, BATCH = 4, PIXELS = SIZE * SIZE * 3 };
enum { LOW, HIGH, BICUBIC, HEED };
#define SMALL "blocks=1 channels=4 norms=apart"

static ss_plan *plan_of(ss_graph *graph) {
  ss_plan *plan = NULL;
  ss_error error = {{0}};
  if (ss_graph_status(graph, &error) != SS_OK ||
      ss_plan_new(graph, &(ss_plan_options){.threads = 2}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return plan;
}

static void run_plan(ss_plan *plan) {
  assert_int_equal(ss_plan_run(plan, 0, NULL), SS_OK);
}

/* ---- views ---- */

static void *views_of(const support_task *task, const ss_image *picture, bool held_out, uint32_t epoch) {
  ss_view_scratch scratch = {0};
  ss_image work[SS_WORK_IMAGES] = {{0}};
  ss_sample sample = {.image = picture, .epoch = epoch, .held_out = held_out, .scratch = &scratch, .work = work};
  void *slot = calloc(1, ss_slot_bytes(&task->task));
  assert_non_null(slot);
  assert_int_equal(task->task.method->views(&task->task, &sample, slot, NULL), SS_OK);
  ss_scratch_free(&scratch);
  for (int i = 0; i < SS_WORK_IMAGES; i++) {
    ss_image_free(&work[i]);
  }
  return slot;
}

/* golden/make_superres.py: a picture of 37 x 28, its centre in 24 px, that in 6 px, and that in 24 px again. */
static struct { uint8_t picture[37 * 28 * 3], high[PIXELS], low[6 * 6 * 3], bicubic[PIXELS]; } pillow;

static void held_out_views_as_pillow(void **state) {
  (void)state;
  FILE *file = fopen(SS_GOLDEN "/superres_views.bin", "rb");
  assert_non_null(file);
  assert_true(fread(&pillow, sizeof pillow, 1, file) == 1 && fgetc(file) == EOF);
  fclose(file);
  support_task task;
  support_configure(&task, "superres", SIZE, BATCH, SMALL);
  const ss_image picture = {.width = 37, .height = 28, .channels = 3, .pixels = pillow.picture};
  void *slot = views_of(&task, &picture, true, 7);
  const uint8_t *const expected[] = {[LOW] = pillow.low, [HIGH] = pillow.high, [BICUBIC] = pillow.bicubic};
  for (int input = LOW; input <= BICUBIC; input++) {
    const float *got = ss_view_slot(&task.task, slot, input, 0);
    for (int64_t i = 0; i < support_view_count(&task, input); i++) { /* low in 0..1, the others in -1..1 */
      const float value = input == LOW ? got[i] : 0.5f * got[i] + 0.5f;
      assert_true(fabsf(255.0f * value - (float)expected[input][i]) < 1e-3f);
    }
  }
  free(slot);
  support_release(&task);
}

/* A picture of the view's size is taken whole, upright or mirrored; a smaller one is enlarged; grey has three channels.
 */
static void crops_keep_the_resolution(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "superres", SIZE, BATCH, SMALL " min_scale=0.1 alone=3");
  ss_image picture = support_picture(SIZE, SIZE, 3);
  int mirrored = 0;
  for (uint32_t epoch = 0; epoch < 20; epoch++) {
    void *slot = views_of(&task, &picture, false, epoch);
    const float *high = ss_view_slot(&task.task, slot, HIGH, 0);
    int upright_differs = 0, mirrored_differs = 0;
    for (int i = 0; i < PIXELS; i++) {
      const int x = i / 3 % SIZE, mirror = i + 3 * (SIZE - 1 - 2 * x);
      upright_differs += fabsf(127.5f * high[i] + 127.5f - (float)picture.pixels[i]) > 1e-2f;
      mirrored_differs += fabsf(127.5f * high[i] + 127.5f - (float)picture.pixels[mirror]) > 1e-2f;
    }
    assert_true((upright_differs == 0) != (mirrored_differs == 0));
    mirrored += mirrored_differs == 0;
    assert_true(*(const float *)ss_view_slot(&task.task, slot, HEED, 0) == (epoch < 3 ? 0.0f : 1.0f));
    free(slot);
  }
  assert_in_range(mirrored, 4, 16);
  ss_image_free(&picture);
  picture = support_picture(9, 13, 3);
  free(views_of(&task, &picture, false, 0));
  free(views_of(&task, &picture, true, 0));
  ss_image_free(&picture);
  assert_int_equal(ss_image_resize_buffer(&picture, 40, 30, 1, NULL), SS_OK);
  memset(picture.pixels, 51, 40 * 30);
  void *slot = views_of(&task, &picture, false, 0);
  assert_true(fabsf(((float *)ss_view_slot(&task.task, slot, LOW, 0))[107] - 0.2f) < 1e-6f);
  free(slot);
  ss_image_free(&picture);
  support_release(&task);
}

/* ---- losses ---- */

/* The method's graph on four pictures. */
typedef struct run {
  support_task task;
  ss_parameters *parameters;
  ss_graph *graph;
  ss_build build;
  ss_plan *plan;
} run;

static void record(run *r, ss_parameters *parameters, bool training, int player, const char *pairs) {
  support_configure(&r->task, "superres", SIZE, BATCH, pairs);
  r->parameters = parameters;
  r->graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = training});
  r->build = (ss_build){.task = &r->task.task, .graph = r->graph, .batch = BATCH};
  for (int i = 0; i < 4; i++) {
    const ss_method_input *input = &r->task.task.inputs[i];
    ss_shape shape = {.rank = input->shape.rank + 1, .dims = {BATCH}};
    memcpy(shape.dims + 1, input->shape.dims, sizeof(int64_t) * (size_t)input->shape.rank);
    r->build.inputs[i] = ss_graph_input(r->graph, input->name, input->dtype, shape);
  }
  const ss_method *method = r->task.task.method;
  method->loss(&r->build);
  ss_graph_keep(r->graph, r->build.prediction);
  if (training && player >= 0) {
    ss_graph_backward(r->graph, r->build.losses[player], method->players[player]);
  }
}

static float *input_of(const run *r, int input) {
  return ss_plan_data(r->plan, r->build.inputs[input]);
}

static void execute(run *r) {
  r->plan = plan_of(r->graph);
  for (int s = 0; s < BATCH; s++) {
    ss_image picture = support_picture(40, 50, (uint64_t)s);
    void *slot = views_of(&r->task, &picture, false, 5);
    for (int i = 0; i < 4; i++) {
      const size_t bytes = ss_view_bytes(&r->task.task.inputs[i]);
      if (input_of(r, i)) {
        memcpy((char *)input_of(r, i) + (size_t)s * bytes, ss_view_slot(&r->task.task, slot, i, 0), bytes);
      }
    }
    free(slot);
    ss_image_free(&picture);
  }
  run_plan(r->plan);
}

static void finish(run *r) {
  ss_plan_free(r->plan);
  ss_graph_free(r->graph);
  support_release(&r->task);
}

static double scalar(const run *r, const ss_tensor *tensor) {
  return (double)*(const float *)ss_plan_data(r->plan, tensor);
}

static double squared_error(const float *a, const float *b, int64_t count) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) {
    sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
  }
  return sum / (double)count;
}

/* What a backbone makes of pictures in -1..1, in a graph of its own: (BATCH, D), or the last layer; freed with free().
 * `logits`: through the discriminator's last layer. */
static float *encode(ss_parameters *parameters, const char *scope, bool training, bool logits, const float *pictures,
                     int64_t *count) {
  const ss_backbone_options backbone = {.arch = "resnet18", .width = 4, .size = SIZE};
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = training});
  ss_graph_hold_statistics(graph, true);
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(BATCH, SIZE, SIZE, 3));
  ss_graph_push_scope(graph, scope);
  const ss_backbone_layers layers = ss_backbone_build(graph, x, &backbone);
  ss_graph_pop_scope(graph);
  ss_tensor *y = logits ? ss_linear(graph, layers.output, 1, true, "discriminator") : layers.tensors[layers.count - 1];
  ss_graph_keep(graph, y);
  ss_plan *plan = plan_of(graph);
  const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
  float *input = ss_plan_data(plan, x);
  for (int i = 0; i < BATCH * PIXELS; i++) {
    input[i] = (float)((0.5 * (double)pictures[i] + 0.5 - mean[i % 3]) / deviation[i % 3]);
  }
  run_plan(plan);
  *count = ss_shape_count(ss_tensor_shape(y));
  float *out = calloc((size_t)*count, sizeof *out);
  assert_non_null(out);
  memcpy(out, ss_plan_data(plan, y), (size_t)*count * sizeof *out);
  ss_plan_free(plan);
  ss_graph_free(graph);
  return out;
}

/* The mean of -log sigmoid(sign z). */
static double cross_entropy(const float *logits, double sign) {
  double sum = 0.0;
  for (int i = 0; i < BATCH; i++) {
    sum += log1p(exp(-sign * (double)logits[i]));
  }
  return sum / BATCH;
}

static void expect_near(double got, double expected) {
  if (fabs(got - expected) > 1e-4 * (fabs(expected) + 1e-3)) {
    fail_msg("%.9g, expected %.9g", got, expected);
  }
}

/* Equations 4, 6 and 3; equation 2 for the other player. */
static void losses_are_what_they_say(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  run g = {0}, d = {0};
  record(&g, parameters, true, 0, SMALL " adversarial=0.5");
  record(&d, parameters, true, 1, SMALL);
  execute(&g);
  execute(&d);
  const float *made = ss_plan_data(g.plan, g.build.prediction), *high = input_of(&d, HIGH);
  assert_memory_equal(made, ss_plan_data(d.plan, d.build.prediction), BATCH * PIXELS * sizeof *made);
  int64_t count = 0;
  float *made_logits = encode(parameters, "backbone", true, true, made, &count);
  float *real_logits = encode(parameters, "backbone", true, true, high, &count);
  assert_int_equal(count, BATCH);
  expect_near(scalar(&g, g.build.losses[0]),
              squared_error(made, high, BATCH * PIXELS) + 0.5 * cross_entropy(made_logits, 1.0));
  expect_near(scalar(&d, d.build.losses[1]), cross_entropy(real_logits, 1.0) + cross_entropy(made_logits, -1.0));
  free(made_logits);
  free(real_logits);
  finish(&g);
  finish(&d);
  ss_parameters_free(parameters);
}

/* The gradients as they are now, one parameter after the other; freed by the caller. */
static double *keep_gradients(const run *r) {
  int64_t count = 0;
  for (size_t i = 0; i < ss_graph_gradient_count(r->graph); i++) {
    count += ss_graph_gradient_parameter(r->graph, i)->count;
  }
  double *kept = calloc((size_t)count + 1, sizeof *kept), *next = kept; /* never of nothing */
  assert_non_null(kept);
  for (size_t i = 0; i < ss_graph_gradient_count(r->graph); i++) {
    const float *gradient = ss_plan_data(r->plan, ss_graph_gradient_tensor(r->graph, i));
    for (int64_t k = 0; k < ss_graph_gradient_parameter(r->graph, i)->count; k++) {
      *next++ = (double)gradient[k];
    }
  }
  return kept;
}

/* Moves every parameter that has a gradient by `step` times the kept one. */
static void move(const run *r, const double *gradients, double step) {
  assert_int_equal(ss_parameters_settle(r->parameters, NULL), SS_OK);
  for (size_t i = 0; i < ss_graph_gradient_count(r->graph); i++) {
    ss_parameter *parameter = ss_graph_gradient_parameter(r->graph, i);
    for (int64_t k = 0; k < parameter->count; k++) {
      ((float *)parameter->value)[k] += (float)(step * *gradients++);
    }
  }
}

static double gradient_square(const run *r) {
  double sum = 0.0;
  for (size_t i = 0; i < ss_graph_gradient_count(r->graph); i++) {
    const float *gradient = ss_plan_data(r->plan, ss_graph_gradient_tensor(r->graph, i));
    for (int64_t k = 0; k < ss_graph_gradient_parameter(r->graph, i)->count; k++) {
      sum += (double)gradient[k] * (double)gradient[k];
    }
  }
  return sum;
}

/* The generator's gradient goes through the discriminator: between a small step along it and one against it the loss
 * changes by the steps' length times the gradient's. */
static void the_generator_heeds_the_discriminator(void **state) {
  (void)state;
  for (int joint = 0; joint < 2; joint++) {
    ss_parameters *parameters = ss_parameters_new(1);
    run g = {0};
    record(&g, parameters, true, 0, joint ? SMALL " norms=joint adversarial=10" : SMALL " norms=apart adversarial=10");
    execute(&g);
    const double square = gradient_square(&g), step = 2e-5 / sqrt(square);
    double *gradients = keep_gradients(&g);
    double losses[2];
    for (int side = 0; side < 2; side++) {
      move(&g, gradients, side ? -2.0 * step : step);
      run_plan(g.plan);
      losses[side] = scalar(&g, g.build.losses[0]);
    }
    if (fabs((losses[0] - losses[1]) / (2.0 * step * square) - 1.0) > 0.02) {
      fail_msg("joint %d: changed by %g, expected %g", joint, losses[0] - losses[1], 2.0 * step * square);
    }
    free(gradients);
    finish(&g);
    ss_parameters_free(parameters);
  }
}

/* Equation 5, on the features of a frozen backbone from a file. */
static void content_loss_is_of_features(void **state) {
  (void)state;
  char path[] = "/tmp/selfsup-content-XXXXXX", pairs[200];
  const int file = mkstemp(path);
  assert_true(file >= 0);
  close(file);
  const ss_backbone_options backbone = {.arch = "resnet18", .width = 4, .size = SIZE};
  ss_model *model = NULL;
  assert_int_equal(ss_model_open("random:resnet18?width=4&size=24", 0, 9, &model, NULL), SS_OK);
  assert_int_equal(ss_model_write(path, model->parameters, "backbone.", &backbone, SS_STORED_F32, NULL), SS_OK);
  snprintf(pairs, sizeof pairs, SMALL " loss=content content_scale=0.5 adversarial=0 content=%s", path);
  ss_parameters *parameters = ss_parameters_new(1);
  run g = {0};
  record(&g, parameters, true, 0, pairs);
  execute(&g);
  int64_t count = 0;
  float *of_made =
      encode(model->parameters, "backbone", false, false, ss_plan_data(g.plan, g.build.prediction), &count);
  float *of_high = encode(model->parameters, "backbone", false, false, input_of(&g, HIGH), &count);
  expect_near(scalar(&g, g.build.losses[0]), 0.25 * squared_error(of_made, of_high, count));
  for (size_t i = 0; i < ss_graph_gradient_count(g.graph); i++) { /* frozen */
    assert_memory_equal(ss_graph_gradient_parameter(g.graph, i)->name, "generator.", 10);
  }
  const ss_parameter *counter = ss_parameters_find(parameters, "content.bn1.num_batches_tracked");
  assert_non_null(counter);
  assert_int_equal(*(const int64_t *)counter->value, 0);
  free(of_made);
  free(of_high);
  finish(&g);
  ss_parameters_free(parameters);
  ss_model_free(model);
  unlink(path);
}

/* Each player's gradients are of all its own parameters and of nothing else; running statistics of the encoder are of
 * real pictures. */
static void players_train_their_own(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  for (int player = 0; player < 2; player++) {
    run r = {0};
    record(&r, parameters, true, player, SMALL);
    const char *prefixes = r.task.task.method->players[player];
    size_t own = 0;
    for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
      const ss_parameter *parameter = ss_parameters_at(parameters, i);
      own += (parameter->flags & SS_TRAINABLE) && ss_parameter_matches(parameter, prefixes);
    }
    assert_true(own > 2);
    assert_int_equal(ss_graph_gradient_count(r.graph), own);
    for (size_t i = 0; i < own; i++) {
      assert_true(ss_parameter_matches(ss_graph_gradient_parameter(r.graph, i), prefixes));
    }
    execute(&r);
    assert_int_equal(ss_parameters_settle(parameters, NULL), SS_OK);
    const int64_t *seen = ss_parameters_find(parameters, "backbone.bn1.num_batches_tracked")->value;
    assert_int_equal(*seen, player);
    finish(&r);
  }
  ss_parameters_free(parameters);
}

/* ---- the score ---- */

/* Luma without the border, from pictures in -1..1; freed with free(). */
static float *measured(const float *picture) {
  const int side = SIZE - 8;
  float *out = calloc((size_t)side * (size_t)side, sizeof *out);
  assert_non_null(out);
  for (int i = 0; i < side * side; i++) {
    const float *pixel = picture + 3 * ((i / side + 4) * SIZE + i % side + 4);
    double value[3];
    for (int c = 0; c < 3; c++) {
      value[c] = fmin(fmax(0.5 * (double)pixel[c] + 0.5, 0.0), 1.0);
    }
    out[i] = (float)((16.0 + 65.481 * value[0] + 128.553 * value[1] + 24.966 * value[2]) / 255.0);
  }
  return out;
}

static void the_score_is_measured_on_luma(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  run e = {0};
  record(&e, parameters, false, -1, SMALL);
  ss_graph_keep(e.graph, e.build.score);
  ss_graph_keep(e.graph, e.build.chance);
  for (int i = 0; i < e.build.report_count; i++) {
    ss_graph_keep(e.graph, e.build.reports[i].value);
  }
  execute(&e);
  const float *pictures[] = {ss_plan_data(e.plan, e.build.prediction), input_of(&e, BICUBIC)};
  const int side = SIZE - 8;
  for (int k = 0; k < 2; k++) {
    double psnr = 0.0, ssim = 0.0;
    for (int i = 0; i < BATCH; i++) {
      float *own = measured(pictures[k] + i * PIXELS), *high = measured(input_of(&e, HIGH) + i * PIXELS);
      double one = 0.0;
      assert_int_equal(ss_ssim(own, high, side, side, 1, 1.0, SS_SSIM_GAUSSIAN, &one, NULL), SS_OK);
      psnr += ss_psnr(own, high, (size_t)side * (size_t)side, 1.0) / BATCH;
      ssim += one / BATCH;
      free(own);
      free(high);
    }
    assert_true(fabs(scalar(&e, k == 0 ? e.build.score : e.build.chance) - psnr) < 1e-3);
    assert_string_equal(e.build.reports[k].name, k == 0 ? "ssim" : "bicubic_ssim");
    assert_true(fabs(scalar(&e, e.build.reports[k].value) - ssim) < 1e-5);
  }
  finish(&e);
  ss_parameters_free(parameters);
}

/* ---- mistakes ---- */

static void expect_refusal(int size, const char *pairs, const char *text) {
  support_task task = {0};
  ss_error error = {{0}};
  assert_int_equal(ss_method_find("superres", &task.task.method, NULL), SS_OK);
  assert_int_equal(ss_settings_new(task.task.method->options, NULL, &task.settings, NULL), SS_OK);
  assert_int_equal(ss_settings_apply_defaults(task.settings, pairs, NULL), SS_OK);
  task.task.settings = task.settings;
  task.task.size = size;
  task.task.backbone = (ss_backbone_options){.arch = "resnet18", .width = 4, .size = size};
  assert_int_not_equal(task.task.method->configure(&task.task, &error), SS_OK);
  if (!strstr(error.message, text)) {
    fail_msg("%s lacks: %s", error.message, text);
  }
  support_release(&task);
}

static void mistakes_are_told(void **state) {
  (void)state;
  expect_refusal(30, "", "multiple of 4 from 20 on, not 30");
  expect_refusal(16, "", "multiple of 4 from 20 on, not 16");
  expect_refusal(24, "loss=content", "--set content=RUN");
  expect_refusal(24, "content=somewhere", "--set loss=content");
  expect_refusal(24, "loss=content content=/nowhere", "/nowhere");
  expect_refusal(24, "loss=content content=random:resnet18?width=4&size=24&input=lightness", "sees lightness");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(held_out_views_as_pillow),      cmocka_unit_test(crops_keep_the_resolution),
      cmocka_unit_test(losses_are_what_they_say),      cmocka_unit_test(the_generator_heeds_the_discriminator),
      cmocka_unit_test(content_loss_is_of_features),   cmocka_unit_test(players_train_their_own),
      cmocka_unit_test(the_score_is_measured_on_luma), cmocka_unit_test(mistakes_are_told)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
