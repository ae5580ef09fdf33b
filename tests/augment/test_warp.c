/* Warps against scikit-image, homographies against OpenCV, changes of colour against scikit-image and NumPy. */
#include "support.h"

#include "augment/components.h"
#include "augment/hsv.h"
#include "augment/warp.h"

#include <math.h>
#include <stdio.h>

static golden_set goldens;

static int set_up(void **state) {
  (void)state;
  goldens = goldens_read_file(SS_GOLDEN "/warps.bin");
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  goldens_free(&goldens);
  return 0;
}

/* ---- homographies ---- */

static void expect_point(const ss_homography *homography, const double from[2], const double to[2], double tolerance) {
  double got[2];
  assert_true(ss_homography_apply(homography, from[0], from[1], got));
  assert_true(fabs(got[0] - to[0]) <= tolerance && fabs(got[1] - to[1]) <= tolerance);
}

static void expect_same(const ss_homography *a, const ss_homography *b, double tolerance) {
  for (int i = 0; i < 9; i++) {
    const double scale = fmax(1.0, fabs(b->matrix[i]));
    if (fabs(a->matrix[i] - b->matrix[i]) > tolerance * scale) {
      fail_msg("element %d is %.9g, expected %.9g", i, a->matrix[i], b->matrix[i]);
    }
  }
}

static void four_points_make_opencvs_homography(void **state) {
  (void)state;
  FILE *file = fopen(SS_GOLDEN "/homographies.txt", "r");
  assert_non_null(file);
  double points[2][4][2];
  int cases = 0;
  while (fscanf(file, "%lf", &points[0][0][0]) == 1) {
    ss_homography expected, got, back;
    for (int i = 1; i < 16; i++) {
      assert_int_equal(fscanf(file, "%lf", &points[i / 8][i % 8 / 2][i % 2]), 1);
    }
    for (int i = 0; i < 9; i++) {
      assert_int_equal(fscanf(file, "%lf", &expected.matrix[i]), 1);
    }
    assert_true(ss_homography_from_points((const double(*)[2])points[0], (const double(*)[2])points[1], &got));
    expect_same(&got, &expected, 1e-5);
    assert_true(ss_homography_from_points((const double(*)[2])points[1], (const double(*)[2])points[0], &back));
    for (int i = 0; i < 4; i++) {
      expect_point(&got, points[0][i], points[1][i], 1e-6);
      expect_point(&back, points[1][i], points[0][i], 1e-6);
    }
    cases++;
  }
  fclose(file);
  assert_int_equal(cases, 32);
}

static void a_homography_and_its_inverse_are_the_identity(void **state) {
  (void)state;
  const ss_homography identity = {{1, 0, 0, 0, 1, 0, 0, 0, 1}};
  ss_random random = ss_random_stream(5, SS_RANDOM_METHOD, 0, 0, 0);
  for (int i = 0; i < 200; i++) {
    const ss_affine_parameters affine = {.rotation = ss_random_between(&random, -3, 3),
                                         .translation = {ss_random_between(&random, -20, 20), 3.0},
                                         .scale = ss_random_between(&random, 0.5f, 2.0f),
                                         .shear = ss_random_between(&random, -0.6f, 0.6f)};
    ss_homography there = ss_homography_affine(&affine, 16.0, 24.0), back;
    there.matrix[6] = ss_random_between(&random, -0.01f, 0.01f);
    assert_true(ss_homography_invert(&there, &back));
    ss_homography both = ss_homography_compose(&back, &there);
    for (int k = 0; k < 9; k++) {
      both.matrix[k] /= both.matrix[8] != 0.0 && k < 8 ? both.matrix[8] : 1.0;
    }
    both.matrix[8] = 1.0;
    expect_same(&both, &identity, 1e-9);
  }
}

/* What the parameters mean: the centre moves by the translation; x turns towards y; shear turns the second axis on. */
static void affine_parameters_mean_what_they_say(void **state) {
  (void)state;
  const double centre[2] = {10.0, 20.0}, right[2] = {11.0, 20.0}, below[2] = {10.0, 21.0};
  const double quarter = 1.5707963267948966;
  const ss_affine_parameters turned = {.rotation = quarter, .translation = {3.0, -2.0}, .scale = 2.0};
  ss_homography affine = ss_homography_affine(&turned, centre[0], centre[1]);
  expect_point(&affine, centre, (const double[2]){13.0, 18.0}, 1e-12);
  expect_point(&affine, right, (const double[2]){13.0, 20.0}, 1e-12);
  expect_point(&affine, below, (const double[2]){11.0, 18.0}, 1e-12);
  affine = ss_homography_affine(&(ss_affine_parameters){.scale = 1.0, .shear = quarter / 3.0}, centre[0], centre[1]);
  expect_point(&affine, right, right, 1e-12);
  expect_point(&affine, below, (const double[2]){10.0 - sin(quarter / 3.0), 20.0 + cos(quarter / 3.0)}, 1e-12);
}

