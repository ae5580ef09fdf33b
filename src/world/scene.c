#include "world/scene.h"

#define TURN 6.28318531f

/* OKLab (Ottosson 2020) by lightness, chroma and hue to linear sRGB, chroma reduced until it fits the gamut: hues of
 * one lightness and chroma look equally light and strong, which random RGB does not. */
static ss_vec3 palette_colour(float lightness, float chroma, float hue) {
  ss_vec3 rgb = {0, 0, 0};
  for (int tries = 0; tries < 12; tries++) {
    const float a = chroma * cosf(hue), b = chroma * sinf(hue);
    const float l = lightness + 0.3963377774f * a + 0.2158037573f * b;
    const float m = lightness - 0.1055613458f * a - 0.0638541728f * b;
    const float s = lightness - 0.0894841775f * a - 1.2914855480f * b;
    const float l3 = l * l * l, m3 = m * m * m, s3 = s * s * s;
    rgb = ss_vec(4.0767416621f * l3 - 3.3077115913f * m3 + 0.2309699292f * s3,
                 -1.2684380046f * l3 + 2.6097574011f * m3 - 0.3413193965f * s3,
                 -0.0041960863f * l3 - 0.7034186147f * m3 + 1.7076147010f * s3);
    if (ss_minf(rgb.x, ss_minf(rgb.y, rgb.z)) >= 0 && ss_maxf(rgb.x, ss_maxf(rgb.y, rgb.z)) <= 1) {
      break;
    }
    chroma *= 0.85f;
  }
  return ss_vec(ss_clampf(rgb.x, 0, 1), ss_clampf(rgb.y, 0, 1), ss_clampf(rgb.z, 0, 1));
}

static ss_rotation turn_about_y(float angle) {
  const float c = cosf(angle), s = sinf(angle);
  const ss_rotation r = {{{c, 0, -s}, {0, 1, 0}, {s, 0, c}}};
  return r;
}

/* Uniform over all rotations: a normal quaternion. */
static ss_rotation any_rotation(ss_random *random) {
  float q[4], norm = 1e-12f;
  for (int i = 0; i < 4; i++) {
    q[i] = ss_random_normal(random);
    norm += q[i] * q[i];
  }
  const float s = 1 / sqrtf(norm), w = q[0] * s, x = q[1] * s, y = q[2] * s, z = q[3] * s;
  const ss_rotation r = {{{1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)},
                          {2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)},
                          {2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)}}};
  return r;
}

/* A rotation that turns the unit vector `down` to (0, -1, 0), and the solid by `yaw` about the vertical. */
static ss_rotation rest_on(ss_vec3 down, float yaw) {
  const ss_vec3 aside = fabsf(down.y) < 0.9f ? ss_vec(0, 1, 0) : ss_vec(1, 0, 0);
  const ss_vec3 u = ss_vec_normalize(ss_vec_cross(down, aside)), v = ss_vec_scale(down, -1), w = ss_vec_cross(u, v);
  const ss_rotation turn = turn_about_y(yaw);
  const float from[3][3] = {{u.x, v.x, w.x}, {u.y, v.y, w.y}, {u.z, v.z, w.z}}; /* images of the axes in (u, v, w) */
  ss_rotation r;
  for (int i = 0; i < 3; i++) {
    r.axis[i] = ss_vec_rotate(&turn, ss_vec(from[i][0], from[i][1], from[i][2]));
  }
  return r;
}

typedef struct draw_colours {
  float lightness, chroma, hue;
} draw_colours;

/* A material in two colours around the given one; `plain` is the share of those without a pattern. */
static ss_world_material draw_material(ss_random *random, draw_colours base, float spread, float plain) {
  ss_world_material m = {.pattern = (ss_world_pattern)ss_random_below(random, SS_PATTERN_COUNT)};
  if (ss_random_uniform(random) < plain) {
    m.pattern = SS_PATTERN_PLAIN;
  }
  const float step = ss_random_between(random, 0.4f, 1) * spread;
  const float side = base.lightness > 0.68f || (base.lightness > 0.45f && ss_random_uniform(random) < 0.5f) ? -1 : 1;
  const float swing =
      ss_random_uniform(random) < 0.5f ? ss_random_between(random, -0.6f, 0.6f) : ss_random_between(random, 0, TURN);
  const float chroma = base.chroma * ss_random_between(random, 0.4f, 1.2f);
  m.colours[0] = palette_colour(base.lightness, base.chroma, base.hue);
  m.colours[1] = palette_colour(ss_clampf(base.lightness + side * step, 0.2f, 0.96f), chroma, base.hue + swing);
  m.offset =
      ss_vec(ss_random_between(random, 0, 50), ss_random_between(random, 0, 50), ss_random_between(random, 0, 50));
  m.gloss = ss_random_uniform(random);
  m.grain = ss_random_between(random, 0.02f, 0.16f);
  return m;
}

