#include "world/texture.h"

#include "base/compiler.h"

#include <stdint.h>

SS_WORLD_INLINE uint32_t lattice_hash(int32_t x, int32_t y, int32_t z) {
  uint32_t h = (uint32_t)x * 0x8DA6B343u + (uint32_t)y * 0xD8163841u + (uint32_t)z * 0xCB1AB31Fu;
  h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
  h = (h ^ (h >> 12)) * 0x297A2D39u;
  return h ^ (h >> 15);
}

SS_WORLD_INLINE float hash_unit(uint32_t h) {
  return (float)(h >> 8) * 0x1p-24f;
}

/* The dot product of the offset with a lattice point's gradient, one of the corners of a cube. */
SS_WORLD_INLINE float corner(int32_t ix, int32_t iy, int32_t iz, float x, float y, float z) {
  const uint32_t h = lattice_hash(ix, iy, iz);
  return ((h & 1) ? x : -x) + ((h & 2) ? y : -y) + ((h & 4) ? z : -z);
}

SS_WORLD_INLINE float fade(float t) {
  return t * t * t * (t * (t * 6 - 15) + 10);
}

SS_WORLD_INLINE float lerp(float a, float b, float t) {
  return a + (b - a) * t;
}

/* Continuous in value and slope; zero at the lattice's points. */
SS_WORLD_INLINE float noise(float px, float py, float pz) {
  const float fx = floorf(px), fy = floorf(py), fz = floorf(pz);
  const int32_t ix = (int32_t)fx, iy = (int32_t)fy, iz = (int32_t)fz;
  const float x = px - fx, y = py - fy, z = pz - fz;
  const float u = fade(x), v = fade(y), w = fade(z);
  const float a = lerp(corner(ix, iy, iz, x, y, z), corner(ix + 1, iy, iz, x - 1, y, z), u);
  const float b = lerp(corner(ix, iy + 1, iz, x, y - 1, z), corner(ix + 1, iy + 1, iz, x - 1, y - 1, z), u);
  const float c = lerp(corner(ix, iy, iz + 1, x, y, z - 1), corner(ix + 1, iy, iz + 1, x - 1, y, z - 1), u);
  const float d =
      lerp(corner(ix, iy + 1, iz + 1, x, y - 1, z - 1), corner(ix + 1, iy + 1, iz + 1, x - 1, y - 1, z - 1), u);
  return lerp(lerp(a, b, v), lerp(c, d, v), w);
}

SS_MULTIVERSION void ss_world_fractal_noise(int n, const ss_lanes *restrict point, const float *restrict footprint,
                                            int octaves, float *restrict value) {
  float finest = INFINITY;
  for (int i = 0; i < n; i++) {
    value[i] = 0;
    finest = ss_minf(finest, footprint[i]);
  }
  float scale = 1, strength = 0.6f, shift = 0;
  for (int octave = 0; octave < octaves && scale * finest < 1; octave++) {
    for (int i = 0; i < n; i++) {
      const float width = scale * footprint[i];
      const float seen = strength * ss_maxf(1 - width * width, 0);
      value[i] += seen * noise(scale * point->x[i] + shift, scale * point->y[i] + 0.31f * shift,
                               scale * point->z[i] + 0.68f * shift);
    }
    scale *= 2.03f; /* not 2, and shifted, so that the octaves' lattices do not coincide */
    shift = 2.03f * shift + 17.1f;
    strength *= 0.5f;
  }
}

/* A wave of period 1 that is 1 during the first `duty` of it, averaged over `width` around u. */
static float box_wave(float u, float duty, float width) {
  width = ss_maxf(width, 0.02f);
  const float a = u - 0.5f * width, b = u + 0.5f * width, fa = floorf(a), fb = floorf(b);
  return ((fb - fa) * duty + ss_minf(b - fb, duty) - ss_minf(a - fa, duty)) / width;
}

static float checker(ss_vec3 p, float width) {
  const float x = 2 * box_wave(p.x, 0.5f, width) - 1, y = 2 * box_wave(p.y, 0.5f, width) - 1;
  return 0.5f + 0.5f * x * y * (2 * box_wave(p.z, 0.5f, width) - 1);
}

/* Balls on a cubic lattice, every second layer shifted; towards their mean share where they are too small to see. */
static float dots(ss_vec3 p, float width) {
  const float layer = floorf(p.y);
  const float shift = ((int32_t)layer & 1) ? 0.5f : 0.0f;
  const float x = p.x + shift, z = p.z + shift;
  const float dx = x - floorf(x) - 0.5f, dy = p.y - layer - 0.5f, dz = z - floorf(z) - 0.5f;
  const float soft = ss_maxf(width, 0.03f);
  const float inside = 1 - ss_smoothf(0.36f - soft, 0.36f + soft, sqrtf(dx * dx + dy * dy + dz * dz));
  return lerp(inside, 0.2f, ss_smoothf(0.5f, 1.2f, width));
}

static float marble(ss_vec3 p, float bend, float width) {
  const float vein = fabsf(sinf(3.14159265f * (0.6f * p.x + 0.25f * p.y + 2.2f * bend)));
  return lerp(1 - sqrtf(vein), 0.35f, ss_smoothf(0.4f, 1, width));
}

