/* Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network. Ledig, Theis, Huszar,
 * Caballero, Cunningham, Acosta, Aitken, Tejani, Totz, Wang, Shi. CVPR 2017. */
#include "augment/crop.h"
#include "augment/normalise.h"
#include "augment/rotate.h"
#include "base/memory.h"
#include "methods/content_loss.h"
#include "methods/discriminator.h"
#include "methods/image_quality.h"
#include "methods/method.h"
#include "methods/sheet.h"
#include "methods/srresnet.h"

#include <math.h>
#include <string.h>

enum { factor = 4, border = 4 /* left out of the score (section 3.1) */ };
enum { LOW, HIGH, BICUBIC, HEED };

static const ss_option options[] = {
    {"blocks", SS_OPTION_INT, "16", "residual blocks of the generator", 1, 256, NULL},
    {"channels", SS_OPTION_INT, "0", "channels of its layers (0: --width, the paper's 64 by default)", 0, 1024, NULL},
    {"residual", SS_OPTION_BOOL, "1", "the generator's output is added to the bicubic enlargement", 0, 0, NULL},
    {"loss", SS_OPTION_CHOICE, "mse", "what the picture is compared by: its pixels, or features (content=)", 0, 0,
     "mse|content"},
    {"content", SS_OPTION_TEXT, "", "backbone of the content loss: a run or a .safetensors file", 0, 0, NULL},
    {"content_scale", SS_OPTION_FLOAT, "1", "what its features are multiplied by (the paper's VGG: 1/12.75)", 0, 1e6,
     NULL},
    {"adversarial", SS_OPTION_FLOAT, "1e-3", "weight of the adversarial loss (0: the generator heeds none)", 0, 1e6,
     NULL},
    {"norms", SS_OPTION_CHOICE, "joint", "the discriminator's norms see real and made pictures together or apart", 0, 0,
     "joint|apart"},
    {"alone", SS_OPTION_INT, "0", "first epochs in which the generator heeds no adversary (the paper's SRResNet)", 0,
     1e6, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest side of the random crop, as a part of the shorter side", 0, 0,
     NULL},
    {"flip", SS_OPTION_FRACTION, "0.5", "probability of mirroring left and right", 0, 0, NULL},
    {0}};

static const ss_recipe recipes[] = {
    {"paper", "the paper's setting (section 3.2) but for its length: 10^6 updates alone, then 2 10^5",
     "residual=0 lr=1e-4 batch=16 schedule=constant"},
    {"resnet", "the paper's SRResNet: no adversary is heeded, the highest PSNR", "adversarial=0"},
    {0}};

static ss_status configure(ss_task *task, ss_error *error) {
  const int size = task->size, smallest = (ss_ssim_side(SS_SSIM_GAUSSIAN) + 2 * border + 3) / factor * factor;
  if (size % factor != 0 || size < smallest) {
    return ss_fail(error, SS_USAGE,
                   "superres enlarges %d times: the --size must be a multiple of %d from %d on, not %d", factor, factor,
                   smallest, size);
  }
  const char *content = ss_settings_text(task->settings, "content");
  if (strcmp(ss_settings_text(task->settings, "loss"), "content") == 0) {
    if (!*content) {
      return ss_fail(error, SS_USAGE, "loss=content compares features: name their backbone, --set content=RUN");
    }
    ss_model *model = NULL;
    SS_TRY(ss_model_open(content, size, task->seed, &model, error));
    task->state = model;
    if (model->backbone.input != SS_INPUT_RGB) {
      return ss_fail(error, SS_USAGE, "content=%s is a backbone that sees %s; choose one that sees RGB", content,
                     ss_backbone_input_name(model->backbone.input));
    }
  } else if (*content) {
    return ss_fail(error, SS_USAGE, "content=%s is used by loss=content alone: --set loss=content", content);
  }
  const ss_shape low = ss_shape_of(size / factor, size / factor, 3), high = ss_shape_of(size, size, 3);
  task->inputs[LOW] = (ss_method_input){"low", SS_F32, low, 1};
  task->inputs[HIGH] = (ss_method_input){"high", SS_F32, high, 1};
  task->inputs[BICUBIC] = (ss_method_input){"bicubic", SS_F32, high, 1};
  task->inputs[HEED] = (ss_method_input){"heed", SS_F32, {0}, 1};
  task->input_count = 4;
  return SS_OK;
}

static void release(ss_task *task) {
  ss_model_free(task->state);
}

/* "The range of the LR input images is [0, 1], of the HR images [-1, 1]" (section 3.2). */
static const float zero[3], one[3] = {1.0f, 1.0f, 1.0f}, half[3] = {0.5f, 0.5f, 0.5f};

