/* What is drawn at random, against histograms of torchvision's draws. */
#include "augment/view.h"
#include "support.h"

#include <math.h>
#include <stdio.h>

#define DRAWS 60000
#define MAX_BINS 256

/* Reads the counts of one line of draws.txt. */
static int read_histogram(const char *name, double *counts) {
  FILE *file = fopen(SS_GOLDEN "/draws.txt", "r");
  assert_non_null(file);
  char line[4096];
  int bins = 0;
  while (bins == 0 && fgets(line, sizeof line, file)) {
    const char *space = strchr(line, ' ');
    if (space && (size_t)(space - line) == strlen(name) && strncmp(line, name, strlen(name)) == 0) {
      char *end;
      for (const char *at = space; bins < MAX_BINS; at = end, bins++) {
        counts[bins] = strtod(at, &end);
        if (end == at) {
          break;
        }
      }
    }
  }
  fclose(file);
  assert_true(bins > 0);
  return bins;
}

/* Chi-square test of two samples (Press et al., Numerical Recipes, section 14.3) against the 1 in 10,000 quantile in
 * Wilson and Hilferty's approximation. The streams are fixed, so it passes always or never. */
static void check_histogram(const char *name, const double *values, double low, double high) {
  double expected[MAX_BINS], got[MAX_BINS] = {0}, sums[2] = {0};
  const int bins = read_histogram(name, expected);
  for (int i = 0; i < DRAWS; i++) {
    const int bin = (int)floor((values[i] - low) / (high - low) * bins);
    assert_true(bin >= 0 && bin < bins);
    got[bin]++;
  }
  for (int i = 0; i < bins; i++) {
    sums[0] += expected[i];
    sums[1] += got[i];
  }
  double chi = 0.0;
  int freedom = -1;
  for (int i = 0; i < bins; i++) {
    if (expected[i] + got[i] > 0.0) {
      const double difference = sqrt(sums[1] / sums[0]) * expected[i] - sqrt(sums[0] / sums[1]) * got[i];
      chi += difference * difference / (expected[i] + got[i]);
      freedom++;
    }
  }
  const double f = 2.0 / (9.0 * freedom);
  const double bound = freedom * pow(1.0 - f + 3.719 * sqrt(f), 3.0);
  print_message("%-14s chi-square %6.1f with %d degrees of freedom (below %.1f)\n", name, chi, freedom, bound);
  assert_true(freedom > 0 && chi < bound);
}

static double values[5][DRAWS];

static void check_crops(const char *name, int width, int height, float min_scale) {
  for (uint32_t i = 0; i < DRAWS; i++) {
    ss_random random = ss_random_stream(3, SS_RANDOM_VIEWS, 0, i, 0);
    const ss_box box = ss_crop_draw(width, height, min_scale, 1.0f, 3.0f / 4.0f, 4.0f / 3.0f, &random);
    assert_true(box.left >= 0 && box.top >= 0 && box.width >= 1 && box.height >= 1);
    assert_true(box.left + box.width <= width && box.top + box.height <= height);
    values[0][i] = (double)(box.width * box.height) / (width * height);
    values[1][i] = log((double)box.width / box.height);
    values[2][i] = (double)box.left / width;
    values[3][i] = (double)box.top / height;
    values[4][i] = (double)box.width / width;
  }
  const char *what[] = {"area", "ratio", "left", "top", "width"};
  const double low[] = {0.0, -0.6, 0.0, 0.0, 0.0}, high[] = {1.05, 0.6, 1.0, 1.0, 1.01};
  for (int k = 0; k < 5; k++) {
    char line[64];
    snprintf(line, sizeof line, "%s_%s", name, what[k]);
    check_histogram(line, values[k], low[k], high[k]);
  }
}

static void crops(void **state) {
  (void)state;
  check_crops("square", 32, 32, 0.08f);
  check_crops("picture", 300, 200, 0.08f);
  check_crops("wide", 60, 30, 0.3f);
}

/* Where no box of the wanted area can have the wanted ratio, the largest centred one with an allowed ratio is taken
 * (the numbers are torchvision's). */
