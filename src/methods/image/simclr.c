/* A Simple Framework for Contrastive Learning of Visual Representations. Chen, Kornblith, Norouzi, Hinton. ICML 2020.
 */
#include "augment/view.h"
#include "base/memory.h"
#include "methods/image/views.h"
#include "methods/method.h"
#include "methods/projector.h"
#include "methods/sheet.h"

#include <stdlib.h>

static const ss_option options[] = {
    {"temperature", SS_OPTION_FLOAT, "0.5", "tau of the loss", 0.001, 100, NULL},
    {"projector_layers", SS_OPTION_INT, "2", "linear layers of the projector (0: none)", 0, 8, NULL},
    {"projector_hidden", SS_OPTION_INT, "0", "outputs of its inner layers (0: as the backbone's)", 0, 65536, NULL},
    {"projector_output", SS_OPTION_INT, "128", "dimensions of the embedding", 1, 65536, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.08", "smallest area of the random crop", 0, 0, NULL},
    {"jitter", SS_OPTION_FLOAT, "1.0", "strength s of the colour jitter (appendix A)", 0, 2, NULL},
    {"gray", SS_OPTION_FRACTION, "0.2", "probability of losing colour", 0, 0, NULL},
    {"blur", SS_OPTION_FRACTION, NULL, "probability of Gaussian blur (default 0 up to 64 px, 0.5 above)", 0, 0, NULL},
    {"solarize", SS_OPTION_FRACTION, "0", "probability of solarisation", 0, 0, NULL},
    {0}};

static const ss_recipe recipes[] = {
    {"paper", "the paper's CIFAR-10 setting (appendix B.9)",
     "optimizer=lars lr=1.0 weight_decay=1e-6 warmup=10 batch=512 epochs=1000 jitter=0.5"},
    {0}};

/* Options that may be set by name, over lightly's SimCLRTransform for the size. */
static ss_status configure(ss_task *task, ss_error *error) {
  if (task->batch < 2) {
    return ss_fail(error, SS_USAGE,
                   "simclr tells pictures from one another: it needs two or more of them, and a --batch of 2");
  }
  ss_view_options *view = NULL;
  SS_TRY(ss_alloc((void **)&view, 1, sizeof *view, "the views", error));
  task->state = view;
  *view = ss_view_options_simclr(task->size);
  const float strength = (float)ss_settings_float(task->settings, "jitter");
  view->min_scale = (float)ss_settings_float(task->settings, "min_scale");
  view->brightness *= strength;
  view->contrast *= strength;
  view->saturation *= strength;
  view->hue *= strength;
  view->gray = (float)ss_settings_float(task->settings, "gray");
  view->solarize = (float)ss_settings_float(task->settings, "solarize");
  if (ss_settings_known(task->settings, "blur")) {
    view->blur = (float)ss_settings_float(task->settings, "blur");
  }
  task->inputs[0] = (ss_method_input){"views", SS_F32, ss_shape_of(task->size, task->size, 3), 2};
  task->input_count = 1;
  return ss_view_options_check(view, error);
}

static void release(ss_task *task) {
  free(task->state);
}

/* Two views of a picture, drawn apart (figure 2: t and t'). */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  for (int v = 0; v < 2; v++) {
    SS_TRY(ss_sample_view(task->state, sample, (uint32_t)v, ss_view_slot(task, slot, 0, v), error));
  }
  return SS_OK;
}

/* (2N, H, W, 3) -> h = f(x): (2N, D) -> z = g(h): (2N, 128) -> equation 1. */
static void loss(ss_build *build) {
  const ss_settings *settings = build->task->settings;
  ss_graph *graph = build->graph;
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output;
  const int hidden = (int)ss_settings_int(settings, "projector_hidden");
  const ss_projector_options projector = {.layers = (int)ss_settings_int(settings, "projector_layers"),
                                          .hidden = hidden ? hidden : (int)ss_tensor_dim(h, 1),
                                          .output = (int)ss_settings_int(settings, "projector_output"),
                                          .norm = true,
                                          .last_norm = true};
  ss_tensor *z = ss_projector(graph, h, &projector, "projector");
  const float temperature = (float)ss_settings_float(settings, "temperature");
  build->losses[0] = ss_nt_xent(graph, z, temperature);
  build->embeddings = z;
  build->score = ss_matching_score(graph, z);
}

static double chance(const ss_task *task) {
  return 100.0 / (2.0 * task->batch - 1.0);
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_sheet_of_views(task, shown, 0, out, error);
}

const ss_method ss_method_simclr = {
    .name = "simclr",
    .modality = SS_MODALITY_IMAGE,
    .summary = "two views of a picture agree, views of different pictures do not",
    .paper = {"A Simple Framework for Contrastive Learning of Visual Representations",
              "Chen, Kornblith, Norouzi, Hinton", "ICML 2020"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.06 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .recipes = recipes,
    .changes =
        "up to 64 px: 3x3 stem, no blur; batch norm after the projector's last layer; SGD (lightly's CIFAR-10 setting)",
    .score = {"the other view found among all views of the batch", true, true, chance, false},
    .configure = configure,
    .release = release,
    .views = views,
    .loss = loss,
    .picture = picture};