/* A square of the picture at no less than the resolution that it has, so that there is detail to be found; pictures
 * smaller than the view are enlarged. The score's: the largest one in the centre. */
static ss_box draw_square(const ss_task *task, const ss_sample *sample, ss_random *random) {
  const ss_image *image = sample->image;
  const int shorter = image->width < image->height ? image->width : image->height;
  const float share = ss_random_between(random, (float)ss_settings_float(task->settings, "min_scale"), 1.0f);
  int side = (int)lroundf(share * (float)shorter);
  side = side < task->size ? task->size : side;
  side = side > shorter || sample->held_out ? shorter : side;
  const ss_box place = ss_crop_place(image->width, image->height, side, side, random);
  return sample->held_out ? ss_crop_centre(image->width, image->height, side, side) : place;
}

/* The picture, a quarter of it each way (Gaussian filter and down-sampling in the paper, section 2: here the bicubic
 * filter, as in section 3.1), and that enlarged again without a network. */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  ss_random random = ss_sample_random(sample, 0);
  ss_image *high = &sample->work[0], *low = &sample->work[1], *bicubic = &sample->work[2];
  const int size = task->size;
  const ss_box box = draw_square(task, sample, &random);
  const bool flip = ss_random_uniform(&random) < (float)ss_settings_float(task->settings, "flip");
  SS_TRY(ss_resize_box(sample->image, box, size, size, SS_RESAMPLE_BICUBIC, sample->scratch, high, error));
  if (flip && !sample->held_out) {
    ss_flip_horizontal(high);
  }
  SS_TRY(ss_resize(high, size / factor, size / factor, SS_RESAMPLE_BICUBIC, sample->scratch, low, error));
  SS_TRY(ss_resize(low, size, size, SS_RESAMPLE_BICUBIC, sample->scratch, bicubic, error));
  ss_image_to_float(low, 3, zero, one, false, ss_view_slot(task, slot, LOW, 0));
  ss_image_to_float(high, 3, half, half, false, ss_view_slot(task, slot, HIGH, 0));
  ss_image_to_float(bicubic, 3, half, half, false, ss_view_slot(task, slot, BICUBIC, 0));
  *(float *)ss_view_slot(task, slot, HEED, 0) = sample->epoch >= ss_settings_int(task->settings, "alone") ? 1.0f : 0.0f;
  return SS_OK;
}

/* [-1, 1] to [0, 1]. */
static ss_tensor *picture_of(ss_graph *graph, ss_tensor *x) {
  return ss_affine(graph, x, 0.5f, 0.5f);
}

/* Section 2.2.1: equation 4 on pixels or, with a backbone, equation 5 on its features. */
static ss_tensor *content_loss(ss_build *build, ss_tensor *made) {
  const ss_model *model = build->task->state;
  ss_graph *graph = build->graph;
  ss_tensor *high = build->inputs[HIGH];
  const float scale = (float)ss_settings_float(build->task->settings, "content_scale");
  return model ? ss_content_loss(graph, model, picture_of(graph, made), picture_of(graph, high), scale)
               : ss_l2_loss(graph, made, high, NULL);
}

/* D: the backbone, and one logit. */
static ss_tensor *judge(ss_build *build, ss_tensor *pictures) {
  ss_tensor *x =
      ss_normalised(build->graph, picture_of(build->graph, pictures), ss_imagenet_mean, ss_imagenet_deviation);
  return ss_linear(build->graph, ss_build_backbone(build, x).output, 1, true, "discriminator");
}

/* Logits of both, in one batch or in two. Apart, what tells them from each other is partly normalised away and the
 * running statistics, with which the encoder is measured, are those of real pictures. */
static void judge_both(ss_build *build, ss_tensor *made, ss_tensor **made_logits, ss_tensor **real_logits) {
  ss_graph *graph = build->graph;
  ss_tensor *real = build->inputs[HIGH];
  if (strcmp(ss_settings_text(build->task->settings, "norms"), "joint") == 0) {
    const int n = build->batch;
    ss_tensor *both = judge(build, ss_concatenate(graph, (ss_tensor *[]){made, real}, 2, 0));
    *made_logits = ss_slice(graph, both, 0, 0, n);
    *real_logits = ss_slice(graph, both, 0, n, 2 * n);
    return;
  }
  ss_graph_hold_statistics(graph, true);
  *made_logits = judge(build, made);
  ss_graph_hold_statistics(graph, false);
  *real_logits = judge(build, real);
}

