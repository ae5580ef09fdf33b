/* Split-Brain Autoencoders: Unsupervised Learning by Cross-Channel Prediction. Zhang, Isola, Efros. CVPR 2017. */
#include "augment/lab.h"
#include "augment/view.h"
#include "base/memory.h"
#include "methods/colour_bins.h"
#include "methods/decoder.h"
#include "methods/method.h"
#include "methods/sheet.h"

#include <stdlib.h>

enum { shrink = 4, features = 64 };

/* The inputs: the picture in Lab, and at each place of the predicted map the bins that share it, nearest first. */
enum { pictures, colour_bins, colour_shares, lightness_bins, lightness_shares, input_count };

/* The two predictions (section 3.1): one half of the backbone sees what the other is to predict. */
typedef struct direction {
  const char *head, *loss, *accuracy; /* names of parameters and reports */
  bool second_half;                   /* of the backbone's channels */
  int bins, shares;                   /* inputs */
  int classes, neighbours;
  ss_tensor *(*mean)(ss_graph *graph, ss_tensor *logits, float temperature);
} direction;
static const direction directions[2] = {
    {"colour_head", "colour_loss", "colour_accuracy", false, colour_bins, colour_shares, SS_COLOUR_BINS,
     SS_COLOUR_NEIGHBOURS, ss_colour_annealed_mean},
    {"lightness_head", "lightness_loss", "lightness_accuracy", true, lightness_bins, lightness_shares,
     SS_LIGHTNESS_BINS, SS_LIGHTNESS_NEIGHBOURS, ss_lightness_annealed_mean}};

typedef struct state {
  int side;                          /* of the predicted maps */
  int64_t counts[2][SS_COLOUR_BINS]; /* for each direction, places of the surveyed pictures by their nearest bin */
} state;

static const ss_option options[] = {
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop", 0, 0, NULL},
    {"flip", SS_OPTION_FRACTION, "0.5", "probability of mirroring left and right", 0, 0, NULL},
    {0}};

static ss_status configure(ss_task *task, ss_error *error) {
  if (task->size < 2 * shrink) {
    return ss_fail(error, SS_USAGE,
                   "split-brain predicts maps of a quarter of the size: --size must be %d or more, not %d", 2 * shrink,
                   task->size);
  }
  SS_TRY(ss_alloc(&task->state, 1, sizeof(state), "the colours", error));
  const int side = task->size / shrink;
  ((state *)task->state)->side = side;
  task->backbone.input = SS_INPUT_LAB;
  task->backbone.split = true;
  task->inputs[pictures] = (ss_method_input){"pictures", SS_F32, ss_shape_of(task->size, task->size, 3), 1};
  for (int d = 0; d < 2; d++) {
    const ss_shape shape = ss_shape_of(side, side, directions[d].neighbours);
    task->inputs[directions[d].bins] = (ss_method_input){d ? "lightness_bins" : "colour_bins", SS_I32, shape, 1};
    task->inputs[directions[d].shares] = (ss_method_input){d ? "lightness_shares" : "colour_shares", SS_F32, shape, 1};
  }
  task->input_count = input_count;
  return SS_OK;
}

static void release(ss_task *task) {
  free(task->state);
  task->state = NULL;
}

/* A picture in Lab, and the soft encoding of its means at side x side places (section 3.2). */
static ss_status fill(const ss_task *task, const ss_image *picture, ss_view_scratch *scratch, ss_image *small,
                      void *slot, ss_error *error) {
  const int side = ((const state *)task->state)->side;
  SS_TRY(ss_resize(picture, side, side, SS_RESAMPLE_BOX, scratch, small, error));
  float *lab = ss_view_slot(task, slot, pictures, 0); /* of the small picture first */
  ss_image_to_lab(small, lab);
  int32_t *bins[2];
  float *shares[2];
  for (int d = 0; d < 2; d++) {
    bins[d] = ss_view_slot(task, slot, directions[d].bins, 0);
    shares[d] = ss_view_slot(task, slot, directions[d].shares, 0);
  }
  for (ptrdiff_t i = 0; i < (ptrdiff_t)side * side; i++) {
    const float ab[2] = {lab[3 * i + 1] * SS_LAB_COLOUR_SCALE, lab[3 * i + 2] * SS_LAB_COLOUR_SCALE};
    const float lightness = lab[3 * i] * SS_LAB_LIGHTNESS_SCALE + SS_LAB_MIDDLE;
    ss_colour_encode(ab, 1, bins[0] + SS_COLOUR_NEIGHBOURS * i, shares[0] + SS_COLOUR_NEIGHBOURS * i);
    ss_lightness_encode(&lightness, 1, bins[1] + SS_LIGHTNESS_NEIGHBOURS * i, shares[1] + SS_LIGHTNESS_NEIGHBOURS * i);
  }
  ss_image_to_lab(picture, lab);
  return SS_OK;
}

