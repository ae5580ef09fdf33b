#include "eval/box_pairs.h"

#include "augment/view.h"
#include "base/memory.h"
#include "features/pictures.h"

#include <stdlib.h>
#include <string.h>

/* Of one loader's thread. */
typedef struct worker {
  ss_view_scratch scratch;
  ss_image view;
  ss_true_box *boxes;
  size_t capacity;
} worker;

struct ss_box_pairs {
  ss_box_pairs_options options;
  ss_fcos_grid grid;
  const ss_model *model;
  const ss_box_set *set;
  worker *workers;
  ss_loader *loader;
};

static bool is_training(const ss_box_pairs *pairs) {
  return pairs->options.min_scale > 0.0f;
}

static size_t picture_numbers(const ss_box_pairs *pairs) {
  return 3 * (size_t)pairs->grid.size * (size_t)pairs->grid.size;
}

/* A slot: the picture, then in training the targets, all float32. */
static ss_fcos_targets targets_in(const ss_box_pairs *pairs, float *slot) {
  const size_t places = (size_t)pairs->grid.places;
  float *classes = slot + picture_numbers(pairs), *distances = classes + places * (size_t)pairs->grid.classes;
  return (ss_fcos_targets){.classes = classes,
                           .distances = distances,
                           .objects = distances + 4 * places,
                           .centreness = distances + 5 * places};
}

static size_t slot_bytes(const ss_box_pairs *pairs) {
  const size_t targets = is_training(pairs) ? (size_t)pairs->grid.places * ((size_t)pairs->grid.classes + 6) : 0;
  return ((picture_numbers(pairs) + targets) * sizeof(float) + 63) / 64 * 64;
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
static ss_status place_boxes(const ss_box_pairs *pairs, worker *own, uint32_t sample, const ss_image *image,
                             const ss_view_draw *draw, size_t *placed, ss_error *error) {
  size_t count = 0;
  const ss_labelled_box *boxes = ss_box_set_boxes(pairs->set, sample, &count);
  if (count > own->capacity) {
    ss_true_box *grown = realloc(own->boxes, count * sizeof *grown);
    if (!grown) {
      return ss_fail_memory(error, count * sizeof *grown, "the boxes");
    }
    own->boxes = grown;
    own->capacity = count;
  }
  *placed = 0;
  for (size_t i = 0; i < count; i++) {
    ss_true_box box = {.label = boxes[i].label};
    if (place_box(&boxes[i].box, image, draw, (float)pairs->grid.size, &box.box)) {
      own->boxes[(*placed)++] = box;
    }
  }
  return SS_OK;
}

static ss_status make(void *context, int index, uint32_t epoch, uint32_t position, uint32_t sample,
                      const ss_image *image, void *slot, ss_error *error) {
  ss_box_pairs *pairs = context;
  worker *own = &pairs->workers[index];
  ss_view_options options = ss_view_options_crop(pairs->grid.size, is_training(pairs) ? pairs->options.min_scale : 1);
  const float shape = (float)image->width / (float)image->height; /* the picture's own, as it is tested */
  options.min_ratio *= shape;
  options.max_ratio *= shape;
  ss_view_draw draw = {.crop = {0, 0, image->width, image->height}};
  if (is_training(pairs)) {
    ss_random random = ss_random_stream(pairs->options.seed, SS_RANDOM_PROBE, epoch, position, 1);
    draw = ss_view_draw_random(&options, image->width, image->height, &random);
  }
  SS_TRY(ss_view_make(image, &options, &draw, &own->scratch, &own->view, error));
  ss_picture_for_model(pairs->model, &own->view, slot);
  if (is_training(pairs)) {
    size_t count = 0;
    SS_TRY(place_boxes(pairs, own, sample, image, &draw, &count, error));
    ss_fcos_targets targets = targets_in(pairs, slot);
    ss_fcos_assign(&pairs->grid, own->boxes, count, &targets);
  }
  return SS_OK;
}

static void tell_bad(void *context, uint32_t sample, const char *message) {
  const ss_box_pairs *pairs = context;
  if (pairs->options.bad) {
    pairs->options.bad(NULL, sample, message);
  }
}

static ss_status start_loader(ss_box_pairs *pairs, const ss_subset *subset, ss_error *error) {
  const bool training = is_training(pairs);
  ss_loader_options loading = SS_LOADER_DEFAULTS;
  loading.source = ss_box_set_source(pairs->set);
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

ss_status ss_box_pairs_open(const ss_model *model, const ss_box_set *set, const ss_subset *subset,
                            const ss_fcos_grid *grid, const ss_box_pairs_options *options, ss_box_pairs **out,
                            ss_error *error) {
  *out = NULL;
  ss_box_pairs *pairs = NULL;
  SS_TRY(ss_alloc((void **)&pairs, 1, sizeof *pairs, "the pictures", error));
  pairs->options = *options;
  pairs->grid = *grid;
  pairs->model = model;
  pairs->set = set;
  ss_status status =
      ss_alloc((void **)&pairs->workers, (size_t)options->threads, sizeof *pairs->workers, "the pictures", error);
  status = status ? status : start_loader(pairs, subset, error);
  if (status != SS_OK) {
    ss_box_pairs_close(pairs);
    return status;
  }
  *out = pairs;
  return SS_OK;
}

void ss_box_pairs_close(ss_box_pairs *pairs) {
  if (!pairs) {
    return;
  }
  ss_loader_free(pairs->loader);
  for (int i = 0; pairs->workers && i < pairs->options.threads; i++) {
    ss_scratch_free(&pairs->workers[i].scratch);
    ss_image_free(&pairs->workers[i].view);
    free(pairs->workers[i].boxes);
  }
  free(pairs->workers);
  free(pairs);
}

/* Copies one sample's targets and counts its places with an object. */
static int64_t copy_targets(const ss_box_pairs *pairs, ss_fcos_targets from, size_t row, const ss_fcos_targets *to) {
  const size_t places = (size_t)pairs->grid.places, classes = (size_t)pairs->grid.classes;
  memcpy(to->classes + row * places * classes, from.classes, places * classes * sizeof(float));
  memcpy(to->distances + row * places * 4, from.distances, places * 4 * sizeof(float));
  memcpy(to->objects + row * places, from.objects, places * sizeof(float));
  memcpy(to->centreness + row * places, from.centreness, places * sizeof(float));
  int64_t objects = 0;
  for (size_t i = 0; i < places; i++) {
    objects += from.objects[i] > 0.0f;
  }
  return objects;
}

ss_status ss_box_pairs_next(ss_box_pairs *pairs, ss_box_batch *batch, ss_error *error) {
  const size_t numbers = picture_numbers(pairs), slot = slot_bytes(pairs);
  ss_batch loaded = {0};
  int64_t objects = 0;
  SS_TRY(ss_loader_next(pairs->loader, &loaded, error));
  for (uint32_t i = 0; i < loaded.count; i++) {
    float *from = (float *)(void *)((char *)loaded.slots + i * slot);
    memcpy(batch->images + numbers * i, from, numbers * sizeof *from);
    if (is_training(pairs)) {
      objects += copy_targets(pairs, targets_in(pairs, from), i, &batch->targets);
    }
  }
  if (is_training(pairs)) {
    *batch->per_object = 1.0f / (float)(objects > 0 ? objects : 1);
  }
  batch->samples = loaded.samples;
  batch->count = (int)loaded.count;
  return SS_OK;
}