/* As the paper measures: luma, without a border of four pixels. */
static ss_tensor *measured(ss_graph *graph, ss_tensor *x) {
  if (!x) {
    return NULL;
  }
  const int64_t size = ss_tensor_dim(x, 1);
  x = ss_slice(graph, ss_slice(graph, x, 1, border, size - border), 2, border, size - border);
  x = picture_of(graph, ss_cast(graph, x, SS_F32));
  ss_tensor *above = ss_relu(graph, ss_affine(graph, x, 1.0f, -1.0f));
  return ss_luma(graph, ss_subtract(graph, ss_relu(graph, x), above)); /* clipped to 0..1 */
}

static void measure(ss_build *build, ss_tensor *made, ss_tensor *real_logits, ss_tensor *made_logits) {
  ss_graph *graph = build->graph;
  ss_tensor *high = measured(graph, build->inputs[HIGH]);
  ss_tensor *own = measured(graph, made), *bicubic = measured(graph, build->inputs[BICUBIC]);
  build->score = ss_psnr_mean(graph, own, high, 1.0f);
  build->chance = ss_psnr_mean(graph, bicubic, high, 1.0f);
  if (ss_graph_is_training(graph)) {
    return;
  }
  ss_build_report(build, "ssim", ss_ssim_mean(graph, own, high, 1.0f, SS_SSIM_GAUSSIAN));
  ss_build_report(build, "bicubic_ssim", ss_ssim_mean(graph, bicubic, high, 1.0f, SS_SSIM_GAUSSIAN));
  ss_build_report(build, "discriminator", ss_discriminator_accuracy(graph, real_logits, made_logits));
}

/* I^LR -> G -> I^SR; D(I^HR), D(I^SR); the generator lowers equation 3, the discriminator the other side of
 * equation 2. */
static void loss(ss_build *build) {
  const ss_settings *settings = build->task->settings;
  ss_graph *graph = build->graph;
  const int channels = (int)ss_settings_int(settings, "channels");
  const ss_srresnet_options generator = {.blocks = (int)ss_settings_int(settings, "blocks"),
                                         .channels = channels ? channels : build->task->backbone.width};
  ss_tensor *made = ss_srresnet(graph, build->inputs[LOW], &generator, "generator");
  if (ss_settings_bool(settings, "residual")) {
    made = ss_add(graph, made, build->inputs[BICUBIC]);
  }
  ss_tensor *made_logits = NULL, *real_logits = NULL;
  judge_both(build, made, &made_logits, &real_logits);
  ss_tensor *content = content_loss(build, made);
  ss_tensor *adversarial = ss_generator_loss(graph, made_logits, SS_NON_SATURATING); /* equation 6 */
  ss_tensor *heed = ss_affine(graph, ss_reduce_mean(graph, build->inputs[HEED], 1u, false),
                              (float)ss_settings_float(settings, "adversarial"), 0.0f);
  build->losses[0] = ss_add(graph, content, ss_multiply(graph, heed, adversarial));
  build->losses[1] = ss_discriminator_loss(graph, real_logits, made_logits);
  build->prediction = made;
  measure(build, made, real_logits, made_logits);
  ss_build_report(build, "content", content);
  ss_build_report(build, "adversarial", adversarial);
}

/* The four rows of the paper's figure 2: what came in, without a network, the network's, the original. */
static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const int size = task->size, small = size / factor;
  const ss_sheet_row rows[] = {{shown->inputs[LOW], small, small, 3, zero, one},
                               {shown->inputs[BICUBIC], size, size, 3, half, half},
                               {shown->prediction, size, size, 3, half, half},
                               {shown->inputs[HIGH], size, size, 3, half, half}};
  return ss_sheet_of_pictures(rows, 4, shown->batch, out, error);
}

const ss_method ss_method_superres = {
    .name = "superres",
    .modality = SS_MODALITY_IMAGE,
    .summary = "finds the details of a picture reduced four times, judged by the backbone: real or made?",
    .paper = {"Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
              "Ledig, Theis, Huszar, Caballero, Cunningham, Acosta, Aitken, Tejani, Totz, Wang, Shi", "CVPR 2017"},
    .options = options,
    .defaults = "optimizer=adam lr=1e-3 weight_decay=0 schedule=cosine warmup=0 batch=16",
    .recipes = recipes,
    .changes =
        "the discriminator is the backbone; the generator adds to the bicubic enlargement (residual=0: it does not) "
        "and is trained with its adversary from the start; pictures are reduced by the bicubic filter; content= "
        "takes a backbone of ours in place of VGG-19; lr 1e-3 in place of 1e-4",
    .score = {"PSNR of the enlarged pictures' luma in dB, chance: bicubic", true, false, NULL, false},
    .players = {"generator.", "backbone.|discriminator."},
    .configure = configure,
    .release = release,
    .views = views,
    .loss = loss,
    .picture = picture};
