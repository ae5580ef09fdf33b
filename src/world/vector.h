/* Three-vectors, one by one and many at a time. y is up. */
#ifndef SS_WORLD_VECTOR_H
#define SS_WORLD_VECTOR_H

#include <math.h>

/* For what loops over many points call: the versions of a loop for several instruction sets (SS_MULTIVERSION) then
 * have it inside them, which compilers do not decide for by themselves. */
#define SS_WORLD_INLINE static inline __attribute__((always_inline))

typedef struct ss_vec3 {
  float x, y, z;
} ss_vec3;

/* Rows are the images of the axes: rotation from object to world is x * m[0] + y * m[1] + z * m[2]. */
typedef struct ss_rotation {
  ss_vec3 axis[3];
} ss_rotation;

/* How many points or rays are worked on together, so that loops over them fill the processor's vectors. */
#define SS_WORLD_LANES 64

typedef struct ss_lanes {
  float x[SS_WORLD_LANES], y[SS_WORLD_LANES], z[SS_WORLD_LANES];
} ss_lanes;

SS_WORLD_INLINE ss_vec3 ss_lanes_get(const ss_lanes *lanes, int i) {
  const ss_vec3 v = {lanes->x[i], lanes->y[i], lanes->z[i]};
  return v;
}

SS_WORLD_INLINE void ss_lanes_put(ss_lanes *lanes, int i, ss_vec3 v) {
  lanes->x[i] = v.x;
  lanes->y[i] = v.y;
  lanes->z[i] = v.z;
}

SS_WORLD_INLINE float ss_minf(float a, float b) {
  return a < b ? a : b;
}

SS_WORLD_INLINE float ss_maxf(float a, float b) {
  return a > b ? a : b;
}

SS_WORLD_INLINE float ss_clampf(float x, float low, float high) {
  return ss_minf(ss_maxf(x, low), high);
}

/* 0 below `low`, 1 above `high`, smooth between. */
SS_WORLD_INLINE float ss_smoothf(float low, float high, float x) {
  const float t = ss_clampf((x - low) / (high - low), 0, 1);
  return t * t * (3 - 2 * t);
}

SS_WORLD_INLINE ss_vec3 ss_vec(float x, float y, float z) {
  const ss_vec3 v = {x, y, z};
  return v;
}

SS_WORLD_INLINE ss_vec3 ss_vec_add(ss_vec3 a, ss_vec3 b) {
  return ss_vec(a.x + b.x, a.y + b.y, a.z + b.z);
}

SS_WORLD_INLINE ss_vec3 ss_vec_sub(ss_vec3 a, ss_vec3 b) {
  return ss_vec(a.x - b.x, a.y - b.y, a.z - b.z);
}

SS_WORLD_INLINE ss_vec3 ss_vec_mul(ss_vec3 a, ss_vec3 b) {
  return ss_vec(a.x * b.x, a.y * b.y, a.z * b.z);
}

SS_WORLD_INLINE ss_vec3 ss_vec_scale(ss_vec3 a, float s) {
  return ss_vec(a.x * s, a.y * s, a.z * s);
}

SS_WORLD_INLINE ss_vec3 ss_vec_mix(ss_vec3 a, ss_vec3 b, float t) {
  return ss_vec_add(a, ss_vec_scale(ss_vec_sub(b, a), t));
}

SS_WORLD_INLINE float ss_vec_dot(ss_vec3 a, ss_vec3 b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

SS_WORLD_INLINE ss_vec3 ss_vec_cross(ss_vec3 a, ss_vec3 b) {
  return ss_vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

SS_WORLD_INLINE ss_vec3 ss_vec_normalize(ss_vec3 a) {
  return ss_vec_scale(a, 1 / sqrtf(ss_maxf(ss_vec_dot(a, a), 1e-20f)));
}

SS_WORLD_INLINE ss_vec3 ss_vec_rotate(const ss_rotation *r, ss_vec3 v) {
  return ss_vec_add(ss_vec_add(ss_vec_scale(r->axis[0], v.x), ss_vec_scale(r->axis[1], v.y)),
                    ss_vec_scale(r->axis[2], v.z));
}

SS_WORLD_INLINE ss_vec3 ss_vec_rotate_back(const ss_rotation *r, ss_vec3 v) {
  return ss_vec(ss_vec_dot(r->axis[0], v), ss_vec_dot(r->axis[1], v), ss_vec_dot(r->axis[2], v));
}

#endif
