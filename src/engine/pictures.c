#include "engine/pictures.h"

#include "base/image.h"
#include "base/memory.h"
#include "engine/kernel.h"
#include "engine/pictures_table.h"

#include <stdlib.h>

typedef struct stored_picture {
  const uint8_t *pixels; /* in the device's memory */
  int32_t width, height, channels;
} stored_picture;

/* Where the tasks of a batch are written, and what brings them to the device while it works. */
typedef struct task_memory {
  ss_view_task *here;
  ss_view_task *there;
  ss_feeder *feeder;
  int64_t room;
} task_memory;

struct ss_device_pictures {
  const ss_device *device;
  uint8_t *pixels;
  int64_t bytes, used;
  stored_picture *items;
  int64_t room, count;
  int32_t width, height; /* the largest of any picture */
  task_memory tasks;
  void *scratch;
  size_t scratch_bytes;
};

ss_status ss_device_pictures_open(const ss_device *device, int64_t count, int64_t bytes, ss_device_pictures **out,
                                  ss_error *error) {
  *out = NULL;
  if (!device || !device->memory || !device->pictures) {
    return ss_fail(error, SS_FAILED, "no pictures are kept on the %s: it has no memory of its own",
                   ss_device_describe(device));
  }
  if (count < 1 || bytes < 1) {
    return ss_fail(error, SS_USAGE, "room for %lld pictures of %lld bytes: must be at least 1 of each",
                   (long long)count, (long long)bytes);
  }
  ss_device_pictures *pictures = calloc(1, sizeof *pictures);
  if (!pictures) {
    return ss_fail_memory(error, sizeof *pictures, "the pictures");
  }
  pictures->device = device;
  pictures->room = count;
  pictures->bytes = bytes;
  ss_status status =
      ss_alloc((void **)&pictures->items, (size_t)count, sizeof *pictures->items, "the list of pictures", error);
  if (status == SS_OK) {
    status = device->memory->reserve((size_t)bytes, "the pictures", (void **)&pictures->pixels, error);
  }
  if (status != SS_OK) {
    ss_device_pictures_close(pictures);
    return status;
  }
  *out = pictures;
  return SS_OK;
}

ss_status ss_device_pictures_add(ss_device_pictures *pictures, const uint8_t *pixels, int width, int height,
                                 int channels, ss_error *error) {
  if (width < 1 || height < 1 || width > SS_IMAGE_MAX_SIDE || height > SS_IMAGE_MAX_SIDE ||
      (channels != 1 && channels != 3)) {
    return ss_fail(error, SS_USAGE, "a picture of %d x %d pixels and %d channels: sides are 1 to %d, channels 1 or 3",
                   width, height, channels, SS_IMAGE_MAX_SIDE);
  }
  const int64_t bytes = (int64_t)width * height * channels;
  if (pictures->count == pictures->room || bytes > pictures->bytes - pictures->used) {
    return ss_fail(error, SS_USAGE, "no room for a picture of %lld bytes: %lld of %lld pictures, %lld of %lld bytes",
                   (long long)bytes, (long long)pictures->count, (long long)pictures->room, (long long)pictures->used,
                   (long long)pictures->bytes);
  }
  uint8_t *there = pictures->pixels + pictures->used;
  SS_TRY(pictures->device->memory->upload(there, pixels, (size_t)bytes, error));
  pictures->items[pictures->count++] = (stored_picture){there, width, height, channels};
  pictures->used += bytes;
  pictures->width = width > pictures->width ? width : pictures->width;
  pictures->height = height > pictures->height ? height : pictures->height;
  return SS_OK;
}

/* Also false for NaN. */
static bool within(float value, float low, float high) {
  return value >= low && value <= high;
}

static bool crop_inside(const ss_device_view *view, const stored_picture *picture) {
  return view->left >= 0 && view->top >= 0 && view->width >= 1 && view->height >= 1 &&
         view->left <= picture->width - view->width && view->top <= picture->height - view->height;
}

