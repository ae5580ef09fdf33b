#include "world/shapes.h"

#include "base/compiler.h"

#include <stddef.h>

/* Alphabetical, so that class indices are those that folders of classes get. */
enum { BRACKET, CAPSULE, CONE, CROSS, CUBE, CYLINDER, DUMBBELL, OCTAHEDRON, PYRAMID, SPHERE, STAR, TORUS };

static const char *const names[SS_WORLD_SHAPE_COUNT] = {"bracket", "capsule",  "cone",     "cross",
                                                        "cube",    "cylinder", "dumbbell", "octahedron",
                                                        "pyramid", "sphere",   "star",     "torus"};

/* Measures, without the rounding of edges, which is added to all of them. */
#define EDGE 0.035f
#define BRACKET_LEFT (-0.62f)
#define BRACKET_RIGHT 0.62f
#define BRACKET_BOTTOM (-0.67f)
#define BRACKET_TOP 0.67f
#define BRACKET_THICK 0.4f
#define BRACKET_DEPTH 0.26f
#define CAPSULE_HALF 0.52f
#define CAPSULE_RADIUS 0.44f
#define CONE_RADIUS 0.72f
#define CONE_BOTTOM (-0.55f)
#define CONE_TOP 0.9f
#define CROSS_LENGTH 0.9f
#define CROSS_HALF 0.22f
#define CUBE_HALF 0.55f
#define CYLINDER_RADIUS 0.55f
#define CYLINDER_HALF 0.7f
#define DUMBBELL_AT 0.56f
#define DUMBBELL_RADIUS 0.42f
#define DUMBBELL_BAR 0.15f
#define OCTAHEDRON_TIP 0.95f
#define PYRAMID_HALF 0.66f
#define PYRAMID_BOTTOM (-0.42f)
#define PYRAMID_TOP 0.75f
#define SPHERE_RADIUS 0.9f
#define STAR_OUTER 0.95f
#define STAR_INNER 0.42f
#define STAR_HALF 0.2f
#define TORUS_RADIUS 0.68f
#define TORUS_TUBE 0.27f

SS_WORLD_INLINE float box_distance(float x, float y, float z, float hx, float hy, float hz) {
  const float ax = fabsf(x) - hx, ay = fabsf(y) - hy, az = fabsf(z) - hz;
  const float bx = ss_maxf(ax, 0), by = ss_maxf(ay, 0), bz = ss_maxf(az, 0);
  return sqrtf(bx * bx + by * by + bz * bz) + ss_minf(ss_maxf(ax, ss_maxf(ay, az)), 0);
}

/* Of the set {a <= 0 and b <= 0}, given the distances to two perpendicular surfaces. */
SS_WORLD_INLINE float both_distance(float a, float b) {
  const float c = ss_maxf(a, 0), d = ss_maxf(b, 0);
  return sqrtf(c * c + d * d) + ss_minf(ss_maxf(a, b), 0);
}

SS_WORLD_INLINE float bracket_distance(float x, float y, float z) {
  const float half = 0.5f * BRACKET_THICK;
  const float upright = box_distance(x - (BRACKET_LEFT + half), y, z, half, BRACKET_TOP, BRACKET_DEPTH);
  const float foot = box_distance(x, y - (BRACKET_BOTTOM + half), z, BRACKET_RIGHT, half, BRACKET_DEPTH);
  return ss_minf(upright, foot) - EDGE;
}

SS_WORLD_INLINE float capsule_distance(float x, float y, float z) {
  const float v = ss_maxf(fabsf(y) - CAPSULE_HALF, 0);
  return sqrtf(x * x + v * v + z * z) - CAPSULE_RADIUS;
}

