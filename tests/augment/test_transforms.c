/* Every transform against torchvision's, Pillow's and lightly's for the same parameters. */
#include "augment/blur.h"
#include "augment/colour.h"
#include "augment/normalise.h"
#include "augment/rotate.h"
#include "augment/solarize.h"
#include "augment/view.h"
#include "support.h"

#include <math.h>

typedef ss_status transform(const golden_case *golden, ss_view_scratch *scratch, ss_image *out, ss_error *error);

/* Runs all cases called `name`; results of an in-place transform start as a copy of the picture. */
static void compare_all(const char *name, transform *run, int largest, double share) {
  golden_set goldens = goldens_read();
  tally comparison = {0};
  ss_view_scratch scratch = {0};
  ss_image out = {0};
  ss_error error = {{0}};
  for (int i = 0; i < goldens.case_count; i++) {
    const golden_case *one = &goldens.cases[i];
    if (strcmp(one->name, name) == 0) {
      assert_int_equal(ss_image_copy(&out, one->in, &error), SS_OK);
      assert_int_equal(run(one, &scratch, &out, &error), SS_OK);
      comparison_add(&comparison, one, &out);
    }
  }
  comparison_check(&comparison, name, largest, share);
  ss_image_free(&out);
  ss_scratch_free(&scratch);
  goldens_free(&goldens);
}

static ss_status run_resize(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  return ss_resize(g->in, (int)g->parameter[0], (int)g->parameter[1], (ss_resample)g->parameter[2], scratch, out,
                   error);
}

static ss_status run_crop(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  const double *p = g->parameter;
  const ss_box box = {(int)p[0], (int)p[1], (int)p[2], (int)p[3]};
  return ss_resize_box(g->in, box, (int)p[4], (int)p[4], (ss_resample)p[5], scratch, out, error);
}

static ss_status run_test_view(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  return ss_view_test(g->in, (int)g->parameter[0], (int)g->parameter[1], scratch, out, error);
}

static ss_status run_brightness(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  (void)scratch, (void)error;
  ss_adjust_brightness(out, (float)g->parameter[0]);
  return SS_OK;
}

static ss_status run_contrast(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  (void)scratch, (void)error;
  ss_adjust_contrast(out, (float)g->parameter[0]);
  return SS_OK;
}

static ss_status run_saturation(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  (void)scratch, (void)error;
  ss_adjust_saturation(out, (float)g->parameter[0]);
  return SS_OK;
}

static ss_status run_hue(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  (void)scratch, (void)error;
  ss_adjust_hue(out, (float)g->parameter[0]);
  return SS_OK;
}

static ss_status run_gray(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  (void)scratch;
  ss_image single = {0};
  SS_TRY(ss_gray_channel(g->in, &single, error));
  ss_to_gray(out);
  for (int i = 0; i < out->width * out->height; i++) {
    assert_int_equal(single.pixels[i], out->pixels[i * out->channels]);
  }
  ss_image_free(&single);
  return SS_OK;
}

static ss_status run_solarize(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  (void)scratch, (void)error;
  ss_solarize(out, (int)g->parameter[0]);
  return SS_OK;
}

static ss_status run_blur_box(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  return ss_blur_box(out, (float)g->parameter[0], scratch, error);
}

static ss_status run_blur_gaussian(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  return ss_blur_gaussian(out, (int)g->parameter[0], (float)g->parameter[1], scratch, error);
}

static ss_status run_rotate(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  (void)scratch;
  return ss_rotate_quarters(g->in, (int)g->parameter[0] - 4, out, error);
}

static ss_status run_flip_x(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  (void)g, (void)scratch, (void)error;
  ss_flip_horizontal(out);
  return SS_OK;
}

static ss_status run_flip_y(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  (void)g, (void)scratch, (void)error;
  ss_flip_vertical(out);
  return SS_OK;
}

