/* Selfie: Self-supervised Pretraining for Image Embedding. Trinh, Luong, Le. arXiv 1906.02940, 2019. */
#include "augment/view.h"
#include "base/memory.h"
#include "methods/attention.h"
#include "methods/board.h"
#include "methods/patches.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_CELLS = 14 };

static const ss_option options[] = {
    {"grid", SS_OPTION_INT, "4", "patches a side", 2, MOST_CELLS, NULL},
    {"masked", SS_OPTION_FRACTION, "0.25", "share of patches that are masked and to be found", 0, 0, NULL},
    {"layers", SS_OPTION_INT, "3", "transformer layers of the attention pooling", 1, 48, NULL},
    {"heads", SS_OPTION_INT, "0", "attention heads (0: one for 32 dimensions, as the paper's)", 0, 1024, NULL},
    {"inner", SS_OPTION_INT, "0", "outputs of a transformer layer's inner layer (0: 640 for 1024 dimensions)", 0, 65536,
     NULL},
    {"dropout", SS_OPTION_FRACTION, "0", "in the transformer layers", 0, 0, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop", 0, 0, NULL},
    {0}};

/* How pictures are taken apart, and the network that puts them together. */
typedef struct puzzle {
  ss_view_options crop;
  ss_patch_grid grid;
  int patches, masked; /* the visible ones come first, then the masked ones */
  ss_transformer_options transformer;
} puzzle;

/* The largest number of heads up to one for 32 dimensions that divides them. */
static int heads_for(int dims) {
  int heads = dims / 32 > 1 ? dims / 32 : 1;
  while (dims % heads) {
    heads--;
  }
  return heads;
}

static ss_status configure_transformer(const ss_task *task, ss_transformer_options *transformer, ss_error *error) {
  const ss_settings *settings = task->settings;
  const int dims = ss_backbone_dim(&task->backbone);
  const int heads = (int)ss_settings_int(settings, "heads"), inner = (int)ss_settings_int(settings, "inner");
  *transformer = (ss_transformer_options){.heads = heads ? heads : heads_for(dims),
                                          .inner = inner ? inner : (640 * dims + 512) / 1024,
                                          .dropout = (float)ss_settings_float(settings, "dropout")};
  if (dims % transformer->heads) {
    return ss_fail(error, SS_USAGE, "heads=%d do not divide the %d dimensions of a patch's features", heads, dims);
  }
  return SS_OK;
}

static ss_status configure(ss_task *task, ss_error *error) {
  puzzle *self = NULL;
  SS_TRY(ss_alloc((void **)&self, 1, sizeof *self, "the patches", error));
  task->state = self;
  const int cells = (int)ss_settings_int(task->settings, "grid"), patch = task->size / cells;
  self->grid = (ss_patch_grid){.cells = cells, .patch = patch, .pitch = patch};
  self->crop = ss_view_options_crop(task->size, (float)ss_settings_float(task->settings, "min_scale"));
  self->patches = cells * cells;
  self->masked = (int)lround(self->patches * ss_settings_float(task->settings, "masked"));
  SS_TRY(ss_patch_grid_check(&self->grid, task, error));
  SS_TRY(ss_view_options_check(&self->crop, error));
  if (self->masked < 2 || self->masked >= self->patches) {
    return ss_fail(error, SS_USAGE,
                   "masked=%s of %d patches are %d: selfie needs two to choose from and one that is seen",
                   ss_settings_text(task->settings, "masked"), self->patches, self->masked);
  }
  SS_TRY(configure_transformer(task, &self->transformer, error));
  task->inputs[0] = (ss_method_input){"patches", SS_F32, ss_shape_of(patch, patch, 3), self->patches};
  task->inputs[1] = (ss_method_input){"rows", SS_I32, {0}, self->patches};
  task->inputs[2] = (ss_method_input){"columns", SS_I32, {0}, self->patches};
  task->input_count = 3;
  return SS_OK;
}

static void release(ss_task *task) {
  free(task->state);
}

/* Pretraining: the patches of a picture in random order with their places; the last ones are the masked ones. */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const puzzle *self = task->state;
  ss_random random = ss_sample_random(sample, 0);
  SS_TRY(ss_view_random(sample->image, &self->crop, &random, sample->scratch, &sample->work[0], error));
  ss_box boxes[MOST_CELLS * MOST_CELLS];
  ss_patch_grid_draw(&self->grid, task->size, &random, boxes);
  uint32_t order[MOST_CELLS * MOST_CELLS];
  for (int i = 0; i < self->patches; i++) {
    order[i] = (uint32_t)i;
  }
  ss_random_shuffle(&random, order, (size_t)self->patches);
  for (int i = 0; i < self->patches; i++) {
    ss_patch_cut(&sample->work[0], boxes[order[i]], NULL, ss_view_slot(task, slot, 0, i));
    *(int32_t *)ss_view_slot(task, slot, 1, i) = (int32_t)order[i] / self->grid.cells;
    *(int32_t *)ss_view_slot(task, slot, 2, i) = (int32_t)order[i] % self->grid.cells;
  }
  return SS_OK;
}

/* Views [begin, end) of x (views N, D) by picture: (N, end - begin, D). */
static ss_tensor *by_picture(ss_build *build, ss_tensor *x, int begin, int end) {
  const int64_t batch = build->batch;
  ss_tensor *part = ss_slice(build->graph, x, 0, begin * batch, end * batch);
  part = ss_reshape(build->graph, part, ss_shape_of(end - begin, batch, -1));
  return ss_transpose(build->graph, part, (const int[]){1, 0, 2});
}

