/* Context Encoders: Feature Learning by Inpainting. Pathak, Kraehenbuehl, Donahue, Darrell, Efros. CVPR 2016. */
#include "base/memory.h"
#include "methods/bottleneck.h"
#include "methods/decoder.h"
#include "methods/discriminator.h"
#include "methods/image/mask.h"
#include "methods/image/reconstruction.h"

#include <stdlib.h>
#include <string.h>

static const ss_option options[] = {
    {"mask", SS_OPTION_CHOICE, "region", "what is missing: the centre, random blocks or random shapes", 0, 0,
     "center|blocks|region"},
    {"adversarial", SS_OPTION_BOOL, "1", "add the adversarial loss", 0, 0, NULL},
    {"lambda_rec", SS_OPTION_FLOAT, "0.999", "weight of the reconstruction loss", 0, 1000, NULL},
    {"lambda_adv", SS_OPTION_FLOAT, "0.001", "weight of the adversarial loss", 0, 1000, NULL},
    {"border_weight", SS_OPTION_FLOAT, "10", "weight of the overlap with what is seen (center)", 0, 1000, NULL},
    {"discriminator_width", SS_OPTION_INT, "0", "channels of its first layer (0: as the backbone's)", 0, 1024, NULL},
    SS_RECONSTRUCTION_VIEW_OPTIONS,
    {0}};

static const ss_recipe recipes[] = {
    {"features", "as the paper's features are learned (sections 3.3 and 5.2): L2 alone", "mask=region adversarial=0"},
    {"completion", "as the paper's pictures are completed (section 5.1): the centre, the joint loss",
     "mask=center adversarial=1"},
    {0}};

/* Inputs: the picture with what is missing at 0, which is the mean colour; the picture; each pixel's weight. */
enum { SEEN, PICTURES, WEIGHTS };

static bool is_centre(const ss_task *task) {
  return strcmp(ss_settings_text(task->settings, "mask"), "center") == 0;
}

/* The side of the centre's hole, half the picture's; what is predicted of it overlaps with what is seen by 7 pixels of
 * 64 (section 3.2). */
static int hole_side(const ss_task *task) {
  return task->size / 2;
}

static int overlap(const ss_task *task) {
  const int pixels = (7 * hole_side(task) + 32) / 64;
  return pixels > 0 ? pixels : 1;
}

/* The side of what is predicted: the hole and its overlap, or with other masks all of the picture. */
static int predicted_side(const ss_task *task) {
  return is_centre(task) ? hole_side(task) + 2 * overlap(task) : task->size;
}

static ss_status configure(ss_task *task, ss_error *error) {
  if (task->size < 16) {
    return ss_fail(error, SS_USAGE, "inpainting wants pictures of 16 pixels a side or more, not --size %d", task->size);
  }
  const int side = predicted_side(task);
  task->inputs[SEEN] = (ss_method_input){"seen", SS_F32, ss_shape_of(task->size, task->size, 3), 1};
  task->inputs[PICTURES] = (ss_method_input){"pictures", SS_F32, ss_shape_of(task->size, task->size, 3), 1};
  task->inputs[WEIGHTS] = (ss_method_input){"weights", SS_F32, ss_shape_of(side, side, 1), 1};
  task->input_count = 3;
  return SS_OK;
}

static ss_status make_mask(const ss_task *task, ss_sample *sample, uint8_t *mask, ss_error *error) {
  ss_random random = ss_sample_random(sample, 1);
  const char *kind = ss_settings_text(task->settings, "mask");
  if (strcmp(kind, "center") == 0) {
    ss_mask_centre(task->size, hole_side(task), mask);
    return SS_OK;
  }
  if (strcmp(kind, "blocks") == 0) {
    ss_mask_blocks(task->size, &random, mask);
    return SS_OK;
  }
  return ss_mask_region(task->size, &random, sample->scratch, mask, error);
}

