#include "world/shade.h"

/* What one lane's ray met. */
typedef struct hit {
  ss_vec3 direction, point, normal;
  float distance;
  float open, light; /* shares of the sky and of the main light that reach it */
} hit;

static ss_vec3 to_object(const ss_world_scene *scene, ss_vec3 point) {
  return ss_vec_scale(ss_vec_rotate_back(&scene->pose, ss_vec_sub(point, scene->centre)), 1 / scene->scale);
}

static ss_vec3 clear_sky(const ss_world_scene *scene, ss_vec3 direction) {
  const float height = ss_maxf(direction.y, 0);
  return ss_vec_scale(ss_vec_mix(scene->horizon, scene->zenith, ss_smoothf(0, 1, sqrtf(height))), 1.35f);
}

/* Sets the colours of the n samples listed in `lane`, which see the sky: clouds on a flat layer. */
static void shade_sky(const ss_world_scene *scene, int n, const int *lane, const hit *hits, ss_world_sample *samples) {
  ss_lanes at;
  float footprint[SS_WORLD_LANES], height[SS_WORLD_LANES], cloud[SS_WORLD_LANES];
  for (int k = 0; k < n; k++) {
    const ss_vec3 direction = hits[lane[k]].direction;
    samples[lane[k]].colour = clear_sky(scene, direction);
    height[k] = ss_maxf(direction.y, 0);
    const float flat = 1.6f / (height[k] + 0.12f);
    ss_lanes_put(&at, k, ss_vec_add(ss_vec(direction.x * flat, 0, direction.z * flat), scene->cloud_offset));
    footprint[k] = 0.02f;
  }
  if (n == 0 || scene->cloudiness <= 0) {
    return;
  }
  const ss_vec3 white = ss_vec_scale(ss_vec_mix(scene->horizon, ss_vec(1, 1, 1), 0.6f), 1.35f);
  ss_world_fractal_noise(n, &at, footprint, 4, cloud);
  for (int k = 0; k < n; k++) {
    const float cover = ss_smoothf(-0.1f, 0.45f, cloud[k] + 0.35f * scene->cloudiness - 0.2f);
    const float share = cover * scene->cloudiness * ss_smoothf(0, 0.15f, height[k]);
    samples[lane[k]].colour = ss_vec_mix(samples[lane[k]].colour, white, share);
  }
}

/* The nearest of ground, wall and solid (whose distance in object space is `solid`, or -1). */
static ss_world_kind nearest(const ss_world_scene *scene, float solid, hit *h) {
  ss_world_kind kind = SS_KIND_SKY;
  h->distance = INFINITY;
  if (h->direction.y < -1e-4f) {
    kind = SS_KIND_GROUND;
    h->distance = -scene->camera.y / h->direction.y;
    h->normal = ss_vec(0, 1, 0);
  }
  const float towards = -ss_vec_dot(h->direction, scene->wall_normal);
  if (scene->has_wall && towards > 1e-4f) {
    const float at = (ss_vec_dot(scene->camera, scene->wall_normal) + scene->wall_distance) / towards;
    if (at > 0 && at < h->distance && scene->camera.y + at * h->direction.y < scene->wall_height) {
      kind = SS_KIND_WALL;
      h->distance = at;
      h->normal = scene->wall_normal;
    }
  }
  if (solid >= 0 && solid * scene->scale < h->distance) {
    kind = SS_KIND_OBJECT;
    h->distance = solid * scene->scale;
  }
  h->point = ss_vec_add(scene->camera, ss_vec_scale(h->direction, ss_minf(h->distance, 1e6f)));
  return kind;
}

static const ss_world_material *material_of(const ss_world_scene *scene, ss_world_kind kind) {
  return kind == SS_KIND_OBJECT ? &scene->object : kind == SS_KIND_GROUND ? &scene->ground : &scene->wall;
}

/* The coordinates in which a surface's texture lies. */
static ss_vec3 on_surface(const ss_world_scene *scene, ss_world_kind kind, ss_vec3 point) {
  if (kind == SS_KIND_OBJECT) {
    return to_object(scene, point);
  }
  if (kind == SS_KIND_GROUND) {
    return ss_vec(point.x, 0, point.z);
  }
  return ss_vec(point.x * scene->wall_normal.z - point.z * scene->wall_normal.x, 0, point.y);
}

