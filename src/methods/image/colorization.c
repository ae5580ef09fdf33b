/* Colorful Image Colorization. Zhang, Isola, Efros. ECCV 2016. With `hints`: Real-Time User-Guided Image Colorization
 * with Learned Deep Priors. Zhang et al. SIGGRAPH 2017. With `global`: Let there be Color! Iizuka, Simo-Serra,
 * Ishikawa. SIGGRAPH 2016. */
#include "augment/lab.h"
#include "augment/view.h"
#include "base/memory.h"
#include "methods/decoder.h"
#include "methods/image/colour_sheet.h"
#include "methods/image/colours.h"
#include "methods/method.h"
#include "methods/sheet.h"

#include <stdlib.h>
#include <string.h>

enum { SHRINK = 4, FEATURES = 64, DECODER_WIDTH = 512, GLOBAL = 256 };
static const float least_chroma = 4.0f;          /* below: no colour but what compression makes of grey */
static const float label_weight = 1.0f / 300.0f; /* Iizuka et al., section 3.5 */

/* The inputs; those that the options do not ask for have index -1 in the state. */
enum { PICTURES, COLOURS, WEIGHTS, FIRST_OPTIONAL };

typedef struct state {
  int side;                        /* of the predicted map of colours */
  int bins, shares, hints, labels; /* indices of inputs */
  float weights[SS_COLOUR_BINS];   /* of a place by its colour's bin, for loss and score */
  float constant[2];               /* the best single colour */
  ss_colour_survey survey;
} state;

static const ss_option options[] = {
    {"loss", SS_OPTION_CHOICE, "classify", "what is predicted: one of 313 colour bins, or a and b themselves", 0, 0,
     "classify|l2"},
    {"rebalance", SS_OPTION_FLOAT, "0.5",
     "lambda of the class rebalancing: rare colours count the more the smaller it is (1: all colours count alike)",
     0.01, 1, NULL},
    {"hints", SS_OPTION_INT, "0", "true colours revealed at so many places (user-guided colorization)", 0, 100, NULL},
    {"global", SS_OPTION_BOOL, "0", "a vector of the whole picture joins every place; with labels it is classified", 0,
     0, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop", 0, 0, NULL},
    {"flip", SS_OPTION_FRACTION, "0.5", "probability of mirroring left and right", 0, 0, NULL},
    {0}};

static bool classifies(const ss_task *task) {
  return strcmp(ss_settings_text(task->settings, "loss"), "classify") == 0;
}

static int add_input(ss_task *task, ss_method_input input) {
  task->inputs[task->input_count] = input;
  return task->input_count++;
}

static ss_status configure(ss_task *task, ss_error *error) {
  if (task->size < 2 * SHRINK) {
    return ss_fail(error, SS_USAGE,
                   "size %d is too small for colorization, which predicts a map of a quarter; give %d "
                   "or more",
                   task->size, 2 * SHRINK);
  }
  SS_TRY(ss_alloc(&task->state, 1, sizeof(state), "the colours", error));
  state *self = task->state;
  *self = (state){.side = task->size / SHRINK, .bins = -1, .shares = -1, .hints = -1, .labels = -1};
  for (int bin = 0; bin < SS_COLOUR_BINS; bin++) {
    self->weights[bin] = 1;
  }
  task->backbone.input = SS_INPUT_LIGHTNESS;
  const int side = self->side;
  task->inputs[PICTURES] = (ss_method_input){"pictures", SS_F32, ss_shape_of(task->size, task->size, 3), 1};
  task->inputs[COLOURS] = (ss_method_input){"colours", SS_F32, ss_shape_of(side, side, 2), 1};
  task->inputs[WEIGHTS] = (ss_method_input){"weights", SS_F32, ss_shape_of(side, side), 1};
  task->input_count = FIRST_OPTIONAL;
  if (classifies(task)) {
    const ss_shape shape = ss_shape_of(side, side, SS_COLOUR_NEIGHBOURS);
    self->bins = add_input(task, (ss_method_input){"bins", SS_I32, shape, 1});
    self->shares = add_input(task, (ss_method_input){"shares", SS_F32, shape, 1});
  }
  if (ss_settings_int(task->settings, "hints") > 0) {
    self->hints = add_input(task, (ss_method_input){"hints", SS_F32, ss_shape_of(side, side, 3), 1});
  }
  if (ss_settings_bool(task->settings, "global") && task->classes > 1) {
    self->labels = add_input(task, (ss_method_input){"labels", SS_I32, {0}, 1});
  }
  return SS_OK;
}

static void release(ss_task *task) {
  free(task->state);
  task->state = NULL;
}

/* The data's own distribution of colours, as the network is to predict them, and what follows from it. */
static ss_status survey(ss_task *task, const ss_image *picture, ss_error *error) {
  state *self = task->state;
  if (picture) {
    return ss_colour_survey_picture(&self->survey, picture, task->size, self->side, error);
  }
  if (self->survey.chroma < least_chroma) {
    return ss_fail(error, SS_FAILED,
                   "colorization needs colour pictures, and there is no colour in these (the strongest is %.1f from "
                   "grey in Lab); use colour pictures or another method",
                   (double)self->survey.chroma);
  }
  if (classifies(task)) { /* section 2.2; a plain mean for l2 (equation 1) */
    ss_colour_rebalance(self->survey.counts, SS_COLOUR_SIGMA, ss_settings_float(task->settings, "rebalance"), NULL,
                        self->weights);
  }
  ss_colour_survey_constant(&self->survey, self->weights, self->constant);
  return SS_OK;
}

static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const state *self = task->state;
  ss_view_options crop = ss_view_options_crop(task->size, (float)ss_settings_float(task->settings, "min_scale"));
  crop.flip = (float)ss_settings_float(task->settings, "flip");
  ss_random random = ss_sample_random(sample, 0);
  SS_TRY(ss_view_random(sample->image, &crop, &random, sample->scratch, &sample->work[0], error));
  float *lab = ss_view_slot(task, slot, PICTURES, 0), *ab = ss_view_slot(task, slot, COLOURS, 0);
  ss_image_to_lab(&sample->work[0], lab);
  ss_colours_shrink(lab, task->size, self->side, ab);
  float *weights = ss_view_slot(task, slot, WEIGHTS, 0);
  for (int i = 0; i < self->side * self->side; i++) {
    weights[i] = 1;
    if (self->bins >= 0) { /* soft encoding (section 2.1); v(Z) is the weight of the nearest bin (equation 3) */
      const float colour[2] = {ab[2 * i] * SS_LAB_COLOUR_SCALE, ab[2 * i + 1] * SS_LAB_COLOUR_SCALE};
      int32_t *bins = (int32_t *)ss_view_slot(task, slot, self->bins, 0) + SS_COLOUR_NEIGHBOURS * i;
      ss_colour_encode(colour, 1, bins, (float *)ss_view_slot(task, slot, self->shares, 0) + SS_COLOUR_NEIGHBOURS * i);
      weights[i] = self->weights[bins[0]];
    }
  }
  if (self->hints >= 0) {
    ss_colour_hints(lab, task->size, self->side, (int)ss_settings_int(task->settings, "hints"), &random,
                    ss_view_slot(task, slot, self->hints, 0));
  }
  if (self->labels >= 0) {
    *(int32_t *)ss_view_slot(task, slot, self->labels, 0) = sample->label;
  }
  return SS_OK;
}

