#include "augment/view.h"

#include "augment/blur.h"
#include "augment/colour.h"
#include "augment/rotate.h"
#include "augment/solarize.h"

#include <string.h>

enum { BRIGHTNESS, CONTRAST, SATURATION, HUE };

ss_view_options ss_view_options_crop(int size, float min_scale) {
  ss_view_options options = {.size = size,
                             .min_scale = min_scale,
                             .max_scale = 1.0f,
                             .min_ratio = 3.0f / 4.0f,
                             .max_ratio = 4.0f / 3.0f,
                             .flip = 0.5f,
                             .solarize_threshold = 128};
  memcpy(options.mean, ss_imagenet_mean, sizeof options.mean);
  memcpy(options.deviation, ss_imagenet_deviation, sizeof options.deviation);
  return options;
}

ss_view_options ss_view_options_simclr(int size) {
  ss_view_options options = ss_view_options_crop(size, 0.08f);
  options.jitter = 0.8f;
  options.brightness = 0.8f;
  options.contrast = 0.8f;
  options.saturation = 0.8f;
  options.hue = 0.2f;
  options.gray = 0.2f;
  options.blur = size > 64 ? 0.5f : 0.0f;
  options.min_sigma = 0.1f;
  options.max_sigma = 2.0f;
  return options;
}

/* Also false for NaN. */
static bool within(float value, float low, float high) {
  return value >= low && value <= high;
}

ss_status ss_view_options_check(const ss_view_options *options, ss_error *error) {
  const struct {
    const char *name;
    float value, low, high;
  } ranges[] = {
      {"min_scale", options->min_scale, 1e-6f, options->max_scale},
      {"max_scale", options->max_scale, 1e-6f, 1.0f},
      {"min_ratio", options->min_ratio, 1e-4f, options->max_ratio},
      {"max_ratio", options->max_ratio, 1e-4f, 1e4f},
      {"flip", options->flip, 0.0f, 1.0f},
      {"jitter", options->jitter, 0.0f, 1.0f},
      {"brightness", options->brightness, 0.0f, 100.0f},
      {"contrast", options->contrast, 0.0f, 100.0f},
      {"saturation", options->saturation, 0.0f, 100.0f},
      {"hue", options->hue, 0.0f, 0.5f},
      {"gray", options->gray, 0.0f, 1.0f},
      {"blur", options->blur, 0.0f, 1.0f},
      {"min_sigma", options->min_sigma, 0.0f, options->max_sigma},
      {"max_sigma", options->max_sigma, 0.0f, 100.0f},
      {"solarize", options->solarize, 0.0f, 1.0f},
      {"solarize_threshold", (float)options->solarize_threshold, 0.0f, 256.0f},
  };
  if (options->size < 1 || options->size > SS_IMAGE_MAX_SIDE) {
    return ss_fail(error, SS_USAGE, "views of %d pixels: the size must be 1 to %d", options->size, SS_IMAGE_MAX_SIDE);
  }
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    if (!within(ranges[i].value, ranges[i].low, ranges[i].high)) {
      return ss_fail(error, SS_USAGE, "%s of the views is %g, must be %g to %g", ranges[i].name,
                     (double)ranges[i].value, (double)ranges[i].low, (double)ranges[i].high);
    }
  }
  for (int c = 0; c < 3; c++) {
    if (!within(options->mean[c], -1e3f, 1e3f) || !within(options->deviation[c], 1e-6f, 1e6f)) {
      return ss_fail(error, SS_USAGE, "mean %g and deviation %g of channel %d: the deviation must be above 0",
                     (double)options->mean[c], (double)options->deviation[c], c);
    }
  }
  return SS_OK;
}

static float draw_factor(float strength, ss_random *random) {
  return ss_random_between(random, strength < 1.0f ? 1.0f - strength : 0.0f, 1.0f + strength);
}

