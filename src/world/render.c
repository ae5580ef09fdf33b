#include "base/memory.h"
#include "world/shade.h"
#include "world/world.h"

#include <stdlib.h>
#include <string.h>

#define SUBSAMPLES 8

/* One sample in each eighth of the pixel's width and of its height. */
static const float offsets[SUBSAMPLES][2] = {{-0.4375f, -0.0625f}, {-0.3125f, 0.3125f}, {-0.1875f, -0.3125f},
                                             {-0.0625f, 0.1875f},  {0.0625f, -0.4375f}, {0.1875f, 0.4375f},
                                             {0.3125f, -0.1875f},  {0.4375f, 0.0625f}};

int ss_world_class_count(void) {
  return SS_WORLD_SHAPE_COUNT;
}

const char *ss_world_class_name(int class_index) {
  return ss_world_shape_name(class_index);
}

void ss_world_picture_free(ss_world_picture *picture) {
  ss_image_free(&picture->colour);
  free(picture->mask);
  free(picture->depth);
  memset(picture, 0, sizeof *picture);
}

static ss_status prepare(ss_world_picture *out, int width, int height, ss_error *error) {
  const size_t pixels = (size_t)width * (size_t)height;
  SS_TRY(ss_image_resize_buffer(&out->colour, width, height, 3, error));
  if (out->capacity < pixels) {
    free(out->mask);
    free(out->depth);
    out->mask = NULL;
    out->depth = NULL;
    out->capacity = 0;
    void *mask, *depth;
    SS_TRY(ss_alloc(&mask, pixels, 1, "a picture's mask", error));
    out->mask = mask;
    SS_TRY(ss_alloc(&depth, pixels, sizeof *out->depth, "a picture's depth", error));
    out->depth = depth;
    out->capacity = pixels;
  }
  return SS_OK;
}

static uint8_t srgb(float x) {
  const float encoded = x <= 0.0031308f ? 12.92f * x : 1.055f * powf(x, 1 / 2.4f) - 0.055f;
  return (uint8_t)(255 * ss_clampf(encoded, 0, 1) + 0.5f);
}

static uint16_t millimetres(float metres) {
  const float mm = 1000 * metres + 0.5f;
  return mm >= 1 && mm < 65536 ? (uint16_t)mm : 0;
}

/* How pixels lie in the scene's frame, whose sides are 1: it fills the middle of the picture. */
typedef struct framing {
  int width, height;
  float pixel;
  float left, top; /* of the picture */
} framing;

static framing framing_make(int width, int height) {
  const int shorter = width < height ? width : height;
  return (framing){.width = width,
                   .height = height,
                   .pixel = 1 / (float)shorter,
                   .left = 0.5f * (float)(shorter - width) / (float)shorter,
                   .top = 0.5f * (float)(shorter - height) / (float)shorter};
}

/* One sample through every pixel's centre: colour, mask and depth. */
static void first_look(const ss_world_scene *scene, const framing *frame, ss_vec3 *colour, ss_world_picture *out) {
  ss_world_sample samples[SS_WORLD_LANES];
  const int pixels = frame->width * frame->height;
  for (int start = 0; start < pixels; start += SS_WORLD_LANES) {
    const int n = pixels - start < SS_WORLD_LANES ? pixels - start : SS_WORLD_LANES;
    for (int i = 0; i < n; i++) {
      samples[i].x = ((float)((start + i) % frame->width) + 0.5f) * frame->pixel + frame->left;
      samples[i].y = ((float)((start + i) / frame->width) + 0.5f) * frame->pixel + frame->top;
    }
    ss_world_shade(scene, n, frame->pixel, samples);
    for (int i = 0; i < n; i++) {
      colour[start + i] = samples[i].colour;
      out->mask[start + i] = samples[i].kind == SS_KIND_OBJECT ? (uint8_t)(scene->shape + 1) : 0;
      out->depth[start + i] = millimetres(samples[i].depth);
    }
  }
}

/* Linear light is judged by about its square root, as the eye does. */
static bool differ(ss_vec3 a, ss_vec3 b) {
  const ss_vec3 d = ss_vec_sub(a, b), s = ss_vec_add(ss_vec_add(a, b), ss_vec(0.02f, 0.02f, 0.02f));
  const float limit = 0.004f;
  return d.x * d.x > limit * s.x || d.y * d.y > limit * s.y || d.z * d.z > limit * s.z;
}

