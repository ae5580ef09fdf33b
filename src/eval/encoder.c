/* The public API's encoder: a frozen backbone behind a handle. */
#include "augment/view.h"
#include "base/memory.h"
#include "base/system.h"
#include "base/text.h"
#include "data/decode.h"
#include "engine/ways_cache.h"
#include "features/frozen.h"
#include "features/pictures.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { most_halvings = 17 }; /* of a batch: from 65536 to 1 */

/* What a thread that prepares pictures owns. */
typedef struct preparer {
  ss_decoder *decoder; /* made for the first file */
  ss_image decoded, view;
  ss_view_scratch scratch;
} preparer;

struct ss_encoder {
  ss_model *model;
  ss_encoder_options options; /* size and threads decided */
  int layer, layer_count;
  const char *layer_names[SS_MAX_LAYERS];
  int sides[2];
  size_t dim;
  ss_ways *ways;
  ss_frozen frozen[most_halvings]; /* by how often the batch was halved; made when a call needs it */
  preparer *preparers;             /* one a thread */
};

const char *ss_version(void) {
  return SS_VERSION;
}

static ss_status find_layer(ss_encoder *encoder, const char *name, ss_error *error) {
  SS_TRY(ss_feature_layers(encoder->model, &encoder->layer_count, encoder->layer_names, error));
  encoder->layer = SS_LAST_LAYER;
  for (int i = 0; name && i < encoder->layer_count; i++) {
    if (strcmp(encoder->layer_names[i], name) == 0) {
      encoder->layer = i;
      return SS_OK;
    }
  }
  if (!name) {
    return SS_OK;
  }
  const char *nearest = ss_text_nearest(name, encoder->layer_names, (size_t)encoder->layer_count);
  return ss_fail(error, SS_USAGE, "%s has no layer %s; %s%s", encoder->model->arch, name,
                 nearest ? "did you mean " : "its first is ", nearest ? nearest : encoder->layer_names[0]);
}

static ss_frozen_options frozen_options(const ss_encoder *encoder, int batch) {
  return (ss_frozen_options){.layers = &encoder->layer,
                             .count = 1,
                             .whole = encoder->options.whole_map != 0,
                             .batch = batch,
                             .size = encoder->options.size,
                             .threads = encoder->options.threads,
                             .ways = encoder->ways};
}

/* What a picture's features are, from a graph that is not planned. */
static ss_status measure(ss_encoder *encoder, ss_error *error) {
  const ss_frozen_options options = frozen_options(encoder, 1);
  ss_frozen recorded;
  SS_TRY(ss_frozen_record(encoder->model, &options, &recorded, error));
  memcpy(encoder->sides, recorded.sides[0], sizeof encoder->sides);
  encoder->dim = (size_t)ss_tensor_dim(recorded.outputs[0], 1);
  ss_frozen_close(&recorded);
  return SS_OK;
}

static ss_status open_model(ss_encoder *encoder, const char *model, ss_error *error) {
  ss_encoder_options *options = &encoder->options;
  SS_TRY(ss_model_open(model, options->size, 0, &encoder->model, error));
  options->size = encoder->model->backbone.size;
  options->threads = options->threads ? options->threads : ss_system_processors();
  SS_TRY(find_layer(encoder, options->layer, error));
  SS_TRY(measure(encoder, error));
  encoder->ways = ss_ways_new();
  if (!encoder->ways) {
    return ss_fail_memory(error, 1, "the kernels' choices");
  }
  return ss_alloc((void **)&encoder->preparers, (size_t)options->threads, sizeof *encoder->preparers, "the encoder",
                  error);
}

