/* Unsupervised Visual Representation Learning by Context Prediction. Doersch, Gupta, Efros. ICCV 2015. */
#include "augment/view.h"
#include "base/memory.h"
#include "methods/board.h"
#include "methods/patches.h"
#include "methods/projector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEIGHBOURS = 8, CENTRE = 4 };

static const ss_option options[] = {
    {"patch", SS_OPTION_FRACTION, "1/4", "side of a patch, in sides of the picture", 0, 0, NULL},
    {"gap", SS_OPTION_FLOAT, "0.4", "between patches, in sides of a patch (0: they touch)", 0, 2, NULL},
    {"jitter", SS_OPTION_FRACTION, "7/96", "how far a patch is moved at most, in sides of a patch (0: not)", 0, 0,
     NULL},
    {"colour", SS_OPTION_CHOICE, "drop",
     "against chromatic aberration: two channels become noise, or green-magenta goes", 0, 0, "drop|project|keep"},
    {"subtract_mean", SS_OPTION_BOOL, "1", "take each patch's mean colour away", 0, 0, NULL},
    {"pixelate", SS_OPTION_FRACTION, "1/3", "probability of a patch reduced to as little as 100 pixels and enlarged", 0,
     0, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop", 0, 0, NULL},
    {"hidden", SS_OPTION_INT, "512", "outputs of the head's inner layer", 1, 65536, NULL},
    {0}};

/* How patches are made. */
typedef struct cutting {
  ss_view_options crop;
  ss_patch_grid grid;
  bool drop, project, subtract_mean;
  float pixelate;
} cutting;

static ss_status configure(ss_task *task, ss_error *error) {
  cutting *cut = NULL;
  SS_TRY(ss_alloc((void **)&cut, 1, sizeof *cut, "the patches", error));
  task->state = cut;
  const ss_settings *settings = task->settings;
  const double side = floor(ss_settings_float(settings, "patch") * task->size + 1e-6);
  const int patch = (int)side, jitter = (int)lround(side * ss_settings_float(settings, "jitter"));
  cut->grid = (ss_patch_grid){.cells = 3,
                              .patch = patch,
                              .pitch = patch + (int)lround(side * ss_settings_float(settings, "gap")),
                              .wander = 2 * jitter};
  cut->crop = ss_view_options_crop(task->size, (float)ss_settings_float(settings, "min_scale"));
  cut->drop = strcmp(ss_settings_text(settings, "colour"), "drop") == 0;
  cut->project = strcmp(ss_settings_text(settings, "colour"), "project") == 0;
  cut->subtract_mean = ss_settings_bool(settings, "subtract_mean");
  cut->pixelate = (float)ss_settings_float(settings, "pixelate");
  SS_TRY(ss_patch_grid_check(&cut->grid, task, error));
  task->inputs[0] = (ss_method_input){"patches", SS_F32, ss_shape_of(patch, patch, 3), 2};
  task->inputs[1] = (ss_method_input){"position", SS_I32, {0}, 1};
  task->input_count = 2;
  return ss_view_options_check(&cut->crop, error);
}

static void release(ss_task *task) {
  free(task->state);
}

/* Section 3.2: "randomly downsampling some patches to as little as 100 total pixels, and then upsampling". */
static ss_status pixelate(const ss_image *picture, ss_box *box, ss_sample *sample, ss_random *random,
                          const ss_image **out, ss_error *error) {
  const int side = box->width, least = side < 10 ? side : 10;
  const int small = least + (int)ss_random_below(random, (uint32_t)(side - least) + 1);
  SS_TRY(ss_resize_box(picture, *box, small, small, SS_RESAMPLE_BILINEAR, sample->scratch, &sample->work[1], error));
  SS_TRY(ss_resize(&sample->work[1], side, side, SS_RESAMPLE_BILINEAR, sample->scratch, &sample->work[2], error));
  *box = (ss_box){0, 0, side, side};
  *out = &sample->work[2];
  return SS_OK;
}

static ss_status make_patch(const cutting *cut, const ss_image *picture, ss_box box, ss_sample *sample,
                            ss_random *random, float *patch, ss_error *error) {
  const int pixels = box.width * box.height;
  if (ss_random_uniform(random) < cut->pixelate) {
    SS_TRY(pixelate(picture, &box, sample, random, &picture, error));
  }
  ss_patch_cut(picture, box, NULL, patch);
  if (cut->subtract_mean) {
    ss_patch_subtract_mean(patch, pixels);
  }
  if (cut->project) {
    ss_patch_project_colours(patch, pixels);
  }
  if (cut->drop) {
    ss_patch_drop_colours(patch, pixels, random);
  }
  return SS_OK;
}

/* Number 0 to 7 of a neighbour, row by row, as a cell of the 3x3 grid. */
static int cell_of(int position) {
  return position < CENTRE ? position : position + 1;
}

/* Section 3: the patch in the middle of a 3x3 grid and one of its eight neighbours (figure 2). */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const cutting *cut = task->state;
  ss_random random = ss_sample_random(sample, 0);
  SS_TRY(ss_view_random(sample->image, &cut->crop, &random, sample->scratch, &sample->work[0], error));
  ss_box boxes[NEIGHBOURS + 1];
  ss_patch_grid_draw(&cut->grid, task->size, &random, boxes);
  const int position = (int)ss_random_below(&random, NEIGHBOURS), cells[2] = {CENTRE, cell_of(position)};
  for (int v = 0; v < 2; v++) {
    SS_TRY(make_patch(cut, &sample->work[0], boxes[cells[v]], sample, &random, ss_view_slot(task, slot, 0, v), error));
  }
  *(int32_t *)ss_view_slot(task, slot, 1, 0) = position;
  return SS_OK;
}

