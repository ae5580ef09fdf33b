/* The same trunk trained with labels: the upper reference of every measurement. */
#include "augment/view.h"
#include "methods/image/views.h"
#include "methods/method.h"
#include "methods/sheet.h"

static const ss_option options[] = {
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop", 0, 0, NULL}, {0}};

static ss_status configure(ss_task *task, ss_error *error) {
  (void)error;
  task->inputs[0] = (ss_method_input){"views", SS_F32, ss_shape_of(task->size, task->size, 3), 1};
  task->inputs[1] = (ss_method_input){"labels", SS_I32, {0}, 1};
  task->input_count = 2;
  return SS_OK;
}

static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const ss_view_options crop = ss_view_options_crop(task->size, (float)ss_settings_float(task->settings, "min_scale"));
  *(int32_t *)ss_view_slot(task, slot, 1, 0) = sample->label;
  return ss_sample_view(&crop, sample, 0, ss_view_slot(task, slot, 0, 0), error);
}

/* (N, H, W, 3) -> backbone -> (N, D) -> linear (N, classes) -> softmax cross-entropy. */
static void loss(ss_build *build) {
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output;
  ss_tensor *logits = ss_linear(build->graph, h, build->task->classes, true, "head");
  build->losses[0] = ss_cross_entropy(build->graph, logits, build->inputs[1], NULL, NULL);
  build->score = ss_accuracy(build->graph, logits, build->inputs[1]);
}

static double chance(const ss_task *task) {
  return 100.0 / task->classes;
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_sheet_of_views(task, shown, 0, out, error);
}

const ss_method ss_method_supervised = {
    .name = "supervised",
    .modality = SS_MODALITY_IMAGE,
    .summary = "trained with the labels: the upper reference",
    .paper = {"Deep Residual Learning for Image Recognition", "He, Zhang, Ren, Sun", "CVPR 2016"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.1 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .needs_labels = true,
    .score = {"accuracy of the class", true, true, chance, false},
    .configure = configure,
    .views = views,
    .loss = loss,
    .picture = picture};
