/* The untrained network: the lower reference of every measurement. */
#include "augment/view.h"
#include "methods/image/views.h"
#include "methods/method.h"
#include "methods/sheet.h"

static ss_status configure(ss_task *task, ss_error *error) {
  (void)error;
  task->inputs[0] = (ss_method_input){"views", SS_F32, ss_shape_of(task->size, task->size, 3), 1};
  task->input_count = 1;
  return SS_OK;
}

static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const ss_view_options crop = ss_view_options_crop(task->size, 1.0f);
  return ss_sample_view(&crop, sample, 0, ss_view_slot(task, slot, 0, 0), error);
}

/* The backbone is recorded, and so initialised; there is nothing to lose. */
static void loss(ss_build *build) {
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output;
  build->losses[0] = ss_reduce_mean(build->graph, h, 3u, false);
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_sheet_of_views(task, shown, 0, out, error);
}

const ss_method ss_method_random = {.name = "random",
                                    .modality = SS_MODALITY_IMAGE,
                                    .summary = "untrained: the lower reference",
                                    .paper = {"Delving Deep into Rectifiers", "He, Zhang, Ren, Sun", "ICCV 2015"},
                                    .defaults = "steps=0",
                                    .untrained = true,
                                    .configure = configure,
                                    .views = views,
                                    .loss = loss,
                                    .picture = picture};
