/* The solids: signed distance, extent, how they rest and from where they can be told apart.
 *
 * Object space: y along the axis of what has one, everything within SS_WORLD_SHAPE_RADIUS of the origin. */
#ifndef SS_WORLD_SHAPES_H
#define SS_WORLD_SHAPES_H

#include "base/random.h"
#include "world/vector.h"

#include <stdbool.h>

#define SS_WORLD_SHAPE_RADIUS 1.05f
#define SS_WORLD_SHAPE_COUNT 12

const char *ss_world_shape_name(int shape);

/* Signed distances of n points to the surface, negative inside; exact outside but for rounding. */
void ss_world_shape_distance(int shape, int n, const float *x, const float *y, const float *z, float *distance);

/* The largest dot product of a point of the solid with the unit vector `direction`. */
float ss_world_shape_support(int shape, ss_vec3 direction);

/* One of the directions that face the ground when the solid lies on it. */
ss_vec3 ss_world_shape_rest(int shape, ss_random *random);

/* Whether the solid can be told from the others from the unit vector `view`, which points from it to the camera. */
bool ss_world_shape_view_is_clear(int shape, ss_vec3 view);

#endif
