#include "augment/components.h"

#include "base/compiler.h"

#include <math.h>

void ss_colour_sums_add(ss_colour_sums *sums, const ss_image *image) {
  const int64_t pixels = (int64_t)image->width * image->height;
  uint64_t sum[3] = {0}, product[6] = {0};
  for (int64_t i = 0; i < pixels; i++) {
    const uint8_t *pixel = image->pixels + i * image->channels;
    const uint32_t red = pixel[0], green = image->channels == 3 ? pixel[1] : red,
                   blue = image->channels == 3 ? pixel[2] : red;
    sum[0] += red;
    sum[1] += green;
    sum[2] += blue;
    product[0] += red * red;
    product[1] += red * green;
    product[2] += red * blue;
    product[3] += green * green;
    product[4] += green * blue;
    product[5] += blue * blue;
  }
  static const int place[3][3] = {{0, 1, 2}, {1, 3, 4}, {2, 4, 5}};
  sums->count += (double)pixels;
  for (int i = 0; i < 3; i++) {
    sums->sum[i] += (double)sum[i];
    for (int k = 0; k < 3; k++) {
      sums->product[i][k] += (double)product[place[i][k]];
    }
  }
}

/* One Jacobi rotation that makes a[p][q] zero (Golub and Van Loan, "Matrix Computations", section 8.5.2). */
static void rotate(double a[3][3], double vectors[3][3], int p, int q) {
  if (a[p][q] == 0.0) {
    return;
  }
  const double tau = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
  const double tangent = (tau >= 0.0 ? 1.0 : -1.0) / (fabs(tau) + sqrt(1.0 + tau * tau));
  const double cosine = 1.0 / sqrt(1.0 + tangent * tangent), sine = tangent * cosine;
  for (int k = 0; k < 3; k++) {
    const double left = a[k][p], right = a[k][q];
    a[k][p] = cosine * left - sine * right;
    a[k][q] = sine * left + cosine * right;
  }
  for (int k = 0; k < 3; k++) {
    const double upper = a[p][k], lower = a[q][k];
    a[p][k] = cosine * upper - sine * lower;
    a[q][k] = sine * upper + cosine * lower;
  }
  for (int k = 0; k < 3; k++) { /* rows are the vectors */
    const double upper = vectors[p][k], lower = vectors[q][k];
    vectors[p][k] = cosine * upper - sine * lower;
    vectors[q][k] = sine * upper + cosine * lower;
  }
}

ss_colour_components ss_colour_components_of(const ss_colour_sums *sums) {
  ss_colour_components components = {.vectors = {{1.0f, 0.0f, 0.0f}, {0.0f, 1.0f, 0.0f}, {0.0f, 0.0f, 1.0f}}};
  if (sums->count < 1.0) {
    return components;
  }
  enum { sweeps = 30 }; /* convergence is quadratic: five do */
  double covariance[3][3], vectors[3][3] = {{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}, {0.0, 0.0, 1.0}};
  for (int i = 0; i < 3; i++) {
    components.mean[i] = (float)(sums->sum[i] / sums->count);
    for (int k = 0; k < 3; k++) {
      covariance[i][k] = sums->product[i][k] / sums->count - sums->sum[i] / sums->count * (sums->sum[k] / sums->count);
    }
  }
  for (int sweep = 0; sweep < sweeps; sweep++) {
    rotate(covariance, vectors, 0, 1);
    rotate(covariance, vectors, 0, 2);
    rotate(covariance, vectors, 1, 2);
  }
  int order[3] = {0, 1, 2};
  for (int i = 0; i < 2; i++) {
    for (int k = 0; k < 2 - i; k++) {
      if (covariance[order[k]][order[k]] < covariance[order[k + 1]][order[k + 1]]) {
        const int held = order[k];
        order[k] = order[k + 1];
        order[k + 1] = held;
      }
    }
  }
  for (int i = 0; i < 3; i++) {
    components.deviations[i] = (float)sqrt(fmax(covariance[order[i]][order[i]], 0.0));
    for (int k = 0; k < 3; k++) {
      components.vectors[i][k] = (float)vectors[order[i]][k];
    }
  }
  return components;
}

static inline uint8_t clipped(float value) {
  const float above = value > 0.0f ? value : 0.0f;
  return (uint8_t)((above < 255.0f ? above : 255.0f) + 0.5f);
}

SS_MULTIVERSION static void transform(uint8_t *pixels, size_t count, const float m[3][3], const float offset[3]) {
  for (size_t i = 0; i < count; i++) {
    const float red = pixels[3 * i], green = pixels[3 * i + 1], blue = pixels[3 * i + 2];
    pixels[3 * i] = clipped(m[0][0] * red + m[0][1] * green + m[0][2] * blue + offset[0]);
    pixels[3 * i + 1] = clipped(m[1][0] * red + m[1][1] * green + m[1][2] * blue + offset[1]);
    pixels[3 * i + 2] = clipped(m[2][0] * red + m[2][1] * green + m[2][2] * blue + offset[2]);
  }
}

/* mean + V diag(factors) V^T (pixel - mean) as one matrix and an offset. */
void ss_scale_components(ss_image *image, const ss_colour_components *components, const float factors[3]) {
  const size_t pixels = (size_t)image->width * (size_t)image->height;
  if (image->channels == 1) {
    const float *means = components->mean, mean = (means[0] + means[1] + means[2]) / 3.0f;
    for (size_t i = 0; i < pixels; i++) {
      image->pixels[i] = clipped(mean + factors[0] * ((float)image->pixels[i] - mean));
    }
    return;
  }
  float matrix[3][3] = {{0.0f}}, offset[3];
  for (int i = 0; i < 3; i++) {
    offset[i] = components->mean[i];
    for (int k = 0; k < 3; k++) {
      for (int v = 0; v < 3; v++) {
        matrix[i][k] += factors[v] * components->vectors[v][i] * components->vectors[v][k];
      }
      offset[i] -= matrix[i][k] * components->mean[k];
    }
  }
  transform(image->pixels, pixels, (const float(*)[3])matrix, offset);
}
