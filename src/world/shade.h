/* What a ray sees: the nearest surface and its light. */
#ifndef SS_WORLD_SHADE_H
#define SS_WORLD_SHADE_H

#include "world/scene.h"
#include "world/trace.h"

typedef enum ss_world_kind { SS_KIND_SKY, SS_KIND_OBJECT, SS_KIND_GROUND, SS_KIND_WALL } ss_world_kind;

typedef struct ss_world_sample {
  float x, y;         /* in the frame: 0 to 1 from the left, 0 to 1 from the top */
  ss_vec3 colour;     /* out: linear RGB, 0 to 1 */
  float depth;        /* out: metres along the viewing axis; infinite for the sky */
  ss_world_kind kind; /* out */
} ss_world_sample;

/* Fills in n samples, at most SS_WORLD_LANES; `pixel` is the width that one stands for, as a share of the frame. */
void ss_world_shade(const ss_world_scene *scene, int n, float pixel, ss_world_sample *samples);

#endif
