/* A first layer's input as patches. The pictures lie one after the other, so that a patch's part in a row is one
 * contiguous run. */
#include "engine/cpu/amx_tile.h"

#if defined(__x86_64__)

/* Bits [first, last) of 64. */
static inline uint64_t bits_between(int first, int last) {
  const uint64_t below = last >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << last) - 1;
  return first < last ? below & ~((UINT64_C(1) << first) - 1) : 0;
}

/* Up to 64 values: those of `wanted` from `from`, zeros for the others of `run`. */
SS_AMX_INLINE void copy_run(const uint16_t *from, uint64_t wanted, uint64_t run, uint16_t *to) {
  _mm512_mask_storeu_epi16(to, (__mmask32)run, _mm512_maskz_loadu_epi16((__mmask32)wanted, from));
  if (run >> 32) {
    _mm512_mask_storeu_epi16(to + 32, (__mmask32)(run >> 32),
                             _mm512_maskz_loadu_epi16((__mmask32)(wanted >> 32), from + 32));
  }
}

/* Asks for the rows that the next row of patches needs and this one does not. */
SS_AMX static void look_ahead(const ss_amx_convolution *shape, const uint16_t *x, int row) {
  const size_t length = (size_t)shape->width * (size_t)shape->input_channels;
  const int first = row * shape->stride + shape->kernel - shape->padding;
  const int last = ss_amx_min(shape->height, first + shape->stride);
  for (int n = 0; n < SS_AMX_BLOCK && first >= 0 && first < last; ++n) {
    const char *from = (const char *)(x + ((size_t)n * (size_t)shape->height + (size_t)first) * length);
    for (size_t byte = 0; byte < (size_t)(last - first) * length * sizeof *x; byte += 64) {
      _mm_prefetch(from + byte, _MM_HINT_T1);
    }
  }
}

SS_AMX void ss_amx_patches_row(const ss_amx_convolution *shape, const uint16_t *x, int row, uint16_t *patches) {
  const int kernel = shape->kernel;
  const int channels = shape->input_channels;
  const int run = kernel * channels;
  const uint64_t whole = bits_between(0, run);
  const int rest = ss_amx_patch_length(shape) - kernel * run; /* below 32 */
  const __mmask32 rest_mask = (__mmask32)bits_between(0, rest);
  const int out_width = ss_amx_convolution_out_width(shape);
  const ptrdiff_t length = (ptrdiff_t)shape->width * channels;
  const int top = row * shape->stride - shape->padding;
  const int first_row = ss_amx_max(0, -top);
  const int last_row = ss_amx_min(kernel, shape->height - top);
  look_ahead(shape, x, row);
  for (int column = 0; column < out_width; ++column) {
    const int left = column * shape->stride - shape->padding;
    const uint64_t inside =
        bits_between(ss_amx_max(0, -left) * channels, ss_amx_min(kernel, shape->width - left) * channels);
    for (int n = 0; n < SS_AMX_BLOCK; ++n) {
      const uint16_t *from = x + ((ptrdiff_t)n * shape->height + top) * length + (ptrdiff_t)left * channels;
      for (int ky = 0; ky < kernel; ++ky) {
        copy_run(from + ky * length, ky >= first_row && ky < last_row ? inside : 0, whole, patches + ky * run);
      }
      _mm512_mask_storeu_epi16(patches + kernel * run, rest_mask, _mm512_setzero_si512());
      patches += kernel * run + rest;
    }
  }
}

#endif
