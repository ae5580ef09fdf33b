#include "augment/colour.h"

#include "augment/kernels.h"
#include "base/compiler.h"

#include <math.h>

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#define PIECE 256 /* pixels whose channels are taken apart at a time */

#define LUMA(r, g, b) \
  (((uint32_t)(r)*SS_LUMA_RED + (uint32_t)(g)*SS_LUMA_GREEN + (uint32_t)(b)*SS_LUMA_BLUE + SS_LUMA_ROUNDING) >> 16)

/* base + factor * (value - base), cut towards zero and clipped. */
#define BLEND(base, factor, value) clip((int)((float)(base) + (factor) * (float)((int)(value) - (int)(base))))

typedef struct colour_planes {
  uint8_t red[PIECE];
  uint8_t green[PIECE];
  uint8_t blue[PIECE];
} colour_planes;

static inline uint8_t clip(int value) {
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static inline size_t pixel_count(const ss_image *image) {
  return (size_t)image->width * (size_t)image->height;
}

static inline void split(const uint8_t *restrict pixels, size_t n, colour_planes *restrict planes) {
  for (size_t i = 0; i < n; i++) {
    planes->red[i] = pixels[3 * i];
    planes->green[i] = pixels[3 * i + 1];
    planes->blue[i] = pixels[3 * i + 2];
  }
}

static inline void merge(const colour_planes *restrict planes, size_t n, uint8_t *restrict pixels) {
  for (size_t i = 0; i < n; i++) {
    pixels[3 * i] = planes->red[i];
    pixels[3 * i + 1] = planes->green[i];
    pixels[3 * i + 2] = planes->blue[i];
  }
}

void ss_look_up_plain(uint8_t *bytes, size_t n, const uint8_t table[256]) {
  for (size_t i = 0; i < n; i++) {
    bytes[i] = table[bytes[i]];
  }
}

static void blend_with(uint8_t *pixels, size_t n, int base, float factor) {
  uint8_t table[256];
  for (int i = 0; i < 256; i++) {
    table[i] = BLEND(base, factor, i);
  }
  ss_pixel_kernels_best()->look_up(pixels, n, table);
}

SS_MULTIVERSION uint64_t ss_luma_sum_plain(const uint8_t *pixels, size_t n) {
  uint64_t total = 0;
  for (size_t start = 0; start < n; start += PIECE) {
    const size_t count = n - start < PIECE ? n - start : PIECE;
    colour_planes planes;
    split(pixels + 3 * start, count, &planes);
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
      sum += LUMA(planes.red[i], planes.green[i], planes.blue[i]);
    }
    total += sum;
  }
  return total;
}

SS_MULTIVERSION static uint64_t byte_sum(const uint8_t *pixels, size_t n) {
  uint64_t total = 0;
  for (size_t i = 0; i < n; i++) {
    total += pixels[i];
  }
  return total;
}

SS_MULTIVERSION void ss_saturate_plain(uint8_t *pixels, size_t n, float factor) {
  for (size_t start = 0; start < n; start += PIECE) {
    const size_t count = n - start < PIECE ? n - start : PIECE;
    colour_planes planes;
    split(pixels + 3 * start, count, &planes);
    for (size_t i = 0; i < count; i++) {
      const int luma = (int)LUMA(planes.red[i], planes.green[i], planes.blue[i]);
      planes.red[i] = BLEND(luma, factor, planes.red[i]);
      planes.green[i] = BLEND(luma, factor, planes.green[i]);
      planes.blue[i] = BLEND(luma, factor, planes.blue[i]);
    }
    merge(&planes, count, pixels + 3 * start);
  }
}

SS_MULTIVERSION void ss_gray_plain(uint8_t *pixels, size_t n) {
  for (size_t start = 0; start < n; start += PIECE) {
    const size_t count = n - start < PIECE ? n - start : PIECE;
    colour_planes planes;
    split(pixels + 3 * start, count, &planes);
    for (size_t i = 0; i < count; i++) {
      const uint8_t luma = (uint8_t)LUMA(planes.red[i], planes.green[i], planes.blue[i]);
      planes.red[i] = luma;
      planes.green[i] = luma;
      planes.blue[i] = luma;
    }
    merge(&planes, count, pixels + 3 * start);
  }
}

/* Each product and quotient has the precision it has in Pillow (float or double): one hue level apart is several levels
 * of a colour apart. */
