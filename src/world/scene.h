/* One picture's scene: the solid, its surroundings, the light and the camera. Lengths in metres, y up, ground y = 0. */
#ifndef SS_WORLD_SCENE_H
#define SS_WORLD_SCENE_H

#include "world/shapes.h"
#include "world/texture.h"

#include <stdint.h>

typedef struct ss_world_scene {
  int shape;
  ss_rotation pose; /* from object space to the world */
  ss_vec3 centre;
  float scale;              /* metres a unit of object space */
  ss_world_material object; /* in object space */

  ss_world_material ground; /* in metres, x and z */
  bool has_wall;
  ss_vec3 wall_normal; /* horizontal, towards the object */
  float wall_distance; /* from the origin */
  float wall_height;
  ss_world_material wall;

  ss_vec3 light;        /* unit, towards it */
  ss_vec3 light_colour; /* strength included */
  float light_size;     /* tangent of half the angle it fills: how soft shadows are */
  ss_vec3 fill;         /* unit, towards a second, weak light without shadow */
  float fill_strength;
  float ambient;
  ss_vec3 zenith, horizon; /* the sky, linear RGB */
  float cloudiness;
  ss_vec3 cloud_offset;
  float haze; /* metres until the ground is lost in the horizon's colour */

  ss_vec3 camera;
  ss_vec3 right, up, forward;
  float half_width;       /* tangent of half the angle of view */
  float shift_x, shift_y; /* of the frame, in half widths */
} ss_world_scene;

/* Draws the scene of picture `index`. All but the pose is drawn alike for every class: the same index has the same
 * colours, light, size in the frame and place for each of them. */
ss_world_scene ss_world_scene_draw(uint64_t seed, uint32_t index, int shape);

#endif
