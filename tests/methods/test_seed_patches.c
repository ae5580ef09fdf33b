/* Where seeds are drawn, against the definition worked out pixel by pixel; what is drawn; what becomes of a seed. */
#include "support.h"

#include "methods/seed_patches.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Mean squared gradient magnitude of the patch at (left, top), times a constant. */
static double energy(const ss_image *picture, int left, int top, int side) {
  double sum = 0.0;
  for (int y = top; y < top + side; y++) {
    for (int x = left; x < left + side; x++) {
      double luma[4];
      const int places[4][2] = {{x + 1, y}, {x - 1, y}, {x, y + 1}, {x, y - 1}};
      for (int i = 0; i < 4; i++) {
        const int column = places[i][0] < 0 ? 0 : (places[i][0] < picture->width ? places[i][0] : picture->width - 1);
        const int row = places[i][1] < 0 ? 0 : (places[i][1] < picture->height ? places[i][1] : picture->height - 1);
        const uint8_t *pixel = picture->pixels + (row * picture->width + column) * picture->channels;
        luma[i] = picture->channels == 3 ? 5.0 * pixel[0] + 9.0 * pixel[1] + 2.0 * pixel[2] : 16.0 * pixel[0];
      }
      sum += pow(luma[0] - luma[1], 2.0) + pow(luma[2] - luma[3], 2.0);
    }
  }
  return sum;
}

static void first_places_follow_the_gradients(void **state) {
  (void)state;
  enum { width = 9, height = 8, side = 5, columns = width - side + 1, rows = height - side + 1, draws = 40000 };
  ss_view_scratch scratch = {0};
  for (int channels = 1; channels <= 3; channels += 2) {
    ss_image picture = {0};
    assert_int_equal(ss_image_resize_buffer(&picture, width, height, channels, NULL), SS_OK);
    ss_random random = ss_random_stream(4, SS_RANDOM_METHOD, 0, 0, 0);
    for (int i = 0; i < width * height * channels; i++) { /* rougher to the right */
      picture.pixels[i] = (uint8_t)ss_random_below(&random, 2 + 25 * (uint32_t)(i / channels % width));
    }
    double expected[columns * rows], total = 0.0;
    for (int i = 0; i < columns * rows; i++) {
      expected[i] = energy(&picture, i % columns, i / columns, side) + 1.0;
      total += expected[i];
    }
    int counts[columns * rows] = {0};
    for (int i = 0; i < draws; i++) {
      ss_box place;
      assert_int_equal(ss_seed_places(&picture, side, 1, &random, &scratch, &place, NULL), SS_OK);
      counts[place.top * columns + place.left]++;
    }
    double chi = 0.0;
    for (int i = 0; i < columns * rows; i++) {
      const double mean = draws * expected[i] / total;
      chi += (counts[i] - mean) * (counts[i] - mean) / mean;
    }
    assert_true(chi < 43.8); /* the 0.1 % point of 19 degrees of freedom */
    ss_image_free(&picture);
  }
  ss_scratch_free(&scratch);
}

static void seeds_of_a_picture_lie_apart(void **state) {
  (void)state;
  ss_view_scratch scratch = {0};
  ss_image picture = support_picture(96, 120, 3), flat = {0};
  assert_int_equal(ss_image_resize_buffer(&flat, 96, 96, 3, NULL), SS_OK);
  memset(flat.pixels, 77, 96 * 96 * 3);
  ss_random random = ss_random_stream(4, SS_RANDOM_METHOD, 0, 0, 0);
  for (int i = 0; i < 200; i++) {
    ss_box places[3];
    const ss_image *of = i % 2 ? &flat : &picture;
    assert_int_equal(ss_seed_places(of, 32, 3, &random, &scratch, places, NULL), SS_OK);
    for (int a = 0; a < 3; a++) {
      assert_true(places[a].left >= 0 && places[a].left + 32 <= of->width);
      assert_true(places[a].top >= 0 && places[a].top + 32 <= of->height);
      for (int b = 0; b < a; b++) {
        assert_true(abs(places[a].left - places[b].left) >= 32 || abs(places[a].top - places[b].top) >= 32);
      }
    }
  }
  ss_box places[4]; /* no room for a second one: they may overlap */
  assert_int_equal(ss_seed_places(&flat, 90, 4, &random, &scratch, places, NULL), SS_OK);
  assert_int_equal(ss_seed_places(&flat, 96, 1, &random, &scratch, places, NULL), SS_OK);
  assert_true(places[0].left == 0 && places[0].top == 0);
  ss_error error = {{0}};
  assert_int_equal(ss_seed_places(&flat, 97, 1, &random, &scratch, places, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "96 x 96"));
  ss_image_free(&picture);
  ss_image_free(&flat);
  ss_scratch_free(&scratch);
}

