/* Small, long and grey pictures, wrong arguments, and the same view twice. */
#include "augment/blur.h"
#include "augment/colour.h"
#include "augment/rotate.h"
#include "augment/view.h"
#include "support.h"

static void fill(ss_image *image, int width, int height, int channels) {
  assert_int_equal(ss_image_resize_buffer(image, width, height, channels, NULL), SS_OK);
  for (size_t i = 0; i < (size_t)width * (size_t)height * (size_t)channels; i++) {
    image->pixels[i] = (uint8_t)(i * 37 + i / 11);
  }
}

/* Whatever the picture's shape, a view has its size; a picture of one colour stays of one colour under every filter. */
static void shapes(void **state) {
  (void)state;
  const int sides[][2] = {{1, 1}, {1, 9}, {9, 1}, {1, 700}, {3000, 2}, {2, 3000}, {31, 33}, {500, 40}};
  ss_view_options options = ss_view_options_simclr(24);
  options.blur = options.solarize = 0.5f;
  ss_image in = {0}, out = {0};
  ss_view_scratch scratch = {0};
  ss_error error = {{0}};
  for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
    for (int channels = 1; channels <= 3; channels += 2) {
      fill(&in, sides[i][0], sides[i][1], channels);
      for (uint32_t view = 0; view < 40; view++) {
        ss_random random = ss_random_stream(1, SS_RANDOM_VIEWS, 0, i, view);
        assert_int_equal(ss_view_random(&in, &options, &random, &scratch, &out, &error), SS_OK);
        assert_true(out.width == 24 && out.height == 24 && out.channels == channels);
      }
      assert_int_equal(ss_view_test(&in, 24, 20, &scratch, &out, &error), SS_OK);
      assert_true(out.width == 20 && out.height == 20 && out.channels == channels);

      memset(in.pixels, 201, (size_t)in.width * (size_t)in.height * (size_t)channels);
      for (int filter = SS_RESAMPLE_BOX; filter <= SS_RESAMPLE_LANCZOS; filter++) {
        assert_int_equal(ss_resize(&in, 17, 5, (ss_resample)filter, &scratch, &out, &error), SS_OK);
        assert_int_equal(ss_blur_box(&out, 1.3f, &scratch, &error), SS_OK);
        assert_int_equal(ss_blur_gaussian(&out, 21, 1.3f, &scratch, &error), SS_OK);
        for (int k = 0; k < 17 * 5 * channels; k++) {
          assert_int_equal(out.pixels[k], 201);
        }
      }
    }
  }
  ss_image_free(&in);
  ss_image_free(&out);
  ss_scratch_free(&scratch);
}

/* A window of a resized picture is that part of the whole, for every filter and both kinds of unchanged side. */
static void windows(void **state) {
  (void)state;
  const int sizes[][2] = {{40, 30}, {53, 30}, {40, 21}, {53, 21}, {200, 9}};
  ss_image in = {0}, whole = {0}, part = {0}, cut = {0};
  ss_view_scratch scratch = {0};
  fill(&in, 53, 21, 3);
  const ss_box box = {.width = 53, .height = 21};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const int width = sizes[i][0], height = sizes[i][1];
    const ss_box window = {.left = 11, .top = 3, .width = 19, .height = 5};
    for (int filter = SS_RESAMPLE_BOX; filter <= SS_RESAMPLE_LANCZOS; filter++) {
      assert_int_equal(ss_resize(&in, width, height, (ss_resample)filter, &scratch, &whole, NULL), SS_OK);
      assert_int_equal(ss_crop(&whole, window, &cut, NULL), SS_OK);
      assert_int_equal(ss_resize_window(&in, box, width, height, window, (ss_resample)filter, &scratch, &part, NULL),
                       SS_OK);
      assert_memory_equal(part.pixels, cut.pixels, 19 * 5 * 3);
    }
  }
  ss_image_free(&in);
  ss_image_free(&whole);
  ss_image_free(&part);
  ss_image_free(&cut);
  ss_scratch_free(&scratch);
}

static void turns_undo_each_other(void **state) {
  (void)state;
  ss_image in = {0}, turned = {0}, back = {0};
  fill(&in, 7, 5, 3);
  for (int quarters = -5; quarters <= 5; quarters++) {
    assert_int_equal(ss_rotate_quarters(&in, quarters, &turned, NULL), SS_OK);
    assert_int_equal(ss_rotate_quarters(&turned, -quarters, &back, NULL), SS_OK);
    assert_true(back.width == 7 && back.height == 5);
    assert_memory_equal(back.pixels, in.pixels, 7 * 5 * 3);
  }
  ss_flip_horizontal(&back);
  ss_flip_vertical(&back);
  assert_int_equal(ss_rotate_quarters(&in, 2, &turned, NULL), SS_OK);
  assert_memory_equal(back.pixels, turned.pixels, 7 * 5 * 3);
  ss_image_free(&in);
  ss_image_free(&turned);
  ss_image_free(&back);
}