static ss_tensor *convolution(ss_graph *graph, ss_tensor *x, int channels, int dilation, const char *name) {
  const ss_convolution_options three = {
      .kernel = {3, 3}, .padding = {dilation, dilation}, .dilation = {dilation, dilation}, .bias = true};
  return ss_relu(graph, ss_convolution2d(graph, x, channels, &three, name));
}

/* The fusion layer (Iizuka et al., section 3.3): a vector of the whole picture joins the map at every place. */
static ss_tensor *fuse(ss_build *build, ss_tensor *map, ss_tensor *output) {
  ss_graph *graph = build->graph;
  const state *self = build->task->state;
  ss_tensor *whole = ss_relu(graph, ss_linear(graph, output, GLOBAL, true, "global"));
  if (self->labels >= 0) { /* section 3.5 */
    ss_tensor *classes = ss_linear(graph, whole, build->task->classes, true, "classes");
    ss_tensor *loss = ss_cross_entropy(graph, classes, build->inputs[self->labels], NULL, NULL);
    ss_build_report(build, "classification", loss);
    build->losses[0] = ss_affine(graph, loss, label_weight, 0);
  }
  const ss_shape shape = ss_tensor_shape(map);
  whole = ss_reshape(graph, whole, ss_shape_of(shape.dims[0], 1, 1, GLOBAL));
  whole = ss_broadcast(graph, whole, ss_shape_of(shape.dims[0], shape.dims[1], shape.dims[2], GLOBAL));
  map = ss_concatenate(graph, (ss_tensor *[]){map, whole}, 2, 3);
  const ss_convolution_options one = {.kernel = {1, 1}, .bias = true};
  return ss_relu(graph, ss_convolution2d(graph, map, (int)shape.dims[3], &one, "fusion"));
}

/* Mean distance of colours (P, 2) from `ab`, in Lab's units, each place weighted as in the loss. */
static ss_tensor *distance(ss_build *build, ss_tensor *ab, ss_tensor *colours, ss_tensor *weights) {
  ss_graph *graph = build->graph;
  ss_tensor *squares = ss_square(graph, ss_subtract(graph, colours, ab));
  ss_tensor *way = ss_sqrt(graph, ss_reduce_sum(graph, squares, 1u << 1, false));
  ss_tensor *sum = ss_reduce_sum(graph, ss_multiply(graph, way, weights), 1u, true);
  return ss_affine(graph, ss_divide(graph, sum, ss_reduce_sum(graph, weights, 1u, true)), SS_LAB_COLOUR_SCALE, 0);
}

