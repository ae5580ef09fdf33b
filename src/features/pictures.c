#include "features/pictures.h"

#include "augment/lab.h"
#include "augment/sobel.h"
#include "augment/view.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct ss_pictures {
  ss_picture_options options;
  const ss_model *model;
  ss_view_scratch *scratch; /* one a thread */
  ss_image *views;
  ss_loader *loader;
};

static size_t picture_bytes(const ss_pictures *pictures) {
  return (size_t)pictures->options.size * (size_t)pictures->options.size * 3 * sizeof(float);
}

static size_t slot_bytes(const ss_pictures *pictures) {
  return (picture_bytes(pictures) + 63) / 64 * 64;
}

void ss_picture_for_model(const ss_model *model, const ss_image *picture, float *out) {
  switch (model->backbone.input) {
    case SS_INPUT_RGB:
      ss_image_to_float(picture, 3, model->mean, model->deviation, false, out);
      break;
    case SS_INPUT_LIGHTNESS:
      ss_image_to_lightness(picture, out);
      break;
    case SS_INPUT_LAB:
      ss_image_to_lab(picture, out);
      break;
    case SS_INPUT_SOBEL:
      ss_image_to_sobel(picture, out);
      break;
  }
}

static ss_status make_view(void *context, int worker, uint32_t epoch, uint32_t position, uint32_t sample,
                           const ss_image *image, void *slot, ss_error *error) {
  ss_pictures *pictures = context;
  (void)epoch;
  (void)position;
  (void)sample;
  const int size = pictures->options.size;
  ss_image *view = &pictures->views[worker];
  SS_TRY(ss_view_test(image, size, size, &pictures->scratch[worker], view, error));
  ss_picture_for_model(pictures->model, view, slot);
  return SS_OK;
}

static void tell_bad(void *context, uint32_t sample, const char *message) {
  const ss_pictures *pictures = context;
  if (pictures->options.bad) {
    pictures->options.bad(NULL, sample, message);
  }
}

ss_decode_options ss_pictures_decoding(int size) {
  return (ss_decode_options){.smallest_side = 2 * size};
}

static ss_status start_loader(ss_pictures *pictures, const ss_source *source, const ss_subset *subset,
                              ss_error *error) {
  ss_loader_options loading = SS_LOADER_DEFAULTS;
  loading.source = source;
  loading.samples = subset->samples;
  loading.count = subset->count;
  loading.batch = (uint32_t)pictures->options.batch;
  loading.slot_bytes = slot_bytes(pictures);
  loading.make = make_view;
  loading.bad = tell_bad;
  loading.context = pictures;
  loading.threads = pictures->options.threads;
  loading.start_step = (uint32_t)(pictures->options.first / pictures->options.batch);
  loading.end_epoch = 1;
  loading.cache_bytes = 0;
  loading.max_bad = pictures->options.max_bad;
  loading.decode = ss_pictures_decoding(pictures->options.size);
  return ss_loader_create(&loading, &pictures->loader, error);
}

ss_status ss_pictures_open(const ss_model *model, const ss_source *source, const ss_subset *subset,
                           const ss_picture_options *options, ss_pictures **out, ss_error *error) {
  *out = NULL;
  ss_pictures *pictures = NULL;
  SS_TRY(ss_alloc((void **)&pictures, 1, sizeof *pictures, "the pictures", error));
  pictures->options = *options;
  pictures->model = model;
  const size_t threads = (size_t)options->threads;
  ss_status status = ss_alloc((void **)&pictures->scratch, threads, sizeof *pictures->scratch, "the pictures", error);
  if (status == SS_OK) {
    status = ss_alloc((void **)&pictures->views, threads, sizeof *pictures->views, "the pictures", error);
  }
  if (status == SS_OK) {
    status = start_loader(pictures, source, subset, error);
  }
  if (status != SS_OK) {
    ss_pictures_close(pictures);
    return status;
  }
  *out = pictures;
  return SS_OK;
}

void ss_pictures_close(ss_pictures *pictures) {
  if (!pictures) {
    return;
  }
  ss_loader_free(pictures->loader);
  for (int i = 0; i < pictures->options.threads; i++) {
    if (pictures->scratch) {
      ss_scratch_free(&pictures->scratch[i]);
    }
    if (pictures->views) {
      ss_image_free(&pictures->views[i]);
    }
  }
  free(pictures->scratch);
  free(pictures->views);
  free(pictures);
}

ss_status ss_pictures_next(ss_pictures *pictures, float *images, const uint32_t **samples, int64_t *count,
                           ss_error *error) {
  const size_t bytes = picture_bytes(pictures), slot = slot_bytes(pictures);
  ss_batch batch = {0};
  SS_TRY(ss_loader_next(pictures->loader, &batch, error));
  for (uint32_t i = 0; i < batch.count; i++) {
    memcpy((char *)images + i * bytes, (const char *)batch.slots + i * slot, bytes);
  }
  *samples = batch.samples;
  *count = batch.count;
  return SS_OK;
}