static void what_has_no_answer_is_told(void **state) {
  (void)state;
  const double square[4][2] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}}, line[4][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 5}};
  const double point[4][2] = {{3, 3}, {3, 3}, {3, 3}, {3, 3}}, nan_point[4][2] = {{0, 0}, {1, 0}, {NAN, 1}, {0, 1}};
  ss_homography out;
  double to[2];
  assert_true(ss_homography_from_points(square, square, &out));
  assert_false(ss_homography_from_points(square, line, &out));
  assert_false(ss_homography_from_points(line, square, &out));
  assert_false(ss_homography_from_points(square, point, &out));
  assert_false(ss_homography_from_points(nan_point, square, &out));
  assert_false(ss_homography_invert(&(ss_homography){{1, 2, 3, 2, 4, 6, 0, 0, 1}}, &out));
  assert_false(ss_homography_invert(&(ss_homography){{NAN, 0, 0, 0, 1, 0, 0, 0, 1}}, &out));
  const ss_homography horizon = {{1, 0, 0, 0, 1, 0, -1, 0, 1}}; /* w = 1 - x */
  assert_true(ss_homography_apply(&horizon, 0.5, 0.0, to));
  assert_false(ss_homography_apply(&horizon, 1.0, 0.0, to));
  assert_false(ss_homography_apply(&horizon, 2.0, 0.0, to));
}

/* ---- pixels ---- */

static void warps_are_scikit_images(void **state) {
  (void)state;
  tally comparison = {0};
  ss_image out = {0};
  ss_error error = {{0}};
  for (int i = 0; i < goldens.case_count; i++) {
    const golden_case *golden = &goldens.cases[i];
    if (strcmp(golden->name, "warp") != 0) {
      continue;
    }
    ss_homography to_source;
    memcpy(to_source.matrix, golden->parameter, sizeof to_source.matrix);
    const uint8_t gray = (uint8_t)golden->parameter[10], colour[3] = {gray, gray, gray};
    const ss_border border = golden->parameter[9] != 0.0 ? SS_BORDER_CONSTANT : SS_BORDER_REFLECT;
    assert_int_equal(ss_warp(golden->in, &to_source, golden->width, golden->height, border, colour, &out, &error),
                     SS_OK);
    comparison_add(&comparison, golden, &out);
  }
  ss_image_free(&out);
  comparison_check(&comparison, "warp", 1, 0.001); /* halves that rounding takes the other way */
}

static ss_image soft_picture(int side) {
  ss_image picture = {0};
  assert_int_equal(ss_image_resize_buffer(&picture, side, side, 3, NULL), SS_OK);
  for (int i = 0; i < side * side; i++) {
    for (int c = 0; c < 3; c++) {
      const double wave = sin(0.11 * (i % side) + c) + cos(0.07 * (double)(i / side) - c);
      picture.pixels[3 * i + c] = (uint8_t)(128.0 + 60.0 * wave);
    }
  }
  return picture;
}

/* There and back: what stayed inside is as it was, but for what interpolating twice smooths. */
static void a_warp_and_its_inverse_bring_pixels_back(void **state) {
  (void)state;
  enum { side = 96, margin = 30 };
  const ss_affine_parameters affine = {.rotation = 0.4, .translation = {4.3, -2.6}, .scale = 1.1, .shear = 0.1};
  ss_homography there = ss_homography_affine(&affine, side / 2.0, side / 2.0), back;
  there.matrix[7] = 0.0004;
  assert_true(ss_homography_invert(&there, &back));
  ss_image picture = soft_picture(side), warped = {0}, again = {0};
  assert_int_equal(ss_warp(&picture, &back, side, side, SS_BORDER_REFLECT, NULL, &warped, NULL), SS_OK);
  assert_int_equal(ss_warp(&warped, &there, side, side, SS_BORDER_REFLECT, NULL, &again, NULL), SS_OK);
  int moved = 0;
  for (int y = margin; y < side - margin; y++) {
    for (int i = 3 * (y * side + margin); i < 3 * (y * side + side - margin); i++) {
      assert_true(abs(again.pixels[i] - picture.pixels[i]) <= 3);
      moved += abs(warped.pixels[i] - picture.pixels[i]) > 10;
    }
  }
  assert_true(moved > 1000); /* so it did something */
  ss_image_free(&picture);
  ss_image_free(&warped);
  ss_image_free(&again);
}

