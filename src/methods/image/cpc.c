/* Representation Learning with Contrastive Predictive Coding. van den Oord, Li, Vinyals. arXiv 1807.03748, 2018. v2:
 * Data-Efficient Image Recognition with Contrastive Predictive Coding. Henaff et al. arXiv 1905.09272, 2019. */
#include "methods/image/cpc.h"

#include "base/memory.h"
#include "methods/masked_convolution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CELLS = 14, MOST_ROWS = 6, DIRECTIONS = 4 };

static const ss_option options[] = {
    {"grid", SS_OPTION_INT, "7", "patches a side", 2, MOST_CELLS, NULL},
    {"patch", SS_OPTION_FRACTION, "1/4", "side of a patch, in sides of the picture; the grid spans the picture", 0, 0,
     NULL},
    {"subcrop", SS_OPTION_FRACTION, "60/64", "side of the piece of a patch, drawn, that is shown, in sides of a patch",
     0, 0, NULL},
    {"nearest", SS_OPTION_INT, "1", "first row down that is predicted", 1, MOST_ROWS, NULL},
    {"farthest", SS_OPTION_INT, NULL, "last row down that is predicted (default: 5 or what the grid has)", 1, MOST_ROWS,
     NULL},
    {"directions", SS_OPTION_INT, "1", "of prediction: downwards, upwards, to the right, to the left", 1, DIRECTIONS,
     NULL},
    {"norm", SS_OPTION_CHOICE, "batch", "of the backbone: over the batch, or over the channels of each place", 0, 0,
     "batch|layer"},
    {"blocks", SS_OPTION_INT, "5", "residual blocks of the context network", 1, 64, NULL},
    {"hidden", SS_OPTION_INT, "0", "channels inside them (0: half the features': 256 of 512)", 0, 65536, NULL},
    {"target", SS_OPTION_INT, "0", "dimensions that predictions and patches are compared in (0: the features')", 0,
     65536, NULL},
    {"scale", SS_OPTION_FLOAT, "0.1", "of the predictions", 1e-6, 1e6, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.728", "smallest area of the random crop: (256 / 300)^2", 0, 0, NULL},
    {"gray", SS_OPTION_FRACTION, "1", "share of pictures without colour", 0, 0, NULL},
    {"patch_scale", SS_OPTION_FRACTION, "1", "smallest area of a random resized crop of each patch", 0, 0, NULL},
    {"patch_jitter", SS_OPTION_FLOAT, "0", "strength of colour jitter of each patch, in SimCLR's", 0, 2, NULL},
    {"patch_gray", SS_OPTION_FRACTION, "0", "share of patches without colour", 0, 0, NULL},
    {"patch_drop", SS_OPTION_FRACTION, "0", "share of patches two of whose channels become noise", 0, 0, NULL},
    {0}};

static const ss_recipe recipes[] = {
    {"v2", "Henaff et al. 2019: layer norm, four directions, larger patches in colour, each changed on its own",
     "norm=layer directions=4 grid=6 patch=80/260 subcrop=1 min_scale=0.751 nearest=3 target=64 gray=0 patch_gray=0.25 "
     "patch_jitter=0.5 patch_scale=0.5 lr=1e-3"},
    {0}};

static ss_status configure_rows(ss_coding *self, const ss_task *task, ss_error *error) {
  const bool chosen = ss_settings_known(task->settings, "farthest");
  self->nearest = (int)ss_settings_int(task->settings, "nearest");
  self->farthest = chosen ? (int)ss_settings_int(task->settings, "farthest") : self->cells < 6 ? self->cells - 1 : 5;
  if (self->farthest >= self->cells || self->nearest > self->farthest) {
    return ss_fail(
        error, SS_USAGE, "a grid of %d rows cannot predict the rows %d to %d down: %s", self->cells, self->nearest,
        self->farthest,
        self->nearest > self->farthest ? "nearest must not be above farthest" : "the last it has is one less");
  }
  if (task->batch < 2) {
    return ss_fail(error, SS_USAGE,
                   "cpc tells a patch from those of other pictures: it needs two or more of them, and a --batch of 2");
  }
  return SS_OK;
}

static ss_status configure(ss_task *task, ss_error *error) {
  ss_coding *self = NULL;
  SS_TRY(ss_alloc((void **)&self, 1, sizeof *self, "the patches", error));
  task->state = self;
  const ss_settings *settings = task->settings;
  ss_backbone_norm_find(ss_settings_text(settings, "norm"), &task->backbone.norm);
  self->cells = (int)ss_settings_int(settings, "grid");
  self->side = (int)(ss_settings_float(settings, "patch") * task->size + 1e-6);
  const int piece = (int)(ss_settings_float(settings, "subcrop") * self->side + 1e-6);
  self->grid = (ss_patch_grid){.cells = self->cells,
                               .patch = piece,
                               .pitch = (task->size - self->side) / (self->cells - 1),
                               .wander = self->side - piece};
  self->crop = ss_view_options_crop(task->size, (float)ss_settings_float(settings, "min_scale"));
  self->crop.gray = (float)ss_settings_float(settings, "gray");
  const float jitter = (float)ss_settings_float(settings, "patch_jitter");
  self->patch = ss_view_options_simclr(piece);
  self->patch.min_scale = (float)ss_settings_float(settings, "patch_scale");
  self->patch.flip = self->patch.blur = 0.0f;
  self->patch.brightness *= jitter;
  self->patch.contrast *= jitter;
  self->patch.saturation *= jitter;
  self->patch.hue *= jitter;
  self->patch.gray = (float)ss_settings_float(settings, "patch_gray");
  self->augment = self->patch.min_scale < 1.0f || jitter > 0.0f || self->patch.gray > 0.0f;
  self->drop = (float)ss_settings_float(settings, "patch_drop");
  SS_TRY(ss_patch_grid_check(&self->grid, task, error));
  SS_TRY(configure_rows(self, task, error));
  SS_TRY(ss_view_options_check(&self->crop, error));
  const int patches = self->cells * self->cells;
  task->inputs[0] = (ss_method_input){"patches", SS_F32, ss_shape_of(self->side, self->side, 3), patches};
  task->input_count = 1;
  return ss_view_options_check(&self->patch, error);
}

static void release(ss_task *task) {
  free(task->state);
}

/* Section 3.2: "For each of the 64x64 crops we randomly take a 60x60 subcrop and pad them back"; here with their edges.
 * What v2 does to each patch alone comes in between. */
static ss_status make_patch(const ss_coding *self, const ss_image *picture, ss_box box, ss_sample *sample,
                            ss_random *random, float *patch, ss_error *error) {
  const ss_image *piece = &sample->work[1];
  SS_TRY(ss_crop(picture, box, &sample->work[1], error));
  if (self->augment) {
    SS_TRY(ss_view_random(piece, &self->patch, random, sample->scratch, &sample->work[2], error));
    piece = &sample->work[2];
  }
  const int margin = (self->side - self->grid.patch) / 2;
  ss_patch_cut(piece, (ss_box){-margin, -margin, self->side, self->side}, NULL, patch);
  if (ss_random_uniform(random) < self->drop) {
    ss_patch_drop_colours(patch, self->side * self->side, random);
  }
  return SS_OK;
}

/* Figure 4: a grid of overlapping patches, row by row. */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const ss_coding *self = task->state;
  ss_random random = ss_sample_random(sample, 0);
  ss_image *whole = &sample->work[0];
  SS_TRY(ss_view_random(sample->image, &self->crop, &random, sample->scratch, whole, error));
  ss_box boxes[MOST_CELLS * MOST_CELLS];
  ss_patch_grid_draw(&self->grid, task->size, &random, boxes);
  for (int i = 0; i < task->inputs[0].views; i++) {
    SS_TRY(make_patch(self, whole, boxes[i], sample, &random, ss_view_slot(task, slot, 0, i), error));
  }
  return SS_OK;
}

