/* The parts of reconstruction against PyTorch (golden/make_reconstruction.py): decoder, discriminator, adversarial
 * losses, the channel-wise bottleneck, two players together; and the PSNR against its definition. */
#include "../engine/support.h"

#include "methods/bottleneck.h"
#include "methods/decoder.h"
#include "methods/discriminator.h"
#include "methods/image/reconstruction.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ss_tensor *record_decoder(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  return ss_picture_decoder(graph, inputs[0], context, "decoder");
}

static ss_tensor *record_discriminator(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  return ss_discriminator(graph, inputs[0], *(const int *)context, "discriminator");
}

static ss_tensor *record_bottleneck(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_channelwise_bottleneck(graph, inputs[0], "bottleneck");
}

static ss_tensor *record_discriminator_loss(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  (void)context;
  return ss_discriminator_loss(graph, inputs[0], inputs[1]);
}

static ss_tensor *record_generator_loss(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  return ss_generator_loss(graph, inputs[1], *(const ss_adversarial_loss *)context);
}

static void decoders_match_pytorch(void **state) {
  (void)state;
  const ss_decoder_options map = {.size = 10, .channels = 2};
  const ss_decoder_options vector = {.size = 12, .channels = 5, .width = 20, .kernel = 1};
  const ss_decoder_options uneven = {.size = 8, .channels = 3};
  const support_case cases[] = {{.name = "decoder_map",
                                 .record = record_decoder,
                                 .context = &map,
                                 .input_count = 1,
                                 .shapes = {ss_shape_of(2, 3, 3, 34)}},
                                {.name = "decoder_vector",
                                 .record = record_decoder,
                                 .context = &vector,
                                 .input_count = 1,
                                 .shapes = {ss_shape_of(3, 7)}},
                                {.name = "decoder_uneven",
                                 .record = record_decoder,
                                 .context = &uneven,
                                 .input_count = 1,
                                 .shapes = {ss_shape_of(2, 2, 3, 4)}}};
  support_check_golden(&cases[0], "reconstruction:decoder_map", SS_F32, 1e-4);
  support_check_golden(&cases[1], "reconstruction:decoder_vector", SS_F32, 1e-4);
  support_check_golden(&cases[2], "reconstruction:decoder_uneven", SS_F32, 1e-4);
}

/* Any side of a map to any side of a picture. */
static void decoders_have_any_side(void **state) {
  (void)state;
  static const int sides[][2] = {{3, 96}, {4, 32}, {4, 8},  {3, 24}, {5, 96}, {7, 224}, {2, 33},
                                 {1, 1},  {1, 7},  {6, 48}, {9, 4},  {4, 4},  {0, 96},  {0, 5}};
  for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
    ss_parameters *parameters = ss_parameters_new(1);
    ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
    const int from = sides[i][0], to = sides[i][1];
    const ss_shape shape = from ? ss_shape_of(2, from, from, 8) : ss_shape_of(2, 8); /* 0: of a vector */
    const ss_decoder_options options = {.size = to, .channels = 3};
    ss_tensor *x = ss_graph_input(graph, "x", SS_F32, shape);
    ss_tensor *y = ss_picture_decoder(graph, x, &options, "decoder");
    assert_int_equal(ss_graph_status(graph, NULL), SS_OK);
    assert_true(ss_shape_equal(ss_tensor_shape(y), ss_shape_of(2, to, to, 3)));
    ss_graph_free(graph);
    ss_parameters_free(parameters);
  }
}

static void discriminators_match_pytorch(void **state) {
  (void)state;
  const int width = 4;
  const support_case test = {.name = "discriminator",
                             .record = record_discriminator,
                             .context = &width,
                             .input_count = 1,
                             .shapes = {ss_shape_of(3, 17, 17, 3)}};
  support_check_golden(&test, "reconstruction:discriminator", SS_F32, 1e-4);
}

static void adversarial_losses_match_pytorch(void **state) {
  (void)state;
  const ss_adversarial_loss non_saturating = SS_NON_SATURATING, minimax = SS_MINIMAX;
  support_case test = {.name = "discriminator loss",
                       .record = record_discriminator_loss,
                       .input_count = 2,
                       .shapes = {ss_shape_of(5, 1), ss_shape_of(5, 1)}};
  support_check_golden(&test, "reconstruction:discriminator_loss", SS_F32, 1e-5);
  test.record = record_generator_loss;
  test.context = &non_saturating;
  support_check_golden(&test, "reconstruction:non_saturating", SS_F32, 1e-5);
  test.context = &minimax;
  support_check_golden(&test, "reconstruction:minimax", SS_F32, 1e-5);
}