/* In the half plane (distance from the axis, height) a cone is a right triangle. */
SS_WORLD_INLINE float cone_distance(float x, float y, float z) {
  const float height = CONE_TOP - CONE_BOTTOM;
  const float scale = 1 / (CONE_RADIUS * CONE_RADIUS + height * height);
  const float q = sqrtf(x * x + z * z), v = y - CONE_BOTTOM;
  const float base = ss_maxf(q - CONE_RADIUS, 0);
  const float to_base = base * base + v * v;
  const float along = ss_clampf(((CONE_RADIUS - q) * CONE_RADIUS + v * height) * scale, 0, 1);
  const float a = q - CONE_RADIUS * (1 - along), b = v - height * along;
  const float nearest = sqrtf(ss_minf(to_base, a * a + b * b));
  const float side = (q - CONE_RADIUS) * height + v * CONE_RADIUS;
  return (ss_maxf(side, -v) < 0 ? -nearest : nearest) - EDGE;
}

SS_WORLD_INLINE float cross_distance(float x, float y, float z) {
  const float a = box_distance(x, y, z, CROSS_LENGTH, CROSS_HALF, CROSS_HALF);
  const float b = box_distance(x, y, z, CROSS_HALF, CROSS_LENGTH, CROSS_HALF);
  const float c = box_distance(x, y, z, CROSS_HALF, CROSS_HALF, CROSS_LENGTH);
  return ss_minf(a, ss_minf(b, c)) - EDGE;
}

SS_WORLD_INLINE float cube_distance(float x, float y, float z) {
  return box_distance(x, y, z, CUBE_HALF, CUBE_HALF, CUBE_HALF) - EDGE;
}

SS_WORLD_INLINE float cylinder_distance(float x, float y, float z) {
  return both_distance(sqrtf(x * x + z * z) - CYLINDER_RADIUS, fabsf(y) - CYLINDER_HALF) - EDGE;
}

SS_WORLD_INLINE float dumbbell_distance(float x, float y, float z) {
  const float q = x * x + z * z, v = fabsf(y) - DUMBBELL_AT;
  const float ball = sqrtf(q + v * v) - DUMBBELL_RADIUS;
  return ss_minf(ball, both_distance(sqrtf(q) - DUMBBELL_BAR, v));
}

/* By symmetry in the octant where a >= b >= c >= 0: nearest is the face, or else the edge in c = 0. */
SS_WORLD_INLINE float octahedron_distance(float x, float y, float z) {
  const float p = fabsf(x), q = fabsf(y), r = fabsf(z);
  const float a = ss_maxf(p, ss_maxf(q, r)), c = ss_minf(p, ss_minf(q, r)), b = p + q + r - a - c;
  const float over = a + b + c - OCTAHEDRON_TIP;
  const float u = ss_clampf(0.5f * (OCTAHEDRON_TIP + a - b), 0, OCTAHEDRON_TIP);
  const float da = a - u, db = b - (OCTAHEDRON_TIP - u);
  const float edge = sqrtf(da * da + db * db + c * c);
  return (3 * c >= over ? over * 0.57735027f : edge) - EDGE;
}

/* By symmetry where a >= b >= 0: nearest is the base, the side that faces +a, or the edge that rises to the apex. */
SS_WORLD_INLINE float pyramid_distance(float x, float y, float z) {
  const float height = PYRAMID_TOP - PYRAMID_BOTTOM, half = PYRAMID_HALF;
  const float slant = 1 / sqrtf(height * height + half * half);
  const float a = ss_maxf(fabsf(x), fabsf(z)), b = ss_minf(fabsf(x), fabsf(z)), v = y - PYRAMID_BOTTOM;
  const float base_a = ss_maxf(a - half, 0), base_b = ss_maxf(b - half, 0);
  const float to_base = base_a * base_a + base_b * base_b + v * v;
  const float side = ((a - half) * height + v * half) * slant;
  const float foot = v - side * half * slant; /* the height of the point's foot on the side's plane */
  const float t = ss_clampf(((2 * half - a - b) * half + v * height) / (2 * half * half + height * height), 0, 1);
  const float ea = a - half * (1 - t), eb = b - half * (1 - t), ev = v - height * t;
  const float to_edge = ea * ea + eb * eb + ev * ev;
  const int over_face = (foot >= 0) & (b * height <= half * (height - foot));
  const float nearest = sqrtf(ss_minf(to_base, over_face ? side * side : to_edge));
  return (ss_maxf(side, -v) < 0 ? -nearest : nearest) - EDGE;
}