/* Pixels that differ from a neighbour, by place in `list`; returns how many. */
static int find_edges(int width, int height, const ss_vec3 *colour, const uint8_t *mask, int *list) {
  int count = 0;
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      const int at = y * width + x;
      const int around[4] = {x > 0 ? at - 1 : at, x < width - 1 ? at + 1 : at, y > 0 ? at - width : at,
                             y < height - 1 ? at + width : at};
      bool edge = false;
      for (int k = 0; k < 4; k++) {
        edge = edge || mask[at] != mask[around[k]] || differ(colour[at], colour[around[k]]);
      }
      if (edge) {
        list[count++] = at;
      }
    }
  }
  return count;
}

/* Gives the listed pixels the mean of further samples. */
static void look_closer(const ss_world_scene *scene, const framing *frame, const int *list, int count,
                        ss_vec3 *colour) {
  ss_world_sample samples[SS_WORLD_LANES];
  const int group = SS_WORLD_LANES / SUBSAMPLES;
  for (int start = 0; start < count; start += group) {
    const int pixels = count - start < group ? count - start : group;
    for (int i = 0; i < pixels * SUBSAMPLES; i++) {
      const int at = list[start + i / SUBSAMPLES];
      samples[i].x = ((float)(at % frame->width) + 0.5f + offsets[i % SUBSAMPLES][0]) * frame->pixel + frame->left;
      samples[i].y = ((float)(at / frame->width) + 0.5f + offsets[i % SUBSAMPLES][1]) * frame->pixel + frame->top;
    }
    ss_world_shade(scene, pixels * SUBSAMPLES, 0.5f * frame->pixel, samples);
    for (int i = 0; i < pixels; i++) {
      ss_vec3 sum = {0, 0, 0};
      for (int k = 0; k < SUBSAMPLES; k++) {
        sum = ss_vec_add(sum, samples[i * SUBSAMPLES + k].colour);
      }
      colour[list[start + i]] = ss_vec_scale(sum, 1.0f / SUBSAMPLES);
    }
  }
}

static ss_world_box bounds(const uint8_t *mask, int width, int height) {
  ss_world_box box = {width, height, 0, 0};
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      if (mask[y * width + x]) {
        box.left = x < box.left ? x : box.left;
        box.right = x >= box.right ? x + 1 : box.right;
        box.top = y < box.top ? y : box.top;
        box.bottom = y + 1;
      }
    }
  }
  return box;
}

ss_status ss_world_render(uint64_t seed, uint32_t index, int class_index, int width, int height, ss_world_picture *out,
                          ss_error *error) {
  if (class_index < 0 || class_index >= SS_WORLD_SHAPE_COUNT) {
    return ss_fail(error, SS_USAGE, "no such class of the world: %d; there are 0 to %d", class_index,
                   SS_WORLD_SHAPE_COUNT - 1);
  }
  SS_TRY(ss_world_check_size(width, height, error));
  SS_TRY(prepare(out, width, height, error));
  const size_t pixels = (size_t)width * (size_t)height;
  void *colour_memory, *list_memory;
  SS_TRY(ss_alloc(&colour_memory, pixels, sizeof(ss_vec3), "a picture's samples", error));
  const ss_status status = ss_alloc(&list_memory, pixels, sizeof(int), "a picture's edges", error);
  if (status != SS_OK) {
    free(colour_memory);
    return status;
  }
  ss_vec3 *colour = colour_memory;
  int *list = list_memory;
  const ss_world_scene scene = ss_world_scene_draw(seed, index, class_index);
  const framing frame = framing_make(width, height);
  first_look(&scene, &frame, colour, out);
  look_closer(&scene, &frame, list, find_edges(width, height, colour, out->mask, list), colour);
  for (size_t i = 0; i < pixels; i++) {
    out->colour.pixels[3 * i] = srgb(colour[i].x);
    out->colour.pixels[3 * i + 1] = srgb(colour[i].y);
    out->colour.pixels[3 * i + 2] = srgb(colour[i].z);
  }
  out->box = bounds(out->mask, width, height);
  free(list);
  free(colour);
  return SS_OK;
}