/* The weights of the predicted pixels: the masked ones alike and of mean 1 over all (equation 1's M, so that large and
 * small masks count the same); with the centre the overlap also, tenfold (section 3.2). */
static void weigh(const ss_task *task, const uint8_t *mask, float *weights) {
  const int side = predicted_side(task), start = (task->size - side) / 2;
  const bool centre = is_centre(task);
  const float border = (float)ss_settings_float(task->settings, "border_weight");
  int missing = 0;
  for (int i = 0; i < task->size * task->size; i++) {
    missing += mask[i];
  }
  const float one = centre ? 1.0f : (float)(side * side) / (float)missing;
  for (int i = 0; i < side * side; i++) {
    const bool is_missing = mask[(start + i / side) * task->size + start + i % side];
    weights[i] = is_missing ? one : centre ? border : 0.0f;
  }
}

/* x and (1 - M) x: "zero at the dropped pixels", which after normalisation is the mean colour (section 3.2). */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  float *seen = ss_view_slot(task, slot, SEEN, 0), *picture = ss_view_slot(task, slot, PICTURES, 0);
  ss_random random = ss_sample_random(sample, 0);
  SS_TRY(ss_reconstruction_view(task, sample, &random, picture, error));
  ss_image *mask = &sample->work[1];
  SS_TRY(ss_image_resize_buffer(mask, task->size, task->size, 1, error));
  SS_TRY(make_mask(task, sample, mask->pixels, error));
  for (int i = 0; i < task->size * task->size; i++) {
    for (int c = 0; c < 3; c++) {
      seen[3 * i + c] = mask->pixels[i] ? 0.0f : picture[3 * i + c];
    }
  }
  weigh(task, mask->pixels, ss_view_slot(task, slot, WEIGHTS, 0));
  return SS_OK;
}

static ss_tensor *cut_out(ss_graph *graph, ss_tensor *pictures, int side) {
  const int start = ((int)ss_tensor_dim(pictures, 1) - side) / 2;
  ss_tensor *rows = ss_slice(graph, pictures, 1, start, start + side);
  return ss_slice(graph, rows, 2, start, start + side);
}

/* The encoder, the channel-wise fully connected layer and the decoder (section 3.1): F((1 - M) x). */
static ss_tensor *complete(ss_build *build) {
  const ss_backbone_layers layers = ss_build_backbone(build, build->inputs[SEEN]);
  ss_tensor *map = ss_channelwise_bottleneck(build->graph, layers.tensors[layers.count - 1], "bottleneck");
  const ss_decoder_options decoder = {.size = predicted_side(build->task), .channels = 3};
  return ss_cast(build->graph, ss_picture_decoder(build->graph, map, &decoder, "decoder"), SS_F32);
}

/* What the adversary sees: all that was predicted, not only what was missing, and nothing of the mask (equation 2);
 * with random masks the picture completed by it, as no loss but the adversary's own asks for anything outside. */
static ss_tensor *shown_to_adversary(ss_build *build, ss_tensor *made) {
  if (is_centre(build->task)) {
    return made;
  }
  ss_graph *graph = build->graph;
  ss_tensor *weights = build->inputs[WEIGHTS]; /* 0, or 4 and more where something is missing */
  ss_tensor *mask = ss_subtract(graph, weights, ss_relu(graph, ss_affine(graph, weights, 1.0f, -1.0f)));
  return ss_add(graph, build->inputs[SEEN], ss_multiply(graph, made, mask));
}

static ss_tensor *judge(ss_build *build, ss_tensor *pictures) {
  const int64_t width = ss_settings_int(build->task->settings, "discriminator_width");
  const int standard = build->task->backbone.width ? build->task->backbone.width : 64;
  return ss_discriminator(build->graph, pictures, width ? (int)width : standard, "discriminator");
}