ss_status ss_encoder_open(const char *model, const ss_encoder_options *options, ss_encoder **encoder, ss_error *error) {
  *encoder = NULL;
  const ss_encoder_options given = options ? *options : (ss_encoder_options){0};
  if (given.size < 0 || given.batch < 0 || given.batch > 65536 || given.threads < 0 || given.threads > 1024) {
    return ss_fail(error, SS_USAGE, "an encoder's size, batch and threads cannot be %d, %d, %d", given.size,
                   given.batch, given.threads);
  }
  ss_encoder *opened = NULL;
  SS_TRY(ss_alloc((void **)&opened, 1, sizeof *opened, "the encoder", error));
  opened->options = given;
  const ss_status status = open_model(opened, model, error);
  opened->options.layer = NULL; /* the caller's text: found, and not kept */
  if (status != SS_OK) {
    ss_encoder_free(opened);
    return status;
  }
  *encoder = opened;
  return SS_OK;
}

void ss_encoder_free(ss_encoder *encoder) {
  if (!encoder) {
    return;
  }
  for (int i = 0; i < most_halvings; i++) {
    ss_frozen_close(&encoder->frozen[i]);
  }
  for (int i = 0; i < encoder->options.threads && encoder->preparers; i++) {
    preparer *own = &encoder->preparers[i];
    ss_decoder_free(own->decoder);
    ss_image_free(&own->decoded);
    ss_image_free(&own->view);
    ss_scratch_free(&own->scratch);
  }
  free(encoder->preparers);
  ss_ways_free(encoder->ways);
  ss_model_free(encoder->model);
  free(encoder);
}

size_t ss_encoder_dim(const ss_encoder *encoder) {
  return encoder->dim;
}

int ss_encoder_size(const ss_encoder *encoder) {
  return encoder->options.size;
}

const char *ss_encoder_layer(const ss_encoder *encoder, size_t index) {
  return index < (size_t)encoder->layer_count ? encoder->layer_names[index] : NULL;
}

void ss_encoder_describe(const ss_encoder *encoder, ss_encoder_info *info) {
  const ss_model *model = encoder->model;
  const size_t places = (size_t)encoder->sides[0] * (size_t)encoder->sides[1];
  *info = (ss_encoder_info){.arch = model->arch,
                            .width = model->backbone.width,
                            .size = encoder->options.size,
                            .input = ss_backbone_input_name(model->backbone.input),
                            .layers = (size_t)encoder->layer_count,
                            .rows = encoder->sides[0],
                            .columns = encoder->sides[1],
                            .channels = encoder->dim / places};
  memcpy(info->mean, model->mean, sizeof info->mean);
  memcpy(info->deviation, model->deviation, sizeof info->deviation);
}

/* The plan for a call of `count` pictures. Kernels that another process has chosen meanwhile are chosen here too. */
static ss_status frozen_for(ss_encoder *encoder, size_t count, ss_frozen **frozen, int *batch, ss_error *error) {
  *batch = ss_frozen_batch(encoder->options.batch, count);
  int halvings = 0;
  for (int whole = ss_frozen_batch(encoder->options.batch, SIZE_MAX); whole > *batch; whole /= 2) {
    halvings++;
  }
  *frozen = &encoder->frozen[halvings];
  if ((*frozen)->plan) {
    return SS_OK;
  }
  const ss_frozen_options options = frozen_options(encoder, *batch);
  SS_TRY(ss_ways_cache_load(encoder->ways, error));
  const size_t known = ss_ways_count(encoder->ways);
  SS_TRY(ss_frozen_open(encoder->model, &options, *frozen, error));
  if (ss_ways_count(encoder->ways) > known) {
    ss_ways_cache_save(encoder->ways);
  }
  return SS_OK;
}

/* The pictures of a call: in memory, or else in files. */
typedef struct call {
  const ss_picture *pictures;
  const char *const *paths;
} call;

/* The test view of a picture, as the model takes it. */
static ss_status view_of(const ss_encoder *encoder, const ss_image *image, preparer *own, float *to, ss_error *error) {
  const int size = encoder->options.size;
  SS_TRY(ss_view_test(image, size, size, &own->scratch, &own->view, error));
  ss_picture_for_model(encoder->model, &own->view, to);
  return SS_OK;
}