static void draw_surroundings(ss_world_scene *scene, ss_random *random, draw_colours ground) {
  scene->ground = draw_material(random, ground, 0.2f, 0.3f);
  scene->ground.turn = turn_about_y(ss_random_between(random, 0, TURN));
  scene->ground.frequency = ss_random_between(random, 0.5f, 2.2f) / scene->scale;
  scene->ground.gloss *= 0.5f;
  scene->has_wall = ss_random_uniform(random) < 0.45f;
  const float yaw = ss_random_between(random, -0.7f, 0.7f);
  scene->wall_normal = ss_vec(sinf(yaw), 0, cosf(yaw));
  scene->wall_distance = scene->scale * ss_random_between(random, 1.3f, 4);
  const float height = ss_random_between(random, 0.8f, 6);
  scene->wall_height = height < 3 ? scene->scale * height : 1e6f;
  const draw_colours wall = {ss_random_between(random, 0.4f, 0.92f), ss_random_between(random, 0, 0.1f),
                             ss_random_between(random, 0, TURN)};
  scene->wall = draw_material(random, wall, 0.16f, 0.3f);
  scene->wall.turn = turn_about_y(ss_random_uniform(random) < 0.7f ? 0 : ss_random_between(random, 0, TURN));
  scene->wall.frequency = ss_random_between(random, 0.4f, 1.8f) / scene->scale;
  scene->wall.gloss *= 0.3f;
  scene->haze = scene->scale * ss_random_between(random, 12, 60);

  const float weather = ss_random_uniform(random);
  const float blue = 4.4f + ss_random_between(random, -0.3f, 0.3f);
  if (weather < 0.4f) { /* a blue day */
    scene->zenith = palette_colour(ss_random_between(random, 0.5f, 0.7f), 0.13f, blue);
    scene->horizon = palette_colour(ss_random_between(random, 0.84f, 0.94f), 0.04f, blue);
  } else if (weather < 0.6f) { /* dawn */
    const float warm = ss_random_between(random, 0.3f, 1.4f);
    scene->zenith = palette_colour(ss_random_between(random, 0.4f, 0.65f), 0.08f, blue + 0.5f);
    scene->horizon = palette_colour(ss_random_between(random, 0.76f, 0.9f), 0.1f, warm);
  } else { /* overcast, or a studio's paper */
    const float hue = ss_random_between(random, 0, TURN), chroma = ss_random_between(random, 0, 0.1f);
    scene->zenith = palette_colour(ss_random_between(random, 0.35f, 0.8f), chroma, hue);
    scene->horizon = palette_colour(ss_random_between(random, 0.65f, 0.92f), 0.6f * chroma, hue);
  }
  scene->cloudiness = ss_maxf(ss_random_between(random, -0.8f, 1), 0);
  scene->cloud_offset = ss_vec(ss_random_between(random, 0, 90), 0, ss_random_between(random, 0, 90));
}

static void draw_lights(ss_world_scene *scene, ss_random *random) {
  for (int tries = 0; tries < 64; tries++) { /* a wall must be lit, and the side that the camera sees not be all dark */
    const float azimuth = ss_random_between(random, 0, TURN), height = ss_random_between(random, 0.5f, 1.3f);
    scene->light = ss_vec(sinf(azimuth) * cosf(height), sinf(height), cosf(azimuth) * cosf(height));
    if (scene->light.z > -0.45f && (!scene->has_wall || ss_vec_dot(scene->light, scene->wall_normal) > 0.12f)) {
      break;
    }
  }
  const float warmth = ss_random_between(random, -1, 1), strength = ss_random_between(random, 1.5f, 2.5f);
  scene->light_colour = ss_vec_scale(ss_vec(1 + 0.12f * warmth, 1, 1 - 0.2f * warmth), strength);
  const float soft = ss_random_uniform(random);
  scene->light_size = 0.02f + 0.25f * soft * soft;
  const float azimuth = ss_random_between(random, 0, TURN);
  scene->fill = ss_vec_normalize(ss_vec(sinf(azimuth), 0.4f, cosf(azimuth)));
  scene->fill_strength = ss_maxf(ss_random_between(random, -0.3f, 0.4f), 0);
  scene->ambient = ss_random_between(random, 0.45f, 0.9f);
}

/* Draws poses until the solid can be recognised from where the camera is; half of them at rest, the others as if
 * caught tumbling, some off the ground. */
