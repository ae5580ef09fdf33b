#include "methods/image_quality.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { uniform_side = 7, gaussian_side = 11, most_side = gaussian_side };
static const double gaussian_deviation = 1.5, k1 = 0.01, k2 = 0.03;
static const float least_error = 1e-10f; /* of PSNR in the graph, as a part of range^2: 100 dB */

int ss_ssim_side(ss_ssim_window window) {
  return window == SS_SSIM_UNIFORM ? uniform_side : gaussian_side;
}

/* One side's weights, which add up to 1: the window is their outer product. */
static void window_weights(ss_ssim_window window, double weights[most_side]) {
  const int side = ss_ssim_side(window);
  double sum = 0.0;
  for (int i = 0; i < side; i++) {
    const double x = (i - side / 2) / gaussian_deviation;
    weights[i] = window == SS_SSIM_UNIFORM ? 1.0 : exp(-0.5 * x * x);
    sum += weights[i];
  }
  for (int i = 0; i < side; i++) {
    weights[i] /= sum;
  }
}

/* scikit-image's uniform window has unbiased variances. */
static double variance_factor(ss_ssim_window window) {
  const double pixels = (double)ss_ssim_side(window) * ss_ssim_side(window);
  return window == SS_SSIM_UNIFORM ? pixels / (pixels - 1.0) : 1.0;
}

/* ---- in memory ---- */

double ss_psnr(const float *a, const float *b, size_t count, double range) {
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) {
    const double difference = (double)a[i] - (double)b[i];
    sum += difference * difference;
  }
  return 10.0 * log10(range * range * (double)count / sum);
}

/* What SSIM is made of in one window: the weighted means of a, b, a^2, b^2 and ab. */
typedef enum moment { OF_A, OF_B, OF_AA, OF_BB, OF_AB, MOMENTS } moment;

static double similarity(const double m[MOMENTS], double range, double factor) {
  const double c1 = k1 * range * k1 * range, c2 = k2 * range * k2 * range;
  const double of_a = factor * (m[OF_AA] - m[OF_A] * m[OF_A]), of_b = factor * (m[OF_BB] - m[OF_B] * m[OF_B]);
  const double both = factor * (m[OF_AB] - m[OF_A] * m[OF_B]);
  return (2.0 * m[OF_A] * m[OF_B] + c1) * (2.0 * both + c2) /
         ((m[OF_A] * m[OF_A] + m[OF_B] * m[OF_B] + c1) * (of_a + of_b + c2));
}

/* A row of moments, each a column of the window summed from row y on: columns[moment * width + x]. */
static void sum_columns(const float *a, const float *b, int width, int channels, int side, const double *weights,
                        double *columns) {
  for (int x = 0; x < width; x++) {
    double sums[MOMENTS] = {0};
    for (int i = 0; i < side; i++) {
      const size_t at = ((size_t)i * (size_t)width + (size_t)x) * (size_t)channels;
      const double p = (double)a[at], q = (double)b[at];
      const double values[MOMENTS] = {p, q, p * p, q * q, p * q};
      for (int m = 0; m < MOMENTS; m++) {
        sums[m] += weights[i] * values[m];
      }
    }
    for (int m = 0; m < MOMENTS; m++) {
      columns[m * width + x] = sums[m];
    }
  }
}

ss_status ss_ssim(const float *a, const float *b, int height, int width, int channels, double range,
                  ss_ssim_window window, double *out, ss_error *error) {
  const int side = ss_ssim_side(window);
  if (height < side || width < side || channels < 1) {
    return ss_fail(error, SS_USAGE, "SSIM compares windows of %d x %d pixels, more than a picture of %d x %d has", side,
                   side, width, height);
  }
  double weights[most_side], *columns = NULL, sum = 0.0;
  window_weights(window, weights);
  SS_TRY(ss_alloc((void **)&columns, (size_t)MOMENTS * (size_t)width, sizeof *columns, "SSIM", error));
  for (int c = 0; c < channels; c++) {
    for (int y = 0; y + side <= height; y++) {
      const size_t row = (size_t)y * (size_t)width * (size_t)channels + (size_t)c;
      sum_columns(a + row, b + row, width, channels, side, weights, columns);
      for (int x = 0; x + side <= width; x++) {
        double moments[MOMENTS] = {0};
        for (int m = 0; m < MOMENTS; m++) {
          for (int i = 0; i < side; i++) {
            moments[m] += weights[i] * columns[m * width + x + i];
          }
        }
        sum += similarity(moments, range, variance_factor(window));
      }
    }
  }
  free(columns);
  *out = sum / ((double)channels * (height - side + 1) * (width - side + 1));
  return SS_OK;
}

/* ---- in the graph ---- */

ss_tensor *ss_luma(ss_graph *graph, ss_tensor *pictures) {
  static const float weights[3] = {65.481f / 255.0f, 128.553f / 255.0f, 24.966f / 255.0f};
  ss_tensor *weighted = ss_multiply(graph, pictures, ss_graph_constant(graph, ss_shape_of(3), weights));
  return ss_affine(graph, ss_reduce_sum(graph, weighted, 1u << 3, true), 1.0f, 16.0f / 255.0f);
}

