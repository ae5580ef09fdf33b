/* Unsupervised Representation Learning by Predicting Image Rotations. Gidaris, Singh, Komodakis. ICLR 2018. */
#include "methods/image/turns.h"
#include "methods/method.h"
#include "methods/sheet.h"

static const ss_option options[] = {
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop", 0, 0, NULL},
    {"flip", SS_OPTION_FRACTION, "0.5", "probability of mirroring left and right", 0, 0, NULL},
    {0}};

static const ss_recipe recipes[] = {{"paper", "the paper's CIFAR-10 setting (section 3.1)",
                                     "optimizer=sgd lr=0.1 batch=128 epochs=100 weight_decay=5e-4 schedule=step "
                                     "milestones=30,60,80 gamma=0.2 nesterov=1"},
                                    {0}};

static ss_status configure(ss_task *task, ss_error *error) {
  (void)error;
  task->inputs[0] = (ss_method_input){"views", SS_F32, ss_shape_of(task->size, task->size, 3), SS_TURNS};
  task->inputs[1] = (ss_method_input){"rotations", SS_I32, {0}, SS_TURNS};
  task->input_count = 2;
  return SS_OK;
}

/* One picture in, its four rotations and their free labels out (section 2.1). */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  ss_view_options crop = ss_view_options_crop(task->size, (float)ss_settings_float(task->settings, "min_scale"));
  crop.flip = (float)ss_settings_float(task->settings, "flip");
  return ss_turned_views(task, &crop, sample, slot, 0, 1, error);
}

/* (4N, H, W, 3) -> backbone -> (4N, D) -> linear (4N, 4) -> softmax cross-entropy (equation 2). */
static void loss(ss_build *build) {
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output;
  const ss_turn_prediction turns = ss_predict_turns(build->graph, h, build->inputs[1], "head");
  build->losses[0] = turns.loss;
  build->score = turns.accuracy;
  build->prediction = ss_cast(build->graph, turns.logits, SS_F32);
}

static double chance(const ss_task *task) {
  (void)task;
  return 25.0;
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_sheet_of_rotations(task, shown, out, error);
}

const ss_method ss_method_rotation = {
    .name = "rotation",
    .modality = SS_MODALITY_IMAGE,
    .summary = "tells by how many quarters a picture was turned",
    .paper = {"Unsupervised Representation Learning by Predicting Image Rotations", "Gidaris, Singh, Komodakis",
              "ICLR 2018"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.06 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .recipes = recipes,
    .changes = "a random resized crop before the turns; ResNet in place of the network in network",
    .score = {"accuracy of the predicted rotation", true, true, chance, false},
    .configure = configure,
    .views = views,
    .loss = loss,
    .picture = picture};