static void draw_pose(ss_world_scene *scene, ss_random *random, ss_vec3 to_camera) {
  bool tumbling = false;
  for (int tries = 0; tries < 200; tries++) {
    tumbling = ss_random_uniform(random) < 0.45f;
    if (tumbling) {
      scene->pose = any_rotation(random);
    } else {
      const ss_vec3 down = ss_world_shape_rest(scene->shape, random);
      scene->pose = rest_on(down, ss_random_between(random, 0, TURN));
    }
    if (ss_world_shape_view_is_clear(scene->shape, ss_vec_rotate_back(&scene->pose, to_camera))) {
      break;
    }
  }
  const float below = ss_world_shape_support(scene->shape, ss_vec_rotate_back(&scene->pose, ss_vec(0, -1, 0)));
  const float lift = tumbling ? ss_maxf(ss_random_between(random, -0.6f, 0.6f), 0) : 0;
  scene->centre = ss_vec(0, scene->scale * (below + lift), 0);
}

/* How far the solid reaches in a direction of the world, in metres. */
static float reach(const ss_world_scene *scene, ss_vec3 direction) {
  return scene->scale * ss_world_shape_support(scene->shape, ss_vec_rotate_back(&scene->pose, direction));
}

ss_world_scene ss_world_scene_draw(uint64_t seed, uint32_t index, int shape) {
  ss_random random = ss_random_stream(seed, SS_RANDOM_WORLD, 0, index, 0);
  ss_world_scene scene = {.shape = shape};
  scene.scale = ss_random_between(&random, 0.15f, 0.5f);

  /* The object's colour keeps its distance from the ground's. */
  const draw_colours ground = {ss_random_between(&random, 0.4f, 0.88f), ss_random_between(&random, 0, 0.11f),
                               ss_random_between(&random, 0, TURN)};
  draw_colours own = ground;
  for (int tries = 0; tries < 64; tries++) {
    own.lightness = ss_random_between(&random, 0.42f, 0.88f);
    own.chroma = ss_random_between(&random, 0.03f, 0.21f);
    own.hue = ss_random_between(&random, 0, TURN);
    const float a = own.chroma * cosf(own.hue) - ground.chroma * cosf(ground.hue);
    const float b = own.chroma * sinf(own.hue) - ground.chroma * sinf(ground.hue);
    const float l = own.lightness - ground.lightness;
    if (l * l + 3 * (a * a + b * b) > 0.07f) {
      break;
    }
  }
  scene.object = draw_material(&random, own, 0.26f, 0.25f);
  scene.object.turn = any_rotation(&random);
  scene.object.frequency = ss_random_between(&random, 1.1f, 3.2f);
  draw_surroundings(&scene, &random, ground);

  const float height = ss_random_between(&random, 0.12f, 0.95f), roll = ss_random_between(&random, -0.14f, 0.14f);
  const float share = ss_random_between(&random, 0.48f, 0.8f);
  const float place_x = ss_random_between(&random, -1, 1), place_y = ss_random_between(&random, -1, 1);
  scene.half_width = tanf(ss_random_between(&random, 0.2f, 0.45f));
  draw_lights(&scene, &random);
  const ss_vec3 to_camera = ss_vec(0, sinf(height), cosf(height));
  const ss_vec3 level = ss_vec(1, 0, 0), upright = ss_vec_cross(to_camera, level);
  scene.forward = ss_vec_scale(to_camera, -1);
  scene.right = ss_vec_add(ss_vec_scale(level, cosf(roll)), ss_vec_scale(upright, sinf(roll)));
  scene.up = ss_vec_sub(ss_vec_scale(upright, cosf(roll)), ss_vec_scale(level, sinf(roll)));

  draw_pose(&scene, &random, to_camera);

  /* So far away that the solid takes its share of the frame, which is shifted to put it in its place. */
  const float right = reach(&scene, scene.right), left = reach(&scene, ss_vec_scale(scene.right, -1));
  const float above = reach(&scene, scene.up), below = reach(&scene, ss_vec_scale(scene.up, -1));
  const float width = right + left, tall = above + below, most = ss_maxf(width, tall);
  const float distance = most / (2 * share * scene.half_width) + 0.5f * reach(&scene, to_camera);
  const float unit = 1 / (distance * scene.half_width); /* half widths a metre */
  const float room_x = ss_maxf(0.94f - 0.5f * width * unit * 1.08f, 0);
  const float room_y = ss_maxf(0.94f - 0.5f * tall * unit * 1.08f, 0);
  scene.camera = ss_vec_add(scene.centre, ss_vec_scale(to_camera, distance));
  scene.shift_x = 0.5f * (right - left) * unit - place_x * room_x;
  scene.shift_y = 0.5f * (above - below) * unit - place_y * room_y;
  return scene;
}