/* The patch that is in row `row` and column `column` of the grid turned so that `direction` leads downwards. */
static int patch_at(int direction, int cells, int row, int column) {
  const int along = direction % 2 ? cells - 1 - row : row;
  return direction < 2 ? along * cells + column : column * cells + along;
}

/* Rows [first, cells) of every picture's grid, turned: which row of the features (PN, D) is at (N, rows, cells). */
static ss_tensor *turned(ss_build *build, int direction, int cells, int first) {
  const int rows = cells - first, batch = build->batch;
  const int64_t count = (int64_t)batch * rows * cells;
  int32_t *indices = calloc((size_t)count, sizeof *indices);
  for (int64_t i = 0; indices && i < count; i++) {
    const int column = (int)(i % cells), row = first + (int)(i / cells % rows), picture = (int)(i / cells / rows);
    indices[i] = (int32_t)(patch_at(direction, cells, row, column) * batch + picture);
  }
  ss_tensor *tensor = indices ? ss_graph_constant_i32(build->graph, ss_shape_of(count), indices) : NULL;
  free(indices);
  return tensor;
}

/* What is added up over directions and rows, and what the picture shows. */
typedef struct tally {
  ss_tensor *loss, *accuracy[MOST_ROWS + 1];
  ss_tensor *shown[MOST_ROWS];
} tally;

static ss_tensor *plus(ss_graph *graph, ss_tensor *sum, ss_tensor *term) {
  return sum ? ss_add(graph, sum, term) : term;
}

/* Equations 3 and 4: f_k = exp(z' W_k c), the patch k rows down among all the patches of the batch. c (N, G, G, D),
 * z (PN, T). */