/* The share of the sky that ground and wall leave each other, and the ground leaves the solid's underside. */
static float corner_openness(const ss_world_scene *scene, ss_world_kind kind, const hit *h) {
  if (kind == SS_KIND_OBJECT) {
    const float height = h->point.y / (0.8f * scene->scale);
    return 1 - 0.65f * (0.5f - 0.5f * h->normal.y) * ss_clampf(1 - height, 0, 1);
  }
  if (!scene->has_wall) {
    return 1;
  }
  const float gap = kind == SS_KIND_WALL ? h->point.y : ss_vec_dot(h->point, scene->wall_normal) + scene->wall_distance;
  return 1 - 0.4f * expf(-ss_maxf(gap, 0) / (0.35f * scene->scale));
}

/* How squarely the ray meets the surface: the cosine, kept off 0. */
static float facing_of(const hit *h) {
  return ss_maxf(-ss_vec_dot(h->normal, h->direction), 0.03f);
}

/* The light that leaves a surface of the given colour towards the camera. */
static ss_vec3 lit(const ss_world_scene *scene, ss_world_kind kind, const hit *h, ss_vec3 colour) {
  const ss_world_material *material = material_of(scene, kind);
  const float open = h->open * corner_openness(scene, kind, h);

  const ss_vec3 above = ss_vec_mix(scene->horizon, scene->zenith, 0.5f);
  const ss_vec3 below = ss_vec_scale(scene->ground.colours[0], 0.35f + 0.3f * scene->light.y);
  const ss_vec3 around = ss_vec_mix(below, above, 0.5f + 0.5f * h->normal.y);
  const float direct = ss_maxf(ss_vec_dot(h->normal, scene->light), 0) * h->light;
  const float fill = ss_maxf(ss_vec_dot(h->normal, scene->fill), 0) * scene->fill_strength * open;
  ss_vec3 arriving = ss_vec_scale(around, scene->ambient * open);
  arriving = ss_vec_add(arriving, ss_vec_scale(scene->light_colour, direct));
  arriving = ss_vec_add(arriving, ss_vec(fill, fill, fill));
  ss_vec3 out = ss_vec_mul(colour, arriving);

  /* A clear coat: Blinn-Phong highlight and mirrored sky, both by Schlick's Fresnel term. */
  const float edge = 1 - facing_of(h), fresnel = 0.04f + 0.96f * edge * edge * edge * edge * edge;
  if (direct > 0) {
    const ss_vec3 half = ss_vec_normalize(ss_vec_sub(scene->light, h->direction));
    const float sharpness = 6 + 160 * material->gloss * material->gloss;
    const float highlight = powf(ss_maxf(ss_vec_dot(h->normal, half), 0), sharpness) * (sharpness + 8) * 0.0398f;
    out = ss_vec_add(out, ss_vec_scale(scene->light_colour, 0.04f * material->gloss * highlight * h->light));
  }
  const ss_vec3 mirrored = ss_vec_add(h->direction, ss_vec_scale(h->normal, -2 * ss_vec_dot(h->direction, h->normal)));
  const ss_vec3 seen = mirrored.y > 0 ? clear_sky(scene, mirrored) : ss_vec_scale(below, 1.2f);
  out = ss_vec_add(out, ss_vec_scale(seen, fresnel * material->gloss * open * 0.8f));
  if (kind == SS_KIND_GROUND) {
    const float far = h->distance / scene->haze;
    out = ss_vec_mix(clear_sky(scene, ss_vec(h->direction.x, 0, h->direction.z)), out, expf(-far * far));
  }
  return out;
}

/* Sets the colours of the n samples listed in `lane`, which see a surface of this kind. */
static void shade_surface(const ss_world_scene *scene, ss_world_kind kind, int n, const int *lane, const hit *hits,
                          float pixel, ss_world_sample *samples) {
  ss_lanes at;
  float footprint[SS_WORLD_LANES];
  ss_vec3 colour[SS_WORLD_LANES];
  const float unit = kind == SS_KIND_OBJECT ? scene->scale : 1;
  for (int k = 0; k < n; k++) {
    const hit *h = &hits[lane[k]];
    ss_lanes_put(&at, k, on_surface(scene, kind, h->point));
    footprint[k] = h->distance * 2 * scene->half_width * pixel / (unit * sqrtf(facing_of(h)));
  }
  ss_world_texture(material_of(scene, kind), n, &at, footprint, colour);
  for (int k = 0; k < n; k++) {
    samples[lane[k]].colour = lit(scene, kind, &hits[lane[k]], colour[k]);
  }
}

/* Light from 0 to infinity to 0 .. 1: close to linear for the dark, bright parts keep their colour. */
static ss_vec3 tone(ss_vec3 c) {
  return ss_vec(1 - expf(-1.15f * c.x), 1 - expf(-1.15f * c.y), 1 - expf(-1.15f * c.z));
}