static ss_status check(const ss_device_pictures *pictures, const ss_device_view *view, ss_error *error) {
  if (view->picture < 0 || view->picture >= pictures->count) {
    return ss_fail(error, SS_USAGE, "a view of picture %lld: there are %lld", (long long)view->picture,
                   (long long)pictures->count);
  }
  const stored_picture *picture = &pictures->items[view->picture];
  if (!crop_inside(view, picture)) {
    return ss_fail(error, SS_USAGE, "a crop of %d x %d at (%d, %d) is not inside the picture of %d x %d", view->width,
                   view->height, view->left, view->top, picture->width, picture->height);
  }
  bool fine = view->changes >= 0 && view->changes <= SS_VIEW_CHANGES && within(view->sigma, 0.0f, SS_VIEW_MAX_SIGMA) &&
              view->solarize_from >= 0 && view->solarize_from <= SS_VIEW_NEVER_SOLARIZE;
  for (int i = 0; fine && i < view->changes; i++) {
    const int32_t change = view->change[i];
    fine = change >= 0 && change < SS_VIEW_CHANGES &&
           (change == SS_VIEW_HUE ? within(view->factor[change], -0.5f, 0.5f)
                                  : within(view->factor[change], 0.0f, SS_VIEW_MAX_FACTOR));
  }
  return fine ? SS_OK
              : ss_fail(error, SS_USAGE, "a view of picture %lld has a change, sigma or threshold out of its range",
                        (long long)view->picture);
}

static void release_tasks(ss_device_pictures *pictures) {
  const ss_device_memory *memory = pictures->device->memory;
  memory->close_feeder(pictures->tasks.feeder);
  memory->release(pictures->tasks.there);
  memory->release_host(pictures->tasks.here);
  pictures->tasks = (task_memory){0};
}

static ss_status grow_tasks(ss_device_pictures *pictures, int64_t count, ss_error *error) {
  const ss_device_memory *memory = pictures->device->memory;
  task_memory *tasks = &pictures->tasks;
  if (count <= tasks->room) {
    return SS_OK;
  }
  release_tasks(pictures);
  const size_t bytes = (size_t)count * sizeof(ss_view_task);
  tasks->here = memory->reserve_host(bytes);
  if (!tasks->here) {
    return ss_fail_memory(error, bytes, "the views");
  }
  SS_TRY(memory->reserve(bytes, "the views", (void **)&tasks->there, error));
  SS_TRY(memory->open_feeder(bytes, &tasks->feeder, error));
  tasks->room = count;
  return SS_OK;
}

static ss_status grow_scratch(ss_device_pictures *pictures, size_t bytes, ss_error *error) {
  const ss_device_memory *memory = pictures->device->memory;
  if (bytes > pictures->scratch_bytes) {
    memory->release(pictures->scratch);
    pictures->scratch = NULL;
    pictures->scratch_bytes = 0;
    SS_TRY(memory->reserve(bytes, "making views", &pictures->scratch, error));
    pictures->scratch_bytes = bytes;
  }
  return SS_OK;
}

ss_status ss_device_pictures_views(ss_device_pictures *pictures, const ss_device_view *views, int64_t count, int size,
                                   const float mean[3], const float deviation[3], void *out, ss_error *error) {
  if (size < 1 || size > SS_IMAGE_MAX_SIDE) {
    return ss_fail(error, SS_USAGE, "views of %d pixels: the size must be 1 to %d", size, SS_IMAGE_MAX_SIDE);
  }
  for (int64_t i = 0; i < count; i++) {
    SS_TRY(check(pictures, &views[i], error));
  }
  if (count < 1) {
    return SS_OK;
  }
  SS_TRY(grow_tasks(pictures, count, error));
  for (int64_t i = 0; i < count; i++) {
    const stored_picture *picture = &pictures->items[views[i].picture];
    pictures->tasks.here[i] = (ss_view_task){picture->pixels, picture->width, picture->channels, views[i]};
  }
  ss_view_batch batch = {.tasks = pictures->tasks.there,
                         .count = count,
                         .size = size,
                         .width = pictures->width,
                         .height = pictures->height};
  for (int c = 0; c < 3; c++) {
    batch.scale[c] = (float)(1.0 / (255.0 * (double)deviation[c]));
    batch.shift[c] = (float)(-(double)mean[c] / (double)deviation[c]);
  }
  SS_TRY(grow_scratch(pictures, pictures->device->pictures->scratch_bytes(&batch), error));
  SS_TRY(pictures->device->memory->feed(pictures->tasks.feeder, pictures->tasks.there, pictures->tasks.here,
                                        (size_t)count * sizeof(ss_view_task), error));
  return pictures->device->pictures->make_views(&batch, pictures->scratch, out, error);
}

void ss_device_pictures_close(ss_device_pictures *pictures) {
  if (pictures) {
    release_tasks(pictures);
    pictures->device->memory->release(pictures->scratch);
    pictures->device->memory->release(pictures->pixels);
    free(pictures->items);
    free(pictures);
  }
}