/* Figure 3: (2N, P, P, 3) -> the siamese trunk (2N, D) -> both patches' features (N, 2D) -> fully connected layers ->
 * softmax over the eight positions. */
static void loss(ss_build *build) {
  ss_graph *graph = build->graph;
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output;
  ss_tensor *centre = ss_slice(graph, h, 0, 0, build->batch);
  ss_tensor *neighbour = ss_slice(graph, h, 0, build->batch, 2 * (int64_t)build->batch);
  ss_tensor *pair = ss_concatenate(graph, (ss_tensor *const[]){centre, neighbour}, 2, 1);
  const ss_projector_options head = {
      .layers = 2, .hidden = (int)ss_settings_int(build->task->settings, "hidden"), .output = NEIGHBOURS, .norm = true};
  ss_tensor *logits = ss_projector(graph, pair, &head, "head");
  build->losses[0] = ss_cross_entropy(graph, logits, build->inputs[1], NULL, NULL);
  build->score = ss_accuracy(graph, logits, build->inputs[1]);
  build->prediction = ss_cast(graph, logits, SS_F32);
}

static double chance(const ss_task *task) {
  (void)task;
  return 100.0 / NEIGHBOURS;
}

/* A pair with the neighbour where it was; framed, where the network takes it to be. */
static void draw(const ss_task *task, const ss_shown *shown, int sample, int row, ss_board *board) {
  (void)row;
  const int64_t numbers = ss_shape_count(task->inputs[0].shape);
  const float *patches = shown->inputs[0];
  const int position = ((const int32_t *)shown->inputs[1])[sample];
  ss_board_put(board, CENTRE, patches + sample * numbers, SS_PATCH_DEVIATION);
  ss_board_put(board, cell_of(position), patches + (shown->batch + sample) * numbers, SS_PATCH_DEVIATION);
  if (shown->prediction) {
    const int predicted = ss_largest_of(shown->prediction + (ptrdiff_t)NEIGHBOURS * sample, NEIGHBOURS);
    ss_board_frame(board, cell_of(predicted), predicted == position ? ss_colour_right : ss_colour_wrong);
  }
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_sheet_of_boards(task, shown, 3, ((const cutting *)task->state)->grid.patch, 1, draw, out, error);
}

const ss_method ss_method_relative_patch = {
    .name = "relative-patch",
    .modality = SS_MODALITY_IMAGE,
    .summary = "tells on which side of a patch another one lies",
    .paper = {"Unsupervised Visual Representation Learning by Context Prediction", "Doersch, Gupta, Efros",
              "ICCV 2015"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.06 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .changes =
        "patches of a quarter of a random resized crop, gaps of 0.4 of a patch; ResNet in place of AlexNet's "
        "layers, one hidden layer of 512",
    .smallest_size = 48,
    .score = {"accuracy of the neighbour's position", true, true, chance, false},
    .configure = configure,
    .release = release,
    .views = views,
    .loss = loss,
    .picture = picture};