static void crops_that_never_fit(void **state) {
  (void)state;
  const struct {
    int width, height;
    ss_box box;
  } cases[] = {{100, 20, {36, 0, 27, 20}}, {20, 101, {0, 37, 20, 27}}, {1, 50, {0, 24, 1, 1}}, {50, 1, {24, 0, 1, 1}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ss_random random = ss_random_stream(3, SS_RANDOM_VIEWS, 0, i, 0);
    const ss_box box = ss_crop_draw(cases[i].width, cases[i].height, 0.5f, 1.0f, 3.0f / 4.0f, 4.0f / 3.0f, &random);
    assert_memory_equal(&box, &cases[i].box, sizeof box);
  }
}

static void jitter(void **state) {
  (void)state;
  const ss_view_options options = ss_view_options_simclr(32);
  for (uint32_t i = 0; i < DRAWS; i++) {
    ss_random random = ss_random_stream(4, SS_RANDOM_VIEWS, 1, i, 1);
    const ss_view_draw draw = ss_view_draw_random(&options, 32, 32, &random);
    const uint32_t *order = draw.order;
    assert_int_equal((1u << order[0]) + (1u << order[1]) + (1u << order[2]) + (1u << order[3]), 15);
    values[0][i] = order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3];
    for (int k = 0; k < 4; k++) {
      values[1 + k][i] = draw.factor[k];
    }
  }
  check_histogram("order", values[0], 0.0, 256.0);
  check_histogram("brightness", values[1], 0.2, 1.8);
  check_histogram("contrast", values[2], 0.2, 1.8);
  check_histogram("saturation", values[3], 0.2, 1.8);
  check_histogram("hue", values[4], -0.2, 0.2);
}

/* Within four standard deviations of the binomial distribution. */
static void check_share(int count, double probability) {
  assert_true(fabs(count - DRAWS * probability) <= 4.0 * sqrt(DRAWS * probability * (1.0 - probability)));
}

static void probabilities(void **state) {
  (void)state;
  ss_view_options options = ss_view_options_simclr(96);
  options.solarize = 0.3f;
  int flip = 0, change = 0, gray = 0, blur = 0, solarize = 0, flip_and_change = 0, gray_and_blur = 0;
  double sigma = 0.0, sigma_squares = 0.0;
  for (uint32_t i = 0; i < DRAWS; i++) {
    ss_random random = ss_random_stream(5, SS_RANDOM_VIEWS, 0, i, 0);
    const ss_view_draw draw = ss_view_draw_random(&options, 300, 200, &random);
    flip += draw.flip;
    change += draw.jitter;
    gray += draw.gray;
    blur += draw.blur;
    solarize += draw.solarize;
    flip_and_change += draw.flip && draw.jitter;
    gray_and_blur += draw.gray && draw.blur;
    assert_true(draw.sigma >= 0.1f && draw.sigma <= 2.0f);
    sigma += (double)draw.sigma;
    sigma_squares += (double)draw.sigma * (double)draw.sigma;
  }
  check_share(flip, 0.5);
  check_share(change, 0.8);
  check_share(gray, 0.2);
  check_share(blur, 0.5);
  check_share(solarize, 0.3);
  check_share(flip_and_change, 0.4);
  check_share(gray_and_blur, 0.1);
  const double mean = sigma / DRAWS, deviation = 1.9 / sqrt(12.0); /* of a uniform number in 0.1..2 */
  assert_true(fabs(mean - 1.05) < 4.0 * deviation / sqrt(DRAWS));
  assert_true(fabs(sigma_squares / DRAWS - mean * mean - deviation * deviation) < 0.02);

  options.flip = options.jitter = options.blur = options.solarize = 0.0f;
  options.gray = 1.0f;
  for (uint32_t i = 0; i < 1000; i++) {
    ss_random random = ss_random_stream(6, SS_RANDOM_VIEWS, 0, i, 0);
    const ss_view_draw draw = ss_view_draw_random(&options, 300, 200, &random);
    assert_false(draw.flip || draw.jitter || draw.blur || draw.solarize);
    assert_true(draw.gray);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crops),
      cmocka_unit_test(crops_that_never_fit),
      cmocka_unit_test(jitter),
      cmocka_unit_test(probabilities),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
