/* Reducing the Dimensionality of Data with Neural Networks. Hinton, Salakhutdinov. Science 313, 2006. */
#include "methods/image/reconstruction.h"

static const ss_option options[] = {
    {"code", SS_OPTION_INT, "128", "numbers that a picture is reduced to (0: the backbone's last map)", 0, 65536, NULL},
    SS_RECONSTRUCTION_VIEW_OPTIONS,
    {0}};

static ss_status configure(ss_task *task, ss_error *error) {
  (void)error;
  task->inputs[0] = (ss_method_input){"pictures", SS_F32, ss_shape_of(task->size, task->size, 3), 1};
  task->input_count = 1;
  return SS_OK;
}

static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  ss_random random = ss_sample_random(sample, 0);
  return ss_reconstruction_view(task, sample, &random, ss_view_slot(task, slot, 0, 0), error);
}

/* A "encoder" network to a low-dimensional code and a similar "decoder" network back, trained together to minimise the
 * discrepancy between the data and its reconstruction (page 504, figure 1). */
static void loss(ss_build *build) {
  ss_tensor *pictures = build->inputs[0];
  ss_tensor *made = ss_autoencoder(build, pictures, (int)ss_settings_int(build->task->settings, "code"));
  build->losses[0] = ss_l2_loss(build->graph, made, pictures, NULL);
  ss_reconstruction_score(build, made, pictures, NULL);
  build->prediction = made;
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_reconstruction_sheet(task, NULL, shown->prediction, shown->inputs[0], shown->batch, out, error);
}

const ss_method ss_method_autoencoder = {
    .name = "autoencoder",
    .modality = SS_MODALITY_IMAGE,
    .summary = "gives a picture back from a code of few numbers",
    .paper = {"Reducing the Dimensionality of Data with Neural Networks", "Hinton, Salakhutdinov", "Science 2006"},
    .options = options,
    .defaults = "optimizer=adam lr=0.001 weight_decay=0 schedule=cosine",
    .changes =
        "a convolutional encoder and decoder with batch norm, trained from the start: no layer-wise pretraining "
        "by restricted Boltzmann machines; squared error; Adam; random crops",
    .score = {"PSNR of the reconstruction, in dB", true, false, NULL, false},
    .configure = configure,
    .views = views,
    .loss = loss,
    .picture = picture};
