/* The loops over pixels that views spend their time in, in plain C and in AVX-512, chosen by what the processor can do.
 * Both give the same bytes. */
#ifndef SS_AUGMENT_KERNELS_H
#define SS_AUGMENT_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 16-bit weights of red, green and blue in the luma (ITU-R 601-2), which add up to 1. */
#define SS_LUMA_RED 19595
#define SS_LUMA_GREEN 38470
#define SS_LUMA_BLUE 7471
#define SS_LUMA_ROUNDING 0x8000

#define SS_BLUR_ONE_BITS 24 /* an extended box's weights add up to 1 << 24 */

/* A box of 2 * radius + 1 whole pixels and a part of one more at each end. */
typedef struct ss_extended_box {
  int radius; /* at most 100, so that a sum fits in 16 bits and its product in 32 */
  uint32_t whole;
  uint32_t part;
} ss_extended_box;

#define SS_TAP_BITS 22    /* of a resizing weight: 8 more for the pixel and 2 for weights beyond 1 fit in 32 */
#define SS_TAP_MULTIPLE 4 /* weights of an output come in groups of four; those beyond `count` are 0 */

/* The weights of one direction. Output i is the sum over k < count[i] of weight[i * stride + k] * input first[i] + k.
 */
typedef struct ss_filter_taps {
  int *first;
  int *count;
  int32_t *weight;
  int stride; /* a multiple of SS_TAP_MULTIPLE */
} ss_filter_taps;

/* `pixels` are n RGB pixels in a row, `bytes` n bytes. */
typedef struct ss_pixel_kernels {
  /* table[byte] for each byte. */
  void (*look_up)(uint8_t *bytes, size_t n, const uint8_t table[256]);
  uint64_t (*luma_sum)(const uint8_t *pixels, size_t n);
  /* luma + factor * (value - luma) for each channel, cut towards zero and clipped. */
  void (*saturate)(uint8_t *pixels, size_t n, float factor);
  void (*gray)(uint8_t *pixels, size_t n);
  /* To 8-bit hue, saturation and value, `turn` (0 to 255) added to the hue modulo 256, and back. */
  void (*turn_hue)(uint8_t *pixels, size_t n, int turn);
  /* Mirrors each of `height` rows of `width` pixels. */
  void (*mirror)(uint8_t *pixels, int width, int height);
  /* The box over source[0..2 * radius + 2], the first and last of which are the ends; n bytes. */
  void (*box)(const uint8_t *const *source, ss_extended_box box, size_t n, uint8_t *out);
  /* One output row of n bytes: `count` rows, `pitch` apart, with the weights. */
  void (*combine_rows)(const uint8_t *rows, size_t pitch, const int32_t *weight, int count, size_t n, uint8_t *out);
  /* Whether `across` can do it. */
  bool (*across_fits)(const ss_filter_taps *taps, int outputs);
  /* The horizontal pass over rows of RGB pixels, `pitch` apart, `used` bytes of each: `outputs` pixels a row without a
   * gap. */
  void (*across)(const uint8_t *rows, size_t pitch, int height, size_t used, const ss_filter_taps *taps, int outputs,
                 uint8_t *out);
} ss_pixel_kernels;

extern const ss_pixel_kernels ss_pixel_kernels_plain;

#if defined(__x86_64__)
/* AVX-512 with byte permutations and 8-bit dot products (VBMI and VNNI): Ice Lake, Zen 4 and later. */
extern const ss_pixel_kernels ss_pixel_kernels_avx512;
#endif
bool ss_pixel_kernels_have_avx512(void);

/* The fastest that this processor has. */
const ss_pixel_kernels *ss_pixel_kernels_best(void);

/* The plain versions, each beside the transform it belongs to. */
void ss_look_up_plain(uint8_t *bytes, size_t n, const uint8_t table[256]);
uint64_t ss_luma_sum_plain(const uint8_t *pixels, size_t n);
void ss_saturate_plain(uint8_t *pixels, size_t n, float factor);
void ss_gray_plain(uint8_t *pixels, size_t n);
void ss_turn_hue_plain(uint8_t *pixels, size_t n, int turn);
void ss_mirror_plain(uint8_t *pixels, int width, int height);
void ss_box_plain(const uint8_t *const *source, ss_extended_box box, size_t n, uint8_t *out);
void ss_combine_rows_plain(const uint8_t *rows, size_t pitch, const int32_t *weight, int count, size_t n, uint8_t *out);

#endif
