/* The caller's own pictures, asked for one by one: the public API's ss_picture_source as a source. */
#include "base/memory.h"
#include "data/decode_format.h"
#include "data/source_kind.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ss_caller {
  ss_picture_source pictures;
  pthread_mutex_t reading; /* held during a read where they come one at a time */
};

struct ss_canvas {
  ss_decoder *decoder;
  const ss_decode_options *options;
  ss_image *image;
  bool drawn;
};

uint8_t *ss_canvas_resize(ss_canvas *canvas, int width, int height) {
  canvas->drawn = width >= 1 && height >= 1 && width <= SS_IMAGE_MAX_SIDE && height <= SS_IMAGE_MAX_SIDE &&
                  ss_image_resize_buffer(canvas->image, width, height, 3, NULL) == SS_OK;
  return canvas->drawn ? canvas->image->pixels : NULL;
}

ss_status ss_canvas_decode(ss_canvas *canvas, const void *bytes, size_t size, ss_error *error) {
  canvas->drawn = false;
  SS_TRY(ss_decoder_decode(canvas->decoder, bytes, size, canvas->options, canvas->image, error));
  canvas->drawn = true;
  return SS_OK;
}

ss_status ss_canvas_read_file(ss_canvas *canvas, const char *path, ss_error *error) {
  ss_error reason = {""};
  const ss_status status = ss_decoder_read_file(canvas->decoder, path, canvas->options, canvas->image, &reason);
  canvas->drawn = status == SS_OK;
  return canvas->drawn ? SS_OK : ss_fail(error, status, "%.300s: %.180s", path, reason.message);
}

static ss_status read_picture(const ss_source *source, const ss_sample *sample, ss_decoder *decoder,
                              const ss_decode_options *options, ss_image *image, ss_error *error) {
  ss_caller *caller = source->caller;
  const ss_picture_source *pictures = &caller->pictures;
  ss_canvas canvas = {.decoder = decoder, .options = options, .image = image};
  ss_error reason = {""};
  if (pictures->one_at_a_time) {
    pthread_mutex_lock(&caller->reading);
  }
  const ss_status status = pictures->read(pictures->context, (size_t)sample->offset, &canvas, &reason);
  if (pictures->one_at_a_time) {
    pthread_mutex_unlock(&caller->reading);
  }
  reason.message[sizeof reason.message - 1] = '\0'; /* the caller has written it */
  if (status != SS_OK) {
    return ss_fail(error, status == SS_NO_MEMORY ? SS_NO_MEMORY : SS_FAILED, "%s",
                   *reason.message ? reason.message : "cannot be read");
  }
  return canvas.drawn ? SS_OK : ss_fail(error, SS_FAILED, "nothing was put on the canvas");
}

static const ss_source_kind kind = {NULL, NULL, read_picture};

static ss_status list_pictures(ss_source *source, const ss_picture_source *pictures, ss_error *error) {
  int classes = 0;
  for (size_t i = 0; i < pictures->count; i++) {
    const int label = pictures->label ? pictures->label(pictures->context, i) : -1;
    if (label < -1 || label >= SS_SOURCE_MAX_CLASSES) {
      return ss_fail(error, SS_USAGE, "the label of picture %zu of %s is %d; give -1 for none or 0 to %d", i,
                     source->data, label, SS_SOURCE_MAX_CLASSES - 1);
    }
    char name[24];
    snprintf(name, sizeof name, "%zu", i);
    const ss_sample sample = {.offset = i, .label = label, .part = SS_PART_TRAIN};
    SS_TRY(ss_source_add_sample(source, name, sample, error));
    classes = label >= classes ? label + 1 : classes;
  }
  return ss_source_number_classes(source, classes, error);
}

static ss_status fill(ss_source *source, const ss_picture_source *pictures, ss_error *error) {
  const char *name = pictures->name && *pictures->name ? pictures->name : "the caller's pictures";
  source->kind = &kind;
  source->kind_name = "caller";
  source->data = strdup(name);
  source->root = strdup(name);
  if (!source->data || !source->root) {
    return ss_fail_memory(error, strlen(name), "a name");
  }
  SS_TRY(ss_alloc((void **)&source->caller, 1, sizeof *source->caller, "a data source", error));
  source->caller->pictures = *pictures;
  pthread_mutex_init(&source->caller->reading, NULL);
  return list_pictures(source, pictures, error);
}

ss_status ss_source_of_caller(const ss_picture_source *pictures, ss_source **source, ss_error *error) {
  *source = NULL;
  if (!pictures->read || pictures->count == 0) {
    return ss_fail(error, SS_USAGE, "a picture source needs %s",
                   pictures->read ? "a count of at least 2" : "a function that reads a picture");
  }
  ss_source *made = NULL;
  SS_TRY(ss_alloc((void **)&made, 1, sizeof *made, "a data source", error));
  const ss_status status = fill(made, pictures, error);
  if (status != SS_OK) {
    ss_source_close(made);
    return status;
  }
  *source = made;
  return SS_OK;
}

void ss_caller_free(ss_caller *caller) {
  if (caller) {
    pthread_mutex_destroy(&caller->reading);
    free(caller);
  }
}