/* The bin that a direction's places had most often. */
static int commonest(const state *self, int d) {
  int best = 0;
  for (int bin = 1; bin < directions[d].classes; bin++) {
    best = self->counts[d][bin] > self->counts[d][best] ? bin : best;
  }
  return best;
}

static ss_status count_places(ss_task *task, const ss_image *picture, ss_view_scratch *scratch, ss_image work[2],
                              void *slot, ss_error *error) {
  state *self = task->state;
  SS_TRY(ss_view_test(picture, task->size, task->size, scratch, &work[0], error));
  SS_TRY(fill(task, &work[0], scratch, &work[1], slot, error));
  for (int d = 0; d < 2; d++) {
    const int32_t *bins = ss_view_slot(task, slot, directions[d].bins, 0);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)self->side * self->side; i++) {
      self->counts[d][bins[directions[d].neighbours * i]]++;
    }
  }
  return SS_OK;
}

/* What knowing nothing says, the commonest bin; and whether there is any colour to predict. */
static ss_status survey(ss_task *task, const ss_image *picture, ss_error *error) {
  const state *self = task->state;
  if (picture) {
    void *slot = NULL;
    SS_TRY(ss_alloc(&slot, 1, ss_slot_bytes(task), "a picture in Lab", error));
    ss_view_scratch scratch = {0};
    ss_image work[2] = {{0}};
    const ss_status status = count_places(task, picture, &scratch, work, slot, error);
    ss_image_free(&work[0]);
    ss_image_free(&work[1]);
    ss_scratch_free(&scratch);
    free(slot);
    return status;
  }
  int64_t all = 0;
  for (int bin = 0; bin < SS_COLOUR_BINS; bin++) {
    all += self->counts[0][bin];
  }
  if (all > 0 && self->counts[0][commonest(self, 0)] == all) {
    return ss_fail(error, SS_FAILED,
                   "split-brain needs colour pictures, and every place of these has the same colour, as in grey ones; "
                   "use colour pictures or another method");
  }
  return SS_OK;
}

static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  ss_view_options crop = ss_view_options_crop(task->size, (float)ss_settings_float(task->settings, "min_scale"));
  crop.flip = (float)ss_settings_float(task->settings, "flip");
  ss_random random = ss_sample_random(sample, 0);
  SS_TRY(ss_view_random(sample->image, &crop, &random, sample->scratch, &sample->work[0], error));
  return fill(task, &sample->work[0], sample->scratch, &sample->work[1], slot, error);
}

/* One half's last map (N, h, w, C / 2) -> decoder (N, H / 4, W / 4, 64) -> logits of the bins at each place. */
static ss_tensor *predict(ss_build *build, ss_tensor *map, const direction *to) {
  ss_graph *graph = build->graph;
  const int side = ((const state *)build->task->state)->side;
  const int64_t channels = ss_tensor_dim(map, 3), first = to->second_half ? channels / 2 : 0;
  const ss_decoder_options decoder = {.size = side, .channels = features};
  ss_graph_push_scope(graph, to->head);
  ss_tensor *x = ss_picture_decoder(graph, ss_slice(graph, map, 3, first, first + channels / 2), &decoder, "decoder");
  x = ss_relu(graph, ss_batch_norm(graph, x, NULL, "norm"));
  x = ss_linear(graph, ss_reshape(graph, x, ss_shape_of((int64_t)build->batch * side * side, features)), to->classes,
                true, "bins");
  ss_graph_pop_scope(graph);
  return x;
}

/* The share of places whose most probable bin is the nearest one. */
static ss_tensor *accuracy(ss_build *build, ss_tensor *logits, const direction *to) {
  const int64_t places = ss_tensor_dim(logits, 0);
  ss_tensor *bins = ss_reshape(build->graph, build->inputs[to->bins], ss_shape_of(places, to->neighbours));
  ss_tensor *nearest = ss_slice(build->graph, bins, 1, 0, 1);
  return ss_accuracy(build->graph, logits, ss_reshape(build->graph, nearest, ss_shape_of(places)));
}

static ss_tensor *chance_of(ss_build *build, int d, int64_t places) {
  float constant[SS_COLOUR_BINS] = {0};
  constant[commonest(build->task->state, d)] = 1.0f;
  const int classes = directions[d].classes;
  ss_tensor *row = ss_graph_constant(build->graph, ss_shape_of(1, classes), constant);
  return accuracy(build, ss_broadcast(build->graph, row, ss_shape_of(places, classes)), &directions[d]);
}

