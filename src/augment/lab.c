#include "augment/lab.h"

#include "base/compiler.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#define PIECE 256 /* pixels worked on at a time, so that channels lie apart and near */

/* sRGB's primaries to XYZ and back, and D65's XYZ at 2 degrees. */
static const float xyz_of_rgb[3][3] = {
    {0.412453f, 0.357580f, 0.180423f}, {0.212671f, 0.715160f, 0.072169f}, {0.019334f, 0.119193f, 0.950227f}};
static const float rgb_of_xyz[3][3] = {{3.24048134f, -1.53715152f, -0.49853633f},
                                       {-0.96925495f, 1.87599f, 0.04155593f},
                                       {0.05564664f, -0.20404134f, 1.05731107f}};
static const float white[3] = {0.95047f, 1.0f, 1.08883f};

/* Of a byte of sRGB: light from 0 to 1, and L of the grey it makes. */
static float light_of[256], lightness_of[256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void tables_make(void) {
  for (int i = 0; i < 256; i++) {
    const double value = i / 255.0;
    const double light = value > 0.04045 ? pow((value + 0.055) / 1.055, 2.4) : value / 12.92;
    light_of[i] = (float)light;
    lightness_of[i] = (float)(116.0 * (light > 0.008856 ? cbrt(light) : 7.787 * light + 16.0 / 116.0) - 16.0);
  }
}

/* Ternaries, which compilers vectorise; NaN becomes the bound. */
static inline float at_least(float x, float bound) {
  return x > bound ? x : bound;
}

static inline float unit_clip(float x) {
  const float positive = at_least(x, 0.0f);
  return positive < 1.0f ? positive : 1.0f;
}

/* Of x above 0.001: a third of the exponent, then two of Halley's steps, each of which cubes the error. */
static inline float cube_root(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits = (int32_t)((float)bits * (1.0f / 3.0f)) + 709921077;
  float y;
  memcpy(&y, &bits, sizeof y);
  for (int step = 0; step < 2; step++) {
    const float cube = y * y * y;
    y *= (cube + 2.0f * x) / (2.0f * cube + x);
  }
  return y;
}

/* Light to the scale that L, a and b are straight lines of: a cube root with a straight foot. */
static inline float perceived(float x) {
  const float root = cube_root(at_least(x, 0.008f));
  return x > 0.008856f ? root : 7.787f * x + 16.0f / 116.0f;
}

static inline float unperceived(float f) {
  return f > 0.2068966f ? f * f * f : (f - 16.0f / 116.0f) * (1.0f / 7.787f);
}

/* Planes of light to planes of L, a, b. */
SS_MULTIVERSION static void lab_of_light(const float (*restrict light)[PIECE], float (*restrict lab)[PIECE]) {
  for (int i = 0; i < PIECE; i++) {
    const float r = light[0][i], g = light[1][i], b = light[2][i];
    float f[3];
    for (int k = 0; k < 3; k++) {
      f[k] = perceived((xyz_of_rgb[k][0] * r + xyz_of_rgb[k][1] * g + xyz_of_rgb[k][2] * b) / white[k]);
    }
    lab[0][i] = 116.0f * f[1] - 16.0f;
    lab[1][i] = 500.0f * (f[0] - f[1]);
    lab[2][i] = 200.0f * (f[1] - f[2]);
  }
}

/* Planes of L, a, b to planes of sRGB from 0 to 255, not yet rounded. */
SS_MULTIVERSION static void rgb_of_lab(const float (*restrict lab)[PIECE], float (*restrict rgb)[PIECE]) {
  for (int i = 0; i < PIECE; i++) {
    const float y = (lab[0][i] + 16.0f) / 116.0f;
    const float x = unperceived(y + lab[1][i] / 500.0f) * white[0];
    const float z = unperceived(at_least(y - lab[2][i] / 200.0f, 0.0f)) * white[2];
    const float luminance = unperceived(y);
    for (int k = 0; k < 3; k++) {
      const float linear = rgb_of_xyz[k][0] * x + rgb_of_xyz[k][1] * luminance + rgb_of_xyz[k][2] * z;
      const float light = unit_clip(linear);
      const float root = cube_root(at_least(light, 0.002f)); /* x^(1 / 2.4) is x^(1 / 3) times its fourth root */
      const float value = light > 0.0031308f ? 1.055f * root * sqrtf(sqrtf(root)) - 0.055f : 12.92f * light;
      rgb[k][i] = 255.0f * unit_clip(value);
    }
  }
}

/* `pixels` at most PIECE; the planes behind them are filled too. */
static void planes_of_rgb(const uint8_t *rgb, size_t pixels, float (*lab)[PIECE]) {
  float light[3][PIECE];
  for (size_t i = 0; i < PIECE; i++) {
    const uint8_t *pixel = rgb + 3 * (i < pixels ? i : pixels - 1);
    for (int k = 0; k < 3; k++) {
      light[k][i] = light_of[pixel[k]];
    }
  }
  lab_of_light(light, lab);
}

void ss_lab_from_rgb(const uint8_t *rgb, size_t pixels, float *lab) {
  pthread_once(&tables_once, tables_make);
  float planes[3][PIECE];
  for (size_t start = 0; start < pixels; start += PIECE) {
    const size_t n = pixels - start < PIECE ? pixels - start : PIECE;
    planes_of_rgb(rgb + 3 * start, n, planes);
    for (size_t i = 0; i < n; i++) {
      for (int k = 0; k < 3; k++) {
        lab[3 * (start + i) + (size_t)k] = planes[k][i];
      }
    }
  }
}

void ss_rgb_from_lab(const float *lab, size_t pixels, uint8_t *rgb) {
  float in[3][PIECE] = {{0}}, out[3][PIECE];
  for (size_t start = 0; start < pixels; start += PIECE) {
    const size_t n = pixels - start < PIECE ? pixels - start : PIECE;
    for (size_t i = 0; i < n; i++) {
      for (int k = 0; k < 3; k++) {
        in[k][i] = lab[3 * (start + i) + (size_t)k];
      }
    }
    rgb_of_lab(in, out);
    for (size_t i = 0; i < n; i++) {
      for (int k = 0; k < 3; k++) {
        rgb[3 * (start + i) + (size_t)k] = (uint8_t)(out[k][i] + 0.5f);
      }
    }
  }
}

void ss_image_to_lab(const ss_image *image, float *out) {
  pthread_once(&tables_once, tables_make);
  const size_t pixels = (size_t)image->width * (size_t)image->height;
  if (image->channels == 1) {
    for (size_t i = 0; i < pixels; i++) {
      out[3 * i] = (lightness_of[image->pixels[i]] - SS_LAB_MIDDLE) / SS_LAB_LIGHTNESS_SCALE;
      out[3 * i + 1] = out[3 * i + 2] = 0;
    }
    return;
  }
  float planes[3][PIECE];
  for (size_t start = 0; start < pixels; start += PIECE) {
    const size_t n = pixels - start < PIECE ? pixels - start : PIECE;
    planes_of_rgb(image->pixels + 3 * start, n, planes);
    for (size_t i = 0; i < n; i++) {
      out[3 * (start + i)] = (planes[0][i] - SS_LAB_MIDDLE) / SS_LAB_LIGHTNESS_SCALE;
      out[3 * (start + i) + 1] = planes[1][i] / SS_LAB_COLOUR_SCALE;
      out[3 * (start + i) + 2] = planes[2][i] / SS_LAB_COLOUR_SCALE;
    }
  }
}

/* Planes of light to (L - 50) / 50, which needs Y alone. */
SS_MULTIVERSION static void lightness_of_light(const float (*restrict light)[PIECE], float *restrict lightness) {
  for (int i = 0; i < PIECE; i++) {
    const float y = xyz_of_rgb[1][0] * light[0][i] + xyz_of_rgb[1][1] * light[1][i] + xyz_of_rgb[1][2] * light[2][i];
    lightness[i] = (116.0f * perceived(y) - 16.0f - SS_LAB_MIDDLE) / SS_LAB_LIGHTNESS_SCALE;
  }
}

void ss_image_to_lightness(const ss_image *image, float *out) {
  pthread_once(&tables_once, tables_make);
  const size_t pixels = (size_t)image->width * (size_t)image->height;
  float light[3][PIECE] = {{0}}, lightness[PIECE];
  for (size_t start = 0; start < pixels; start += PIECE) {
    const size_t n = pixels - start < PIECE ? pixels - start : PIECE;
    if (image->channels == 1) {
      for (size_t i = 0; i < n; i++) {
        lightness[i] = (lightness_of[image->pixels[start + i]] - SS_LAB_MIDDLE) / SS_LAB_LIGHTNESS_SCALE;
      }
    } else {
      const uint8_t *rgb = image->pixels + 3 * start;
      for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 3; k++) {
          light[k][i] = light_of[rgb[3 * i + k]];
        }
      }
      lightness_of_light(light, lightness);
    }
    for (size_t i = 0; i < n; i++) {
      out[3 * (start + i)] = out[3 * (start + i) + 1] = out[3 * (start + i) + 2] = lightness[i];
    }
  }
}