ss_tensor *ss_psnr_mean(ss_graph *graph, ss_tensor *a, ss_tensor *b, float range) {
  if (!a || !b) {
    return NULL;
  }
  const unsigned all_but_first = (1u << ss_tensor_rank(a)) - 2;
  ss_tensor *difference = ss_subtract(graph, ss_cast(graph, a, SS_F32), ss_cast(graph, b, SS_F32));
  ss_tensor *error = ss_reduce_mean(graph, ss_square(graph, difference), all_but_first, false);
  /* max(error, least) = least + relu(error - least) */
  ss_tensor *above = ss_relu(graph, ss_affine(graph, error, 1.0f / (range * range), -least_error));
  ss_tensor *decibels =
      ss_affine(graph, ss_log(graph, ss_affine(graph, above, 1.0f, least_error)), (float)(-10.0 / log(10.0)), 0.0f);
  return ss_reduce_mean(graph, decibels, 1u, false);
}

/* (length, length - side + 1): a row times it is the row's weighted means in every window. */
static ss_tensor *window_matrix(ss_graph *graph, int64_t length, ss_ssim_window window) {
  const int side = ss_ssim_side(window);
  const int64_t windows = length - side + 1;
  double weights[most_side];
  window_weights(window, weights);
  float *values = calloc((size_t)(length * windows), sizeof *values);
  if (!values) {
    return NULL;
  }
  for (int64_t to = 0; to < windows; to++) {
    for (int i = 0; i < side; i++) {
      values[(to + i) * windows + to] = (float)weights[i];
    }
  }
  ss_tensor *matrix = ss_graph_constant(graph, ss_shape_of(length, windows), values);
  free(values);
  return matrix;
}

/* (N, H, W, 1) -> (N, W', H'): the weighted mean of each window, one side after the other. As products in float32, for
 * a convolution would be in bf16 and a variance is a small difference. */
static ss_tensor *windows_of(ss_graph *graph, ss_tensor *x, ss_tensor *of_width, ss_tensor *of_height) {
  if (!x || !of_width || !of_height) {
    return NULL;
  }
  const int64_t n = ss_tensor_dim(x, 0), height = ss_tensor_dim(x, 1), width = ss_tensor_dim(x, 2);
  const int64_t across = ss_tensor_dim(of_width, 1), down = ss_tensor_dim(of_height, 1);
  ss_tensor *rows = ss_reshape(graph, x, ss_shape_of(n * height, width));
  rows = ss_matmul(graph, rows, false, of_width, false, 1.0f);
  ss_tensor *turned = ss_transpose(graph, ss_reshape(graph, rows, ss_shape_of(n, height, across)), (int[]){0, 2, 1});
  turned = ss_reshape(graph, turned, ss_shape_of(n * across, height));
  return ss_reshape(graph, ss_matmul(graph, turned, false, of_height, false, 1.0f), ss_shape_of(n, across, down));
}

ss_tensor *ss_ssim_mean(ss_graph *graph, ss_tensor *a, ss_tensor *b, float range, ss_ssim_window window) {
  const int side = ss_ssim_side(window);
  if (!a || !b || ss_tensor_rank(a) != 4 || ss_tensor_dim(a, 3) != 1 || ss_tensor_dim(a, 1) < side ||
      ss_tensor_dim(a, 2) < side) {
    return NULL;
  }
  ss_tensor *of_height = window_matrix(graph, ss_tensor_dim(a, 1), window);
  ss_tensor *of_width = window_matrix(graph, ss_tensor_dim(a, 2), window);
  /* around the middle of the range, so that squares are small; variances do not change */
  ss_tensor *p = ss_affine(graph, ss_cast(graph, a, SS_F32), 1.0f, -0.5f * range);
  ss_tensor *q = ss_affine(graph, ss_cast(graph, b, SS_F32), 1.0f, -0.5f * range);
  ss_tensor *mean_p = windows_of(graph, p, of_width, of_height), *mean_q = windows_of(graph, q, of_width, of_height);
  const float factor = (float)variance_factor(window);
  const float c1 = (float)(k1 * k1) * range * range, c2 = (float)(k2 * k2) * range * range;
  ss_tensor *squares = ss_add(graph, ss_square(graph, p), ss_square(graph, q));
  ss_tensor *both = windows_of(graph, ss_multiply(graph, p, q), of_width, of_height);
  ss_tensor *sum = windows_of(graph, squares, of_width, of_height);
  ss_tensor *mean_squares = ss_add(graph, ss_square(graph, mean_p), ss_square(graph, mean_q));
  ss_tensor *covariance = ss_affine(graph, ss_subtract(graph, both, ss_multiply(graph, mean_p, mean_q)), factor, 0.0f);
  ss_tensor *variances = ss_affine(graph, ss_subtract(graph, sum, mean_squares), factor, 0.0f);
  ss_tensor *mu_p = ss_affine(graph, mean_p, 1.0f, 0.5f * range), *mu_q = ss_affine(graph, mean_q, 1.0f, 0.5f * range);
  ss_tensor *mu_squares = ss_add(graph, ss_square(graph, mu_p), ss_square(graph, mu_q));
  ss_tensor *above = ss_multiply(graph, ss_affine(graph, ss_multiply(graph, mu_p, mu_q), 2.0f, c1),
                                 ss_affine(graph, covariance, 2.0f, c2));
  ss_tensor *below = ss_multiply(graph, ss_affine(graph, mu_squares, 1.0f, c1), ss_affine(graph, variances, 1.0f, c2));
  return ss_reduce_mean(graph, ss_divide(graph, above, below), 7u, false);
}
