/* Discriminative Unsupervised Feature Learning with Convolutional Neural Networks. Dosovitskiy, Springenberg,
 * Riedmiller, Brox. NIPS 2014. */
#include "augment/crop.h"
#include "augment/normalise.h"
#include "base/memory.h"
#include "methods/method.h"
#include "methods/seed_patches.h"
#include "methods/sheet.h"
#include "methods/triplet.h"

#include <stdlib.h>
#include <string.h>

static const ss_option options[] = {
    {"form", SS_OPTION_CHOICE, "softmax", "a class for each seed, or triplets within the batch", 0, 0,
     "softmax|triplet"},
    {"seeds", SS_OPTION_INT, "8000", "softmax: seed patches at most, each of them a class", 2, 32000, NULL},
    {"patches", SS_OPTION_INT, "0", "seeds of a picture above 48 px (0: seeds / pictures, 1 to 4)", 0,
     SS_MOST_SEEDS_A_PICTURE, NULL},
    {"margin", SS_OPTION_FLOAT, NULL, "triplet: its margin (default: a soft one)", 0, 100, NULL},
    {"embedding", SS_OPTION_INT, "1000", "triplet: dimensions of the embedding", 1, 65536, NULL},
    {0}};

/* A patch is smaller than its picture from here on. */
enum { whole_up_to = 48, smallest_patch = 32, longest_to_shorter = 3 };

typedef struct exemplar_state {
  ss_colour_sums sums;
  ss_colour_components components;
  int side;    /* of a patch, pixels */
  int patches; /* of a picture */
  int copies;  /* transformations of a seed in a step */
} exemplar_state;

static bool is_triplet(const ss_settings *settings) {
  return strcmp(ss_settings_text(settings, "form"), "triplet") == 0;
}

/* Pictures whose seeds are the classes: no more than there are classes for. */
static int64_t most_samples(const ss_settings *settings) {
  const int64_t wanted = ss_settings_int(settings, "patches"), seeds = ss_settings_int(settings, "seeds");
  const int64_t pictures = seeds / (wanted > 0 ? wanted : 1);
  return is_triplet(settings) ? 0 : (pictures > 2 ? pictures : 2);
}

static int patches_of(const ss_task *task, int side) {
  const int64_t wanted = ss_settings_int(task->settings, "patches"), seeds = ss_settings_int(task->settings, "seeds");
  const int64_t share = wanted > 0 ? wanted : seeds / task->samples;
  const int64_t most = side < task->size ? SS_MOST_SEEDS_A_PICTURE : 1; /* of a whole picture there is one */
  return (int)(share < 1 ? 1 : (share < most ? share : most));
}

static ss_status configure(ss_task *task, ss_error *error) {
  if (task->samples < 2) {
    return ss_fail(error, SS_FAILED,
                   "exemplar tells pictures from one another, and there is %u to train on; give it two or more",
                   (unsigned)task->samples);
  }
  if (task->batch < 2 && is_triplet(task->settings)) {
    return ss_fail(error, SS_USAGE, "the triplet form compares pictures of a batch: it needs a --batch of 2, not %d",
                   task->batch);
  }
  exemplar_state *state = NULL;
  SS_TRY(ss_alloc((void **)&state, 1, sizeof *state, "the seeds", error));
  task->state = state;
  state->components = ss_colour_components_of(&state->sums);
  const int third = task->size / 3;
  state->side = task->size <= whole_up_to ? task->size : (third > smallest_patch ? third : smallest_patch);
  state->patches = patches_of(task, state->side);
  state->copies = is_triplet(task->settings) ? 2 : 1;
  ss_backbone_options backbone = task->backbone;
  backbone.size = state->side;
  if (ss_backbone_check(&backbone, NULL) != SS_OK) {
    return ss_fail(error, SS_USAGE,
                   "exemplar trains on patches of %d px here, too small for %s; use another --arch, or "
                   "a --size of three times what it needs",
                   state->side, backbone.arch);
  }
  const int views = state->copies * state->patches;
  task->inputs[0] = (ss_method_input){"patches", SS_F32, ss_shape_of(state->side, state->side, 3), views};
  task->inputs[1] = (ss_method_input){"seeds", SS_I32, {0}, views};
  task->input_count = 2;
  return SS_OK;
}

