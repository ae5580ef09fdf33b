/* Deep Clustering for Unsupervised Learning of Visual Features. Caron, Bojanowski, Joulin, Douze. ECCV 2018.
 */
#include "augment/sobel.h"
#include "augment/view.h"
#include "base/memory.h"
#include "methods/cluster_sheet.h"
#include "methods/method.h"
#include "methods/pseudo_labels.h"

#include <stdlib.h>

static const ss_option options[] = {
    SS_PSEUDO_LABEL_OPTIONS("1"),
    {"sobel", SS_OPTION_BOOL, "0", "the network is shown edges instead of colours", 0, 0, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.08", "smallest area of the random crop", 0, 0, NULL},
    {0}};

static const ss_recipe recipes[] = {
    {"paper", "the paper's setting for ImageNet (section 3.3)",
     "clusters=10000 sobel=1 lr=0.05 weight_decay=1e-5 batch=256 epochs=500 schedule=constant"},
    {0}};

static ss_status configure(ss_task *task, ss_error *error) {
  if (task->samples < 4) {
    return ss_fail(error, SS_FAILED, "%u pictures make no clusters; give %s more of them", task->samples,
                   task->method->name);
  }
  ss_view_options *view = NULL;
  SS_TRY(ss_alloc((void **)&view, 1, sizeof *view, "the views", error));
  task->state = view;
  *view = ss_view_options_crop(task->size, (float)ss_settings_float(task->settings, "min_scale"));
  if (ss_settings_bool(task->settings, "sobel")) {
    task->backbone.input = SS_INPUT_SOBEL;
  }
  task->inputs[0] = (ss_method_input){"view", SS_F32, ss_shape_of(task->size, task->size, 3), 1};
  task->inputs[1] = (ss_method_input){"rank", SS_I32, {.rank = 0}, 1};
  task->input_count = 2;
  return ss_view_options_check(view, error);
}

static void release(ss_task *task) {
  free(task->state);
}

/* A random crop, mirrored or not, and whose it is. */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const ss_view_options *view = task->state;
  ss_random random = ss_sample_random(sample, 0);
  float *out = ss_view_slot(task, slot, 0, 0);
  SS_TRY(ss_view_random(sample->image, view, &random, sample->scratch, &sample->work[0], error));
  if (task->backbone.input == SS_INPUT_SOBEL) {
    ss_image_to_sobel(&sample->work[0], out);
  } else {
    ss_image_to_float(&sample->work[0], 3, view->mean, view->deviation, false, out);
  }
  *(int32_t *)ss_view_slot(task, slot, 1, 0) = (int32_t)sample->rank;
  return SS_OK;
}

/* Section 3.2: each epoch begins with new labels (equation 2) and, since they have no order, a new classifier. */
static ss_status before_epoch(ss_task *task, ss_parameters *parameters, int64_t epoch, ss_error *error) {
  if (!ss_pseudo_labels_due(task, epoch)) {
    return SS_OK;
  }
  task->renewed = "head.";
  SS_TRY(ss_pseudo_labels_renew(task, parameters, epoch, error));
  return ss_renew_classifier(task, parameters, "head", epoch, error);
}

/* f(x): (N, H, W, 3) -> (N, D) -> g: (N, k), the softmax loss on the pseudo-labels (equation 1). */
static void loss(ss_build *build) {
  ss_graph *graph = build->graph;
  const ss_pseudo_labels clusters = ss_build_pseudo_labels(build, build->inputs[1]);
  ss_tensor *features = ss_build_backbone(build, build->inputs[0]).output;
  ss_tensor *logits = ss_linear(graph, features, (int)ss_pseudo_label_count(build->task), true, "head");
  build->losses[0] = ss_cross_entropy(graph, logits, clusters.labels, NULL, clusters.weights);
  build->score = ss_accuracy(graph, logits, clusters.labels);
  build->chance = clusters.largest;
  build->prediction = ss_cast(graph, logits, SS_F32);
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_sheet_of_clusters(task, shown->inputs[0], shown->prediction, ss_pseudo_label_count(task), shown->batch, out,
                              error);
}

const ss_method ss_method_deepcluster = {
    .name = "deepcluster",
    .modality = SS_MODALITY_IMAGE,
    .summary = "tells to which cluster of its own features a picture belongs, clustered anew each epoch",
    .paper = {"Deep Clustering for Unsupervised Learning of Visual Features", "Caron, Bojanowski, Joulin, Douze",
              "ECCV 2018"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.05 momentum=0.9 weight_decay=1e-5 schedule=constant warmup=0",
    .recipes = recipes,
    .changes =
        "ten clusters a class, colours in place of edges; losses weighted by the inverse of the cluster's size, "
        "which the paper calls equivalent to drawing evenly over clusters; a ResNet with one linear layer",
    .score = {"the cluster of a training picture, told from another view of it", true, true, NULL, true},
    .configure = configure,
    .release = release,
    .views = views,
    .loss = loss,
    .picture = picture,
    .before_epoch = before_epoch};
