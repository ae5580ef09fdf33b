/* Colour bins, soft encoding, rebalancing, the loss they make and annealed means against an independent script. */
#include "augment/lab.h"
#include "engine/plan.h"
#include "methods/colour_bins.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = SS_COLOUR_BINS, COLOURS = 400, LIGHTNESSES = 200, ROWS = 6 };

static struct {
  float bins[BINS][2], colours[COLOURS][2], nearest[COLOURS][5], shares[COLOURS][5];
  float lightness[LIGHTNESSES], light_bins[LIGHTNESSES][3], light_shares[LIGHTNESSES][3];
  float counts[BINS], prior[BINS], weights[BINS], sharper[BINS];
  float logits[ROWS][BINS], loss, gradient[ROWS][BINS], means[2][ROWS][2];
} golden;

static int read_golden(void **state) {
  (void)state;
  FILE *file = fopen(SS_GOLDEN "/colour_bins.bin", "rb");
  if (!file) {
    return 1;
  }
  const bool whole = fread(&golden, sizeof golden, 1, file) == 1 && fgetc(file) == EOF;
  fclose(file);
  return whole ? 0 : 1;
}

static void exactly_313_in_gamut(void **state) {
  (void)state;
  ss_colour_centres *bins = ss_colour_bins();
  for (int i = 0; i < BINS; i++) {
    assert_true((*bins)[i][0] == golden.bins[i][0] && (*bins)[i][1] == golden.bins[i][1]);
  }
  /* Every colour of sRGB, here each 17th level, is less than a bin from one on either axis. */
  for (int i = 0; i < 16 * 16 * 16; i++) {
    const uint8_t rgb[3] = {(uint8_t)(i / 256 * 17), (uint8_t)(i / 16 % 16 * 17), (uint8_t)(i % 16 * 17)};
    float lab[3];
    ss_lab_from_rgb(rgb, 1, lab);
    int32_t nearest[5];
    float shares[5];
    ss_colour_encode(lab + 1, 1, nearest, shares);
    assert_true(fabsf((*bins)[nearest[0]][0] - lab[1]) <= 10 && fabsf((*bins)[nearest[0]][1] - lab[2]) <= 10);
  }
}

static void soft_encoding(void **state) {
  (void)state;
  int32_t bins[COLOURS * 5];
  float shares[COLOURS * 5];
  ss_colour_encode(*golden.colours, COLOURS, bins, shares);
  for (int i = 0; i < COLOURS * 5; i++) {
    assert_int_equal(bins[i], (int)golden.nearest[i / 5][i % 5]);
    assert_float_equal(shares[i], golden.shares[i / 5][i % 5], 2e-5);
  }
  ss_lightness_encode(golden.lightness, LIGHTNESSES, bins, shares);
  for (int i = 0; i < LIGHTNESSES * 3; i++) {
    assert_int_equal(bins[i], (int)golden.light_bins[i / 3][i % 3]);
    assert_float_equal(shares[i], golden.light_shares[i / 3][i % 3], 2e-5);
  }
}

/* Over the whole plane and beyond: the same five as by looking at every bin. */
static void nearest_everywhere(void **state) {
  (void)state;
  ss_colour_centres *centres = ss_colour_bins();
  for (int i = 0; i < 139; i++) {
    for (int j = 0; j < 156; j++) {
      const float a = -131.3f + 1.9f * (float)i, b = -131.7f + 1.7f * (float)j;
      int32_t bins[5];
      float shares[5];
      const float ab[2] = {a, b};
      ss_colour_encode(ab, 1, bins, shares);
      const float x = fminf(fmaxf(a, -130), 130), y = fminf(fmaxf(b, -130), 130);
      int nearer = 0;
      float furthest = 0;
      for (int k = 0; k < 5; k++) {
        furthest = fmaxf(furthest, hypotf((*centres)[bins[k]][0] - x, (*centres)[bins[k]][1] - y));
        for (int other = 0; other < k; other++) {
          assert_int_not_equal(bins[k], bins[other]);
        }
      }
      for (int k = 0; k < BINS; k++) {
        nearer += hypotf((*centres)[k][0] - x, (*centres)[k][1] - y) < furthest - 1e-3f;
      }
      assert_true(nearer <= 4);
      assert_float_equal(shares[0] + shares[1] + shares[2] + shares[3] + shares[4], 1, 1e-6);
    }
  }
  const float odd[] = {NAN, INFINITY, -INFINITY, NAN};
  int32_t bins[10];
  float shares[10];
  ss_colour_encode(odd, 2, bins, shares);
  for (int i = 0; i < 10; i++) {
    assert_true(bins[i] >= 0 && bins[i] < BINS);
  }
}