static void predict(ss_build *build, ss_tensor *c, ss_tensor *z, int direction, int k, tally *sums) {
  const ss_coding *self = build->task->state;
  const int64_t batch = build->batch, cells = self->cells, rows = cells - k, last = cells - 1 - self->farthest;
  ss_graph *graph = build->graph;
  char name[16];
  snprintf(name, sizeof name, "w%d", k);
  ss_tensor *seen = ss_reshape(graph, ss_slice(graph, c, 1, 0, rows), ss_shape_of(batch * rows * cells, -1));
  ss_tensor *prediction = ss_linear(graph, seen, (int)ss_tensor_dim(z, 1), false, name);
  const float scale = (float)ss_settings_float(build->task->settings, "scale");
  ss_tensor *logits = ss_matmul(graph, prediction, false, z, true, scale);
  ss_tensor *labels = turned(build, direction, self->cells, k);
  sums->loss = plus(graph, sums->loss, ss_cross_entropy(graph, logits, labels, NULL, NULL));
  sums->accuracy[k] = plus(graph, sums->accuracy[k], ss_accuracy(graph, logits, labels));
  if (direction == 0) { /* from the lowest row that has all its rows below */
    ss_tensor *by_picture = ss_reshape(graph, logits, ss_shape_of(batch, rows * cells, -1));
    by_picture = ss_slice(graph, by_picture, 0, 0, batch < SS_CODING_SHOWN ? batch : SS_CODING_SHOWN);
    sums->shown[k - self->nearest] = ss_slice(graph, by_picture, 1, last * cells, (last + 1) * cells);
  }
}

/* Figure 4: (PN, p, p, 3) -> each patch alone z = g_enc(x): (PN, D) -> for each direction c = g_ar(z), of the rows seen
 * so far -> predictions of rows further on. */
static void loss(ss_build *build) {
  static const char *const names[DIRECTIONS] = {"down", "up", "right", "left"};
  static const char *const reports[MOST_ROWS + 1] = {"", "row1", "row2", "row3", "row4", "row5", "row6"};
  const ss_coding *self = build->task->state;
  const ss_settings *settings = build->task->settings;
  ss_graph *graph = build->graph;
  ss_tensor *z = ss_build_backbone(build, build->inputs[0]).output;
  if (!z) {
    return;
  }
  const int dims = (int)ss_tensor_dim(z, 1), directions = (int)ss_settings_int(settings, "directions");
  const int hidden = (int)ss_settings_int(settings, "hidden"), target = (int)ss_settings_int(settings, "target");
  ss_tensor *targets = target ? ss_linear(graph, z, target, true, "target") : z;
  tally sums = {0};
  for (int d = 0; d < directions; d++) {
    ss_graph_push_scope(graph, names[d]);
    ss_tensor *grid = ss_gather(graph, z, turned(build, d, self->cells, 0));
    grid = ss_reshape(graph, grid, ss_shape_of(build->batch, self->cells, self->cells, dims));
    const int blocks = (int)ss_settings_int(settings, "blocks");
    ss_tensor *c = ss_masked_context(graph, grid, blocks, hidden ? hidden : (dims + 1) / 2, "context");
    for (int k = self->nearest; k <= self->farthest; k++) {
      predict(build, c, targets, d, k, &sums);
    }
    ss_graph_pop_scope(graph);
  }
  const int rows = self->farthest - self->nearest + 1;
  build->losses[0] = ss_affine(graph, sums.loss, 1.0f / (float)(directions * rows), 0.0f);
  for (int k = self->nearest; k <= self->farthest; k++) {
    ss_tensor *accuracy = ss_affine(graph, sums.accuracy[k], 1.0f / (float)directions, 0.0f);
    ss_build_report(build, reports[k], accuracy);
    build->score = plus(graph, build->score, accuracy);
  }
  build->score = ss_affine(graph, build->score, 1.0f / (float)rows, 0.0f);
  build->prediction = ss_cast(graph, ss_concatenate(graph, sums.shown, rows, 1), SS_F32);
  build->embeddings = z;
}

static double chance(const ss_task *task) {
  return 100.0 / ((double)task->inputs[0].views * task->batch);
}

const ss_method ss_method_cpc = {
    .name = "cpc",
    .modality = SS_MODALITY_IMAGE,
    .summary = "predicts the patches further down a picture, among all patches, from those above",
    .paper = {"Representation Learning with Contrastive Predictive Coding", "van den Oord, Li, Vinyals", "arXiv 2018"},
    .options = options,
    .defaults = "optimizer=adam lr=3e-3 weight_decay=0 schedule=cosine warmup=0 batch=64",
    .recipes = recipes,
    .changes =
        "patches of a quarter of the picture's side; the whole backbone with batch norm (ResNet-101 up to its third "
        "stage, without); v2's context network and scale; the mean over rows; a higher learning rate",
    .smallest_size = 48,
    .score = {"accuracy of the patch some rows down, among all of the batch", true, true, chance, false},
    .configure = configure,
    .release = release,
    .views = views,
    .loss = loss,
    .picture = ss_coding_picture};
