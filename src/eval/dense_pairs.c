#include "eval/dense_pairs.h"

#include "augment/view.h"
#include "base/memory.h"
#include "features/pictures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of one loader's thread. */
typedef struct worker {
  ss_view_scratch scratch;
  ss_image view;
  ss_map map;
} worker;

struct ss_dense_pairs {
  ss_dense_pairs_options options;
  const ss_model *model;
  const ss_dense_set *set;
  worker *workers;
  ss_loader *loader;
};

/* A slot: the picture (size, size, 3), then in training the targets and the weights (size, size). All have 4 bytes. */
static size_t plane_of(const ss_dense_pairs *pairs) {
  return (size_t)pairs->options.size * (size_t)pairs->options.size;
}

static size_t slot_bytes(const ss_dense_pairs *pairs) {
  const size_t planes = pairs->options.min_scale > 0.0f ? 5 : 3;
  return (planes * plane_of(pairs) * sizeof(float) + 63) / 64 * 64;
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

static ss_view_options view_options(const ss_dense_pairs *pairs, const ss_image *image) {
  ss_view_options options = ss_view_options_crop(pairs->options.size, pairs->options.min_scale);
  const float shape = (float)image->width / (float)image->height; /* the picture's own, as it is tested */
  options.min_ratio *= shape;
  options.max_ratio *= shape;
  return options;
}

static ss_status make(void *context, int index, uint32_t epoch, uint32_t position, uint32_t sample,
                      const ss_image *image, void *slot, ss_error *error) {
  ss_dense_pairs *pairs = context;
  worker *own = &pairs->workers[index];
  const bool training = pairs->options.min_scale > 0.0f;
  const ss_view_options options = view_options(pairs, image);
  ss_view_draw draw = {.crop = {0, 0, image->width, image->height}};
  if (training) {
    ss_random random = ss_random_stream(pairs->options.seed, SS_RANDOM_PROBE, epoch, position, 1);
    draw = ss_view_draw_random(&options, image->width, image->height, &random);
    SS_TRY(ss_dense_set_read(pairs->set, sample, image->width, image->height, &own->map, error));
  }
  SS_TRY(ss_view_make(image, &options, &draw, &own->scratch, &own->view, error));
  float *to = slot;
  ss_picture_for_model(pairs->model, &own->view, to);
  if (training) {
    make_targets(pairs, &own->map, &draw, (ss_dense_target *)(to + 3 * plane_of(pairs)), to + 4 * plane_of(pairs));
  }
  return SS_OK;
}

static void tell_bad(void *context, uint32_t sample, const char *message) {
  const ss_dense_pairs *pairs = context;
  if (pairs->options.bad) {
    pairs->options.bad(NULL, sample, message);
  }
}

static ss_status start_loader(ss_dense_pairs *pairs, const ss_subset *subset, ss_error *error) {
  const bool training = pairs->options.min_scale > 0.0f;
  ss_loader_options loading = SS_LOADER_DEFAULTS;
  loading.source = ss_dense_set_source(pairs->set);
  loading.samples = subset->samples;
  loading.count = subset->count;
  loading.batch = (uint32_t)pairs->options.batch;
  loading.slot_bytes = slot_bytes(pairs);
  loading.make = make;
  loading.bad = tell_bad;
  loading.context = pairs;
  loading.threads = pairs->options.threads;
  loading.shuffle = training;
  loading.drop_last = training;
  loading.seed = pairs->options.seed;
  loading.end_epoch = training ? 0 : 1;
  loading.cache_bytes = training ? SS_LOADER_CACHE_BYTES : 0;
  loading.max_bad = pairs->options.max_bad;
  return ss_loader_create(&loading, &pairs->loader, error);
}

ss_status ss_dense_pairs_open(const ss_model *model, const ss_dense_set *set, const ss_subset *subset,
                              const ss_dense_pairs_options *options, ss_dense_pairs **out, ss_error *error) {
  *out = NULL;
  ss_dense_pairs *pairs = NULL;
  SS_TRY(ss_alloc((void **)&pairs, 1, sizeof *pairs, "the pictures", error));
  pairs->options = *options;
  pairs->model = model;
  pairs->set = set;
  ss_status status =
      ss_alloc((void **)&pairs->workers, (size_t)options->threads, sizeof *pairs->workers, "the pictures", error);
  status = status ? status : start_loader(pairs, subset, error);
  if (status != SS_OK) {
    ss_dense_pairs_close(pairs);
    return status;
  }
  *out = pairs;
  return SS_OK;
}

void ss_dense_pairs_close(ss_dense_pairs *pairs) {
  if (!pairs) {
    return;
  }
  ss_loader_free(pairs->loader);
  for (int i = 0; pairs->workers && i < pairs->options.threads; i++) {
    ss_scratch_free(&pairs->workers[i].scratch);
    ss_image_free(&pairs->workers[i].view);
    ss_map_free(&pairs->workers[i].map);
  }
  free(pairs->workers);
  free(pairs);
}

ss_status ss_dense_pairs_next(ss_dense_pairs *pairs, ss_dense_batch *batch, ss_error *error) {
  const size_t plane = plane_of(pairs), slot = slot_bytes(pairs);
  ss_batch loaded = {0};
  SS_TRY(ss_loader_next(pairs->loader, &loaded, error));
  for (uint32_t i = 0; i < loaded.count; i++) {
    const float *from = (const float *)(const void *)((const char *)loaded.slots + i * slot);
    memcpy(batch->images + 3 * plane * i, from, 3 * plane * sizeof *from);
    if (pairs->options.min_scale > 0.0f) {
      memcpy(batch->targets + plane * i, from + 3 * plane, plane * sizeof *from);
      memcpy(batch->weights + plane * i, from + 4 * plane, plane * sizeof *from);
    }
  }
  batch->samples = loaded.samples;
  batch->count = (int)loaded.count;
  return SS_OK;
}
