/* A first layer's input as patches. The kernel's rows of one block of images are first laid out one image after the
 * other with their padding, where a patch's part in a row is one contiguous run. */
#include "engine/cpu/amx_tile.h"

#if defined(__x86_64__)

/* Values of one image's padded row. */
static size_t row_length(const ss_amx_convolution *shape) {
  return ss_amx_round_up((size_t)(shape->width + 2 * shape->padding) * (size_t)shape->input_channels, 32);
}

size_t ss_amx_patches_scratch(const ss_amx_convolution *shape) {
  return (size_t)shape->kernel * SS_AMX_BLOCK * row_length(shape) * sizeof(uint16_t);
}

/* [width][16][channels] to [16][length], past the padding. */
static inline void images_apart(const uint16_t *from, uint16_t *to, int width, int channels, size_t length) {
  for (int x = 0; x < width; ++x) {
    for (int n = 0; n < SS_AMX_BLOCK; ++n) {
      memcpy(to + (size_t)n * length + (size_t)x * (size_t)channels, from, (size_t)channels * sizeof *from);
      from += channels;
    }
  }
}

SS_AMX static void gather_patches(const ss_amx_convolution *shape, const uint16_t *rows, uint16_t *patches) {
  const int kernel = shape->kernel;
  const size_t length = row_length(shape);
  const size_t run = (size_t)kernel * (size_t)shape->input_channels;
  const size_t patch_length = (size_t)ss_amx_patch_length(shape);
  const __mmask32 mask = (__mmask32)(0xFFFFFFFFu >> (32 - run));
  const int out_width = ss_amx_convolution_out_width(shape);
  for (int x = 0; x < out_width; ++x) {
    const uint16_t *from = rows + (size_t)x * (size_t)shape->stride * (size_t)shape->input_channels;
    for (int n = 0; n < SS_AMX_BLOCK; ++n) {
      memset(patches + patch_length - 32, 0, 32 * sizeof *patches);
      for (int ky = 0; ky < kernel; ++ky) {
        const __m512i values = _mm512_maskz_loadu_epi16(mask, from + (size_t)(ky * SS_AMX_BLOCK + n) * length);
        _mm512_mask_storeu_epi16(patches + (size_t)ky * run, mask, values);
      }
      patches += patch_length;
    }
  }
}

void ss_amx_patches_row(const ss_amx_convolution *shape, const uint16_t *x, int row, uint16_t *patches, void *scratch) {
  const size_t length = row_length(shape);
  const int channels = shape->input_channels;
  const size_t row_size = (size_t)shape->width * SS_AMX_BLOCK * (size_t)channels;
  uint16_t *rows = scratch;
  memset(rows, 0, ss_amx_patches_scratch(shape));
  for (int ky = 0; ky < shape->kernel; ++ky) {
    const int y = row * shape->stride + ky - shape->padding;
    if (y < 0 || y >= shape->height) {
      continue;
    }
    const uint16_t *from = x + (size_t)y * row_size;
    uint16_t *to = rows + (size_t)ky * SS_AMX_BLOCK * length + (size_t)(shape->padding * channels);
    switch (channels) { /* a copy of constant size each */
      case 1:
        images_apart(from, to, shape->width, 1, length);
        break;
      case 2:
        images_apart(from, to, shape->width, 2, length);
        break;
      case 3:
        images_apart(from, to, shape->width, 3, length);
        break;
      default:
        images_apart(from, to, shape->width, 4, length);
        break;
    }
  }
  gather_patches(shape, rows, patches);
}

#endif