/* The same stream gives the same view whatever the scratch held before, and in steady state nothing is allocated. */
static void repeatable(void **state) {
  (void)state;
  ss_view_options options = ss_view_options_simclr(96);
  ss_image in = {0}, first = {0}, second = {0};
  ss_view_scratch used = {0};
  fill(&in, 300, 200, 3);
  int different = 0;
  for (uint32_t view = 0; view < 30; view++) {
    ss_view_scratch fresh = {0};
    ss_random a = ss_random_stream(1, SS_RANDOM_VIEWS, 2, 3, view), b = a;
    assert_int_equal(ss_view_random(&in, &options, &a, &used, &first, NULL), SS_OK);
    assert_int_equal(ss_view_random(&in, &options, &b, &fresh, &second, NULL), SS_OK);
    assert_memory_equal(first.pixels, second.pixels, 96 * 96 * 3);
    ss_random other = ss_random_stream(1, SS_RANDOM_VIEWS, 2, 4, view);
    assert_int_equal(ss_view_random(&in, &options, &other, &used, &second, NULL), SS_OK);
    different += memcmp(first.pixels, second.pixels, 96 * 96 * 3) != 0;
    ss_scratch_free(&fresh);
  }
  assert_int_equal(different, 30);
  const ss_view_scratch before = used;
  for (uint32_t view = 0; view < 30; view++) {
    ss_random again = ss_random_stream(1, SS_RANDOM_VIEWS, 2, 3, view);
    assert_int_equal(ss_view_random(&in, &options, &again, &used, &first, NULL), SS_OK);
  }
  assert_memory_equal(&before, &used, sizeof used);
  ss_image_free(&in);
  ss_image_free(&first);
  ss_image_free(&second);
  ss_scratch_free(&used);
}

static void wrong_arguments(void **state) {
  (void)state;
  ss_image in = {0}, out = {0};
  ss_view_scratch scratch = {0};
  ss_error error = {{0}};
  fill(&in, 8, 6, 3);
  const ss_box outside[] = {{-1, 0, 4, 4}, {0, 0, 9, 6}, {5, 0, 4, 4},
                            {0, 3, 4, 4},  {0, 0, 0, 4}, {2147483647, 0, 1, 1}};
  for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
    assert_int_equal(ss_crop(&in, outside[i], &out, &error), SS_USAGE);
    assert_int_equal(ss_resize_box(&in, outside[i], 4, 4, SS_RESAMPLE_BOX, &scratch, &out, &error), SS_USAGE);
    assert_true(strlen(error.message) > 0);
  }
  assert_int_equal(ss_resize(&in, 0, 4, SS_RESAMPLE_BOX, &scratch, &out, &error), SS_USAGE);
  assert_int_equal(ss_view_test(&in, 8, 9, &scratch, &out, &error), SS_USAGE);
  assert_int_equal(ss_blur_box(&in, -1.0f, &scratch, &error), SS_USAGE);
  assert_int_equal(ss_blur_box(&in, 1e9f, &scratch, &error), SS_USAGE);
  assert_int_equal(ss_blur_gaussian(&in, 4, 1.0f, &scratch, &error), SS_USAGE);
  assert_int_equal(ss_blur_gaussian(&in, 5, 0.0f, &scratch, &error), SS_USAGE);

  ss_view_options options = ss_view_options_simclr(32);
  assert_int_equal(ss_view_options_check(&options, &error), SS_OK);
  options.hue = 0.6f;
  assert_int_equal(ss_view_options_check(&options, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "hue"));
  options = ss_view_options_simclr(32);
  options.min_scale = 2.0f;
  assert_int_equal(ss_view_options_check(&options, &error), SS_USAGE);
  options = ss_view_options_simclr(0);
  assert_int_equal(ss_view_options_check(&options, &error), SS_USAGE);
  ss_image_free(&in);
  ss_image_free(&out);
  ss_scratch_free(&scratch);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shapes),     cmocka_unit_test(windows),         cmocka_unit_test(turns_undo_each_other),
      cmocka_unit_test(repeatable), cmocka_unit_test(wrong_arguments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
