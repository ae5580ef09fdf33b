/* Patterns: solid textures, two colours each, filtered by the size of what the pixel sees. */
#ifndef SS_WORLD_TEXTURE_H
#define SS_WORLD_TEXTURE_H

#include "world/vector.h"

typedef enum ss_world_pattern {
  SS_PATTERN_PLAIN,
  SS_PATTERN_STRIPES,
  SS_PATTERN_CHECKER,
  SS_PATTERN_DOTS,
  SS_PATTERN_MARBLE,
  SS_PATTERN_CLOUDS,
  SS_PATTERN_WOOD,
  SS_PATTERN_BRICKS,
  SS_PATTERN_SPECKLES,
  SS_PATTERN_COUNT
} ss_world_pattern;

typedef struct ss_world_material {
  ss_world_pattern pattern;
  ss_vec3 colours[2]; /* linear RGB, 0 to 1 */
  ss_rotation turn;   /* from the pattern's axes to the object's */
  ss_vec3 offset;
  float frequency; /* periods a unit of the coordinates */
  float gloss;     /* 0 chalk to 1 polished */
  float grain;     /* the strength of the fine unevenness that every surface has */
} ss_world_material;

/* Gradient noise with value and slope continuous, about -1 to 1, one feature a unit. */
float ss_world_noise(ss_vec3 p);

/* The sum of octaves of noise, each of half the size and strength, fading where smaller than `footprint`. */
float ss_world_fractal_noise(ss_vec3 p, int octaves, float footprint);

/* The linear colour at a point; `footprint` is the width, in the same coordinates, over which a pixel averages. */
ss_vec3 ss_world_texture(const ss_world_material *material, ss_vec3 point, float footprint);

#endif
