/* S4L: Self-Supervised Semi-Supervised Learning. Zhai, Oliver, Kolesnikov, Beyer. ICCV 2019. */
#include "augment/hsv.h"
#include "base/memory.h"
#include "data/labels.h"
#include "methods/image/turns.h"
#include "methods/method.h"
#include "methods/sheet.h"
#include "methods/triplet.h"

#include <stdlib.h>
#include <string.h>

static const ss_option options[] = {
    {"self", SS_OPTION_CHOICE, "rotation", "the self-supervised loss on all pictures", 0, 0, "rotation|exemplar"},
    {"labels", SS_OPTION_FRACTION, "10%", "the share of each class's pictures whose labels are seen, at least one", 0,
     0, NULL},
    {"weight", SS_OPTION_FLOAT, "1", "w, of the self-supervised loss (equation 1)", 0, 1000, NULL},
    {"min_scale", SS_OPTION_FRACTION, NULL, "smallest area of the crop (default 0.5 for rotation, 0.08 for exemplar)",
     0, 0, NULL},
    {"copies", SS_OPTION_INT, "8", "exemplar: views of each picture", 2, 16, NULL},
    {"embedding", SS_OPTION_INT, "1000", "exemplar: dimensions of the embedding", 1, 65536, NULL},
    {0}};

/* Inputs of the graph. */
enum { PICTURES, CLASSES, LABELLED, ROTATIONS };

typedef struct s4l_state {
  ss_view_options view;
  bool rotation;
  bool *labelled; /* (samples), by rank */
} s4l_state;

static ss_status configure(ss_task *task, ss_error *error) {
  const ss_settings *settings = task->settings;
  if (task->classes < 2) {
    return ss_fail(error, SS_FAILED, "s4l learns to tell classes apart, and the data has %d; it needs two or more",
                   task->classes);
  }
  s4l_state *state = NULL;
  SS_TRY(ss_alloc((void **)&state, 1, sizeof *state, "the labels", error));
  task->state = state;
  state->rotation = strcmp(ss_settings_text(settings, "self"), "rotation") == 0;
  if (!state->rotation && task->batch < 2) {
    return ss_fail(error, SS_USAGE, "self=exemplar compares pictures of a batch: it needs a --batch of 2, not %d",
                   task->batch);
  }
  const float standard = state->rotation ? 0.5f : 0.08f;
  const bool chosen = ss_settings_known(settings, "min_scale");
  state->view = ss_view_options_crop(task->size, chosen ? (float)ss_settings_float(settings, "min_scale") : standard);
  SS_TRY(ss_view_options_check(&state->view, error));
  SS_TRY(ss_alloc((void **)&state->labelled, task->samples, sizeof *state->labelled, "the labels", error));
  ss_random random = ss_random_stream(task->seed, SS_RANDOM_METHOD, 0, ss_hash_text("s4l labels"), 0);
  SS_TRY(ss_labels_choose(task->labels, task->samples, task->classes, ss_settings_float(settings, "labels"), &random,
                          state->labelled, error));
  const int views = state->rotation ? SS_TURNS : (int)ss_settings_int(settings, "copies");
  task->inputs[PICTURES] = (ss_method_input){"views", SS_F32, ss_shape_of(task->size, task->size, 3), views};
  task->inputs[CLASSES] = (ss_method_input){"classes", SS_I32, {0}, views};
  task->inputs[LABELLED] = (ss_method_input){"labelled", SS_F32, {0}, views}; /* 1 or 0 */
  task->inputs[ROTATIONS] = (ss_method_input){"rotations", SS_I32, {0}, views};
  task->input_count = state->rotation ? 4 : 3;
  return SS_OK;
}

static void release(ss_task *task) {
  s4l_state *state = task->state;
  if (state) {
    free(state->labelled);
  }
  free(state);
}

/* ---- views ---- */

/* Views of the picture: inception crop, mirroring, change of hue, saturation and value (section 3.1, S4L-Exemplar). */
static ss_status instances(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const s4l_state *state = task->state;
  ss_image *view = &sample->work[0];
  for (int v = 0; v < task->inputs[PICTURES].views; v++) {
    ss_random random = ss_sample_random(sample, (uint32_t)v);
    SS_TRY(ss_view_random(sample->image, &state->view, &random, sample->scratch, view, error));
    const ss_hsv_change change = ss_hsv_draw(&random);
    ss_hsv_apply(view, &change);
    ss_image_to_float(view, 3, state->view.mean, state->view.deviation, false, ss_view_slot(task, slot, PICTURES, v));
  }
  return SS_OK;
}