static void rebalancing(void **state) {
  (void)state;
  double counts[BINS], prior[BINS];
  float weights[BINS];
  for (int i = 0; i < BINS; i++) {
    counts[i] = (double)golden.counts[i];
  }
  ss_colour_rebalance(counts, 5, 0.5, prior, weights);
  double expectation = 0, sum = 0;
  for (int i = 0; i < BINS; i++) {
    assert_float_equal(prior[i], golden.prior[i], 1e-8);
    assert_float_equal(weights[i] / golden.weights[i], 1, 1e-6);
    expectation += prior[i] * (double)weights[i];
    sum += prior[i];
  }
  assert_float_equal(expectation, 1, 1e-6);
  assert_float_equal(sum, 1, 1e-9);
  ss_colour_rebalance(counts, 12, 0.1, NULL, weights);
  for (int i = 0; i < BINS; i++) {
    assert_float_equal(weights[i] / golden.sharper[i], 1, 1e-6);
  }
  ss_colour_rebalance(counts, 5, 1, NULL, weights);
  assert_true(weights[0] == 1 && weights[150] == 1);
  const double none[BINS] = {0};
  ss_colour_rebalance(none, 5, 0.5, NULL, weights);
  assert_float_equal(weights[7], 1, 1e-6);
}

static void loss_and_annealed_means(void **state) {
  (void)state;
  int32_t bins[ROWS * 5];
  float shares[ROWS * 5], weights[ROWS];
  ss_colour_encode(*golden.colours, ROWS, bins, shares);
  for (int i = 0; i < ROWS; i++) {
    weights[i] = golden.weights[bins[5 * i]];
  }
  ss_error error = {{0}};
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  assert_non_null(graph);
  ss_tensor *logits = ss_graph_input(graph, "logits", SS_F32, ss_shape_of(ROWS, BINS));
  ss_graph_want_gradient(graph, logits);
  ss_tensor *means[2];
  for (int i = 0; i < 2; i++) {
    means[i] = ss_graph_keep(graph, ss_colour_annealed_mean(graph, logits, i == 0 ? SS_COLOUR_TEMPERATURE : 1));
  }
  ss_tensor *light_logits = ss_graph_constant(graph, ss_shape_of(1, SS_LIGHTNESS_BINS), golden.logits[0]);
  ss_tensor *light = ss_graph_keep(graph, ss_lightness_annealed_mean(graph, light_logits, 0.5f));
  ss_tensor *loss =
      ss_graph_keep(graph, ss_cross_entropy(graph, logits, ss_graph_constant_i32(graph, ss_shape_of(ROWS, 5), bins),
                                            ss_graph_constant(graph, ss_shape_of(ROWS, 5), shares),
                                            ss_graph_constant(graph, ss_shape_of(ROWS), weights)));
  ss_graph_backward(graph, loss, "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, logits));
  ss_plan *plan = NULL;
  if (ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  memcpy(ss_plan_data(plan, logits), golden.logits, sizeof golden.logits);
  assert_int_equal(ss_plan_run(plan, 0, &error), SS_OK);
  assert_float_equal(*(const float *)ss_plan_data(plan, loss), golden.loss, 1e-5);
  const float *slope = ss_plan_data(plan, gradient);
  for (int i = 0; i < ROWS * BINS; i++) {
    assert_float_equal(slope[i], golden.gradient[i / BINS][i % BINS], 1e-6);
  }
  for (int i = 0; i < 2; i++) {
    const float *mean = ss_plan_data(plan, means[i]);
    for (int k = 0; k < 2 * ROWS; k++) {
      assert_float_equal(mean[k] * SS_LAB_COLOUR_SCALE, golden.means[i][k / 2][k % 2], 1e-3);
    }
  }
  double sum = 0, expected = 0;
  for (int i = 0; i < SS_LIGHTNESS_BINS; i++) {
    sum += exp((double)golden.logits[0][i] / 0.5);
    expected += exp((double)golden.logits[0][i] / 0.5) * (2 * i + 1 - 50) / 50;
  }
  assert_float_equal(*(const float *)ss_plan_data(plan, light), expected / sum, 1e-5);
  ss_plan_free(plan);
  ss_graph_free(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(exactly_313_in_gamut), cmocka_unit_test(soft_encoding),
                                     cmocka_unit_test(nearest_everywhere), cmocka_unit_test(rebalancing),
                                     cmocka_unit_test(loss_and_annealed_means)};
  return cmocka_run_group_tests(tests, read_golden, NULL);
}
