#include "augment/warp.h"

#include "base/compiler.h"

#include <math.h>
#include <string.h>

/* ---- homographies ---- */

ss_homography ss_homography_affine(const ss_affine_parameters *parameters, double centre_x, double centre_y) {
  const double turned = parameters->rotation, sheared = parameters->rotation + parameters->shear;
  const double a = parameters->scale * cos(turned), b = -parameters->scale * sin(sheared);
  const double c = parameters->scale * sin(turned), d = parameters->scale * cos(sheared);
  const double x = centre_x + parameters->translation[0] - a * centre_x - b * centre_y;
  const double y = centre_y + parameters->translation[1] - c * centre_x - d * centre_y;
  return (ss_homography){{a, b, x, c, d, y, 0.0, 0.0, 1.0}};
}

enum { unknowns = 8 };

/* Gaussian elimination with partial pivoting on the augmented system. */
static bool solve(double system[unknowns][unknowns + 1], double solution[unknowns]) {
  for (int column = 0; column < unknowns; column++) {
    int pivot = column;
    for (int row = column + 1; row < unknowns; row++) {
      pivot = fabs(system[row][column]) > fabs(system[pivot][column]) ? row : pivot;
    }
    if (!(fabs(system[pivot][column]) > 1e-10)) {
      return false;
    }
    for (int k = 0; k <= unknowns; k++) {
      const double held = system[column][k];
      system[column][k] = system[pivot][k];
      system[pivot][k] = held;
    }
    for (int row = column + 1; row < unknowns; row++) {
      const double factor = system[row][column] / system[column][column];
      for (int k = column; k <= unknowns; k++) {
        system[row][k] -= factor * system[column][k];
      }
    }
  }
  for (int row = unknowns - 1; row >= 0; row--) {
    double sum = system[row][unknowns];
    for (int k = row + 1; k < unknowns; k++) {
      sum -= system[row][k] * solution[k];
    }
    solution[row] = sum / system[row][row];
  }
  return true;
}

/* Twice the area of the triangle. */
static double triangle(const double a[2], const double b[2], const double c[2]) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/* Takes points to where their mean is zero and their mean square length two, so that the system's numbers are alike
 * (Hartley and Zisserman, section 4.4.4). False where three of them lie on a line. */
static bool conditioned(const double points[4][2], double scaled[4][2], ss_homography *scaling) {
  double centre[2] = {0.0, 0.0}, square = 0.0;
  for (int i = 0; i < 4; i++) {
    centre[0] += 0.25 * points[i][0];
    centre[1] += 0.25 * points[i][1];
  }
  for (int i = 0; i < 4; i++) {
    square += 0.25 * (pow(points[i][0] - centre[0], 2.0) + pow(points[i][1] - centre[1], 2.0));
  }
  const double scale = sqrt(2.0 / square);
  for (int i = 0; i < 4; i++) {
    for (int k = 0; k < 2; k++) {
      scaled[i][k] = scale * (points[i][k] - centre[k]);
    }
  }
  *scaling = (ss_homography){{scale, 0.0, -scale * centre[0], 0.0, scale, -scale * centre[1], 0.0, 0.0, 1.0}};
  for (int i = 0; i < 4; i++) {
    if (!(fabs(triangle(scaled[i], scaled[(i + 1) % 4], scaled[(i + 2) % 4])) > 1e-9)) {
      return false;
    }
  }
  return true;
}

/* The last element one, where it can be. */
static void normalise(ss_homography *homography) {
  const double last = homography->matrix[8];
  double largest = 0.0;
  for (int i = 0; i < 9; i++) {
    largest = fmax(largest, fabs(homography->matrix[i]));
  }
  if (fabs(last) > 1e-12 * largest) {
    for (int i = 0; i < 9; i++) {
      homography->matrix[i] /= last;
    }
  }
}