/* Positional embedding: a place's is that of its row plus that of its column: (PN, D). */
static ss_tensor *places(ss_build *build, int cells, int64_t dims) {
  ss_graph *graph = build->graph;
  const ss_initializer small = {SS_INIT_NORMAL, 0.02f};
  const ss_shape shape = ss_shape_of(cells, dims);
  ss_tensor *rows = ss_graph_parameter(graph, "place.rows", SS_F32, shape, small, SS_TRAINABLE);
  ss_tensor *columns = ss_graph_parameter(graph, "place.columns", SS_F32, shape, small, SS_TRAINABLE);
  return ss_add(graph, ss_gather(graph, rows, build->inputs[1]), ss_gather(graph, columns, build->inputs[2]));
}

/* Which of a picture's masked patches has which of their places, as labels of (N masked) rows. */
static ss_tensor *own_places(ss_build *build, int masked) {
  const int64_t rows = (int64_t)build->batch * masked;
  int32_t *labels = calloc((size_t)rows, sizeof *labels);
  for (int64_t i = 0; labels && i < rows; i++) {
    labels[i] = (int32_t)(i % masked);
  }
  ss_tensor *tensor = labels ? ss_graph_constant_i32(build->graph, ss_shape_of(rows), labels) : NULL;
  free(labels);
  return tensor;
}

/* Figure 1: (PN, p, p, 3) -> the patch network h: (PN, D). The visible patches with their places are pooled by
 * attention to u: (N, D); v = u + the embedding of a masked place, v h' over the picture's masked patches -> softmax:
 * which of them belongs there, the others being distractors. */
static void loss(ss_build *build) {
  const puzzle *self = build->task->state;
  ss_graph *graph = build->graph;
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output;
  if (!h) {
    return;
  }
  const int64_t dims = ss_tensor_dim(h, 1), masked = self->masked;
  const int seen = self->patches - self->masked;
  ss_tensor *place = places(build, self->grid.cells, dims);
  ss_tensor *visible = by_picture(build, ss_add(graph, h, place), 0, seen);
  const int layers = (int)ss_settings_int(build->task->settings, "layers");
  ss_tensor *u = ss_attention_pool(graph, visible, layers, &self->transformer, "attention");
  u = ss_reshape(graph, u, ss_shape_of(build->batch, 1, dims));
  ss_tensor *v = ss_add(graph, u, by_picture(build, place, seen, self->patches));
  ss_tensor *candidates = by_picture(build, h, seen, self->patches);
  ss_tensor *logits = ss_matmul(graph, v, false, candidates, true, 1.0f / sqrtf((float)dims));
  logits = ss_reshape(graph, logits, ss_shape_of(build->batch * masked, masked));
  ss_tensor *labels = own_places(build, self->masked);
  build->losses[0] = ss_cross_entropy(graph, logits, labels, NULL, NULL);
  build->score = ss_accuracy(graph, logits, labels);
  build->prediction = ss_cast(graph, logits, SS_F32);
}

static double chance(const ss_task *task) {
  return 100.0 / ((const puzzle *)task->state)->masked;
}

/* Above, what is seen of the picture; below, each masked place with the patch that was chosen for it. */
static void draw(const ss_task *task, const ss_shown *shown, int sample, int row, ss_board *board) {
  const puzzle *self = task->state;
  const int64_t numbers = ss_shape_count(task->inputs[0].shape);
  const float *patches = shown->inputs[0];
  const int seen = self->patches - self->masked;
  for (int i = 0; i < (row == 1 && shown->prediction ? self->patches : seen); i++) {
    const ptrdiff_t at = (ptrdiff_t)i * shown->batch + sample;
    const int cell =
        ((const int32_t *)shown->inputs[1])[at] * self->grid.cells + ((const int32_t *)shown->inputs[2])[at];
    int chosen = i;
    if (i >= seen) {
      const ptrdiff_t logits = ((ptrdiff_t)sample * self->masked + i - seen) * self->masked;
      chosen = seen + ss_largest_of(shown->prediction + logits, self->masked);
      ss_board_frame(board, cell, chosen == i ? ss_colour_right : ss_colour_wrong);
    }
    ss_board_put(board, cell, patches + ((int64_t)chosen * shown->batch + sample) * numbers, SS_PATCH_DEVIATION);
  }
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const ss_patch_grid *grid = &((const puzzle *)task->state)->grid;
  return ss_sheet_of_boards(task, shown, grid->cells, grid->patch, 2, draw, out, error);
}

const ss_method ss_method_selfie = {
    .name = "selfie",
    .modality = SS_MODALITY_IMAGE,
    .summary = "finds which masked patch belongs in which place of a picture",
    .paper = {"Selfie: Self-supervised Pretraining for Image Embedding", "Trinh, Luong, Le", "arXiv 2019"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.06 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .changes =
        "the patch network is the whole backbone on patches of a quarter of the picture's side, not three "
        "stages of ResNet-50; dot products divided by the square root of the dimensions",
    .smallest_size = 32,
    .score = {"accuracy of the masked patch found", true, true, chance, false},
    .configure = configure,
    .release = release,
    .views = views,
    .loss = loss,
    .picture = picture};