static void bottlenecks_match_pytorch(void **state) {
  (void)state;
  const support_case test = {
      .name = "channelwise", .record = record_bottleneck, .input_count = 1, .shapes = {ss_shape_of(4, 3, 2, 5)}};
  support_check_golden(&test, "reconstruction:channelwise", SS_F32, 1e-4);
}

/* ---- two players ---- */

static const char *const players[] = {"bottleneck.|decoder.", "discriminator."};

/* Records the game as inpainting does and runs player p's graph; all that is its own must match. */
static void check_player(const support_golden *golden, int p) {
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *seen = ss_graph_input(graph, "seen", SS_F32, ss_shape_of(3, 2, 2, 4));
  ss_tensor *real = ss_graph_input(graph, "real", SS_F32, ss_shape_of(3, 8, 8, 3));
  ss_tensor *weights = ss_graph_input(graph, "weights", SS_F32, ss_shape_of(3, 8, 8, 1));
  const ss_decoder_options options = {.size = 8, .channels = 3};
  ss_tensor *map = ss_channelwise_bottleneck(graph, seen, "bottleneck");
  ss_tensor *made = ss_picture_decoder(graph, map, &options, "decoder");
  ss_tensor *of_made = ss_discriminator(graph, made, 4, "discriminator");
  ss_tensor *of_real = ss_discriminator(graph, real, 4, "discriminator");
  ss_tensor *reconstruction = ss_l2_loss(graph, made, real, ss_broadcast(graph, weights, ss_tensor_shape(real)));
  ss_tensor *adversarial = ss_generator_loss(graph, of_made, SS_NON_SATURATING);
  ss_tensor *losses[] = {
      ss_add(graph, ss_affine(graph, reconstruction, 0.9f, 0.0f), ss_affine(graph, adversarial, 0.3f, 0.0f)),
      ss_discriminator_loss(graph, of_real, of_made)};
  ss_graph_backward(graph, losses[p], players[p]);
  ss_plan *plan = support_plan(graph);
  support_write(plan, seen, support_golden_array(golden, "seen", NULL));
  support_write(plan, real, support_golden_array(golden, "real", NULL));
  support_write(plan, weights, support_golden_array(golden, "weights", NULL));
  char key[256];
  support_settle(parameters);
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    ss_parameter *parameter = ss_parameters_at(parameters, i);
    if (parameter->flags & SS_TRAINABLE) {
      snprintf(key, sizeof key, "parameter.%s", parameter->name);
      memcpy(parameter->value, support_golden_array(golden, key, NULL), (size_t)parameter->count * sizeof(float));
    }
  }
  support_run(plan);
  const float expected = support_golden_array(golden, "losses", NULL)[p];
  assert_true(fabsf(*(const float *)ss_plan_data(plan, losses[p]) - expected) < 1e-5f * fabsf(expected) + 1e-6f);
  assert_int_equal(ss_graph_gradient_count(graph), p == 0 ? 10 : 3); /* the player's own, and no other's */
  for (size_t i = 0; i < ss_graph_gradient_count(graph); i++) {
    const ss_parameter *parameter = ss_graph_gradient_parameter(graph, i);
    assert_int_equal(strncmp(parameter->name, "discriminator.", 14) == 0, p);
    snprintf(key, sizeof key, "gradient.%s", parameter->name);
    int64_t count = 0;
    const float *of_golden = support_golden_array(golden, key, &count);
    assert_int_equal(count, parameter->count);
    float *gradient = support_read(plan, ss_graph_gradient_tensor(graph, i));
    if (!(support_difference(gradient, of_golden, count) < 1e-4)) {
      fail_msg("player %d: %s differs by %g", p, key, support_difference(gradient, of_golden, count));
    }
    free(gradient);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void two_players_match_pytorch(void **state) {
  (void)state;
  support_golden *golden = support_golden_open("reconstruction:joint");
  check_player(golden, 0);
  check_player(golden, 1);
  support_golden_close(golden);
}

/* ---- scores ---- */

static float value_of(ss_graph *graph, ss_tensor *scalar) {
  ss_tensor *kept = ss_graph_keep(graph, scalar);
  ss_plan *plan = support_plan(graph);
  support_run(plan);
  const float value = *(const float *)ss_plan_data(plan, kept);
  ss_plan_free(plan);
  return value;
}

/* The mean over pictures of 10 log10(1 / mean squared error), by its definition. */
static double psnr(const float *a, const float *b, const float *weights, int pictures, int pixels) {
  double sum = 0.0;
  for (int n = 0; n < pictures; n++) {
    double squares = 0.0;
    for (int i = 0; i < 3 * pixels; i++) {
      const int k = 3 * pixels * n + i;
      const double d = ((double)a[k] - (double)b[k]) * (double)ss_imagenet_deviation[i % 3];
      squares += (weights ? (double)weights[k / 3] : 1.0) * d * d;
    }
    sum += 10.0 * log10(3.0 * pixels / squares);
  }
  return sum / pictures;
}

static void psnr_is_as_defined(void **state) {
  (void)state;
  enum { N = 2, SIDE = 3, PIXELS = SIDE * SIDE };
  float a[3 * N * PIXELS], b[3 * N * PIXELS], weights[N * PIXELS];
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, 0, 0);
  for (int i = 0; i < 3 * N * PIXELS; i++) {
    a[i] = ss_random_normal(&random);
    b[i] = ss_random_normal(&random);
    weights[i / 3] = (float)(i % 5);
  }
  const ss_shape shape = ss_shape_of(N, SIDE, SIDE, 3);
  for (int weighted = 0; weighted < 2; weighted++) {
    ss_parameters *parameters = ss_parameters_new(1);
    ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
    ss_tensor *w = weighted ? ss_graph_constant(graph, ss_shape_of(N, SIDE, SIDE, 1), weights) : NULL;
    ss_tensor *score =
        ss_psnr_normalised(graph, ss_graph_constant(graph, shape, a), ss_graph_constant(graph, shape, b), w);
    assert_true(fabs((double)value_of(graph, score) - psnr(a, b, weighted ? weights : NULL, N, PIXELS)) < 1e-4);
    ss_graph_free(graph);
    ss_parameters_free(parameters);
  }
}

