/* Learning Representations by Predicting Bags of Visual Words. Gidaris, Bursuc, Komodakis, Perez, Cord. CVPR 2020.
 */
#include "augment/view.h"
#include "base/memory.h"
#include "methods/cosine_classifier.h"
#include "methods/image/views.h"
#include "methods/method.h"
#include "methods/sheet.h"
#include "methods/visual_words.h"

#include <math.h>
#include <stdlib.h>

static const ss_option options[] = {
    {"words", SS_OPTION_TEXT, "",
     "network of the words: a run, a file, random:ARCH (default: a rotation run made first)", 0, 0, NULL},
    {"words_epochs", SS_OPTION_INT, "10", "of that rotation run", 1, 1000000, NULL},
    {"vocabulary", SS_OPTION_INT, "2048", "K: visual words (fewer where the data has fewer pictures)", 2, 1000000,
     NULL},
    {"cutmix", SS_OPTION_FRACTION, "0.5", "probability of a rectangle from another picture", 0, 0, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.08", "smallest area of the random crop", 0, 0, NULL},
    {"gray", SS_OPTION_FRACTION, "0.2", "probability of losing colour", 0, 0, NULL},
    {"jitter", SS_OPTION_FLOAT, "0.4", "brightness, contrast and saturation change by up to so much, hue by a quarter",
     0, 1, NULL},
    {0}};

enum { VIEW, RANK, MASK };

static int64_t words_of(const ss_task *task) {
  const int64_t wanted = ss_settings_int(task->settings, "vocabulary");
  return wanted < (int64_t)task->samples ? wanted : (int64_t)task->samples;
}

static ss_status configure(ss_task *task, ss_error *error) {
  ss_view_options *view = NULL;
  SS_TRY(ss_alloc((void **)&view, 1, sizeof *view, "the views", error));
  task->state = view;
  const ss_settings *settings = task->settings;
  const float jitter = (float)ss_settings_float(settings, "jitter");
  *view = ss_view_options_simclr(task->size);
  view->min_scale = (float)ss_settings_float(settings, "min_scale");
  view->brightness = view->contrast = view->saturation = jitter;
  view->hue = jitter / 4.0f;
  view->gray = (float)ss_settings_float(settings, "gray");
  view->blur = 0.0f;
  task->inputs[VIEW] = (ss_method_input){"view", SS_F32, ss_shape_of(task->size, task->size, 3), 1};
  task->inputs[RANK] = (ss_method_input){"rank", SS_I32, {.rank = 0}, 1};
  task->inputs[MASK] = (ss_method_input){"mask", SS_F32, ss_shape_of(task->size, task->size, 1), 1};
  task->input_count = 3;
  return ss_view_options_check(view, error);
}

static void release(ss_task *task) {
  free(task->state);
}

/* CutMix's mask: 0 in a rectangle whose share of the view is uniform, 1 elsewhere (Yun et al., ICCV 2019). */
static void draw_mask(const ss_task *task, ss_random *random, float *mask) {
  const int size = task->size;
  const bool cut = ss_random_uniform(random) < (float)ss_settings_float(task->settings, "cutmix");
  const int side = (int)lroundf((float)size * sqrtf(ss_random_uniform(random)));
  const int left = (int)ss_random_below(random, (uint32_t)size) - side / 2;
  const int top = (int)ss_random_below(random, (uint32_t)size) - side / 2;
  for (int i = 0; i < size * size; i++) {
    const int x = i % size, y = i / size;
    mask[i] = cut && x >= left && x < left + side && y >= top && y < top + side ? 0.0f : 1.0f;
  }
}

/* A perturbed picture, whose it is, and what of it stays (section 3.2). */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  ss_random random = ss_sample_random(sample, 1);
  draw_mask(task, &random, ss_view_slot(task, slot, MASK, 0));
  *(int32_t *)ss_view_slot(task, slot, RANK, 0) = (int32_t)sample->rank;
  return ss_sample_view(task->state, sample, 0, ss_view_slot(task, slot, VIEW, 0), error);
}

