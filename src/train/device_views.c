#include "train/device_views.h"

#include "base/memory.h"

#include <stdlib.h>

enum { looked_at = 64 }; /* pictures from which the size of all is guessed */

struct ss_device_views {
  const ss_task *task;
  ss_device_pictures *pictures;
  int views;               /* of a sample */
  ss_device_view *records; /* of a batch, in the order of the input's rows */
};

/* A picture that does not decode keeps its number; the loader hands out none of its views. */
static ss_status read_picture(const ss_source *source, uint32_t sample, ss_decoder *decoder,
                              const ss_decode_options *decoding, ss_image *picture, ss_error *error) {
  if (ss_source_read(source, sample, decoder, decoding, picture, NULL) == SS_OK) {
    return SS_OK;
  }
  return ss_image_resize_buffer(picture, 1, 1, 3, error);
}

static int64_t bytes_of(const ss_image *picture) {
  return (int64_t)picture->width * picture->height * picture->channels;
}

/* A guess at the bytes of all pictures, from a few that lie evenly among them, with a tenth to spare. */
static ss_status guess_bytes(const ss_source *source, const ss_subset *train, ss_decoder *decoder,
                             const ss_decode_options *decoding, int64_t *bytes, ss_error *error) {
  const uint32_t count = train->count < looked_at ? train->count : looked_at;
  ss_image picture = {0};
  ss_status status = SS_OK;
  int64_t sum = 0, largest = 0;
  for (uint32_t i = 0; i < count && status == SS_OK; i++) {
    const uint32_t sample = train->samples[(uint64_t)i * train->count / count];
    status = read_picture(source, sample, decoder, decoding, &picture, error);
    sum += bytes_of(&picture);
    largest = largest > bytes_of(&picture) ? largest : bytes_of(&picture);
  }
  ss_image_free(&picture);
  *bytes = count ? sum / count * (int64_t)train->count / 10 * 11 + largest : 0;
  return status;
}

/* SS_USAGE from the store: it is full. */
static ss_status add_all(ss_device_pictures *pictures, const ss_source *source, const ss_subset *train,
                         ss_decoder *decoder, const ss_decode_options *decoding, ss_error *error) {
  ss_image picture = {0};
  ss_status status = SS_OK;
  for (uint32_t i = 0; i < train->count && status == SS_OK; i++) {
    status = read_picture(source, train->samples[i], decoder, decoding, &picture, error);
    if (status == SS_OK) {
      status = ss_device_pictures_add(pictures, picture.pixels, picture.width, picture.height, picture.channels, error);
    }
  }
  ss_image_free(&picture);
  return status;
}

static ss_status fill(ss_device_views *views, const ss_device *device, const ss_source *source, const ss_subset *train,
                      const ss_decode_options *decoding, int64_t *bytes, ss_error *error) {
  ss_decoder *decoder = NULL;
  SS_TRY(ss_decoder_create(&decoder, error));
  ss_status status = guess_bytes(source, train, decoder, decoding, bytes, error);
  if (status == SS_OK) {
    status = ss_device_pictures_open(device, train->count, *bytes, &views->pictures, error);
  }
  if (status == SS_OK) {
    status = add_all(views->pictures, source, train, decoder, decoding, error);
  }
  ss_decoder_free(decoder);
  return status;
}

ss_status ss_device_views_open(const ss_task *task, const ss_device *device, const ss_source *source,
                               const ss_subset *train, const ss_decode_options *decoding, ss_device_views **out,
                               int64_t *bytes, ss_error *error) {
  *out = NULL;
  *bytes = 0;
  if (!task->method->view_options || !ss_device_has_memory(device)) {
    return SS_OK;
  }
  ss_device_views *views = NULL;
  SS_TRY(ss_alloc((void **)&views, 1, sizeof *views, "the views", error));
  views->task = task;
  views->views = task->inputs[0].views;
  ss_status status = ss_alloc((void **)&views->records, (size_t)task->batch * (size_t)views->views,
                              sizeof *views->records, "the views", error);
  if (status == SS_OK) {
    status = fill(views, device, source, train, decoding, bytes, error);
  }
  if (status == SS_OK) {
    *out = views;
    return SS_OK;
  }
  ss_device_views_close(views);
  return status == SS_NO_MEMORY || status == SS_USAGE ? SS_OK : status; /* they do not fit */
}

void ss_device_views_close(ss_device_views *views) {
  if (views) {
    ss_device_pictures_close(views->pictures);
    free(views->records);
    free(views);
  }
}

size_t ss_device_views_slot_bytes(const ss_device_views *views) {
  return ((size_t)views->views * sizeof(ss_device_view) + 63) / 64 * 64;
}

ss_device_view ss_device_view_of(const ss_view_options *options, const ss_view_draw *draw, int64_t picture) {
  const float strengths[SS_VIEW_CHANGES] = {options->brightness, options->contrast, options->saturation, options->hue};
  ss_device_view view = {.picture = picture,
                         .left = draw->crop.left,
                         .top = draw->crop.top,
                         .width = draw->crop.width,
                         .height = draw->crop.height,
                         .flip = draw->flip,
                         .gray = draw->gray,
                         .sigma = draw->blur ? draw->sigma : 0.0f,
                         .solarize_from = draw->solarize ? options->solarize_threshold : SS_VIEW_NEVER_SOLARIZE};
  for (int i = 0; i < SS_VIEW_CHANGES; i++) {
    const uint32_t change = draw->order[i];
    view.factor[i] = draw->factor[i];
    if (draw->jitter && strengths[change] > 0.0f) {
      view.change[view.changes++] = (int32_t)change;
    }
  }
  return view;
}

void ss_device_views_draw(const ss_device_views *views, const ss_sample *sample, void *slot) {
  ss_device_view *records = slot;
  for (int v = 0; v < views->views; v++) {
    const ss_view_options *options = views->task->method->view_options(views->task, v);
    ss_random random = ss_sample_random(sample, (uint32_t)v);
    const ss_view_draw draw = ss_view_draw_random(options, sample->image->width, sample->image->height, &random);
    records[v] = ss_device_view_of(options, &draw, (int64_t)sample->rank);
  }
}

ss_status ss_device_views_make(ss_device_views *views, ss_plan *plan, const ss_tensor *input, const void *slots,
                               uint32_t count, ss_error *error) {
  const ss_task *task = views->task;
  const ss_view_options *options = task->method->view_options(task, 0); /* all have one mean and deviation */
  void *place = ss_plan_input_place(plan, input);
  if (!place) {
    return ss_fail(error, SS_FAILED, "the views have no place on the device");
  }
  for (uint32_t n = 0; n < count; n++) {
    const ss_device_view *drawn = (const void *)((const char *)slots + (size_t)n * ss_device_views_slot_bytes(views));
    for (int v = 0; v < views->views; v++) {
      views->records[(size_t)v * count + n] = drawn[v];
    }
  }
  return ss_device_pictures_views(views->pictures, views->records, (int64_t)count * views->views, task->size,
                                  options->mean, options->deviation, place, error);
}
