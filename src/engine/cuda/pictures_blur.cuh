/* Inside engine/cuda/pictures.cu: Gaussian blur by three extended boxes a direction (Gwosdek et al., SSVM 2011), bit
 * for bit as augment/blur.c does it and therefore Pillow. */
#ifndef SS_ENGINE_CUDA_PICTURES_BLUR_CUH
#define SS_ENGINE_CUDA_PICTURES_BLUR_CUH

#include "engine/cuda/pictures_rows.cuh"

enum { BLUR_PASSES = 3, BLUR_BITS = 24 };

/* A box of 2 * radius + 1 whole pixels and a part of one more at each end; the weights add up to 1 << BLUR_BITS. */
struct extended_box {
  int radius;
  uint32_t whole, part;
};

/* Equations 7, 11 and 14 of the paper, for a third of the variance; single precision, as in Pillow. */
__device__ static extended_box box_make(float sigma) {
  const float variance = sigma * sigma / (float)BLUR_PASSES;
  const float length = (float)sqrt(12.0 * (double)variance + 1.0);
  const float whole = (float)floor(((double)length - 1.0) / 2.0);
  float part = (2.0f * whole + 1.0f) * (whole * (whole + 1.0f) - 3.0f * variance);
  part /= 6.0f * (variance - (whole + 1.0f) * (whole + 1.0f));
  const float radius = whole + part;
  extended_box box;
  box.radius = (int)radius;
  box.whole = (uint32_t)((float)(1u << BLUR_BITS) / (radius * 2.0f + 1.0f));
  box.part = ((1u << BLUR_BITS) - (2u * (uint32_t)box.radius + 1u) * box.whole) / 2u;
  return box;
}

/* The box around place `at` of a line of bytes at places 0..last, `step` apart, whose ends repeat. */
__device__ static __forceinline__ uint8_t box_at(const uint8_t *line, int at, int last, size_t step,
                                                 const extended_box &box) {
  const int reach = box.radius + 1;
  uint32_t sum = 0;
  for (int i = at - reach + 1; i < at + reach; i++) {
    sum += line[step * (i < 0 ? 0 : i > last ? last : i)];
  }
  const uint32_t both = (uint32_t)line[step * (at < reach ? 0 : at - reach)] +
                        (uint32_t)line[step * (at > last - reach ? last : at + reach)];
  return (uint8_t)((sum * box.whole + both * box.part + (1u << (BLUR_BITS - 1))) >> BLUR_BITS);
}

/* Blurs the view in `pixels`; `other` has the same room. The view is whole when all threads have left and met, and must
 * be before. */
template <int CHANNELS>
__device__ static void blur(float sigma, int size, uint8_t *pixels, uint8_t *other) {
  const extended_box box = box_make(sigma);
  const int row = size * CHANNELS, last = size - 1;
  for (int pass = 0; pass < 2 * BLUR_PASSES; pass++) { /* an even number: the last one writes to `pixels` */
    const uint8_t *from = pass % 2 ? other : pixels;
    uint8_t *to = pass % 2 ? pixels : other;
    for (int y = first_row(); y < size; y += row_step()) {
      const uint8_t *line = from + (size_t)row * y;
      for (int j = first_column(); j < row; j += SS_CUDA_WARP) {
        to[(size_t)row * y + j] = pass < BLUR_PASSES ? box_at(line + j % CHANNELS, j / CHANNELS, last, CHANNELS, box)
                                                     : box_at(from + j, y, last, (size_t)row, box);
      }
    }
    __syncthreads();
  }
}

#endif