/* Rings around the y axis, wavering. */
static float wood(ss_vec3 p, float waver, float width) {
  const float radius = 1.6f * sqrtf(p.x * p.x + p.z * p.z) + 1.5f * waver;
  const float ring = radius - floorf(radius);
  const float shade = ss_smoothf(0, 0.75f, ring) * (1 - ss_smoothf(0.85f, 1, ring));
  return lerp(shade, 0.45f, ss_smoothf(0.15f, 0.6f, width));
}

/* Bricks in x and z with mortar between; each brick has a shade of its own. */
static float bricks(ss_vec3 p, float width) {
  const float row = floorf(2 * p.z);
  const float x = p.x + (((int32_t)row & 1) ? 0.5f : 0.0f);
  const float brick = box_wave(x, 0.93f, width) * box_wave(2 * p.z, 0.86f, 2 * width);
  const float own = hash_unit(lattice_hash((int32_t)floorf(x), (int32_t)row, 7));
  return brick * lerp(0.7f + 0.3f * own, 0.85f, ss_smoothf(0.3f, 0.9f, width));
}

/* Irregular chips: the parts of the noise above a level. */
static float speckles(float height, float width) {
  const float soft = 0.06f + width;
  return ss_smoothf(0.16f - soft, 0.16f + soft, height);
}

/* The noise that a pattern is made of, with lengths along its axes stretched by `stretch` first. */
static void pattern_noise(int n, const ss_lanes *point, const float *width, ss_vec3 stretch, int octaves,
                          float *value) {
  ss_lanes at;
  float footprint[SS_WORLD_LANES];
  const float most = ss_maxf(stretch.x, ss_maxf(stretch.y, stretch.z));
  for (int i = 0; i < n; i++) {
    ss_lanes_put(&at, i, ss_vec_mul(ss_lanes_get(point, i), stretch));
    footprint[i] = most * width[i];
  }
  ss_world_fractal_noise(n, &at, footprint, octaves, value);
}

/* What of the second colour is in the point, 0 to 1; `noisy` is the pattern's noise there, if it has one. */
static float share(ss_world_pattern pattern, ss_vec3 p, float noisy, float width) {
  switch (pattern) {
    case SS_PATTERN_STRIPES:
      return box_wave(p.x, 0.5f, width);
    case SS_PATTERN_CHECKER:
      return checker(p, width);
    case SS_PATTERN_DOTS:
      return dots(p, width);
    case SS_PATTERN_MARBLE:
      return marble(p, noisy, width);
    case SS_PATTERN_CLOUDS:
      return ss_smoothf(-0.45f, 0.45f, noisy);
    case SS_PATTERN_WOOD:
      return wood(p, noisy, width);
    case SS_PATTERN_BRICKS:
      return bricks(p, width);
    case SS_PATTERN_SPECKLES:
      return speckles(noisy, width);
    default:
      return 0;
  }
}

void ss_world_texture(const ss_world_material *material, int n, const ss_lanes *point, const float *footprint,
                      ss_vec3 *colour) {
  static const struct {
    ss_vec3 stretch;
    int octaves;
  } noises[SS_PATTERN_COUNT] = {[SS_PATTERN_MARBLE] = {{1, 1, 1}, 4},
                                [SS_PATTERN_CLOUDS] = {{1, 1, 1}, 3},
                                [SS_PATTERN_WOOD] = {{0.9f, 0.25f, 0.9f}, 1},
                                [SS_PATTERN_SPECKLES] = {{1.7f, 1.7f, 1.7f}, 2}};
  /* Every surface is a little uneven; wood along its fibres. */
  const ss_vec3 fine = material->pattern == SS_PATTERN_WOOD ? ss_vec(9, 0.7f, 9) : ss_vec(3.1f, 3.1f, 3.1f);
  const float grain = material->pattern == SS_PATTERN_WOOD ? 2 * material->grain : material->grain;
  ss_lanes at = {0};
  float width[SS_WORLD_LANES] = {0}, noisy[SS_WORLD_LANES] = {0}, uneven[SS_WORLD_LANES];
  for (int i = 0; i < n; i++) {
    const ss_vec3 turned = ss_vec_rotate_back(&material->turn, ss_lanes_get(point, i));
    ss_lanes_put(&at, i, ss_vec_add(ss_vec_scale(turned, material->frequency), material->offset));
    width[i] = footprint[i] * material->frequency;
  }
  if (noises[material->pattern].octaves > 0) {
    pattern_noise(n, &at, width, noises[material->pattern].stretch, noises[material->pattern].octaves, noisy);
  }
  pattern_noise(n, &at, width, fine, 2, uneven);
  for (int i = 0; i < n; i++) {
    const float second = share(material->pattern, ss_lanes_get(&at, i), noisy[i], width[i]);
    const ss_vec3 mixed = ss_vec_mix(material->colours[0], material->colours[1], second);
    colour[i] = ss_vec_scale(mixed, 1 + grain * uneven[i]);
  }
}
