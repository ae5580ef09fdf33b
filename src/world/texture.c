#include "world/texture.h"

#include <stdint.h>

static inline uint32_t lattice_hash(int32_t x, int32_t y, int32_t z) {
  uint32_t h = (uint32_t)x * 0x8DA6B343u + (uint32_t)y * 0xD8163841u + (uint32_t)z * 0xCB1AB31Fu;
  h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
  h = (h ^ (h >> 12)) * 0x297A2D39u;
  return h ^ (h >> 15);
}

static inline float hash_unit(uint32_t h) {
  return (float)(h >> 8) * 0x1p-24f;
}

/* The dot product of the offset with a lattice point's gradient, one of the corners of a cube. */
static inline float corner(int32_t ix, int32_t iy, int32_t iz, float x, float y, float z) {
  const uint32_t h = lattice_hash(ix, iy, iz);
  return ((h & 1) ? x : -x) + ((h & 2) ? y : -y) + ((h & 4) ? z : -z);
}

static inline float fade(float t) {
  return t * t * t * (t * (t * 6 - 15) + 10);
}

static inline float lerp(float a, float b, float t) {
  return a + (b - a) * t;
}

float ss_world_noise(ss_vec3 p) {
  const float fx = floorf(p.x), fy = floorf(p.y), fz = floorf(p.z);
  const int32_t ix = (int32_t)fx, iy = (int32_t)fy, iz = (int32_t)fz;
  const float x = p.x - fx, y = p.y - fy, z = p.z - fz;
  const float u = fade(x), v = fade(y), w = fade(z);
  const float a = lerp(corner(ix, iy, iz, x, y, z), corner(ix + 1, iy, iz, x - 1, y, z), u);
  const float b = lerp(corner(ix, iy + 1, iz, x, y - 1, z), corner(ix + 1, iy + 1, iz, x - 1, y - 1, z), u);
  const float c = lerp(corner(ix, iy, iz + 1, x, y, z - 1), corner(ix + 1, iy, iz + 1, x - 1, y, z - 1), u);
  const float d =
      lerp(corner(ix, iy + 1, iz + 1, x, y - 1, z - 1), corner(ix + 1, iy + 1, iz + 1, x - 1, y - 1, z - 1), u);
  return lerp(lerp(a, b, v), lerp(c, d, v), w);
}

float ss_world_fractal_noise(ss_vec3 p, int octaves, float footprint) {
  float sum = 0, strength = 0.6f;
  for (int i = 0; i < octaves && footprint < 1; i++) {
    sum += strength * (1 - footprint * footprint) * ss_world_noise(p);
    p = ss_vec_add(ss_vec_scale(p, 2.03f), ss_vec(17.1f, 5.3f, 11.7f));
    footprint *= 2.03f;
    strength *= 0.5f;
  }
  return sum;
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

static float marble(ss_vec3 p, float width) {
  const float bend = ss_world_fractal_noise(p, 4, width);
  const float vein = fabsf(sinf(3.14159265f * (0.6f * p.x + 0.25f * p.y + 2.2f * bend)));
  return lerp(1 - sqrtf(vein), 0.35f, ss_smoothf(0.4f, 1, width));
}

/* Rings around the y axis, wavering, with fibres along it. */
static float wood(ss_vec3 p, float width) {
  const ss_vec3 slow = ss_vec(0.9f * p.x, 0.25f * p.y, 0.9f * p.z);
  const float radius = 1.6f * sqrtf(p.x * p.x + p.z * p.z) + 0.9f * ss_world_noise(slow);
  const float ring = radius - floorf(radius);
  const float shade = ss_smoothf(0, 0.75f, ring) * (1 - ss_smoothf(0.85f, 1, ring));
  const float fibre = ss_world_fractal_noise(ss_vec(9 * p.x, 0.7f * p.y, 9 * p.z), 2, 9 * width);
  return ss_clampf(lerp(shade, 0.45f, ss_smoothf(0.15f, 0.6f, width)) + 0.25f * fibre, 0, 1);
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
static float speckles(ss_vec3 p, float width) {
  const float soft = 0.06f + width;
  const float n = ss_world_fractal_noise(ss_vec_scale(p, 1.7f), 2, 1.7f * width);
  return ss_smoothf(0.16f - soft, 0.16f + soft, n);
}

ss_vec3 ss_world_texture(const ss_world_material *material, ss_vec3 point, float footprint) {
  const ss_vec3 p =
      ss_vec_add(ss_vec_scale(ss_vec_rotate_back(&material->turn, point), material->frequency), material->offset);
  const float width = footprint * material->frequency;
  float mix = 0;
  switch (material->pattern) {
    case SS_PATTERN_STRIPES:
      mix = box_wave(p.x, 0.5f, width);
      break;
    case SS_PATTERN_CHECKER:
      mix = checker(p, width);
      break;
    case SS_PATTERN_DOTS:
      mix = dots(p, width);
      break;
    case SS_PATTERN_MARBLE:
      mix = marble(p, width);
      break;
    case SS_PATTERN_CLOUDS:
      mix = ss_smoothf(-0.45f, 0.45f, ss_world_fractal_noise(p, 3, width));
      break;
    case SS_PATTERN_WOOD:
      mix = wood(p, width);
      break;
    case SS_PATTERN_BRICKS:
      mix = bricks(p, width);
      break;
    case SS_PATTERN_SPECKLES:
      mix = speckles(p, width);
      break;
    default:
      break;
  }
  const float grain = 1 + material->grain * ss_world_fractal_noise(ss_vec_scale(p, 3.1f), 2, 3.1f * width);
  return ss_vec_scale(ss_vec_mix(material->colours[0], material->colours[1], mix), grain);
}
