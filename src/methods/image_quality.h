/* How near a picture is to another: PSNR and SSIM, of numbers in memory and in the graph. Both give scikit-image's
 * numbers (peak_signal_noise_ratio, structural_similarity). */
#ifndef SS_METHODS_IMAGE_QUALITY_H
#define SS_METHODS_IMAGE_QUALITY_H

#include "engine/operations.h"

/* The window in which SSIM compares. */
typedef enum ss_ssim_window {
  SS_SSIM_UNIFORM, /* 7x7, unbiased variances: scikit-image's default */
  SS_SSIM_GAUSSIAN /* 11x11, deviation 1.5 (Wang et al., Image Quality Assessment: From Error Visibility to Structural
                    * Similarity, IEEE TIP 2004, section III.C): what papers on super-resolution report */
} ss_ssim_window;

/* Pixels a side of the window: what a picture must have at least. */
int ss_ssim_side(ss_ssim_window window);

/* 10 log10(range^2 / mean squared difference) in dB; infinite for equal arrays. */
double ss_psnr(const float *a, const float *b, size_t count, double range);

/* The mean over the windows that lie inside the pictures (height, width, channels), and over the channels, of Wang et
 * al.'s equation 13 with K1 = 0.01 and K2 = 0.03. SS_USAGE when a picture is smaller than the window. */
ss_status ss_ssim(const float *a, const float *b, int height, int width, int channels, double range,
                  ss_ssim_window window, double *out, ss_error *error);

/* In the graph: the mean over the batch of each picture's own measure, a float32 scalar. Values of the pictures (N, H,
 * W, C), or for SSIM (N, H, W, 1), lie within a range of `range`. A picture that equals the other counts as 100 dB. */
ss_tensor *ss_psnr_mean(ss_graph *graph, ss_tensor *a, ss_tensor *b, float range);
ss_tensor *ss_ssim_mean(ss_graph *graph, ss_tensor *a, ss_tensor *b, float range, ss_ssim_window window);

/* RGB in 0..1 (N, H, W, 3) -> luma (N, H, W, 1) in 16/255..235/255: Y of ITU-R BT.601 as MATLAB's rgb2ycbcr has it, on
 * which papers on super-resolution measure. */
ss_tensor *ss_luma(ss_graph *graph, ss_tensor *pictures);

#endif
