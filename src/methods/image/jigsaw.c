/* Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles. Noroozi, Favaro. ECCV 2016. */
#include "augment/colour.h"
#include "augment/view.h"
#include "base/memory.h"
#include "methods/board.h"
#include "methods/patches.h"
#include "methods/permutations.h"
#include "methods/projector.h"

#include <math.h>
#include <stdlib.h>

static const ss_option options[] = {
    {"permutations", SS_OPTION_INT, "100", "size of the set of permutations", 2, 1000, NULL},
    {"tile", SS_OPTION_FRACTION, "64/225", "side of a tile, in sides of the picture", 0, 0, NULL},
    {"gap", SS_OPTION_BOOL, "1", "tiles lie at random in cells of a third of the picture (0: they touch)", 0, 0, NULL},
    {"normalise", SS_OPTION_BOOL, "1", "each tile by its own mean and deviation", 0, 0, NULL},
    {"gray", SS_OPTION_FRACTION, "0.3", "share of pictures without colour", 0, 0, NULL},
    {"channel_shift", SS_OPTION_FRACTION, "2/64",
     "how far a tile's colour channels are moved apart at most, in sides of a tile (0: not)", 0, 0, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop", 0, 0, NULL},
    {"hidden", SS_OPTION_INT, "512", "outputs of the head's inner layer", 1, 65536, NULL},
    {0}};

/* How puzzles are made. */
typedef struct puzzles {
  ss_view_options crop;
  ss_patch_grid grid;
  bool normalise;
  float gray;
  int channel_shift;
  int count;
  int32_t *permutations; /* (count, 9): place i shows the tile of cell permutations[i] */
} puzzles;

static ss_status configure(ss_task *task, ss_error *error) {
  puzzles *self = NULL;
  SS_TRY(ss_alloc((void **)&self, 1, sizeof *self, "the puzzles", error));
  task->state = self;
  const ss_settings *settings = task->settings;
  const int tile = (int)(ss_settings_float(settings, "tile") * task->size), cell = task->size / 3;
  const bool gap = ss_settings_bool(settings, "gap");
  self->grid = (ss_patch_grid){.cells = 3, .patch = tile, .pitch = tile, .wander = 0};
  if (gap && cell > tile) { /* figure 3: 64 px tiles in 75 px cells of a 225 px picture */
    self->grid.pitch = cell;
    self->grid.wander = cell - tile;
  }
  self->crop = ss_view_options_crop(task->size, (float)ss_settings_float(settings, "min_scale"));
  self->normalise = ss_settings_bool(settings, "normalise");
  self->gray = (float)ss_settings_float(settings, "gray");
  self->channel_shift = (int)ceil(tile * ss_settings_float(settings, "channel_shift"));
  self->count = (int)ss_settings_int(settings, "permutations");
  SS_TRY(ss_patch_grid_check(&self->grid, task, error));
  SS_TRY(ss_view_options_check(&self->crop, error));
  const size_t numbers = (size_t)self->count * SS_TILES;
  SS_TRY(ss_alloc((void **)&self->permutations, numbers, sizeof *self->permutations, "the permutations", error));
  ss_random random = ss_random_stream(task->seed, SS_RANDOM_METHOD, 0, 0, 0);
  const uint32_t first = ss_random_below(&random, SS_TILE_PERMUTATIONS);
  SS_TRY(ss_permutations_choose(first, self->count, self->permutations, error));
  task->inputs[0] = (ss_method_input){"tiles", SS_F32, ss_shape_of(tile, tile, 3), SS_TILES};
  task->inputs[1] = (ss_method_input){"permutation", SS_I32, {0}, 1};
  task->input_count = 2;
  return SS_OK;
}

static void release(ss_task *task) {
  puzzles *self = task->state;
  if (self) {
    free(self->permutations);
    free(self);
  }
}

/* The set belongs to the run: it is what its head's outputs mean. */
static bool state(ss_task *task, size_t index, ss_state_array *array) {
  puzzles *self = task->state;
  *array = (ss_state_array){"permutations", SS_I32, ss_shape_of(self->count, SS_TILES), self->permutations};
  return index == 0;
}

/* Against shortcuts: a gap between tiles (edges), each tile's own mean and deviation (low-level
 * statistics), its colour channels moved apart by up to two pixels and some pictures grey (chromatic aberration). */
static void make_tile(const puzzles *self, const ss_image *picture, bool gray, ss_box box, ss_random *random,
                      float *tile) {
  int shift[3][2];
  for (int k = 0; k < 6; k++) {
    shift[k / 2][k % 2] = (int)ss_random_below(random, 2 * (uint32_t)self->channel_shift + 1) - self->channel_shift;
  }
  ss_patch_cut(picture, box, gray ? NULL : (const int(*)[2])shift, tile);
  if (self->normalise) {
    ss_patch_normalise(tile, box.width * box.height);
  }
}

/* Section 3: the picture's nine tiles in the order of a permutation of the set, whose number is the label. */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const puzzles *self = task->state;
  ss_random random = ss_sample_random(sample, 0);
  ss_image *whole = &sample->work[0];
  SS_TRY(ss_view_random(sample->image, &self->crop, &random, sample->scratch, whole, error));
  const bool gray = ss_random_uniform(&random) < self->gray || whole->channels == 1;
  if (gray) {
    ss_to_gray(whole);
  }
  ss_box boxes[SS_TILES];
  ss_patch_grid_draw(&self->grid, task->size, &random, boxes);
  const int number = (int)ss_random_below(&random, (uint32_t)self->count);
  for (int i = 0; i < SS_TILES; i++) {
    const ss_box box = boxes[self->permutations[number * SS_TILES + i]];
    make_tile(self, whole, gray, box, &random, ss_view_slot(task, slot, 0, i));
  }
  *(int32_t *)ss_view_slot(task, slot, 1, 0) = number;
  return SS_OK;
}

