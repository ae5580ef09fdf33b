#include "world/trace.h"

#include "world/shapes.h"

#define NEAR_ENOUGH 0.0015f

/* The part of a ray within `radius` of the origin; false where there is none. */
static bool enter_ball(ss_vec3 origin, ss_vec3 direction, float radius, float *from, float *to) {
  const float b = ss_vec_dot(origin, direction), c = ss_vec_dot(origin, origin) - radius * radius;
  const float root = b * b - c;
  if (root <= 0) {
    return false;
  }
  const float half = sqrtf(root);
  *from = ss_maxf(-b - half, 0);
  *to = half - b;
  return *to > 0;
}

/* The rays still under way; the points at which they stand are packed so that no lane of the loops is idle. */
typedef struct walk {
  int n;
  int ray[SS_WORLD_LANES];
  float at[SS_WORLD_LANES], end[SS_WORLD_LANES], distance[SS_WORLD_LANES];
  ss_lanes point;
} walk;

static void walk_start(walk *w, int n, const ss_lanes *origin, const ss_lanes *direction, float radius) {
  w->n = 0;
  for (int i = 0; i < n; i++) {
    float from, to;
    if (enter_ball(ss_lanes_get(origin, i), ss_lanes_get(direction, i), radius, &from, &to)) {
      w->ray[w->n] = i;
      w->at[w->n] = from;
      w->end[w->n++] = to;
    }
  }
}

static void walk_look(walk *w, int shape, const ss_lanes *origin, const ss_lanes *direction) {
  for (int k = 0; k < w->n; k++) {
    const int i = w->ray[k];
    w->point.x[k] = origin->x[i] + w->at[k] * direction->x[i];
    w->point.y[k] = origin->y[i] + w->at[k] * direction->y[i];
    w->point.z[k] = origin->z[i] + w->at[k] * direction->z[i];
  }
  ss_world_shape_distance(shape, w->n, w->point.x, w->point.y, w->point.z, w->distance);
}

static void walk_keep(walk *w, int *kept, int k, float at) {
  w->ray[*kept] = w->ray[k];
  w->at[*kept] = at;
  w->end[(*kept)++] = w->end[k];
}

void ss_world_trace(int shape, int n, const ss_lanes *origin, const ss_lanes *direction, float *distance) {
  walk w = {0};
  for (int i = 0; i < n; i++) {
    distance[i] = -1;
  }
  walk_start(&w, n, origin, direction, SS_WORLD_SHAPE_RADIUS);
  for (int step = 0; step < 64 && w.n > 0; step++) {
    walk_look(&w, shape, origin, direction);
    int kept = 0;
    for (int k = 0; k < w.n; k++) {
      if (w.distance[k] < NEAR_ENOUGH) {
        distance[w.ray[k]] = w.at[k];
      } else if (w.at[k] + w.distance[k] < w.end[k]) {
        walk_keep(&w, &kept, k, w.at[k] + w.distance[k]);
      }
    }
    w.n = kept;
  }
}

void ss_world_normals(int shape, int n, const ss_lanes *point, ss_lanes *normal) {
  static const float corners[4][3] = {{1, -1, -1}, {-1, -1, 1}, {-1, 1, -1}, {1, 1, 1}};
  const float step = 0.004f;
  ss_lanes at;
  float distance[SS_WORLD_LANES] = {0};
  for (int i = 0; i < n; i++) {
    normal->x[i] = normal->y[i] = normal->z[i] = 0;
  }
  for (int c = 0; c < 4; c++) { /* differences over a tetrahedron's corners */
    for (int i = 0; i < n; i++) {
      at.x[i] = point->x[i] + step * corners[c][0];
      at.y[i] = point->y[i] + step * corners[c][1];
      at.z[i] = point->z[i] + step * corners[c][2];
    }
    ss_world_shape_distance(shape, n, at.x, at.y, at.z, distance);
    for (int i = 0; i < n; i++) {
      normal->x[i] += distance[i] * corners[c][0];
      normal->y[i] += distance[i] * corners[c][1];
      normal->z[i] += distance[i] * corners[c][2];
    }
  }
  for (int i = 0; i < n; i++) {
    const ss_vec3 unit = ss_vec_normalize(ss_lanes_get(normal, i));
    ss_lanes_put(normal, i, unit);
  }
}

void ss_world_shadow(int shape, int n, const ss_lanes *point, const ss_lanes *direction, float size, float *light) {
  walk w = {0};
  for (int i = 0; i < n; i++) {
    light[i] = 1;
  }
  walk_start(&w, n, point, direction, SS_WORLD_SHAPE_RADIUS + 2.5f * size);
  for (int step = 0; step < 40 && w.n > 0; step++) {
    walk_look(&w, shape, point, direction);
    int kept = 0;
    for (int k = 0; k < w.n; k++) {
      const int i = w.ray[k];
      const float at = w.at[k], distance = w.distance[k];
      if (distance < NEAR_ENOUGH) {
        light[i] = 0;
        continue;
      }
      if (at > 0.02f) { /* how much of the light's cone the nearest surface leaves */
        light[i] = ss_minf(light[i], distance / (size * at));
      }
      const float next = at + ss_clampf(distance, 0.015f, 0.2f);
      if (light[i] > 0.01f && next < w.end[k]) {
        walk_keep(&w, &kept, k, next);
      }
    }
    w.n = kept;
  }
  for (int i = 0; i < n; i++) {
    light[i] = ss_smoothf(0, 1, light[i]);
  }
}

void ss_world_openness(int shape, int n, const ss_lanes *point, const ss_lanes *normal, float *open) {
  const float reach[4] = {0.06f, 0.16f, 0.36f, 0.7f}, weight[4] = {0.5f, 0.4f, 0.35f, 0.3f};
  ss_lanes at;
  float distance[SS_WORLD_LANES] = {0};
  for (int i = 0; i < n; i++) {
    open[i] = 1;
  }
  for (int s = 0; s < 4; s++) {
    for (int i = 0; i < n; i++) {
      at.x[i] = point->x[i] + reach[s] * normal->x[i];
      at.y[i] = point->y[i] + reach[s] * normal->y[i];
      at.z[i] = point->z[i] + reach[s] * normal->z[i];
    }
    ss_world_shape_distance(shape, n, at.x, at.y, at.z, distance);
    for (int i = 0; i < n; i++) {
      open[i] -= weight[s] * (1 - ss_clampf(distance[i] / reach[s], 0, 1));
    }
  }
  for (int i = 0; i < n; i++) {
    open[i] = ss_clampf(open[i], 0.08f, 1);
  }
}