bool ss_homography_from_points(const double from[4][2], const double to[4][2], ss_homography *out) {
  double source[4][2], target[4][2];
  ss_homography of_source, of_target, back;
  if (!conditioned(from, source, &of_source) || !conditioned(to, target, &of_target)) {
    return false;
  }
  double system[unknowns][unknowns + 1];
  for (int i = 0; i < 4; i++) {
    const double x = source[i][0], y = source[i][1], u = target[i][0], v = target[i][1];
    const double of_u[] = {x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u};
    const double of_v[] = {0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v};
    memcpy(system[2 * i], of_u, sizeof of_u);
    memcpy(system[2 * i + 1], of_v, sizeof of_v);
  }
  ss_homography inner = {.matrix = {[8] = 1.0}};
  if (!solve(system, inner.matrix) || !ss_homography_invert(&of_target, &back)) {
    return false;
  }
  inner = ss_homography_compose(&inner, &of_source);
  *out = ss_homography_compose(&back, &inner);
  normalise(out);
  return true;
}

ss_homography ss_homography_compose(const ss_homography *second, const ss_homography *first) {
  ss_homography product = {.matrix = {0.0}};
  for (int row = 0; row < 3; row++) {
    for (int column = 0; column < 3; column++) {
      for (int k = 0; k < 3; k++) {
        product.matrix[3 * row + column] += second->matrix[3 * row + k] * first->matrix[3 * k + column];
      }
    }
  }
  return product;
}

bool ss_homography_invert(const ss_homography *homography, ss_homography *out) {
  const double *m = homography->matrix;
  const ss_homography adjugate = {{m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                                   m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                                   m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]}};
  const double determinant = m[0] * adjugate.matrix[0] + m[1] * adjugate.matrix[3] + m[2] * adjugate.matrix[6];
  if (!(fabs(determinant) > 1e-12) || !isfinite(determinant)) {
    return false;
  }
  for (int i = 0; i < 9; i++) {
    out->matrix[i] = adjugate.matrix[i] / determinant;
  }
  normalise(out);
  return true;
}

bool ss_homography_apply(const ss_homography *homography, double x, double y, double to[2]) {
  const double *m = homography->matrix;
  const double w = m[6] * x + m[7] * y + m[8];
  to[0] = (m[0] * x + m[1] * y + m[2]) / w;
  to[1] = (m[3] * x + m[4] * y + m[5]) / w;
  return w > 0.0 && isfinite(to[0]) && isfinite(to[1]);
}

/* ---- pixels ---- */

enum { piece = 128 /* pixels of a row whose places are found at a time */ };

/* Points beyond are as good as at infinity. */
static const double far_away = 1e6;

/* Where the pixels' centres of a part of a row come from, in pixels from the first pixel's centre. */
typedef struct places {
  double x[piece], y[piece];
} places;

/* NaN fails both comparisons and becomes -far. */
static inline double within(double value) {
  return value >= -far_away ? (value <= far_away ? value : far_away) : -far_away;
}

/* The point's mirror image in 0..side, then the pixel's number: -0.5 to side - 0.5. */
static inline double mirrored(double value, double side) {
  const double turn = value - 2.0 * side * floor(value / (2.0 * side));
  return (turn > side ? 2.0 * side - turn : turn) - 0.5;
}

SS_MULTIVERSION static void find_places(const ss_homography *h, int left, int y, int count, places *at) {
  const double *m = h->matrix;
  const double row = y + 0.5, u = m[1] * row + m[2], v = m[4] * row + m[5], w = m[7] * row + m[8];
  for (int i = 0; i < count; i++) {
    const double x = left + i + 0.5, depth = m[6] * x + w;
    const double scale = depth > 0.0 ? 1.0 / depth : INFINITY;
    at->x[i] = within((m[0] * x + u) * scale);
    at->y[i] = within((m[3] * x + v) * scale);
  }
}

SS_MULTIVERSION static void mirror_places(int width, int height, int count, places *at) {
  for (int i = 0; i < count; i++) {
    at->x[i] = mirrored(at->x[i], width);
    at->y[i] = mirrored(at->y[i], height);
  }
}

