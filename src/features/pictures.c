#include "features/pictures.h"

#include "augment/lab.h"
#include "augment/sobel.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Of one loader's thread. */
typedef struct worker {
  ss_view_scratch scratch;
  ss_image view;
} worker;

struct ss_pictures {
  ss_picture_options options;
  const ss_model *model;
  worker *workers;
  ss_loader *loader;
  char *slots; /* of the last batch; each a picture and its targets */
};

static size_t picture_bytes(const ss_pictures *pictures) {
  return (size_t)pictures->options.size * (size_t)pictures->options.size * 3 * sizeof(float);
}

static size_t slot_bytes(const ss_pictures *pictures) {
  return (picture_bytes(pictures) + pictures->options.targets.bytes + 63) / 64 * 64;
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

/* Draws a part of about the picture's own shape, as pictures are tested, or takes all of it. */
static ss_status make_square(const ss_pictures *pictures, const ss_image *image, ss_random *random, worker *own,
                             ss_view_draw *draw, ss_error *error) {
  ss_view_options options = ss_view_options_crop(pictures->options.size, pictures->options.min_scale);
  const float shape = (float)image->width / (float)image->height;
  options.min_ratio *= shape;
  options.max_ratio *= shape;
  *draw = (ss_view_draw){.crop = {0, 0, image->width, image->height}};
  if (pictures->options.view == SS_PICTURE_CROP) {
    *draw = ss_view_draw_random(&options, image->width, image->height, random);
  }
  return ss_view_make(image, &options, draw, &own->scratch, &own->view, error);
}

static ss_status make_view(void *context, int thread, uint32_t epoch, uint32_t position, uint32_t sample,
                           const ss_image *image, void *slot, ss_error *error) {
  const ss_pictures *pictures = context;
  const ss_picture_targets *targets = &pictures->options.targets;
  const int size = pictures->options.size;
  worker *own = &pictures->workers[thread];
  ss_view_draw draw = {.crop = {0}};
  if (pictures->options.view == SS_PICTURE_CENTRE) {
    SS_TRY(ss_view_test(image, size, size, &own->scratch, &own->view, error));
  } else {
    ss_random random = ss_random_stream(pictures->options.seed, SS_RANDOM_PROBE, epoch, position, 1);
    SS_TRY(make_square(pictures, image, &random, own, &draw, error));
  }
  ss_picture_for_model(pictures->model, &own->view, slot);
  return targets->bytes
             ? targets->fill(targets->context, sample, image, &draw, (char *)slot + picture_bytes(pictures), error)
             : SS_OK;
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
  const bool training = pictures->options.view == SS_PICTURE_CROP;
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
  loading.shuffle = training;
  loading.drop_last = training;
  loading.seed = pictures->options.seed;
  loading.start_step = (uint32_t)(pictures->options.first / pictures->options.batch);
  loading.end_epoch = training ? 0 : 1;
  loading.cache_bytes = training ? SS_LOADER_CACHE_BYTES : 0;
  loading.max_bad = pictures->options.max_bad;
  if (pictures->options.view == SS_PICTURE_CENTRE) {
    loading.decode = ss_pictures_decoding(pictures->options.size);
  }
  return ss_loader_create(&loading, &pictures->loader, error);
}

ss_status ss_pictures_open(const ss_model *model, const ss_source *source, const ss_subset *subset,
                           const ss_picture_options *options, ss_pictures **out, ss_error *error) {
  *out = NULL;
  ss_pictures *pictures = NULL;
  SS_TRY(ss_alloc((void **)&pictures, 1, sizeof *pictures, "the pictures", error));
  pictures->options = *options;
  pictures->model = model;
  ss_status status =
      ss_alloc((void **)&pictures->workers, (size_t)options->threads, sizeof *pictures->workers, "the pictures", error);
  status = status ? status : start_loader(pictures, source, subset, error);
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
  for (int i = 0; pictures->workers && i < pictures->options.threads; i++) {
    ss_scratch_free(&pictures->workers[i].scratch);
    ss_image_free(&pictures->workers[i].view);
  }
  free(pictures->workers);
  free(pictures);
}

ss_status ss_pictures_next(ss_pictures *pictures, float *images, const uint32_t **samples, int64_t *count,
                           ss_error *error) {
  const size_t bytes = picture_bytes(pictures), slot = slot_bytes(pictures);
  ss_batch batch = {0};
  SS_TRY(ss_loader_next(pictures->loader, &batch, error));
  pictures->slots = batch.slots;
  for (uint32_t i = 0; i < batch.count; i++) {
    memcpy((char *)images + i * bytes, pictures->slots + i * slot, bytes);
  }
  *samples = batch.samples;
  *count = batch.count;
  return SS_OK;
}

void *ss_pictures_targets(const ss_pictures *pictures, int64_t row) {
  return pictures->slots + (size_t)row * slot_bytes(pictures) + picture_bytes(pictures);
}