SS_WORLD_INLINE float sphere_distance(float x, float y, float z) {
  return sqrtf(x * x + y * y + z * z) - SPHERE_RADIUS;
}

/* Mirrored into the wedge of 36 degrees beside a tip, the outline is one segment from the tip to the inner corner. */
SS_WORLD_INLINE float star_distance(float x, float y, float z) {
  const float c36 = 0.80901699f, s36 = 0.58778525f, c72 = 0.30901699f, s72 = 0.95105652f;
  float p = fabsf(x), q = y;
  float over = ss_maxf(-c72 * p - s72 * q, 0); /* the mirrors at 108, 72 and 36 degrees from the tip */
  p += 2 * over * c72;
  q += 2 * over * s72;
  over = ss_maxf(c72 * p - s72 * q, 0);
  p -= 2 * over * c72;
  q += 2 * over * s72;
  over = ss_maxf(c36 * p - s36 * q, 0);
  p -= 2 * over * c36;
  q += 2 * over * s36;
  const float ex = STAR_INNER * s36, ey = STAR_INNER * c36 - STAR_OUTER;
  const float t = ss_clampf((p * ex + (q - STAR_OUTER) * ey) / (ex * ex + ey * ey), 0, 1);
  const float dx = p - t * ex, dy = q - STAR_OUTER - t * ey;
  const float nearest = sqrtf(dx * dx + dy * dy);
  const float outline = (q - STAR_OUTER) * ex - p * ey > 0 ? nearest : -nearest;
  return both_distance(outline, fabsf(z) - STAR_HALF) - EDGE;
}

SS_WORLD_INLINE float torus_distance(float x, float y, float z) {
  const float q = sqrtf(x * x + z * z) - TORUS_RADIUS;
  return sqrtf(q * q + y * y) - TORUS_TUBE;
}

#define EACH(function)                        \
  for (int i = 0; i < n; i++) {               \
    distance[i] = function(x[i], y[i], z[i]); \
  }                                           \
  break

SS_MULTIVERSION void ss_world_shape_distance(int shape, int n, const float *restrict x, const float *restrict y,
                                             const float *restrict z, float *restrict distance) {
  switch (shape) {
    case BRACKET:
      EACH(bracket_distance);
    case CAPSULE:
      EACH(capsule_distance);
    case CONE:
      EACH(cone_distance);
    case CROSS:
      EACH(cross_distance);
    case CUBE:
      EACH(cube_distance);
    case CYLINDER:
      EACH(cylinder_distance);
    case DUMBBELL:
      EACH(dumbbell_distance);
    case OCTAHEDRON:
      EACH(octahedron_distance);
    case PYRAMID:
      EACH(pyramid_distance);
    case SPHERE:
      EACH(sphere_distance);
    case STAR:
      EACH(star_distance);
    default:
      EACH(torus_distance);
  }
}

const char *ss_world_shape_name(int shape) {
  return shape >= 0 && shape < SS_WORLD_SHAPE_COUNT ? names[shape] : NULL;
}

static float star_support(float x, float y) {
  float most = -STAR_OUTER;
  for (int tip = 0; tip < 5; tip++) {
    const float angle = 1.25663706f * (float)tip;
    most = ss_maxf(most, STAR_OUTER * (x * sinf(angle) + y * cosf(angle)));
  }
  return most;
}