static void draws_fill_their_ranges(void **state) {
  (void)state;
  enum { draws = 10000, numbers = 7 };
  static const float low[numbers] = {-0.2f, -0.2f, 0.7f, -0.3490659f, 0.5f, 0.5f, 0.5f};
  static const float high[numbers] = {0.2f, 0.2f, 1.4f, 0.3490659f, 2.0f, 2.0f, 2.0f};
  static const float middle[numbers] = {0.0f, 0.0f, 0.98995f, 0.0f, 1.0f, 1.0f, 1.0f};
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, 0, 0);
  int above[numbers] = {0};
  float least[numbers], most[numbers];
  for (int i = 0; i < draws; i++) {
    const ss_seed_draw d = ss_seed_draw_random(&random);
    const float drawn[numbers] = {d.translation[0], d.translation[1], d.scale,      d.rotation,
                                  d.contrast[0],    d.contrast[1],    d.contrast[2]};
    for (int k = 0; k < numbers; k++) {
      assert_true(drawn[k] >= low[k] - 1e-6f && drawn[k] <= high[k] + 1e-6f);
      above[k] += drawn[k] > middle[k];
      least[k] = i == 0 || drawn[k] < least[k] ? drawn[k] : least[k];
      most[k] = i == 0 || drawn[k] > most[k] ? drawn[k] : most[k];
    }
  }
  for (int k = 0; k < numbers; k++) {
    assert_true(abs(above[k] - draws / 2) < 200); /* four deviations */
    assert_true(least[k] < low[k] + 0.01f * (high[k] - low[k]) && most[k] > high[k] - 0.01f * (high[k] - low[k]));
  }
}

static const ss_seed_draw nothing = {
    .scale = 1.0f, .contrast = {1.0f, 1.0f, 1.0f}, .colour = {0.0f, {1.0f, 1.0f, 0.0f}, {1.0f, 1.0f, 0.0f}}};

/* Within a grey level, what changes of hue and back leave. */
static void expect_crop(const ss_image *patch, const ss_image *picture, int left, int top) {
  for (int i = 0; i < patch->width * patch->height * 3; i++) {
    const int x = i / 3 % patch->width, y = i / 3 / patch->width;
    const int expected = picture->pixels[3 * ((y + top) * picture->width + x + left) + i % 3];
    assert_true(abs(patch->pixels[i] - expected) <= 1);
  }
}

static void seeds_move_as_drawn(void **state) {
  (void)state;
  ss_image picture = support_picture(96, 80, 3), patch = {0}, larger = {0};
  const ss_box place = {.left = 30, .top = 20, .width = 20, .height = 20};
  const ss_colour_components axes = ss_colour_components_of(&(ss_colour_sums){0});
  assert_int_equal(ss_seed_make(&picture, place, &nothing, &axes, 20, &patch, NULL), SS_OK);
  expect_crop(&patch, &picture, 30, 20);
  ss_seed_draw moved = nothing;
  moved.translation[0] = 0.2f; /* four pixels */
  moved.translation[1] = -0.1f;
  assert_int_equal(ss_seed_make(&picture, place, &moved, &axes, 20, &patch, NULL), SS_OK);
  expect_crop(&patch, &picture, 34, 18);
  moved = nothing;
  moved.scale = 1.4f; /* more is seen: 28 pixels for 28 */
  assert_int_equal(ss_seed_make(&picture, place, &moved, &axes, 28, &larger, NULL), SS_OK);
  assert_int_equal(ss_seed_make(&picture, (ss_box){26, 16, 28, 28}, &nothing, &axes, 28, &patch, NULL), SS_OK);
  assert_memory_equal(larger.pixels, patch.pixels, 28 * 28 * 3);
  moved = nothing;
  moved.contrast[0] = 0.5f; /* the axes: red alone */
  assert_int_equal(ss_seed_make(&picture, place, &moved, &axes, 20, &patch, NULL), SS_OK);
  assert_true(abs(patch.pixels[0] - picture.pixels[3 * (20 * 96 + 30)] / 2) <= 1);
  assert_true(abs(patch.pixels[1] - picture.pixels[3 * (20 * 96 + 30) + 1]) <= 1);
  ss_image_free(&picture);
  ss_image_free(&patch);
  ss_image_free(&larger);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(first_places_follow_the_gradients),
                                     cmocka_unit_test(seeds_of_a_picture_lie_apart),
                                     cmocka_unit_test(draws_fill_their_ranges), cmocka_unit_test(seeds_move_as_drawn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