/* L (N, H, W, 1), three times -> backbone -> decoder (N, H / 4, W / 4, 64) -> at each place 313 logits, or a and b. */
static void loss(ss_build *build) {
  const state *self = build->task->state;
  ss_graph *graph = build->graph;
  ss_tensor *lightness = ss_slice(graph, build->inputs[PICTURES], 3, 0, 1);
  ss_tensor *three = ss_concatenate(graph, (ss_tensor *[]){lightness, lightness, lightness}, 3, 3);
  const ss_backbone_layers layers = ss_build_backbone(build, three);
  ss_tensor *map = layers.tensors[layers.count - 1];
  if (ss_settings_bool(build->task->settings, "global")) {
    map = fuse(build, map, layers.output);
  }
  const ss_decoder_options decoder = {.size = self->side, .channels = FEATURES, .width = DECODER_WIDTH};
  ss_tensor *x = ss_picture_decoder(graph, map, &decoder, "decoder");
  x = ss_relu(graph, ss_batch_norm(graph, x, NULL, "norm"));
  int channels = FEATURES;
  if (self->hints >= 0) { /* a stem of their own, wide enough to spread them */
    ss_tensor *hints = convolution(graph, build->inputs[self->hints], FEATURES / 2, 1, "hints1");
    hints = convolution(graph, hints, FEATURES / 2, 2, "hints2");
    hints = convolution(graph, hints, FEATURES / 2, 4, "hints3");
    x = convolution(graph, ss_concatenate(graph, (ss_tensor *[]){x, hints}, 2, 3), FEATURES, 1, "join");
  }
  const int64_t places = (int64_t)build->batch * self->side * self->side;
  const int64_t shown = ss_sheet_columns(build->batch) * places / build->batch;
  x = ss_linear(graph, ss_reshape(graph, x, ss_shape_of(places, channels)), self->bins >= 0 ? SS_COLOUR_BINS : 2, true,
                "head");
  ss_tensor *colours = ss_reshape(graph, build->inputs[COLOURS], ss_shape_of(places, 2));
  ss_tensor *weights = ss_reshape(graph, build->inputs[WEIGHTS], ss_shape_of(places));
  ss_tensor *loss, *ab = ss_cast(graph, x, SS_F32);
  build->prediction = ss_slice(graph, ab, 0, 0, shown);
  if (self->bins >= 0) { /* equation 2, decoded by the annealed mean (section 2.3) */
    const ss_shape few = ss_shape_of(places, SS_COLOUR_NEIGHBOURS);
    loss = ss_cross_entropy(graph, x, ss_reshape(graph, build->inputs[self->bins], few),
                            ss_reshape(graph, build->inputs[self->shares], few), weights);
    ab = ss_colour_annealed_mean(graph, x, SS_COLOUR_TEMPERATURE);
    build->prediction = ss_colour_annealed_mean(graph, ss_slice(graph, x, 0, 0, shown), SS_COLOUR_TEMPERATURE);
  } else { /* equation 1 */
    loss = ss_l2_loss(graph, ab, colours, NULL);
  }
  build->losses[0] = build->losses[0] ? ss_add(graph, loss, build->losses[0]) : loss;
  build->score = distance(build, ab, colours, weights);
  build->chance = distance(build, ss_graph_constant(graph, ss_shape_of(1, 2), self->constant), colours, weights);
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const state *self = task->state;
  const ss_colour_sheet sheet = {.lab = shown->inputs[PICTURES],
                                 .size = task->size,
                                 .ab = shown->prediction,
                                 .side = self->side,
                                 .hints = self->hints >= 0 ? shown->inputs[self->hints] : NULL,
                                 .pictures = ss_sheet_columns(shown->batch)};
  return ss_sheet_of_colours(&sheet, out, error);
}

const ss_method ss_method_colorization = {
    .name = "colorization",
    .modality = SS_MODALITY_IMAGE,
    .summary = "gives grey pictures their colours back",
    .paper = {"Colorful Image Colorization", "Zhang, Isola, Efros", "ECCV 2016"},
    .options = options,
    .defaults = "optimizer=adam lr=0.001 weight_decay=0 schedule=cosine batch=64",
    .changes =
        "colours are predicted at a quarter of the size, from their means there; a ResNet that sees lightness "
        "three times and a decoder in place of dilated convolutions; random crops of any size; the prior is "
        "that of the data; with global=1 the vector joins at the backbone's last map; hints=N reveals as many "
        "to every picture",
    .score = {"distance of the colours from the true ones in ab of Lab, weighted as in the loss", false, false, NULL,
              false},
    .survey_pictures = 500,
    .configure = configure,
    .release = release,
    .survey = survey,
    .views = views,
    .loss = loss,
    .picture = picture};
