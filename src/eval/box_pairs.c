#include "eval/box_pairs.h"

#include "base/memory.h"
#include "features/pictures.h"

#include <stdlib.h>
#include <string.h>

struct ss_box_pairs {
  ss_fcos_grid grid;
  const ss_box_set *set;
  bool training;
  ss_pictures *pictures;
};

/* The numbers of a picture's targets, and where each kind is among them. */
static size_t target_numbers(const ss_fcos_grid *grid) {
  return (size_t)grid->places * ((size_t)grid->classes + 6);
}

static ss_fcos_targets targets_in(const ss_fcos_grid *grid, float *classes) {
  const size_t places = (size_t)grid->places;
  float *distances = classes + places * (size_t)grid->classes;
  return (ss_fcos_targets){.classes = classes,
                           .distances = distances,
                           .objects = distances + 4 * places,
                           .centreness = distances + 5 * places};
}

static float clamp(float value, float most) {
  return value < 0.0f ? 0.0f : value > most ? most : value;
}

/* A box of the picture as it lies in the view; false if its centre is not there. */
static bool place_box(const ss_bounding_box *box, const ss_image *image, const ss_view_draw *draw, float size,
                      ss_bounding_box *out) {
  const ss_box crop = draw->crop;
  const float scale_x = size / (float)crop.width, scale_y = size / (float)crop.height;
  ss_bounding_box placed = {.left = (box->left * (float)image->width - (float)crop.left) * scale_x,
                            .top = (box->top * (float)image->height - (float)crop.top) * scale_y,
                            .right = (box->right * (float)image->width - (float)crop.left) * scale_x,
                            .bottom = (box->bottom * (float)image->height - (float)crop.top) * scale_y};
  if (draw->flip) {
    const float left = placed.left;
    placed.left = size - placed.right;
    placed.right = size - left;
  }
  const float x = 0.5f * (placed.left + placed.right), y = 0.5f * (placed.top + placed.bottom);
  *out = (ss_bounding_box){.left = clamp(placed.left, size),
                           .top = clamp(placed.top, size),
                           .right = clamp(placed.right, size),
                           .bottom = clamp(placed.bottom, size)};
  return x > 0.0f && x < size && y > 0.0f && y < size && ss_bounding_box_area(out) > 0.0;
}

/* Boxes that are hard to see are learned from as well, as the devkit's users do. */
static ss_status fill_targets(const void *context, uint32_t sample, const ss_image *image, const ss_view_draw *draw,
                              void *out, ss_error *error) {
  const ss_box_pairs *pairs = context;
  size_t count = 0, placed = 0;
  const ss_labelled_box *boxes = ss_box_set_boxes(pairs->set, sample, &count);
  ss_true_box *in_view = NULL;
  SS_TRY(ss_alloc((void **)&in_view, count, sizeof *in_view, "the boxes", error));
  for (size_t i = 0; i < count; i++) {
    ss_true_box box = {.label = boxes[i].label};
    if (place_box(&boxes[i].box, image, draw, (float)pairs->grid.size, &box.box)) {
      in_view[placed++] = box;
    }
  }
  ss_fcos_targets targets = targets_in(&pairs->grid, out);
  ss_fcos_assign(&pairs->grid, in_view, placed, &targets);
  free(in_view);
  return SS_OK;
}

ss_status ss_box_pairs_open(const ss_model *model, const ss_box_set *set, const ss_subset *subset,
                            const ss_fcos_grid *grid, const ss_box_pairs_options *options, ss_box_pairs **out,
                            ss_error *error) {
  *out = NULL;
  ss_box_pairs *pairs = NULL;
  SS_TRY(ss_alloc((void **)&pairs, 1, sizeof *pairs, "the pictures", error));
  pairs->grid = *grid;
  pairs->set = set;
  pairs->training = options->min_scale > 0.0f;
  ss_picture_options reading = {.size = grid->size,
                                .batch = options->batch,
                                .threads = options->threads,
                                .view = pairs->training ? SS_PICTURE_CROP : SS_PICTURE_WHOLE,
                                .min_scale = options->min_scale,
                                .seed = options->seed,
                                .max_bad = options->max_bad,
                                .bad = options->bad};
  if (pairs->training) {
    reading.targets =
        (ss_picture_targets){.bytes = target_numbers(grid) * sizeof(float), .fill = fill_targets, .context = pairs};
  }
  const ss_status status = ss_pictures_open(model, ss_box_set_source(set), subset, &reading, &pairs->pictures, error);
  if (status != SS_OK) {
    ss_box_pairs_close(pairs);
    return status;
  }
  *out = pairs;
  return SS_OK;
}

void ss_box_pairs_close(ss_box_pairs *pairs) {
  if (pairs) {
    ss_pictures_close(pairs->pictures);
    free(pairs);
  }
}

/* Copies one sample's targets and counts its places with an object. */
static int64_t copy_targets(const ss_fcos_grid *grid, const ss_fcos_targets *from, size_t row,
                            const ss_fcos_targets *to) {
  const size_t places = (size_t)grid->places, classes = (size_t)grid->classes;
  memcpy(to->classes + row * places * classes, from->classes, places * classes * sizeof(float));
  memcpy(to->distances + row * places * 4, from->distances, places * 4 * sizeof(float));
  memcpy(to->objects + row * places, from->objects, places * sizeof(float));
  memcpy(to->centreness + row * places, from->centreness, places * sizeof(float));
  int64_t objects = 0;
  for (size_t i = 0; i < places; i++) {
    objects += from->objects[i] > 0.0f;
  }
  return objects;
}

ss_status ss_box_pairs_next(ss_box_pairs *pairs, ss_box_batch *batch, ss_error *error) {
  int64_t count = 0, objects = 0;
  SS_TRY(ss_pictures_next(pairs->pictures, batch->images, &batch->samples, &count, error));
  batch->count = (int)count;
  if (!pairs->training) {
    return SS_OK;
  }
  for (int64_t i = 0; i < count; i++) {
    const ss_fcos_targets targets = targets_in(&pairs->grid, ss_pictures_targets(pairs->pictures, i));
    objects += copy_targets(&pairs->grid, &targets, (size_t)i, &batch->targets);
  }
  *batch->per_object = 1.0f / (float)(objects > 0 ? objects : 1);
  return SS_OK;
}
