/* Inside engine/cuda/pictures.cu: changes of colour, bit for bit as augment/colour.c makes them and therefore Pillow.
 * Each product and quotient has the precision it has there. */
#ifndef SS_ENGINE_CUDA_PICTURES_COLOUR_CUH
#define SS_ENGINE_CUDA_PICTURES_COLOUR_CUH

#include "engine/cuda/pictures_rows.cuh"

/* 16-bit weights of red, green and blue (ITU-R 601-2), which add up to 1. */
enum { LUMA_RED = 19595, LUMA_GREEN = 38470, LUMA_BLUE = 7471, LUMA_BITS = 16, LUMA_HALF = 1 << (LUMA_BITS - 1) };

template <int CHANNELS>
__device__ static __forceinline__ int luma(const uint8_t *pixel) {
  if (CHANNELS == 1) {
    return pixel[0];
  }
  return (pixel[0] * LUMA_RED + pixel[1] * LUMA_GREEN + pixel[2] * LUMA_BLUE + LUMA_HALF) >> LUMA_BITS;
}

/* base + factor * (value - base), cut towards zero and clipped. */
__device__ static __forceinline__ uint8_t blend(int base, float factor, int value) {
  return clip_to_byte((int)((float)base + factor * (float)(value - base)));
}

/* `turn` (0 to 255) is added to the 8-bit hue. */
__device__ static void turn_hue(uint8_t *pixel, int turn) {
  const int red = pixel[0], green = pixel[1], blue = pixel[2];
  const int high_rg = red > green ? red : green, low_rg = red < green ? red : green;
  const int value = high_rg > blue ? high_rg : blue, low = low_rg < blue ? low_rg : blue;
  const int range = value - low;
  if (range == 0) {
    return; /* without saturation, hue or no hue */
  }
  /* Around the circle of red, green, blue: the channel after the largest and the one before it. */
  const bool is_red = red == value, is_green = !is_red && green == value;
  const int after = is_red ? blue : is_green ? red : green, before = is_red ? green : is_green ? blue : red;
  const float ahead = (float)(value - after) / (float)range, behind = (float)(value - before) / (float)range;
  const double base = is_red ? 0.0 : is_green ? 2.0 : 4.0;
  const float sixth = (float)(base + (double)ahead - (double)behind);
  const double circle = (double)sixth / 6.0 + 1.0; /* in [5/6, 2): its fraction is the hue */
  const float hue = (float)(circle - (double)(int)circle);
  const float saturation = (float)range / (float)value;
  const int hue8 = ((int)((double)hue * 255.0) + turn) & 255;
  const int saturation8 = (int)((double)saturation * 255.0);

  const double place = (double)hue8 * 6.0 / 255.0;
  const int sector = (int)place; /* 0 to 6; 6 is 0 again */
  const float part = (float)(place - (double)sector);
  const float strength = (float)((double)saturation8 / 255.0);
  const int p = (int)((double)value * (1.0 - (double)strength) + 0.5);
  const int q = (int)((double)value * (1.0 - (double)(strength * part)) + 0.5);
  const int t = (int)((double)value * (1.0 - (double)strength * (1.0 - (double)part)) + 0.5);
  pixel[0] = (uint8_t)(sector == 1 ? q : sector == 2 || sector == 3 ? p : sector == 4 ? t : value);
  pixel[1] = (uint8_t)(sector == 1 || sector == 2 ? value : sector == 3 ? q : sector == 4 || sector == 5 ? p : t);
  pixel[2] = (uint8_t)(sector == 2 ? t : sector == 3 || sector == 4 ? value : sector == 5 ? q : p);
}

/* The view's changes of colour in their order, then its loss of colour. A thread has the same pixels in each, so that
 * threads meet for the contrast's mean alone. */
template <int CHANNELS>
__device__ static void change_colours(const ss_device_view &view, uint8_t *pixels, int64_t count) {
  const int64_t step = (int64_t)blockDim.x * CHANNELS, end = count * CHANNELS;
  uint8_t *const first = pixels + (size_t)threadIdx.x * CHANNELS, *const last = pixels + end;
  for (int i = 0; i < view.changes; i++) {
    const int change = view.change[i];
    const float factor = view.factor[change];
    if (change == SS_VIEW_HUE) {
      const int turn = (int)((double)factor * 255.0) & 255;
      for (uint8_t *pixel = first; CHANNELS == 3 && pixel < last; pixel += step) {
        turn_hue(pixel, turn);
      }
      continue;
    }
    if (change == SS_VIEW_SATURATION) {
      for (uint8_t *pixel = first; CHANNELS == 3 && pixel < last; pixel += step) {
        const int base = luma<CHANNELS>(pixel);
        for (int c = 0; c < CHANNELS; c++) {
          pixel[c] = blend(base, factor, pixel[c]);
        }
      }
      continue;
    }
    int base = 0; /* brightness */
    if (change == SS_VIEW_CONTRAST) {
      uint64_t sum = 0;
      for (const uint8_t *pixel = first; pixel < last; pixel += step) {
        sum += (uint64_t)luma<CHANNELS>(pixel);
      }
      base = (int)((double)ss_block_sum(sum) / (double)count + 0.5);
    }
    for (uint8_t *pixel = first; pixel < last; pixel += step) {
      for (int c = 0; c < CHANNELS; c++) {
        pixel[c] = blend(base, factor, pixel[c]);
      }
    }
  }
  if (CHANNELS == 3 && view.gray) {
    for (uint8_t *pixel = first; pixel < last; pixel += step) {
      const uint8_t value = (uint8_t)luma<CHANNELS>(pixel);
      for (int c = 0; c < CHANNELS; c++) {
        pixel[c] = value;
      }
    }
  }
}

#endif