static void whole_pixels_are_moved_exactly(void **state) {
  (void)state;
  const ss_homography still = {{1, 0, 0, 0, 1, 0, 0, 0, 1}}, moved = {{1, 0, 5, 0, 1, -3, 0, 0, 1}};
  ss_image picture = soft_picture(20), out = {0};
  const uint8_t colour[3] = {1, 2, 3};
  for (int border = SS_BORDER_REFLECT; border <= SS_BORDER_CONSTANT; border++) {
    assert_int_equal(ss_warp(&picture, &still, 20, 20, (ss_border)border, colour, &out, NULL), SS_OK);
    assert_memory_equal(out.pixels, picture.pixels, 20 * 20 * 3);
    assert_int_equal(ss_warp(&picture, &moved, 20, 20, (ss_border)border, colour, &out, NULL), SS_OK);
    assert_memory_equal(out.pixels + 3 * (10 * 20 + 4), picture.pixels + 3 * (7 * 20 + 9), 3 * 11);
  }
  assert_memory_equal(out.pixels, colour, 3); /* above the picture */
  assert_memory_equal(out.pixels + 3 * (10 * 20 + 18), colour, 3);
  ss_image_free(&picture);
  ss_image_free(&out);
}

/* Points behind the horizon, far away and at infinity, pictures of one pixel, matrices that are none. */
static void nothing_is_read_outside(void **state) {
  (void)state;
  const ss_homography matrices[] = {{{1, 0, 0, 0, 1, 0, -0.05, 0, 1}}, {{1e300, 0, 0, 0, 1e300, 0, 0, 0, 1}},
                                    {{0, 0, 0, 0, 0, 0, 0, 0, 0}},     {{1, 0, 1e9, 0, 1, -1e9, 0, 0, 1e-300}},
                                    {{-1, 0, 0, 0, -1, 0, 0, 0, 1}},   {{1, 0, 0, 0, 1, 0, 0, 0, -1}}};
  const uint8_t colour[3] = {9, 8, 7};
  ss_image pictures[] = {soft_picture(20), soft_picture(1)}, out = {0};
  ss_error error = {{0}};
  for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
    for (int k = 0; k < 4; k++) {
      assert_int_equal(ss_warp(&pictures[k / 2], &matrices[i], 300, 3, k % 2 ? SS_BORDER_CONSTANT : SS_BORDER_REFLECT,
                               colour, &out, &error),
                       SS_OK);
    }
  }
  assert_memory_equal(out.pixels, colour, 3); /* the last matrix sees nothing */
  assert_int_equal(ss_warp(&pictures[0], &matrices[0], 0, 3, SS_BORDER_REFLECT, NULL, &out, &error), SS_USAGE);
  const ss_homography none = {{NAN, 0, 0, 0, 1, 0, 0, 0, 1}};
  assert_int_equal(ss_warp(&pictures[0], &none, 3, 3, SS_BORDER_REFLECT, NULL, &out, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "finite"));
  ss_image_free(&pictures[0]);
  ss_image_free(&pictures[1]);
  ss_image_free(&out);
}

/* ---- colours ---- */

static void changes_of_hsv_are_scikit_images(void **state) {
  (void)state;
  tally comparison = {0};
  ss_image out = {0};
  for (int i = 0; i < goldens.case_count; i++) {
    const golden_case *golden = &goldens.cases[i];
    if (strcmp(golden->name, "hsv") != 0) {
      continue;
    }
    const double *p = golden->parameter;
    const ss_hsv_change change = {.hue = (float)p[0],
                                  .saturation = {(float)p[1], (float)p[2], (float)p[3]},
                                  .value = {(float)p[4], (float)p[5], (float)p[6]}};
    assert_int_equal(ss_image_copy(&out, golden->in, NULL), SS_OK);
    ss_hsv_apply(&out, &change);
    comparison_add(&comparison, golden, &out);
  }
  ss_image_free(&out);
  comparison_check(&comparison, "hsv", 1, 0.03); /* saturations come in steps of 1/1024 */
}