float ss_world_shape_support(int shape, ss_vec3 d) {
  const float ax = fabsf(d.x), ay = fabsf(d.y), az = fabsf(d.z), q = sqrtf(d.x * d.x + d.z * d.z);
  const float most = ss_maxf(ax, ss_maxf(ay, az)), sum = ax + ay + az;
  switch (shape) {
    case BRACKET: {
      const float inner = BRACKET_LEFT + BRACKET_THICK, step = BRACKET_BOTTOM + BRACKET_THICK;
      const float upright = ss_maxf(BRACKET_LEFT * d.x, inner * d.x) + BRACKET_TOP * ay;
      const float foot = BRACKET_RIGHT * ax + ss_maxf(BRACKET_BOTTOM * d.y, step * d.y);
      return ss_maxf(upright, foot) + BRACKET_DEPTH * az + EDGE;
    }
    case CAPSULE:
      return CAPSULE_HALF * ay + CAPSULE_RADIUS;
    case CONE:
      return ss_maxf(CONE_TOP * d.y, CONE_BOTTOM * d.y + CONE_RADIUS * q) + EDGE;
    case CROSS:
      return CROSS_LENGTH * most + CROSS_HALF * (sum - most) + EDGE;
    case CUBE:
      return CUBE_HALF * sum + EDGE;
    case CYLINDER:
      return CYLINDER_HALF * ay + CYLINDER_RADIUS * q + EDGE;
    case DUMBBELL:
      return DUMBBELL_AT * ay + DUMBBELL_RADIUS;
    case OCTAHEDRON:
      return OCTAHEDRON_TIP * most + EDGE;
    case PYRAMID:
      return ss_maxf(PYRAMID_TOP * d.y, PYRAMID_BOTTOM * d.y + PYRAMID_HALF * (ax + az)) + EDGE;
    case SPHERE:
      return SPHERE_RADIUS;
    case STAR:
      return star_support(d.x, d.y) + STAR_HALF * az + EDGE;
    default:
      return TORUS_RADIUS * q + TORUS_TUBE;
  }
}

ss_vec3 ss_world_shape_rest(int shape, ss_random *random) {
  const uint32_t pick = ss_random_below(random, 4);
  const float slant_cone = CONE_RADIUS / (CONE_TOP - CONE_BOTTOM);
  const float slant_pyramid = PYRAMID_HALF / (PYRAMID_TOP - PYRAMID_BOTTOM);
  switch (shape) {
    case BRACKET: {
      const ss_vec3 rests[4] = {ss_vec(0, -1, 0), ss_vec(0, 0, -1), ss_vec(0, 0, 1), ss_vec(1, 0.925f, 0)};
      return ss_vec_normalize(rests[pick]);
    }
    case CAPSULE:
    case DUMBBELL:
      return ss_vec(1, 0, 0);
    case CONE:
      return ss_vec_normalize(pick < 2 ? ss_vec(0, -1, 0) : ss_vec(1, slant_cone, 0));
    case CYLINDER:
      return pick < 2 ? ss_vec(0, -1, 0) : ss_vec(1, 0, 0);
    case PYRAMID:
      return ss_vec_normalize(pick < 3 ? ss_vec(0, -1, 0) : ss_vec(1, slant_pyramid, 0));
    case CROSS:
    case OCTAHEDRON:
      return ss_vec_normalize(ss_vec(1, 1, 1));
    case STAR: /* on its back, or on two tips */
      return pick < 2 ? ss_vec(0, 0, -1) : ss_vec(0, -1, 0);
    case TORUS:
      return pick < 3 ? ss_vec(0, -1, 0) : ss_vec(1, 0, 0);
    default:
      return ss_vec(0, -1, 0);
  }
}

bool ss_world_shape_view_is_clear(int shape, ss_vec3 view) {
  const float ax = fabsf(view.x), ay = fabsf(view.y), az = fabsf(view.z), most = ss_maxf(ax, ss_maxf(ay, az));
  switch (shape) {
    case BRACKET: /* from its side it is a box, from behind too */
      return az > 0.45f && az < 0.97f;
    case CAPSULE:
      return ay < 0.75f;
    case CONE:
      return view.y > -0.5f && view.y < 0.85f;
    case CROSS:
      return most < 0.95f;
    case CUBE:
      return most < 0.88f;
    case CYLINDER:
      return ay > 0.15f && ay < 0.88f;
    case DUMBBELL:
      return ay < 0.8f;
    case OCTAHEDRON: /* from a tip it is a pyramid from above */
      return most < 0.86f;
    case PYRAMID:
      return view.y > -0.4f && view.y < 0.72f && ss_minf(ax, az) > 0.12f;
    case STAR:
      return az > 0.4f;
    case TORUS:
      return ay > 0.3f;
    default:
      return true;
  }
}