static void release(ss_task *task) {
  free(task->state);
}

/* The principal components of all pixels. */
static ss_status survey(ss_task *task, const ss_image *picture, ss_error *error) {
  (void)error;
  exemplar_state *state = task->state;
  if (picture) {
    ss_colour_sums_add(&state->sums, picture);
  } else {
    state->components = ss_colour_components_of(&state->sums);
  }
  return SS_OK;
}

/* ---- views ---- */

static int smaller(int a, int b) {
  return a < b ? a : b;
}

/* The picture with `size` pixels on its shorter side, without what makes it more than three times as long. */
static ss_status resize_shorter(const ss_sample *sample, int size, ss_image *out, ss_error *error) {
  const ss_image *in = sample->image;
  const int shorter = smaller(in->width, in->height);
  const int width = smaller(in->width, longest_to_shorter * shorter);
  const int height = smaller(in->height, longest_to_shorter * shorter);
  const ss_box box = ss_crop_centre(in->width, in->height, width, height);
  return ss_resize_box(in, box, (int)((int64_t)size * width / shorter), (int)((int64_t)size * height / shorter),
                       SS_RESAMPLE_BILINEAR, sample->scratch, out, error);
}

/* The same places in every epoch: where the gradients are, or the centre if the patch is as large as the picture. */
static ss_status find_seeds(const ss_task *task, const ss_sample *sample, const ss_image *picture, ss_box *places,
                            ss_error *error) {
  const exemplar_state *state = task->state;
  ss_random random = ss_random_stream(sample->seed, SS_RANDOM_METHOD, 0, sample->index, 0);
  if (state->side < task->size) {
    return ss_seed_places(picture, state->side, state->patches, &random, sample->scratch, places, error);
  }
  places[0] = ss_crop_centre(picture->width, picture->height, state->side, state->side);
  return SS_OK;
}

/* New transformations of the picture's seeds, and which seeds they are. */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const exemplar_state *state = task->state;
  ss_image *picture = &sample->work[0], *patch = &sample->work[1];
  ss_box places[SS_MOST_SEEDS_A_PICTURE];
  SS_TRY(resize_shorter(sample, task->size, picture, error));
  SS_TRY(find_seeds(task, sample, picture, places, error));
  for (int v = 0; v < state->copies * state->patches; v++) {
    ss_random random = ss_sample_random(sample, (uint32_t)v);
    const int seed = v % state->patches;
    const ss_seed_draw draw = ss_seed_draw_random(&random);
    SS_TRY(ss_seed_make(picture, places[seed], &draw, &state->components, state->side, patch, error));
    ss_image_to_float(patch, 3, ss_imagenet_mean, ss_imagenet_deviation, false, ss_view_slot(task, slot, 0, v));
    *(int32_t *)ss_view_slot(task, slot, 1, v) = (int32_t)(sample->rank * (uint32_t)state->patches) + seed;
  }
  return SS_OK;
}

/* ---- loss ---- */

static int64_t classes_of(const ss_task *task) {
  const exemplar_state *state = task->state;
  return (int64_t)task->samples * state->patches;
}

/* Softmax: patches -> backbone -> linear (one output a seed) -> cross-entropy (equation 5). Triplet: -> linear
 * (embedding) -> batch hard triplets of the two copies of each seed. */
static void loss(ss_build *build) {
  const ss_settings *settings = build->task->settings;
  ss_graph *graph = build->graph;
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output;
  if (is_triplet(settings)) {
    const float margin =
        ss_settings_known(settings, "margin") ? (float)ss_settings_float(settings, "margin") : SS_SOFT_MARGIN;
    ss_tensor *z = ss_linear(graph, h, (int)ss_settings_int(settings, "embedding"), false, "head");
    z = ss_batch_norm(graph, z, NULL, "head_norm"); /* else all begin alike and collapse to one */
    build->losses[0] = ss_batch_hard_loss(graph, z, 2, margin);
    build->score = ss_nearest_instance_score(graph, z, 2);
    build->embeddings = z;
    build->prediction = ss_l2_normalize(graph, ss_cast(graph, z, SS_F32));
  } else {
    ss_tensor *logits = ss_linear(graph, h, (int)classes_of(build->task), true, "head");
    build->losses[0] = ss_cross_entropy(graph, logits, build->inputs[1], NULL, NULL);
    build->score = ss_accuracy(graph, logits, build->inputs[1]);
    build->prediction = ss_cast(graph, logits, SS_F32);
  }
}

