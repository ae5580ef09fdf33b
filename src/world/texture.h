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

/* The sum of octaves of gradient noise, each of half the size and strength, about -1 to 1, the largest features one
 * unit wide. What is smaller than footprint[i] around point i is left out. n is at most SS_WORLD_LANES, as below. */
void ss_world_fractal_noise(int n, const ss_lanes *point, const float *footprint, int octaves, float *value);

/* The linear colours at n points; footprint[i] is the width, in the same coordinates, over which a pixel averages. */
void ss_world_texture(const ss_world_material *material, int n, const ss_lanes *point, const float *footprint,
                      ss_vec3 *colour);

#endif
