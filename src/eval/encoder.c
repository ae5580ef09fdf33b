/* The public API's encoder: a frozen backbone behind a handle. */
#include "augment/view.h"
#include "base/memory.h"
#include "engine/plan.h"
#include "features/pictures.h"
#include "nets/model.h"

#include <stdlib.h>
#include <string.h>

struct ss_encoder {
  ss_model *model;
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *images, *output;
  int size, batch;
  ss_view_scratch scratch;
  ss_image view;
};

const char *ss_version(void) {
  return SS_VERSION;
}

static ss_status build(ss_encoder *encoder, int threads, ss_error *error) {
  encoder->graph = ss_graph_new(encoder->model->parameters, &(ss_graph_options){.compute = SS_F32});
  if (!encoder->graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  ss_graph *graph = encoder->graph;
  encoder->images =
      ss_graph_input(graph, "images", SS_F32, ss_shape_of(encoder->batch, encoder->size, encoder->size, 3));
  ss_graph_push_scope(graph, "backbone");
  const ss_backbone_layers layers = ss_backbone_build(graph, encoder->images, &encoder->model->backbone);
  ss_graph_pop_scope(graph);
  encoder->output = ss_graph_keep(graph, ss_cast(graph, layers.output, SS_F32));
  return ss_plan_new(graph, &(ss_plan_options){.threads = threads}, &encoder->plan, error);
}

ss_status ss_encoder_open(const char *model, const ss_encoder_options *options, ss_encoder **encoder, ss_error *error) {
  *encoder = NULL;
  const ss_encoder_options given = options ? *options : (ss_encoder_options){0};
  if (given.size < 0 || given.batch < 0 || given.batch > 65536 || given.threads < 0) {
    return ss_fail(error, SS_USAGE, "an encoder's size, batch and threads cannot be %d, %d, %d", given.size,
                   given.batch, given.threads);
  }
  ss_encoder *opened = NULL;
  SS_TRY(ss_alloc((void **)&opened, 1, sizeof *opened, "the encoder", error));
  ss_status status = ss_model_open(model, given.size, 0, &opened->model, error);
  if (status == SS_OK) {
    opened->size = given.size ? given.size : opened->model->backbone.size;
    opened->batch = given.batch ? given.batch : 16;
    status = build(opened, given.threads, error);
  }
  if (status != SS_OK) {
    ss_encoder_free(opened);
    return status;
  }
  *encoder = opened;
  return SS_OK;
}

void ss_encoder_free(ss_encoder *encoder) {
  if (encoder) {
    ss_plan_free(encoder->plan);
    ss_graph_free(encoder->graph);
    ss_model_free(encoder->model);
    ss_scratch_free(&encoder->scratch);
    ss_image_free(&encoder->view);
    free(encoder);
  }
}

size_t ss_encoder_dim(const ss_encoder *encoder) {
  return (size_t)ss_tensor_dim(encoder->output, 1);
}

int ss_encoder_size(const ss_encoder *encoder) {
  return encoder->size;
}

/* The test view of a picture, as the model takes it, into one image of the batch. */
static ss_status place(ss_encoder *encoder, const ss_picture *picture, float *to, ss_error *error) {
  if (!picture->pixels || picture->width < 1 || picture->height < 1 || picture->width > SS_IMAGE_MAX_SIDE ||
      picture->height > SS_IMAGE_MAX_SIDE) {
    return ss_fail(error, SS_USAGE, "a picture of %d x %d pixels%s cannot be encoded", picture->width, picture->height,
                   picture->pixels ? "" : " without pixels");
  }
  /* Borrowed: the view is made from the caller's pixels, which are only read. */
  const ss_image image = {picture->width, picture->height, 3, (uint8_t *)(uintptr_t)picture->pixels, 0};
  SS_TRY(ss_view_test(&image, encoder->size, encoder->size, &encoder->scratch, &encoder->view, error));
  ss_picture_for_model(encoder->model, &encoder->view, to);
  return SS_OK;
}

ss_status ss_encoder_run(ss_encoder *encoder, const ss_picture *pictures, size_t count, float *features,
                         ss_error *error) {
  const size_t numbers = (size_t)encoder->size * (size_t)encoder->size * 3, dim = ss_encoder_dim(encoder);
  float *images = ss_plan_data(encoder->plan, encoder->images);
  for (size_t first = 0; first < count; first += (size_t)encoder->batch) {
    const size_t now = count - first < (size_t)encoder->batch ? count - first : (size_t)encoder->batch;
    for (size_t i = 0; i < now; i++) {
      SS_TRY(place(encoder, &pictures[first + i], images + i * numbers, error));
    }
    SS_TRY(ss_plan_run(encoder->plan, 0, error));
    memcpy(features + first * dim, ss_plan_data(encoder->plan, encoder->output), now * dim * sizeof(float));
  }
  return SS_OK;
}