/* The chance is the score of the batch's mean colour, which is not the score of any other. */
static void chance_is_the_mean_colours(void **state) {
  (void)state;
  enum { PIXELS = 4 };
  float target[3 * PIXELS], mean[3 * PIXELS] = {0};
  for (int i = 0; i < 3 * PIXELS; i++) {
    target[i] = (float)((7 * i) % 5) - 2.0f;
  }
  for (int i = 0; i < 3 * PIXELS; i++) {
    for (int pixel = 0; pixel < PIXELS; pixel++) {
      mean[i] += target[3 * pixel + i % 3] / PIXELS;
    }
  }
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = false});
  ss_build build = {.graph = graph, .batch = 2};
  ss_tensor *t = ss_graph_constant(graph, ss_shape_of(2, 1, 2, 3), target);
  ss_reconstruction_score(&build, t, t, NULL);
  ss_graph_keep(graph, build.score);
  const double expected = psnr(mean, target, NULL, 2, PIXELS / 2);
  assert_true(fabs((double)value_of(graph, build.chance) - expected) < 1e-4);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void accuracy_of_the_discriminator(void **state) {
  (void)state;
  const float real[] = {3.0f, -1.0f, 0.5f, 2.0f}, made[] = {-3.0f, 1.0f, -0.1f, 0.0f};
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *share = ss_discriminator_accuracy(graph, ss_graph_constant(graph, ss_shape_of(4, 1), real),
                                               ss_graph_constant(graph, ss_shape_of(4, 1), made));
  assert_true(fabsf(value_of(graph, share) - (3.0f + 2.5f) / 8.0f) < 1e-6f); /* a logit of 0 counts half */
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decoders_match_pytorch),       cmocka_unit_test(decoders_have_any_side),
      cmocka_unit_test(discriminators_match_pytorch), cmocka_unit_test(adversarial_losses_match_pytorch),
      cmocka_unit_test(bottlenecks_match_pytorch),    cmocka_unit_test(two_players_match_pytorch),
      cmocka_unit_test(psnr_is_as_defined),           cmocka_unit_test(chance_is_the_mean_colours),
      cmocka_unit_test(accuracy_of_the_discriminator)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