/* Shadows and openness of those lanes that the solid is near enough to darken. */
static void darken(const ss_world_scene *scene, int n, const ss_world_sample *samples, hit *hits) {
  ss_lanes point = {0}, normal = {0}, light = {0};
  int lane[SS_WORLD_LANES], shadowed = 0, enclosed = 0;
  float share[SS_WORLD_LANES];
  const ss_vec3 to_light = ss_vec_rotate_back(&scene->pose, scene->light);
  for (int i = 0; i < n; i++) {
    hits[i].light = hits[i].open = 1;
    if (samples[i].kind != SS_KIND_SKY && ss_vec_dot(hits[i].normal, scene->light) > 0) {
      const ss_vec3 lifted = ss_vec_add(hits[i].point, ss_vec_scale(hits[i].normal, 0.012f * scene->scale));
      ss_lanes_put(&point, shadowed, to_object(scene, lifted));
      ss_lanes_put(&light, shadowed, to_light);
      lane[shadowed++] = i;
    }
  }
  ss_world_shadow(scene->shape, shadowed, &point, &light, scene->light_size, share);
  for (int k = 0; k < shadowed; k++) {
    hits[lane[k]].light = share[k];
  }
  for (int i = 0; i < n; i++) {
    const ss_vec3 at = to_object(scene, hits[i].point);
    if (samples[i].kind != SS_KIND_SKY && ss_vec_dot(at, at) < 2.9f) {
      ss_lanes_put(&point, enclosed, at);
      ss_lanes_put(&normal, enclosed, ss_vec_rotate_back(&scene->pose, hits[i].normal));
      lane[enclosed++] = i;
    }
  }
  ss_world_openness(scene->shape, enclosed, &point, &normal, share);
  for (int k = 0; k < enclosed; k++) {
    hits[lane[k]].open = share[k];
  }
}

static void find_normals(const ss_world_scene *scene, int n, const ss_world_sample *samples, hit *hits) {
  ss_lanes point = {0}, normal = {0};
  int lane[SS_WORLD_LANES], count = 0;
  for (int i = 0; i < n; i++) {
    if (samples[i].kind == SS_KIND_OBJECT) {
      ss_lanes_put(&point, count, to_object(scene, hits[i].point));
      lane[count++] = i;
    }
  }
  ss_world_normals(scene->shape, count, &point, &normal);
  for (int k = 0; k < count; k++) {
    hits[lane[k]].normal = ss_vec_rotate(&scene->pose, ss_vec(normal.x[k], normal.y[k], normal.z[k]));
  }
}

void ss_world_shade(const ss_world_scene *scene, int n, float pixel, ss_world_sample *samples) {
  ss_lanes origin = {0}, direction = {0};
  float solid[SS_WORLD_LANES];
  hit hits[SS_WORLD_LANES];
  const ss_vec3 camera = to_object(scene, scene->camera);
  for (int i = 0; i < n; i++) {
    const float u = (2 * samples[i].x - 1 + scene->shift_x) * scene->half_width;
    const float v = (1 - 2 * samples[i].y + scene->shift_y) * scene->half_width;
    const ss_vec3 aside = ss_vec_add(ss_vec_scale(scene->right, u), ss_vec_scale(scene->up, v));
    hits[i].direction = ss_vec_normalize(ss_vec_add(scene->forward, aside));
    ss_lanes_put(&origin, i, camera);
    ss_lanes_put(&direction, i, ss_vec_rotate_back(&scene->pose, hits[i].direction));
  }
  ss_world_trace(scene->shape, n, &origin, &direction, solid);
  for (int i = 0; i < n; i++) {
    samples[i].kind = nearest(scene, solid[i], &hits[i]);
    samples[i].depth = hits[i].distance * ss_vec_dot(hits[i].direction, scene->forward);
  }
  find_normals(scene, n, samples, hits);
  darken(scene, n, samples, hits);
  for (ss_world_kind kind = SS_KIND_SKY; kind <= SS_KIND_WALL; kind++) {
    int lane[SS_WORLD_LANES], count = 0;
    for (int i = 0; i < n; i++) {
      if (samples[i].kind == kind) {
        lane[count++] = i;
      }
    }
    if (count > 0 && kind == SS_KIND_SKY) {
      shade_sky(scene, count, lane, hits, samples);
    } else if (count > 0) {
      shade_surface(scene, kind, count, lane, hits, pixel, samples);
    }
  }
  for (int i = 0; i < n; i++) {
    samples[i].colour = tone(samples[i].colour);
  }
}
