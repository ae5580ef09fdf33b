#include "augment/hsv.h"

#include "base/compiler.h"

#include <math.h>

enum {
  piece = 256,       /* pixels whose channels are taken apart at a time */
  saturations = 1024 /* steps of the table: a saturation is a quotient of two bytes */
};

static ss_component_change draw_component(ss_random *random) {
  ss_component_change change = {.power = ss_random_between_logarithms(random, 0.25f, 4.0f)};
  change.factor = ss_random_between_logarithms(random, 0.7f, 1.4f);
  change.offset = ss_random_between(random, -0.1f, 0.1f);
  return change;
}

ss_hsv_change ss_hsv_draw(ss_random *random) {
  ss_hsv_change change = {.hue = ss_random_between(random, -0.1f, 0.1f)};
  change.saturation = draw_component(random);
  change.value = draw_component(random);
  return change;
}

static float changed(const ss_component_change *change, float x) {
  return fminf(fmaxf(change->factor * powf(x, change->power) + change->offset, 0.0f), 1.0f);
}

/* As fminf and fmaxf, but for what they do with NaN: so compilers have an instruction for them. */
static inline float smaller(float a, float b) {
  return a < b ? a : b;
}

static inline float larger(float a, float b) {
  return a > b ? a : b;
}

typedef struct hsv_tables {
  float value[256]; /* 0 to 255 */
  float saturation[saturations + 1];
} hsv_tables;

typedef struct hsv_planes {
  float hue[piece]; /* in sixths of the circle */
  float saturation[piece];
  float value[piece];
} hsv_planes;

/* Bytes to hue (-1 to 5), saturation (in steps of the table) and value (0 to 255). */
SS_MULTIVERSION static void split(const uint8_t *restrict pixels, int count, hsv_planes *restrict planes) {
  for (int i = 0; i < count; i++) {
    const float red = pixels[3 * i], green = pixels[3 * i + 1], blue = pixels[3 * i + 2];
    const float high = larger(red, larger(green, blue)), range = high - smaller(red, smaller(green, blue));
    const float scale = 1.0f / (range > 0.0f ? range : 1.0f);
    const float of_red = (green - blue) * scale, of_green = (blue - red) * scale + 2.0f;
    const float of_blue = (red - green) * scale + 4.0f;
    planes->hue[i] = red == high ? of_red : (green == high ? of_green : of_blue);
    planes->saturation[i] = range / (high > 0.0f ? high : 1.0f) * saturations;
    planes->value[i] = high;
  }
}

static void look_up(hsv_planes *planes, int count, const hsv_tables *tables) {
  for (int i = 0; i < count; i++) {
    planes->saturation[i] = tables->saturation[(int)(planes->saturation[i] + 0.5f)];
    planes->value[i] = tables->value[(int)planes->value[i]];
  }
}

/* A channel of the colour of that hue: full within a sixth of the circle on either side of its own, zero from two
 * sixths on (Smith, "Color gamut transform pairs", SIGGRAPH 1978, without its six cases). */
static inline float channel(float hue, float saturation, float value, float first) {
  const float along = hue + first, place = along - 6.0f * floorf(along / 6.0f);
  const float away = smaller(place, 4.0f - place);
  return value * (1.0f - saturation * larger(0.0f, smaller(away, 1.0f))) + 0.5f;
}

SS_MULTIVERSION static void merge(const hsv_planes *restrict planes, float turn, int count, uint8_t *restrict pixels) {
  for (int i = 0; i < count; i++) {
    const float hue = planes->hue[i] + turn, saturation = planes->saturation[i], value = planes->value[i];
    pixels[3 * i] = (uint8_t)channel(hue, saturation, value, 5.0f);
    pixels[3 * i + 1] = (uint8_t)channel(hue, saturation, value, 3.0f);
    pixels[3 * i + 2] = (uint8_t)channel(hue, saturation, value, 1.0f);
  }
}

void ss_hsv_apply(ss_image *image, const ss_hsv_change *change) {
  hsv_tables tables;
  for (int i = 0; i < 256; i++) {
    tables.value[i] = 255.0f * changed(&change->value, (float)i / 255.0f);
  }
  const size_t pixels = (size_t)image->width * (size_t)image->height;
  if (image->channels == 1) {
    for (size_t i = 0; i < pixels; i++) {
      image->pixels[i] = (uint8_t)(tables.value[image->pixels[i]] + 0.5f);
    }
    return;
  }
  for (int i = 0; i <= saturations; i++) {
    tables.saturation[i] = changed(&change->saturation, (float)i / saturations);
  }
  hsv_planes planes;
  for (size_t start = 0; start < pixels; start += piece) {
    const int count = pixels - start < piece ? (int)(pixels - start) : piece;
    split(image->pixels + 3 * start, count, &planes);
    look_up(&planes, count, &tables);
    merge(&planes, 6.0f * change->hue, count, image->pixels + 3 * start);
  }
}