static ss_status run_view(const golden_case *g, ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  const double *p = g->parameter;
  const ss_view_options options = ss_view_options_simclr(32);
  const int last = (int)p[13];
  ss_view_draw draw = {.crop = {(int)p[0], (int)p[1], (int)p[2], (int)p[3]},
                       .flip = p[4] != 0.0,
                       .jitter = true,
                       .gray = last & 1,
                       .blur = last & 2,
                       .sigma = (float)p[14],
                       .solarize = last & 4};
  for (int i = 0; i < 4; i++) {
    draw.order[i] = (uint32_t)p[5 + i];
    draw.factor[i] = (float)p[9 + i];
  }
  return ss_view_make(g->in, &options, &draw, scratch, out, error);
}

/* All but the float blur are the same integers and roundings, so that not one value may differ; Lanczos goes through
 * the C library's sine. */
static void resizing(void **state) {
  (void)state;
  compare_all("resize", run_resize, 1, 0.0001);
  compare_all("crop", run_crop, 0, 0.0);
  compare_all("test", run_test_view, 0, 0.0);
}

static void colour(void **state) {
  (void)state;
  compare_all("brightness", run_brightness, 0, 0.0);
  compare_all("contrast", run_contrast, 0, 0.0);
  compare_all("saturation", run_saturation, 0, 0.0);
  compare_all("hue", run_hue, 0, 0.0);
  compare_all("gray", run_gray, 0, 0.0);
  compare_all("solarize", run_solarize, 0, 0.0);
}

static void blur(void **state) {
  (void)state;
  compare_all("blur_box", run_blur_box, 0, 0.0);
  compare_all("blur_gaussian", run_blur_gaussian, 1, 0.001);
}

static void turns(void **state) {
  (void)state;
  compare_all("rotate", run_rotate, 0, 0.0);
  compare_all("flip_x", run_flip_x, 0, 0.0);
  compare_all("flip_y", run_flip_y, 0, 0.0);
}

static void whole_view(void **state) {
  (void)state;
  compare_all("view", run_view, 0, 0.0);
}

static void normalisation(void **state) {
  (void)state;
  golden_set goldens = goldens_read();
  int count = 0;
  for (int i = 0; i < goldens.case_count; i++) {
    const golden_case *one = &goldens.cases[i];
    if (strcmp(one->name, "normalise") != 0) {
      continue;
    }
    count++;
    const size_t n = (size_t)one->width * (size_t)one->height * 3;
    const float *expected = one->values;
    float *floats = malloc(n * sizeof *floats);
    ss_bf16 *halves = malloc(n * sizeof *halves);
    assert_true(floats && halves);
    const bool flip = one->parameter[0] != 0.0;
    ss_image_to_float(one->in, 3, ss_imagenet_mean, ss_imagenet_deviation, flip, floats);
    ss_image_to_bf16(one->in, 3, ss_imagenet_mean, ss_imagenet_deviation, flip, halves);
    for (size_t k = 0; k < n; k++) {
      assert_true(fabsf(floats[k] - expected[k]) <= 1e-6f); /* numbers of up to 2.7 in single precision */
      assert_int_equal(halves[k], ss_bf16_from_float(floats[k]));
    }
    ss_image back = {0};
    assert_int_equal(
        ss_image_from_float(floats, one->width, one->height, 3, ss_imagenet_mean, ss_imagenet_deviation, &back, NULL),
        SS_OK);
    const int channels = one->in->channels;
    for (int y = 0; y < one->height; y++) {
      for (int x = 0; x < one->width; x++) {
        const int from = flip ? one->width - 1 - x : x;
        for (int c = 0; c < 3; c++) {
          assert_int_equal(back.pixels[(y * one->width + x) * 3 + c],
                           one->in->pixels[(y * one->width + from) * channels + (channels == 1 ? 0 : c)]);
        }
      }
    }
    ss_image_free(&back);
    free(floats);
    free(halves);
  }
  assert_int_equal(count, 6);
  goldens_free(&goldens);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(resizing), cmocka_unit_test(colour),     cmocka_unit_test(blur),
      cmocka_unit_test(turns),    cmocka_unit_test(whole_view), cmocka_unit_test(normalisation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