static double chance(const ss_task *task) {
  const exemplar_state *state = task->state;
  if (is_triplet(task->settings)) {
    return 100.0 * ss_nearest_instance_chance(state->copies, state->patches * task->batch);
  }
  return 100.0 / (double)classes_of(task);
}

/* ---- pictures ---- */

static float likeness(const ss_task *task, const ss_shown *shown, int row, int other) {
  if (is_triplet(task->settings)) {
    const int64_t dims = ss_settings_int(task->settings, "embedding");
    const float *a = shown->prediction + row * dims, *b = shown->prediction + other * dims;
    float cosine = 0.0f;
    for (int64_t d = 0; d < dims; d++) {
      cosine += a[d] * b[d];
    }
    return row == other ? -2.0f : cosine;
  }
  return shown->prediction[row * classes_of(task) + ((const int32_t *)shown->inputs[1])[other]];
}

/* Each seed's patch and under it the patch in the batch that it is taken for, framed by right and wrong. */
static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const exemplar_state *state = task->state;
  const int columns = ss_sheet_columns(shown->batch), tile = ss_sheet_tile(state->side);
  const int rows = state->copies * state->patches * shown->batch;
  const int64_t numbers = ss_shape_count(task->inputs[0].shape);
  const int32_t *seeds = shown->inputs[1];
  SS_TRY(ss_sheet_new(out, columns, 2 * state->patches, tile, error));
  ss_image patch = {0};
  ss_status status = SS_OK;
  for (int i = 0; i < columns * state->patches && status == SS_OK; i++) {
    const int column = i % columns, under = 2 * (i / columns), row = i / columns * shown->batch + column;
    int found = row == 0 ? 1 % rows : 0;
    for (int other = 0; other < rows; other++) {
      found = likeness(task, shown, row, other) > likeness(task, shown, row, found) ? other : found;
    }
    for (int k = 0; k < 2 && status == SS_OK; k++) {
      const float *view = (const float *)shown->inputs[0] + (k ? found : row) * numbers;
      status = ss_image_from_float(view, state->side, state->side, 3, ss_imagenet_mean, ss_imagenet_deviation, &patch,
                                   error);
      if (status == SS_OK) {
        ss_sheet_put(out, tile, column, under + k, &patch);
      }
    }
    ss_sheet_frame(out, tile, column, under + 1, seeds[found] == seeds[row] ? ss_colour_right : ss_colour_wrong);
  }
  ss_image_free(&patch);
  return status;
}

const ss_method ss_method_exemplar = {
    .name = "exemplar",
    .modality = SS_MODALITY_IMAGE,
    .summary = "recognises each of many seed patches under random transformations of place, shape and colour",
    .paper = {"Discriminative Unsupervised Feature Learning with Convolutional Neural Networks",
              "Dosovitskiy, Springenberg, Riedmiller, Brox", "NIPS 2014"},
    .options = options,
    .defaults = "optimizer=adam lr=1e-3 weight_decay=1e-5 schedule=cosine warmup=0",
    .changes =
        "copies of the seeds are drawn anew in each epoch, not 100 each beforehand; seeds of one scale; up to 48 px "
        "the picture is the patch; a triplet form for data that has more seeds than a softmax has outputs for "
        "(batch hard; Kolesnikov et al., CVPR 2019); ResNet",
    .score = {"the seed found again", true, true, chance, true},
    .survey_pictures = 256,
    .most_samples = most_samples,
    .configure = configure,
    .release = release,
    .survey = survey,
    .views = views,
    .loss = loss,
    .picture = picture};
