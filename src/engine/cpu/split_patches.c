#include "engine/cpu/split_patches.h"

#if defined(__x86_64__)

/* Floats of one image's padded row, with room to read a whole run past its end. */
static size_t padded_row(const ss_amx_convolution *s) {
  return ss_amx_round_up((size_t)(s->width + 2 * s->padding) * (size_t)s->input_channels + 32, 16);
}

size_t ss_split_patch_rows_bytes(const ss_amx_convolution *s) {
  return (size_t)(s->kernel * SS_AMX_BLOCK) * padded_row(s) * sizeof(float);
}

/* [width][16][channels] to [16][length], past the padding. */
static inline void images_apart(const float *from, float *to, int width, int channels, size_t length) {
  for (int x = 0; x < width; ++x) {
    for (int n = 0; n < SS_AMX_BLOCK; ++n) {
      for (int c = 0; c < channels; ++c) {
        to[(size_t)n * length + (size_t)(x * channels + c)] = *from++;
      }
    }
  }
}

void ss_split_patch_rows(const ss_amx_convolution *s, const float *x, int block, int row, float *rows) {
  const size_t length = padded_row(s);
  const int channels = s->input_channels;
  memset(rows, 0, ss_split_patch_rows_bytes(s));
  for (int ky = 0; ky < s->kernel; ++ky) {
    const int y = row * s->stride + ky - s->padding;
    if (y < 0 || y >= s->height) {
      continue;
    }
    const float *from = x + (size_t)(block * s->height + y) * (size_t)s->width * SS_AMX_BLOCK * (size_t)channels;
    float *to = rows + (size_t)(ky * SS_AMX_BLOCK) * length + (size_t)(s->padding * channels);
    if (channels == 3) { /* copies of constant size */
      images_apart(from, to, s->width, 3, length);
    } else {
      images_apart(from, to, s->width, channels, length);
    }
  }
}

SS_AMX void ss_split_patch(const ss_amx_convolution *s, const float *rows, int x, int n, float *patch) {
  const size_t length = padded_row(s);
  const int run = s->kernel * s->input_channels; /* at most 32 */
  const __mmask16 low = (__mmask16)(run >= 16 ? 0xFFFFu : (1u << run) - 1u);
  const __mmask16 high = (__mmask16)(run > 16 ? 0xFFFFu >> (32 - run) : 0u);
  const float *line = rows + (size_t)n * length + (size_t)(x * s->stride * s->input_channels);
  for (int ky = 0; ky < s->kernel; ++ky) {
    _mm512_mask_storeu_ps(patch + ky * run, low, _mm512_maskz_loadu_ps(low, line));
    _mm512_mask_storeu_ps(patch + ky * run + 16, high, _mm512_maskz_loadu_ps(high, line + 16));
    line += SS_AMX_BLOCK * length;
  }
}

#endif