/* The class goes with all views of a labelled picture: "we also apply the supervised loss to the four rotations". */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const s4l_state *state = task->state;
  const bool seen = sample->held_out || (sample->rank < task->samples && state->labelled[sample->rank]);
  for (int v = 0; v < task->inputs[CLASSES].views; v++) {
    *(int32_t *)ss_view_slot(task, slot, CLASSES, v) = seen ? sample->label : -1;
    *(float *)ss_view_slot(task, slot, LABELLED, v) = seen ? 1.0f : 0.0f;
  }
  return state->rotation ? ss_turned_views(task, &state->view, sample, slot, PICTURES, ROTATIONS, error)
                         : instances(task, sample, slot, error);
}

/* ---- loss ---- */

/* L = L_l + w L_u (equation 1): cross-entropy of the class over the views of labelled pictures, and the self-supervised
 * loss over the views of all. A view weighs the same in both, as in the paper's batches of as many labelled pictures as
 * others: so L_l counts by the share of labelled views. The score is that of the first view: upright, or one crop. */
static void loss(ss_build *build) {
  const ss_task *task = build->task;
  const s4l_state *state = task->state;
  ss_graph *graph = build->graph;
  ss_tensor *h = ss_build_backbone(build, build->inputs[PICTURES]).output, *labels = build->inputs[CLASSES];
  ss_tensor *classes = ss_linear(graph, h, task->classes, true, "classes"), *self = NULL, *seen = classes;
  if (state->rotation) {
    const ss_turn_prediction turns = ss_predict_turns(graph, h, build->inputs[ROTATIONS], "rotations");
    self = turns.loss;
    seen = ss_concatenate(graph, (ss_tensor *[]){turns.logits, classes}, 2, 1);
    ss_build_report(build, "rotation_accuracy", turns.accuracy);
  } else {
    ss_tensor *z = ss_linear(graph, h, (int)ss_settings_int(task->settings, "embedding"), true, "embedding");
    const int copies = task->inputs[PICTURES].views;
    self = ss_batch_hard_loss(graph, z, copies, SS_SOFT_MARGIN);
    build->embeddings = z;
    ss_build_report(build, "exemplar_accuracy", ss_nearest_instance_score(graph, z, copies));
  }
  ss_tensor *supervised = ss_cross_entropy(graph, classes, labels, NULL, NULL);
  ss_tensor *share = ss_reduce_mean(graph, build->inputs[LABELLED], 1u, true);
  const float weight = (float)ss_settings_float(task->settings, "weight");
  build->losses[0] = ss_add(graph, ss_multiply(graph, supervised, share), ss_affine(graph, self, weight, 0.0f));
  ss_build_report(build, "supervised_loss", supervised);
  ss_build_report(build, "self_supervised_loss", self);
  build->score =
      ss_accuracy(graph, ss_slice(graph, classes, 0, 0, build->batch), ss_slice(graph, labels, 0, 0, build->batch));
  build->prediction = ss_cast(graph, seen, SS_F32);
}

static double chance(const ss_task *task) {
  return 100.0 / task->classes;
}

/* ---- pictures ---- */

/* The views; those of labelled pictures framed by whether the class is right, turned ones with the predicted arrow. */
static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const s4l_state *state = task->state;
  SS_TRY(ss_sheet_of_views(task, shown, PICTURES, out, error));
  const int columns = ss_sheet_columns(shown->batch), tile = ss_sheet_tile(task->size);
  const int turns = state->rotation ? SS_TURNS : 0;
  for (int i = 0; i < columns * task->inputs[PICTURES].views; i++) {
    const int column = i % columns, row = i / columns, index = row * shown->batch + column;
    const float *logits = shown->prediction + (ptrdiff_t)index * (turns + task->classes);
    const int32_t label = ((const int32_t *)shown->inputs[CLASSES])[index];
    if (label >= 0) {
      const bool right = ss_largest_of(logits + turns, task->classes) == label;
      ss_sheet_frame(out, tile, column, row, right ? ss_colour_right : ss_colour_wrong);
    }
    if (turns) {
      const int turn = ss_largest_of(logits, turns);
      const bool right = turn == ((const int32_t *)shown->inputs[ROTATIONS])[index];
      ss_sheet_arrow(out, tile, column, row, turn, right ? ss_colour_right : ss_colour_wrong);
    }
  }
  return SS_OK;
}

const ss_method ss_method_s4l = {
    .name = "s4l",
    .modality = SS_MODALITY_IMAGE,
    .summary =
        "learns the classes from a few labels, and from all pictures how they were turned or which views are one "
        "picture's",
    .paper = {"S4L: Self-Supervised Semi-Supervised Learning", "Zhai, Oliver, Kolesnikov, Beyer", "ICCV 2019"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.05 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .changes =
        "labelled and unlabelled pictures come mixed as the data has them, not in batches of equal size, and the "
        "supervised loss counts by the share of labelled ones; "
        "ResNet-18 in place of a ResNet-50 of fourfold width",
    .needs_labels = true,
    .score = {"accuracy of the class", true, true, chance, false},
    .configure = configure,
    .release = release,
    .views = views,
    .loss = loss,
    .picture = picture};