static ss_status prepare_picture(const ss_encoder *encoder, const ss_picture *picture, preparer *own, float *to,
                                 ss_error *error) {
  if (!picture->pixels || picture->width < 1 || picture->height < 1 || picture->width > SS_IMAGE_MAX_SIDE ||
      picture->height > SS_IMAGE_MAX_SIDE) {
    return ss_fail(error, SS_USAGE, "a picture of %d x %d pixels%s cannot be encoded", picture->width, picture->height,
                   picture->pixels ? "" : " without pixels");
  }
  /* Borrowed: the view is made from the caller's pixels, which are only read. */
  const ss_image image = {picture->width, picture->height, 3, (uint8_t *)(uintptr_t)picture->pixels, 0};
  return view_of(encoder, &image, own, to, error);
}

static ss_status prepare_file(const ss_encoder *encoder, const char *path, preparer *own, float *to, ss_error *error) {
  if (!path) {
    return ss_fail(error, SS_USAGE, "a picture without a path cannot be encoded");
  }
  if (!own->decoder) {
    SS_TRY(ss_decoder_create(&own->decoder, error));
  }
  const ss_decode_options options = ss_pictures_decoding(encoder->options.size);
  ss_error reason = {""};
  const ss_status status = ss_decoder_read_file(own->decoder, path, &options, &own->decoded, &reason);
  if (status != SS_OK) {
    return ss_fail(error, status, "%.300s: %.180s", path, reason.message);
  }
  return view_of(encoder, &own->decoded, own, to, error);
}

static ss_status prepare_one(const ss_encoder *encoder, const call *given, size_t index, preparer *own, float *to,
                             ss_error *error) {
  return given->pictures ? prepare_picture(encoder, &given->pictures[index], own, to, error)
                         : prepare_file(encoder, given->paths[index], own, to, error);
}

/* Prepares `count` pictures from the first-th on, in parallel; of several mistakes the first picture's is told. */
static ss_status prepare(const ss_encoder *encoder, const call *given, size_t first, int count, float *images,
                         ss_error *error) {
  const size_t numbers = (size_t)encoder->options.size * (size_t)encoder->options.size * 3;
  int wrong = count;
#pragma omp parallel for num_threads(encoder->options.threads) schedule(dynamic) reduction(min : wrong) if (count > 1)
  for (int i = 0; i < count; i++) {
    preparer *own = &encoder->preparers[omp_get_thread_num()];
    if (prepare_one(encoder, given, first + (size_t)i, own, images + (size_t)i * numbers, NULL) != SS_OK) {
      wrong = i < wrong ? i : wrong;
    }
  }
  return wrong == count ? SS_OK
                        : prepare_one(encoder, given, first + (size_t)wrong, &encoder->preparers[0],
                                      images + (size_t)wrong * numbers, error);
}

static ss_status encode(ss_encoder *encoder, const call *given, size_t count, float *features, ss_error *error) {
  if (count == 0) {
    return SS_OK;
  }
  ss_frozen *frozen = NULL;
  int batch = 0;
  SS_TRY(frozen_for(encoder, count, &frozen, &batch, error));
  float *images = ss_plan_data(frozen->plan, frozen->images);
  for (size_t first = 0; first < count; first += (size_t)batch) {
    const size_t now = count - first < (size_t)batch ? count - first : (size_t)batch;
    SS_TRY(prepare(encoder, given, first, (int)now, images, error));
    SS_TRY(ss_plan_run(frozen->plan, 0, error));
    memcpy(features + first * encoder->dim, ss_plan_data(frozen->plan, frozen->outputs[0]),
           now * encoder->dim * sizeof(float));
  }
  return SS_OK;
}

ss_status ss_encoder_run(ss_encoder *encoder, const ss_picture *pictures, size_t count, float *features,
                         ss_error *error) {
  return encode(encoder, &(call){.pictures = pictures}, count, features, error);
}

ss_status ss_encoder_run_files(ss_encoder *encoder, const char *const *paths, size_t count, float *features,
                               ss_error *error) {
  return encode(encoder, &(call){.paths = paths}, count, features, error);
}