static void components_are_numpys(void **state) {
  (void)state;
  tally comparison = {0};
  ss_image out = {0};
  for (int i = 0; i < goldens.case_count; i++) {
    const golden_case *golden = &goldens.cases[i];
    if (strcmp(golden->name, "components") != 0) {
      continue;
    }
    const double *p = golden->parameter;
    ss_colour_sums sums = {0};
    ss_colour_sums_add(&sums, golden->in);
    const ss_colour_components components = ss_colour_components_of(&sums);
    for (int k = 0; k < 3; k++) {
      assert_true(fabs((double)components.deviations[k] - p[3 + k]) < 1e-3 * p[3]);
    }
    assert_int_equal(ss_image_copy(&out, golden->in, NULL), SS_OK);
    ss_scale_components(&out, &components, (const float[3]){(float)p[0], (float)p[1], (float)p[2]});
    comparison_add(&comparison, golden, &out);
  }
  ss_image_free(&out);
  comparison_check(&comparison, "components", 1, 0.001);
}

static void grey_pictures_keep_their_channel(void **state) {
  (void)state;
  ss_image gray = {0};
  assert_int_equal(ss_image_resize_buffer(&gray, 4, 1, 1, NULL), SS_OK);
  memcpy(gray.pixels, (const uint8_t[]){0, 64, 128, 255}, 4);
  ss_colour_sums sums = {0};
  ss_colour_sums_add(&sums, &gray);
  const ss_colour_components components = ss_colour_components_of(&sums);
  for (int c = 0; c < 3; c++) { /* grey's variance is along the diagonal alone */
    assert_true(fabsf(components.mean[c] - 111.75f) < 1e-3f);
    assert_true(fabsf(fabsf(components.vectors[0][c]) - sqrtf(1.0f / 3.0f)) < 1e-4f);
    assert_true(c == 0 || components.deviations[c] < 1e-3f);
  }
  const ss_hsv_change change = {.hue = 0.1f, .saturation = {1.0f, 1.4f, 0.1f}, .value = {2.0f, 1.0f, 0.1f}};
  ss_hsv_apply(&gray, &change);
  assert_memory_equal(gray.pixels, ((const uint8_t[]){26, 42, 90, 255}), 4);
  ss_scale_components(&gray, &components, (const float[]){0.5f, 1.0f, 2.0f});
  assert_memory_equal(gray.pixels, ((const uint8_t[]){69, 77, 101, 183}), 4);
  ss_image_free(&gray);
}

/* Every number within its range, its ends reached, as often above the middle as below. */
static void drawn_changes_fill_their_ranges(void **state) {
  (void)state;
  enum { draws = 20000, numbers = 7 };
  static const float low[numbers] = {-0.1f, 0.25f, 0.7f, -0.1f, 0.25f, 0.7f, -0.1f};
  static const float high[numbers] = {0.1f, 4.0f, 1.4f, 0.1f, 4.0f, 1.4f, 0.1f};
  static const float middle[numbers] = {0.0f, 1.0f, 0.98995f, 0.0f, 1.0f, 0.98995f, 0.0f};
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, 0, 0);
  int above[numbers] = {0};
  float least[numbers], most[numbers];
  for (int i = 0; i < draws; i++) {
    const ss_hsv_change c = ss_hsv_draw(&random);
    const float drawn[numbers] = {c.hue,         c.saturation.power, c.saturation.factor, c.saturation.offset,
                                  c.value.power, c.value.factor,     c.value.offset};
    for (int k = 0; k < numbers; k++) {
      assert_true(drawn[k] >= low[k] - 1e-6f && drawn[k] <= high[k] + 1e-6f);
      above[k] += drawn[k] > middle[k];
      least[k] = i == 0 || drawn[k] < least[k] ? drawn[k] : least[k];
      most[k] = i == 0 || drawn[k] > most[k] ? drawn[k] : most[k];
    }
  }
  for (int k = 0; k < numbers; k++) {
    assert_true(abs(above[k] - draws / 2) < 4 * 71); /* four deviations */
    assert_true(least[k] < low[k] + 0.01f * (high[k] - low[k]) && most[k] > high[k] - 0.01f * (high[k] - low[k]));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(four_points_make_opencvs_homography),
                                     cmocka_unit_test(a_homography_and_its_inverse_are_the_identity),
                                     cmocka_unit_test(affine_parameters_mean_what_they_say),
                                     cmocka_unit_test(what_has_no_answer_is_told),
                                     cmocka_unit_test(warps_are_scikit_images),
                                     cmocka_unit_test(a_warp_and_its_inverse_bring_pixels_back),
                                     cmocka_unit_test(whole_pixels_are_moved_exactly),
                                     cmocka_unit_test(nothing_is_read_outside),
                                     cmocka_unit_test(changes_of_hsv_are_scikit_images),
                                     cmocka_unit_test(components_are_numpys),
                                     cmocka_unit_test(grey_pictures_keep_their_channel),
                                     cmocka_unit_test(drawn_changes_fill_their_ranges)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