/* Figure 3, the context-free network: (9N, T, T, 3) -> the same trunk for each tile (9N, D) -> the nine features of a
 * picture (N, 9D) -> fully connected layers -> softmax over the set of permutations. */
static void loss(ss_build *build) {
  ss_graph *graph = build->graph;
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output;
  ss_tensor *by_tile = ss_reshape(graph, h, ss_shape_of(SS_TILES, build->batch, -1));
  ss_tensor *by_picture = ss_transpose(graph, by_tile, (const int[]){1, 0, 2});
  ss_tensor *features = ss_reshape(graph, by_picture, ss_shape_of(build->batch, -1));
  const ss_projector_options head = {.layers = 2,
                                     .hidden = (int)ss_settings_int(build->task->settings, "hidden"),
                                     .output = (int)ss_settings_int(build->task->settings, "permutations"),
                                     .norm = true};
  ss_tensor *logits = ss_projector(graph, features, &head, "head");
  build->losses[0] = ss_cross_entropy(graph, logits, build->inputs[1], NULL, NULL);
  build->score = ss_accuracy(graph, logits, build->inputs[1]);
  build->prediction = ss_cast(graph, logits, SS_F32);
}

static double chance(const ss_task *task) {
  return 100.0 / (double)ss_settings_int(task->settings, "permutations");
}

/* Above, the puzzle as it was given; below, as the network solves it, each tile framed by whether it belongs there. */
static void draw(const ss_task *task, const ss_shown *shown, int sample, int row, ss_board *board) {
  const puzzles *self = task->state;
  const int64_t numbers = ss_shape_count(task->inputs[0].shape);
  const float *tiles = shown->inputs[0];
  const int32_t *given = self->permutations + (ptrdiff_t)SS_TILES * ((const int32_t *)shown->inputs[1])[sample];
  const int32_t *solved = NULL;
  if (shown->prediction) {
    solved = self->permutations +
             (ptrdiff_t)SS_TILES * ss_largest_of(shown->prediction + (ptrdiff_t)self->count * sample, self->count);
  }
  for (int i = 0; i < SS_TILES; i++) {
    const int cell = row == 1 && solved ? solved[i] : i;
    ss_board_put(board, cell, tiles + ((int64_t)i * shown->batch + sample) * numbers, SS_PATCH_DEVIATION);
    if (row == 1 && solved) {
      ss_board_frame(board, cell, cell == given[i] ? ss_colour_right : ss_colour_wrong);
    }
  }
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_sheet_of_boards(task, shown, 3, ((const puzzles *)task->state)->grid.patch, 2, draw, out, error);
}

const ss_method ss_method_jigsaw = {
    .name = "jigsaw",
    .modality = SS_MODALITY_IMAGE,
    .summary = "finds the permutation in which a picture's nine tiles are shown",
    .paper = {"Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles", "Noroozi, Favaro",
              "ECCV 2016"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.06 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .changes =
        "a random resized crop in place of the central one, 100 permutations, channels moved by two 64ths of a "
        "tile; ResNet in place of AlexNet's layers, one hidden layer of 512",
    .smallest_size = 48,
    .score = {"accuracy of the permutation", true, true, chance, false},
    .configure = configure,
    .release = release,
    .views = views,
    .loss = loss,
    .picture = picture,
    .state = state};
