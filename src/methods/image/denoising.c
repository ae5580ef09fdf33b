/* Extracting and Composing Robust Features with Denoising Autoencoders. Vincent, Larochelle, Bengio, Manzagol. ICML
 * 2008. Gaussian and salt-and-pepper noise as in their Stacked Denoising Autoencoders, JMLR 2010, section 3.3. */
#include "methods/image/reconstruction.h"

#include <string.h>

static const ss_option options[] = {
    {"noise", SS_OPTION_CHOICE, "masking", "what is done to the picture", 0, 0, "gaussian|masking|salt-and-pepper"},
    {"noise_level", SS_OPTION_FRACTION, NULL,
     "deviation, pixels being 0 to 1 (gaussian, default 0.25), or share of pixels destroyed (default 0.5)", 0, 0, NULL},
    {"code", SS_OPTION_INT, "128", "numbers that a picture is reduced to (0: the backbone's last map)", 0, 65536, NULL},
    SS_RECONSTRUCTION_VIEW_OPTIONS,
    {0}};

typedef enum noise_kind { GAUSSIAN, MASKING, SALT_AND_PEPPER } noise_kind;

static noise_kind kind_of(const ss_settings *settings) {
  const char *name = ss_settings_text(settings, "noise");
  return strcmp(name, "gaussian") == 0 ? GAUSSIAN : strcmp(name, "masking") == 0 ? MASKING : SALT_AND_PEPPER;
}

static float level_of(const ss_settings *settings) {
  if (ss_settings_known(settings, "noise_level")) {
    return (float)ss_settings_float(settings, "noise_level");
  }
  return kind_of(settings) == GAUSSIAN ? 0.25f : 0.5f;
}

static ss_status configure(ss_task *task, ss_error *error) {
  (void)error;
  const ss_shape shape = ss_shape_of(task->size, task->size, 3);
  task->inputs[0] = (ss_method_input){"corrupted", SS_F32, shape, 1};
  task->inputs[1] = (ss_method_input){"pictures", SS_F32, shape, 1};
  task->input_count = 2;
  return SS_OK;
}

/* Adds isotropic noise; the deviation is that of pixels of 0 to 1. */
static void add_gaussian(float *pixels, int64_t count, float deviation, ss_random *random) {
  for (int64_t i = 0; i < 3 * count; i++) {
    pixels[i] += deviation / ss_imagenet_deviation[i % 3] * ss_random_normal(random);
  }
}

/* Sets a share of the pixels to black, or with `salt` to white or black by the toss of a coin. */
static void destroy(float *pixels, int64_t count, float share, bool salt, ss_random *random) {
  const uint32_t below = (uint32_t)(share * 16777216.0f); /* of 24 bits */
  for (int64_t i = 0; i < count; i++) {
    const uint32_t bits = ss_random_bits(random);
    if (bits >> 8 < below) {
      const float value = salt ? (float)(bits & 1u) : 0.0f;
      for (int c = 0; c < 3; c++) {
        pixels[3 * i + c] = (value - ss_imagenet_mean[c]) / ss_imagenet_deviation[c];
      }
    }
  }
}

/* x~ ~ q(x~ | x): "a stochastic mapping", another one each time the picture is seen (2008, section 2.3). */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  float *corrupted = ss_view_slot(task, slot, 0, 0), *clean = ss_view_slot(task, slot, 1, 0);
  const int64_t count = (int64_t)task->size * task->size;
  ss_random random = ss_sample_random(sample, 0), noise = ss_sample_random(sample, 1);
  SS_TRY(ss_reconstruction_view(task, sample, &random, clean, error));
  memcpy(corrupted, clean, ss_view_bytes(&task->inputs[1]));
  const noise_kind kind = kind_of(task->settings);
  const float level = level_of(task->settings);
  if (kind == GAUSSIAN) {
    add_gaussian(corrupted, count, level, &noise);
  } else {
    destroy(corrupted, count, level, kind == SALT_AND_PEPPER, &noise);
  }
  return SS_OK;
}

/* z = g(f(x~)) is to be close to x, not to x~ (2008, equation 5 with squared error). */
static void loss(ss_build *build) {
  ss_tensor *corrupted = build->inputs[0], *clean = build->inputs[1];
  ss_tensor *made = ss_autoencoder(build, corrupted, (int)ss_settings_int(build->task->settings, "code"));
  build->losses[0] = ss_l2_loss(build->graph, made, clean, NULL);
  ss_reconstruction_score(build, made, clean, NULL);
  ss_build_report(build, "psnr_of_input", ss_psnr_normalised(build->graph, corrupted, clean, NULL));
  build->prediction = made;
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_reconstruction_sheet(task, shown->inputs[0], shown->prediction, shown->inputs[1], shown->batch, out, error);
}

const ss_method ss_method_denoising = {
    .name = "denoising",
    .modality = SS_MODALITY_IMAGE,
    .summary = "gives the clean picture back from a corrupted one",
    .paper = {"Extracting and Composing Robust Features with Denoising Autoencoders",
              "Vincent, Larochelle, Bengio, Manzagol", "ICML 2008"},
    .options = options,
    .defaults = "optimizer=adam lr=0.001 weight_decay=0 schedule=cosine",
    .changes =
        "a convolutional encoder and decoder trained at once, not layer by layer; noise destroys whole pixels, so "
        "that no channel gives another away; squared error; Adam; random crops",
    .score = {"PSNR of the cleaned picture, in dB", true, false, NULL, false},
    .configure = configure,
    .views = views,
    .loss = loss,
    .picture = picture};
