/* Warps: a picture seen through a plane's projective transformation, and those transformations.
 *
 * Coordinates are those of the picture's plane: x to the right, y down, the pixel in column i covers i to i + 1, so
 * that a picture's corners are (0, 0) and (width, height). */
#ifndef SS_AUGMENT_WARP_H
#define SS_AUGMENT_WARP_H

#include "base/image.h"

#include <stdbool.h>

/* Takes the point (x, y) to (u / w, v / w) with (u, v, w) = matrix (x, y, 1); the matrix row by row (Hartley and
 * Zisserman, "Multiple View Geometry", definition 2.9). Affine where the last row is (0, 0, 1). */
typedef struct ss_homography {
  double matrix[9];
} ss_homography;

/* An affine transformation about a centre (Zhang et al., "AET vs. AED", CVPR 2019, section 4.1, as torchvision had it
 * then): scale [cos a, -sin(a + s); sin a, cos(a + s)], then the translation. Angles in radians; positive ones turn x
 * towards y, clockwise as a picture is looked at. Translation in pixels. */
typedef struct ss_affine_parameters {
  double rotation;
  double translation[2];
  double scale;
  double shear;
} ss_affine_parameters;

ss_homography ss_homography_affine(const ss_affine_parameters *parameters, double centre_x, double centre_y);

/* The homography that takes each of four points to another: the direct linear transformation with the last element one
 * (Hartley and Zisserman, section 4.1). False where three of the points, or of those they go to, lie on a line. */
bool ss_homography_from_points(const double from[4][2], const double to[4][2], ss_homography *out);

/* First `first`, then `second`. */
ss_homography ss_homography_compose(const ss_homography *second, const ss_homography *first);
/* False where there is none. The last element of the inverse is one where it is not zero. */
bool ss_homography_invert(const ss_homography *homography, ss_homography *out);
/* Where a point goes. False for one that goes to infinity or comes from behind the plane (w is not above zero). */
bool ss_homography_apply(const ss_homography *homography, double x, double y, double to[2]);

typedef enum ss_border {
  SS_BORDER_REFLECT, /* mirrored at the picture's edge: ... c b a | a b c ... */
  SS_BORDER_CONSTANT /* one colour; a pixel half inside mixes with it */
} ss_border;

/* The picture of width x height whose pixel at (x, y) is what `in` has at to_source (x, y), interpolated linearly
 * between the four pixels around that point; there is no antialiasing. `colour` is that of a constant border, three
 * channels, and may be NULL for reflection. `out` takes in's channels and must be another image. SS_USAGE for a size
 * that is none, or a matrix that is not of finite numbers. */
ss_status ss_warp(const ss_image *in, const ss_homography *to_source, int width, int height, ss_border border,
                  const uint8_t colour[3], ss_image *out, ss_error *error);

#endif