ss_view_draw ss_view_draw_random(const ss_view_options *options, int width, int height, ss_random *random) {
  ss_view_draw draw = {.order = {BRIGHTNESS, CONTRAST, SATURATION, HUE}};
  draw.crop = ss_crop_draw(width, height, options->min_scale, options->max_scale, options->min_ratio,
                           options->max_ratio, random);
  draw.flip = ss_random_uniform(random) < options->flip;
  draw.jitter = ss_random_uniform(random) < options->jitter;
  ss_random_shuffle(random, draw.order, 4);
  draw.factor[BRIGHTNESS] = draw_factor(options->brightness, random);
  draw.factor[CONTRAST] = draw_factor(options->contrast, random);
  draw.factor[SATURATION] = draw_factor(options->saturation, random);
  draw.factor[HUE] = ss_random_between(random, -options->hue, options->hue);
  draw.gray = ss_random_uniform(random) < options->gray;
  draw.blur = ss_random_uniform(random) < options->blur;
  draw.sigma = ss_random_between(random, options->min_sigma, options->max_sigma);
  draw.solarize = ss_random_uniform(random) < options->solarize;
  return draw;
}

static void jitter(ss_image *image, const ss_view_options *options, const ss_view_draw *draw) {
  for (int i = 0; i < 4; i++) {
    const float factor = draw->factor[draw->order[i]];
    switch (draw->order[i]) {
      case BRIGHTNESS:
        if (options->brightness > 0.0f) {
          ss_adjust_brightness(image, factor);
        }
        break;
      case CONTRAST:
        if (options->contrast > 0.0f) {
          ss_adjust_contrast(image, factor);
        }
        break;
      case SATURATION:
        if (options->saturation > 0.0f) {
          ss_adjust_saturation(image, factor);
        }
        break;
      default:
        if (options->hue > 0.0f) {
          ss_adjust_hue(image, factor);
        }
        break;
    }
  }
}

ss_status ss_view_make(const ss_image *in, const ss_view_options *options, const ss_view_draw *draw,
                       ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  SS_TRY(ss_resize_box(in, draw->crop, options->size, options->size, SS_RESAMPLE_BILINEAR, scratch, out, error));
  if (draw->flip) {
    ss_flip_horizontal(out);
  }
  if (draw->jitter) {
    jitter(out, options, draw);
  }
  if (draw->gray) {
    ss_to_gray(out);
  }
  if (draw->blur) {
    SS_TRY(ss_blur_box(out, draw->sigma, scratch, error));
  }
  if (draw->solarize) {
    ss_solarize(out, options->solarize_threshold);
  }
  return SS_OK;
}

ss_status ss_view_random(const ss_image *in, const ss_view_options *options, ss_random *random,
                         ss_view_scratch *scratch, ss_image *out, ss_error *error) {
  const ss_view_draw draw = ss_view_draw_random(options, in->width, in->height, random);
  return ss_view_make(in, options, &draw, scratch, out, error);
}

ss_status ss_view_test(const ss_image *in, int shorter, int size, ss_view_scratch *scratch, ss_image *out,
                       ss_error *error) {
  if (size < 1 || size > shorter || shorter > SS_IMAGE_MAX_SIDE) {
    return ss_fail(error, SS_USAGE, "a test view of %d pixels cut from a shorter side of %d: must be 1 to %d", size,
                   shorter, shorter < SS_IMAGE_MAX_SIDE ? shorter : SS_IMAGE_MAX_SIDE);
  }
  const bool wide = in->width > in->height;
  const int64_t longer = wide ? (int64_t)shorter * in->width / in->height : (int64_t)shorter * in->height / in->width;
  if (longer > INT32_MAX / 2) {
    return ss_fail(error, SS_FAILED, "a picture of %d x %d is too long to be resized to a shorter side of %d",
                   in->width, in->height, shorter);
  }
  const int width = wide ? (int)longer : shorter, height = wide ? shorter : (int)longer;
  const ss_box box = {.width = in->width, .height = in->height};
  const ss_box window = ss_crop_centre(width, height, size, size);
  return ss_resize_window(in, box, width, height, window, SS_RESAMPLE_BILINEAR, scratch, out, error);
}