SS_MULTIVERSION void ss_turn_hue_plain(uint8_t *pixels, size_t n, int turn) {
  for (size_t start = 0; start < n; start += PIECE) {
    const size_t count = n - start < PIECE ? n - start : PIECE;
    colour_planes planes;
    split(pixels + 3 * start, count, &planes);
    for (size_t i = 0; i < count; i++) {
      const int red = planes.red[i], green = planes.green[i], blue = planes.blue[i];
      const int high_rg = red > green ? red : green, low_rg = red < green ? red : green;
      const int value = high_rg > blue ? high_rg : blue, low = low_rg < blue ? low_rg : blue;
      const int range = value - low;
      /* Masks in place of branches. Where all are equal the hue comes out as 0. */
      const int is_red = -(red == value), is_green = -(green == value) & ~is_red, is_blue = ~(is_red | is_green);
      const int after = (is_red & blue) | (is_green & red) | (is_blue & green);
      const int before = (is_red & green) | (is_green & blue) | (is_blue & red);
      const float divisor = (float)(range + (range == 0));
      const float ahead = (float)(value - after) / divisor, behind = (float)(value - before) / divisor;
      const double base = (double)((is_green & 2) | (is_blue & 4));
      const float sixth = (float)(base + (double)ahead - (double)behind);
      const double circle = (double)sixth / 6.0 + 1.0; /* in [5/6, 2): its fraction is the hue */
      const float hue = (float)(circle - (double)(int)circle);
      const float saturation = (float)range / (float)(value + (value == 0));
      const int hue8 = ((int)((double)hue * 255.0) + turn) & 255;
      const int saturation8 = (int)((double)saturation * 255.0);

      const double place = (double)hue8 * 6.0 / 255.0;
      const int sector = (int)place; /* 0 to 6; 6 is 0 again */
      const float part = (float)(place - (double)sector);
      const float strength = (float)((double)saturation8 / 255.0);
      const int p = (int)((double)value * (1.0 - (double)strength) + 0.5);
      const int q = (int)((double)value * (1.0 - (double)(strength * part)) + 0.5);
      const int t = (int)((double)value * (1.0 - (double)strength * (1.0 - (double)part)) + 0.5);
      const int in1 = -(sector == 1), in2 = -(sector == 2), in3 = -(sector == 3), in4 = -(sector == 4),
                in5 = -(sector == 5), in0 = ~(in1 | in2 | in3 | in4 | in5);
      planes.red[i] = (uint8_t)((value & (in0 | in5)) | (q & in1) | (p & (in2 | in3)) | (t & in4));
      planes.green[i] = (uint8_t)((value & (in1 | in2)) | (q & in3) | (p & (in4 | in5)) | (t & in0));
      planes.blue[i] = (uint8_t)((value & (in3 | in4)) | (q & in5) | (p & (in0 | in1)) | (t & in2));
    }
    merge(&planes, count, pixels + 3 * start);
  }
}

void ss_adjust_brightness(ss_image *image, float factor) {
  blend_with(image->pixels, pixel_count(image) * (size_t)image->channels, 0, factor);
}

void ss_adjust_contrast(ss_image *image, float factor) {
  const size_t n = pixel_count(image);
  const uint64_t sum =
      image->channels == 3 ? ss_pixel_kernels_best()->luma_sum(image->pixels, n) : byte_sum(image->pixels, n);
  const int mean = (int)((double)sum / (double)n + 0.5);
  blend_with(image->pixels, n * (size_t)image->channels, mean, factor);
}

void ss_adjust_saturation(ss_image *image, float factor) {
  if (image->channels == 3) {
    ss_pixel_kernels_best()->saturate(image->pixels, pixel_count(image), factor);
  }
}

void ss_adjust_hue(ss_image *image, float factor) {
  if (image->channels == 3) {
    ss_pixel_kernels_best()->turn_hue(image->pixels, pixel_count(image), (int)((double)factor * 255.0) & 255);
  }
}

void ss_to_gray(ss_image *image) {
  if (image->channels == 3) {
    ss_pixel_kernels_best()->gray(image->pixels, pixel_count(image));
  }
}

ss_status ss_gray_channel(const ss_image *in, ss_image *out, ss_error *error) {
  if (in->channels == 1) {
    return ss_image_copy(out, in, error);
  }
  SS_TRY(ss_image_resize_buffer(out, in->width, in->height, 1, error));
  const size_t n = pixel_count(in);
  for (size_t i = 0; i < n; i++) {
    const uint8_t *pixel = in->pixels + 3 * i;
    out->pixels[i] = (uint8_t)LUMA(pixel[0], pixel[1], pixel[2]);
  }
  return SS_OK;
}