/* Section 3.1: the words of all pictures, once. */
static ss_status before_epoch(ss_task *task, ss_parameters *parameters, int64_t epoch, ss_error *error) {
  const char *model = ss_settings_text(task->settings, "words");
  return epoch == 0 ? ss_visual_words_make(task, parameters, model, words_of(task), error) : SS_OK;
}

/* Row i of the result is row i + 1 of x, the last one's the first. */
static ss_tensor *next_rows(ss_graph *graph, ss_tensor *x) {
  const int64_t rows = ss_tensor_dim(x, 0);
  ss_tensor *parts[] = {ss_slice(graph, x, 0, 1, rows), ss_slice(graph, x, 0, 0, 1)};
  return ss_concatenate(graph, parts, 2, 0);
}

/* Phi(x~): (N, H, W, 3) -> (N, D) -> gamma cos(w_k, Phi): (N, K), soft cross-entropy with the bag of the clean picture
 * (equation 4); where a rectangle is another picture's, the bags mix by area (section 3.2, "CutMix"). */
static void loss(ss_build *build) {
  ss_graph *graph = build->graph;
  const bool training = ss_graph_is_training(graph); /* the score is of whole pictures */
  const ss_word_bags bags = ss_build_word_bags(build, build->inputs[RANK]);
  ss_tensor *x = build->inputs[VIEW], *mask = build->inputs[MASK], *words = bags.words, *shares = bags.shares;
  if (training) {
    ss_tensor *rest = ss_affine(graph, mask, -1.0f, 1.0f);
    x = ss_add(graph, ss_multiply(graph, x, mask), ss_multiply(graph, next_rows(graph, x), rest));
    ss_tensor *lambda = ss_reshape(graph, ss_reduce_mean(graph, mask, 14u, false), ss_shape_of(build->batch, 1));
    ss_tensor *both[] = {words, next_rows(graph, words)};
    ss_tensor *parts[] = {ss_multiply(graph, shares, lambda),
                          ss_multiply(graph, shares, ss_affine(graph, lambda, -1.0f, 1.0f))};
    words = ss_concatenate(graph, both, 2, 1);
    shares = ss_concatenate(graph, parts, 2, 1);
  }
  ss_tensor *features = ss_build_backbone(build, x).output;
  ss_tensor *logits = ss_cosine_classifier(graph, features, (int)words_of(build->task), 10.0f, "head");
  build->losses[0] = ss_cross_entropy(graph, logits, words, shares, NULL);
  build->score = build->losses[0];
  build->chance = bags.chance;
  build->prediction = x;
}

/* What was seen: the views with their rectangles. */
static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const ss_sheet_row rows[] = {
      {(const float *)shown->inputs[VIEW], task->size, task->size, 3, ss_imagenet_mean, ss_imagenet_deviation},
      {shown->prediction, task->size, task->size, 3, ss_imagenet_mean, ss_imagenet_deviation}};
  return ss_sheet_of_pictures(rows, 2, shown->batch, out, error);
}

static const ss_teacher teacher = {"rotation", "words", "words_epochs"};

const ss_method ss_method_bow = {
    .name = "bow",
    .modality = SS_MODALITY_IMAGE,
    .summary = "tells from a perturbed picture which visual words of another network the clean one is made of",
    .paper = {"Learning Representations by Predicting Bags of Visual Words", "Gidaris, Bursuc, Komodakis, Perez, Cord",
              "CVPR 2020"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.06 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .changes =
        "the words are of the last map of a short rotation run and of the whole picture, once for all epochs; "
        "CutMix with the next picture of the batch",
    .score = {"cross-entropy with the bags of training pictures, from other views", false, false, NULL, true},
    .teacher = &teacher,
    .configure = configure,
    .release = release,
    .views = views,
    .loss = loss,
    .picture = picture,
    .before_epoch = before_epoch};