/* Both neighbours of a place are pixels: at the very edge, the edge pixel twice, which is the mirror image. */
static inline void sample_inside(const ss_image *in, double x, double y, uint8_t *out, const int channels) {
  const int column = (int)floor(x), row = (int)floor(y);
  const float right = (float)(x - column), below = (float)(y - row);
  const int left = column < 0 ? 0 : column, top = row < 0 ? 0 : row;
  const int next = column + 1 < in->width ? column + 1 : in->width - 1;
  const int under = row + 1 < in->height ? row + 1 : in->height - 1;
  const uint8_t *upper = in->pixels + (ptrdiff_t)top * in->width * channels;
  const uint8_t *lower = in->pixels + (ptrdiff_t)under * in->width * channels;
  for (int c = 0; c < channels; c++) {
    const float a = upper[left * channels + c], b = upper[next * channels + c];
    const float d = lower[left * channels + c], e = lower[next * channels + c];
    const float over = a + right * (b - a), beneath = d + right * (e - d);
    out[c] = (uint8_t)(over + below * (beneath - over) + 0.5f);
  }
}

static inline float pixel_or(const ss_image *in, int x, int y, int c, const int channels, float colour) {
  return x >= 0 && y >= 0 && x < in->width && y < in->height
             ? (float)in->pixels[((ptrdiff_t)y * in->width + x) * channels + c]
             : colour;
}

static inline void sample_anywhere(const ss_image *in, double x, double y, const uint8_t *colour, uint8_t *out,
                                   const int channels) {
  const int left = (int)floor(x), top = (int)floor(y);
  const float right = (float)(x - left), below = (float)(y - top);
  for (int c = 0; c < channels; c++) {
    const float a = pixel_or(in, left, top, c, channels, colour[c]);
    const float b = pixel_or(in, left + 1, top, c, channels, colour[c]);
    const float d = pixel_or(in, left, top + 1, c, channels, colour[c]);
    const float e = pixel_or(in, left + 1, top + 1, c, channels, colour[c]);
    const float over = a + right * (b - a), beneath = d + right * (e - d);
    out[c] = (uint8_t)(over + below * (beneath - over) + 0.5f);
  }
}

/* Inlined with `channels` known. */
static inline void fill(const ss_image *in, const ss_homography *to_source, ss_border border, const uint8_t *colour,
                        ss_image *out, const int channels) {
  places at;
  uint8_t *to = out->pixels;
  for (int y = 0; y < out->height; y++) {
    for (int left = 0; left < out->width; left += piece) {
      const int count = out->width - left < piece ? out->width - left : piece;
      find_places(to_source, left, y, count, &at);
      if (border == SS_BORDER_REFLECT) {
        mirror_places(in->width, in->height, count, &at);
        for (int i = 0; i < count; i++, to += channels) {
          sample_inside(in, at.x[i], at.y[i], to, channels);
        }
      } else {
        for (int i = 0; i < count; i++, to += channels) {
          sample_anywhere(in, at.x[i] - 0.5, at.y[i] - 0.5, colour, to, channels);
        }
      }
    }
  }
}

ss_status ss_warp(const ss_image *in, const ss_homography *to_source, int width, int height, ss_border border,
                  const uint8_t colour[3], ss_image *out, ss_error *error) {
  static const uint8_t black[3] = {0, 0, 0};
  if (width < 1 || height < 1 || width > SS_IMAGE_MAX_SIDE || height > SS_IMAGE_MAX_SIDE) {
    return ss_fail(error, SS_USAGE, "a warp to %d x %d pixels: sides must be 1 to %d", width, height,
                   SS_IMAGE_MAX_SIDE);
  }
  for (int i = 0; i < 9; i++) {
    if (!isfinite(to_source->matrix[i])) {
      return ss_fail(error, SS_USAGE, "element %d of a warp's matrix is %g, must be finite", i, to_source->matrix[i]);
    }
  }
  SS_TRY(ss_image_resize_buffer(out, width, height, in->channels, error));
  if (in->channels == 3) {
    fill(in, to_source, border, colour ? colour : black, out, 3);
  } else {
    fill(in, to_source, border, colour ? colour : black, out, 1);
  }
  return SS_OK;
}
