#include "methods/image/two_views.h"

#include "augment/view.h"
#include "base/memory.h"
#include "methods/image/views.h"
#include "methods/sheet.h"

#include <stdlib.h>

typedef struct two_views {
  ss_view_options view[2];
} two_views;

/* An option that may be left to the first view's value. */
static float second(const ss_settings *settings, const char *name, float first) {
  return ss_settings_known(settings, name) ? (float)ss_settings_float(settings, name) : first;
}

/* Over lightly's SimCLRTransform for the size. */
ss_status ss_two_views_configure(ss_task *task, ss_error *error) {
  const ss_settings *settings = task->settings;
  if (task->batch < 2) {
    return ss_fail(error, SS_USAGE,
                   "%s tells pictures from one another: it needs two or more of them, and a --batch of 2",
                   task->method->name);
  }
  two_views *views = NULL;
  SS_TRY(ss_alloc((void **)&views, 1, sizeof *views, "the views", error));
  task->state = views;
  ss_view_options first = ss_view_options_simclr(task->size);
  const float strength = (float)ss_settings_float(settings, "jitter");
  first.min_scale = (float)ss_settings_float(settings, "min_scale");
  first.jitter = (float)ss_settings_float(settings, "jitter_probability");
  first.brightness = strength * (float)ss_settings_float(settings, "brightness");
  first.contrast = strength * (float)ss_settings_float(settings, "contrast");
  first.saturation = strength * (float)ss_settings_float(settings, "saturation");
  first.hue = strength * (float)ss_settings_float(settings, "hue");
  first.gray = (float)ss_settings_float(settings, "gray");
  first.blur = second(settings, "blur", first.blur);
  first.solarize = (float)ss_settings_float(settings, "solarize");
  views->view[0] = views->view[1] = first;
  views->view[1].blur = second(settings, "second_blur", first.blur);
  views->view[1].solarize = second(settings, "second_solarize", first.solarize);
  task->inputs[0] = (ss_method_input){"views", SS_F32, ss_shape_of(task->size, task->size, 3), 2};
  task->input_count = 1;
  SS_TRY(ss_view_options_check(&views->view[0], error));
  return ss_view_options_check(&views->view[1], error);
}

void ss_two_views_release(ss_task *task) {
  free(task->state);
}

ss_status ss_two_views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const two_views *views = task->state;
  for (int v = 0; v < 2; v++) {
    SS_TRY(ss_sample_view(&views->view[v], sample, (uint32_t)v, ss_view_slot(task, slot, 0, v), error));
  }
  return SS_OK;
}

const ss_view_options *ss_two_views_options(const ss_task *task, int view) {
  const two_views *views = task->state;
  return &views->view[view];
}

ss_status ss_two_views_picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_sheet_of_views(task, shown, 0, out, error);
}

double ss_two_views_chance(const ss_task *task) {
  return 100.0 / (2.0 * task->batch - 1.0);
}

ss_tensor *ss_first_views(ss_graph *graph, ss_tensor *both) {
  return ss_slice(graph, both, 0, 0, ss_tensor_dim(both, 0) / 2);
}

ss_tensor *ss_second_views(ss_graph *graph, ss_tensor *both) {
  return ss_slice(graph, both, 0, ss_tensor_dim(both, 0) / 2, ss_tensor_dim(both, 0));
}

ss_tensor *ss_swap_views(ss_graph *graph, ss_tensor *both) {
  return ss_concatenate(graph, (ss_tensor *[]){ss_second_views(graph, both), ss_first_views(graph, both)}, 2, 0);
}
