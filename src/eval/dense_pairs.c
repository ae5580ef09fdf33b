#include "eval/dense_pairs.h"

#include "base/memory.h"
#include "features/pictures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ss_dense_pairs {
  ss_dense_pairs_options options;
  const ss_dense_set *set;
  ss_pictures *pictures;
};

static size_t plane_of(const ss_dense_pairs *pairs) {
  return (size_t)pairs->options.size * (size_t)pairs->options.size;
}

/* The nearest pixels of the part of the map that is shown. */
static void make_targets(const ss_dense_pairs *pairs, const ss_map *map, const ss_view_draw *draw,
                         ss_dense_target *targets, float *weights) {
  const int size = pairs->options.size;
  const ss_box box = draw->crop;
  const float shown = (float)box.width * (float)box.height / ((float)map->width * (float)map->height);
  const float zoom = 1.0f / sqrtf(shown);
  int64_t counted = 0;
  for (int y = 0; y < size; y++) {
    const int from_y = box.top + (int)((int64_t)(2 * y + 1) * box.height / (2 * size));
    for (int x = 0; x < size; x++) {
      const int column = draw->flip ? size - 1 - x : x;
      const int from_x = box.left + (int)((int64_t)(2 * column + 1) * box.width / (2 * size));
      const uint16_t value = map->values[(size_t)from_y * (size_t)map->width + (size_t)from_x];
      const size_t at = (size_t)y * (size_t)size + (size_t)x;
      const bool counts = pairs->options.target(pairs->options.context, value, zoom, &targets[at]);
      weights[at] = counts ? 1.0f : 0.0f;
      counted += counts;
    }
  }
  const float weight = counted > 0 ? 1.0f / (float)counted : 0.0f;
  for (size_t i = 0; i < plane_of(pairs); i++) {
    weights[i] *= weight;
  }
}

/* A plane of targets, then one of weights. */
static ss_status fill_targets(const void *context, uint32_t sample, const ss_image *image, const ss_view_draw *draw,
                              void *out, ss_error *error) {
  const ss_dense_pairs *pairs = context;
  ss_dense_target *targets = out;
  ss_map map = {0};
  const ss_status status = ss_dense_set_read(pairs->set, sample, image->width, image->height, &map, error);
  if (status == SS_OK) {
    make_targets(pairs, &map, draw, targets, (float *)(targets + plane_of(pairs)));
  }
  ss_map_free(&map);
  return status;
}

ss_status ss_dense_pairs_open(const ss_model *model, const ss_dense_set *set, const ss_subset *subset,
                              const ss_dense_pairs_options *options, ss_dense_pairs **out, ss_error *error) {
  *out = NULL;
  ss_dense_pairs *pairs = NULL;
  SS_TRY(ss_alloc((void **)&pairs, 1, sizeof *pairs, "the pictures", error));
  pairs->options = *options;
  pairs->set = set;
  const bool training = options->min_scale > 0.0f;
  ss_picture_options reading = {.size = options->size,
                                .batch = options->batch,
                                .threads = options->threads,
                                .view = training ? SS_PICTURE_CROP : SS_PICTURE_WHOLE,
                                .min_scale = options->min_scale,
                                .seed = options->seed,
                                .max_bad = options->max_bad,
                                .bad = options->bad};
  if (training) {
    reading.targets = (ss_picture_targets){
        .bytes = plane_of(pairs) * (sizeof(ss_dense_target) + sizeof(float)), .fill = fill_targets, .context = pairs};
  }
  const ss_status status = ss_pictures_open(model, ss_dense_set_source(set), subset, &reading, &pairs->pictures, error);
  if (status != SS_OK) {
    ss_dense_pairs_close(pairs);
    return status;
  }
  *out = pairs;
  return SS_OK;
}

void ss_dense_pairs_close(ss_dense_pairs *pairs) {
  if (pairs) {
    ss_pictures_close(pairs->pictures);
    free(pairs);
  }
}

ss_status ss_dense_pairs_next(ss_dense_pairs *pairs, ss_dense_batch *batch, ss_error *error) {
  const size_t plane = plane_of(pairs);
  int64_t count = 0;
  SS_TRY(ss_pictures_next(pairs->pictures, batch->images, &batch->samples, &count, error));
  batch->count = (int)count;
  for (size_t i = 0; pairs->options.min_scale > 0.0f && i < (size_t)count; i++) {
    const ss_dense_target *targets = ss_pictures_targets(pairs->pictures, (int64_t)i);
    memcpy(batch->targets + plane * i, targets, plane * sizeof *targets);
    memcpy(batch->weights + plane * i, targets + plane, plane * sizeof *batch->weights);
  }
  return SS_OK;
}