/* L -> F1 -> ab and ab -> F2 -> L (equation 4), each by classification (equation 2); the two losses are added. */
static void loss(ss_build *build) {
  ss_graph *graph = build->graph;
  const int side = ((const state *)build->task->state)->side, size = build->task->size;
  const int shown = ss_sheet_columns(build->batch);
  const int64_t each = (int64_t)side * side, places = build->batch * each;
  const ss_backbone_layers layers = ss_build_backbone(build, build->inputs[pictures]);
  ss_tensor *losses[2], *scores[2], *means[2], *chances[2];
  for (int d = 0; d < 2; d++) {
    const direction *to = &directions[d];
    const ss_shape few = ss_shape_of(places, to->neighbours);
    ss_tensor *logits = predict(build, layers.tensors[layers.count - 1], to);
    losses[d] = ss_cross_entropy(graph, logits, ss_reshape(graph, build->inputs[to->bins], few),
                                 ss_reshape(graph, build->inputs[to->shares], few), NULL);
    scores[d] = accuracy(build, logits, to);
    chances[d] = chance_of(build, d, places);
    means[d] = to->mean(graph, ss_slice(graph, logits, 0, 0, shown * each), SS_COLOUR_TEMPERATURE);
    ss_build_report(build, to->loss, losses[d]);
    ss_build_report(build, to->accuracy, scores[d]);
  }
  build->losses[0] = ss_add(graph, losses[0], losses[1]);
  build->score = ss_affine(graph, ss_add(graph, scores[0], scores[1]), 0.5f, 0.0f);
  build->chance = ss_affine(graph, ss_add(graph, chances[0], chances[1]), 0.5f, 0.0f);
  ss_tensor *lab = ss_concatenate(graph, (ss_tensor *const[]){means[1], means[0]}, 2, 1);
  build->prediction = ss_resize_bilinear(graph, ss_reshape(graph, lab, ss_shape_of(shown, side, side, 3)), size, size);
}

/* A picture of row 0, as it was; 1, its colours predicted from its lightness; 2, its lightness from its colours. */
static void paint(const ss_task *task, const ss_shown *shown, int index, int row, ss_image *out) {
  const ptrdiff_t pixels = (ptrdiff_t)task->size * task->size;
  const float *lab = (const float *)shown->inputs[pictures] + 3 * pixels * index;
  const float *predicted = shown->prediction ? shown->prediction + 3 * pixels * index : lab;
  for (ptrdiff_t i = 0; i < pixels; i++) {
    const float *light = row == 2 ? predicted : lab, *colour = row == 1 ? predicted : lab;
    const float pixel[3] = {light[3 * i] * SS_LAB_LIGHTNESS_SCALE + SS_LAB_MIDDLE,
                            colour[3 * i + 1] * SS_LAB_COLOUR_SCALE, colour[3 * i + 2] * SS_LAB_COLOUR_SCALE};
    ss_rgb_from_lab(pixel, 1, out->pixels + 3 * i);
  }
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const int columns = ss_sheet_columns(shown->batch);
  const int tile = ss_sheet_tile(task->size);
  SS_TRY(ss_sheet_new(out, columns, shown->prediction ? 3 : 1, tile, error));
  ss_image cell = {0};
  SS_TRY(ss_image_resize_buffer(&cell, task->size, task->size, 3, error));
  for (int i = 0; i < (shown->prediction ? 3 : 1) * columns; i++) {
    paint(task, shown, i % columns, i / columns, &cell);
    ss_sheet_put(out, tile, i % columns, i / columns, &cell);
  }
  ss_image_free(&cell);
  return SS_OK;
}

const ss_method ss_method_split_brain = {
    .name = "split-brain",
    .modality = SS_MODALITY_IMAGE,
    .summary = "one half of the network tells colours from lightness, the other lightness from colours",
    .paper = {"Split-Brain Autoencoders: Unsupervised Learning by Cross-Channel Prediction", "Zhang, Isola, Efros",
              "CVPR 2017"},
    .options = options,
    .defaults = "optimizer=adam lr=1e-3 weight_decay=0 schedule=cosine warmup=0",
    .changes =
        "bins are predicted at a quarter of the size, from means there; two half ResNets and decoders in place "
        "of a split AlexNet; a random resized crop; soft encoding for lightness too",
    .score = {"the right bins, mean of colour (313) and lightness (50)", true, true, NULL, false},
    .survey_pictures = 1000,
    .configure = configure,
    .release = release,
    .survey = survey,
    .views = views,
    .loss = loss,
    .picture = picture};
