#include "augment/kernels.h"

/* The plain way takes working memory and is in resize.c. */
static bool never_fits(const ss_filter_taps *taps, int outputs) {
  (void)taps;
  (void)outputs;
  return false;
}

const ss_pixel_kernels ss_pixel_kernels_plain = {.look_up = ss_look_up_plain,
                                                 .luma_sum = ss_luma_sum_plain,
                                                 .saturate = ss_saturate_plain,
                                                 .gray = ss_gray_plain,
                                                 .turn_hue = ss_turn_hue_plain,
                                                 .mirror = ss_mirror_plain,
                                                 .box = ss_box_plain,
                                                 .combine_rows = ss_combine_rows_plain,
                                                 .across_fits = never_fits};

bool ss_pixel_kernels_have_avx512(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

const ss_pixel_kernels *ss_pixel_kernels_best(void) {
#if defined(__x86_64__)
  if (ss_pixel_kernels_have_avx512()) {
    return &ss_pixel_kernels_avx512;
  }
#endif
  return &ss_pixel_kernels_plain;
}