/* L = lambda_rec L_rec + lambda_adv L_adv (equation 3). */
static void loss(ss_build *build) {
  const ss_task *task = build->task;
  ss_graph *graph = build->graph;
  ss_tensor *made = complete(build);
  ss_tensor *real = cut_out(graph, build->inputs[PICTURES], predicted_side(task));
  ss_tensor *weights = build->inputs[WEIGHTS];
  ss_tensor *reconstruction = ss_l2_loss(graph, made, real, ss_broadcast(graph, weights, ss_tensor_shape(real)));
  build->losses[0] = reconstruction;
  if (is_centre(task)) {
    const int hole = hole_side(task);
    ss_reconstruction_score(build, cut_out(graph, made, hole), cut_out(graph, real, hole), NULL);
  } else {
    ss_reconstruction_score(build, made, real, weights);
  }
  build->prediction = made;
  if (!ss_settings_bool(task->settings, "adversarial") || !ss_graph_is_training(graph)) {
    return;
  }
  ss_tensor *of_made = judge(build, shown_to_adversary(build, made)), *of_real = judge(build, real);
  ss_tensor *adversarial = ss_generator_loss(graph, of_made, SS_NON_SATURATING);
  ss_build_report(build, "reconstruction", reconstruction);
  ss_build_report(build, "adversarial", adversarial);
  const float of_rec = (float)ss_settings_float(task->settings, "lambda_rec");
  const float of_adv = (float)ss_settings_float(task->settings, "lambda_adv");
  build->losses[0] =
      ss_add(graph, ss_affine(graph, reconstruction, of_rec, 0.0f), ss_affine(graph, adversarial, of_adv, 0.0f));
  build->losses[1] = ss_discriminator_loss(graph, of_real, of_made);
}

/* What was seen, the hole filled, the picture. */
static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const int side = predicted_side(task), start = (task->size - side) / 2;
  const int64_t numbers = (int64_t)shown->batch * task->size * task->size * 3;
  float *filled = NULL;
  SS_TRY(ss_alloc((void **)&filled, (size_t)numbers, sizeof *filled, "the completed pictures", error));
  memcpy(filled, shown->inputs[SEEN], (size_t)numbers * sizeof *filled);
  const float *weights = shown->inputs[WEIGHTS];
  for (int64_t i = 0; i < (int64_t)shown->batch * side * side; i++) {
    const int64_t sample = i / (side * side), y = i / side % side + start, x = i % side + start;
    float *pixel = filled + 3 * ((sample * task->size + y) * task->size + x);
    for (int c = 0; weights[i] > 0.0f && c < 3; c++) {
      pixel[c] = shown->prediction[3 * i + c];
    }
  }
  const ss_status status =
      ss_reconstruction_sheet(task, shown->inputs[SEEN], filled, shown->inputs[PICTURES], shown->batch, out, error);
  free(filled);
  return status;
}

const ss_method ss_method_inpainting = {
    .name = "inpainting",
    .modality = SS_MODALITY_IMAGE,
    .summary = "fills in what is missing of a picture",
    .paper = {"Context Encoders: Feature Learning by Inpainting", "Pathak, Kraehenbuehl, Donahue, Darrell, Efros",
              "CVPR 2016"},
    .options = options,
    .defaults = "optimizer=adam lr=0.002 beta1=0.5 weight_decay=0 schedule=cosine",
    .recipes = recipes,
    .changes =
        "ResNet in place of AlexNet; the overlap of the centre's border scales with the picture (7 pixels of a "
        "hole of 64); random shapes are thresholded smooth noise, not outlines of PASCAL's objects; with random masks "
        "the "
        "adversary sees the completed picture",
    .score = {"PSNR of what was missing, in dB", true, false, NULL, false},
    .players = {"backbone.|bottleneck.|decoder.", "discriminator."},
    .player_rates = {1.0, 0.1},
    .configure = configure,
    .views = views,
    .loss = loss,
    .picture = picture};
