#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Class c has 4 + 2 c samples of every 40, and they come mixed. */
static const int32_t labels[SUPPORT_SAMPLES] = {0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 4, 3, 2, 1, 4, 3, 4, 3, 2, 4,
                                                4, 3, 2, 1, 0, 0, 1, 2, 3, 4, 3, 4, 4, 2, 1, 3, 2, 4, 3, 4};

static ss_status configure(support_task *out, const char *method, int size, int batch, const char *arch,
                           const char *pairs, ss_error *error) {
  *out = (support_task){0};
  ss_task *task = &out->task;
  if (ss_method_find(method, &task->method, error) != SS_OK ||
      ss_settings_new(task->method->options, NULL, &out->settings, error) != SS_OK ||
      ss_settings_apply_defaults(out->settings, pairs, error) != SS_OK) {
    fail_msg("%s", error->message);
  }
  task->settings = out->settings;
  task->backbone = (ss_backbone_options){.arch = arch, .width = 4, .size = size};
  task->size = size;
  task->batch = batch;
  task->classes = 5;
  task->samples = SUPPORT_SAMPLES;
  task->labels = labels;
  task->seed = 3;
  task->threads = 1;
  task->steps = task->steps_per_epoch = 10;
  return task->method->configure(task, error);
}

void support_configure(support_task *out, const char *method, int size, int batch, const char *pairs) {
  ss_error error = {{0}};
  if (configure(out, method, size, batch, "resnet18", pairs, &error) != SS_OK) {
    fail_msg("%s: %s", method, error.message);
  }
}

void support_expect_refused(const char *method, int size, int batch, const char *arch, const char *pairs,
                            const char *words) {
  support_task task;
  ss_error error = {{0}};
  assert_int_equal(configure(&task, method, size, batch, arch, pairs, &error), SS_USAGE);
  if (!strstr(error.message, words)) {
    fail_msg("\"%s\" does not say \"%s\"", error.message, words);
  }
  support_release(&task);
}

void support_release(support_task *task) {
  if (task->task.method->release) {
    task->task.method->release(&task->task);
  }
  ss_settings_free(task->settings);
}

ss_image support_picture(int width, int height, uint64_t seed) {
  ss_image picture = {0};
  ss_error error = {{0}};
  assert_int_equal(ss_image_resize_buffer(&picture, width, height, 3, &error), SS_OK);
  ss_random random = ss_random_stream(seed, SS_RANDOM_METHOD, 0, 0, 0);
  float wave[3][3];
  for (int i = 0; i < 9; i++) {
    wave[i / 3][i % 3] = ss_random_between(&random, 0.02f, 0.2f);
  }
  for (int i = 0; i < width * height; i++) {
    const float x = (float)(i % width), y = (float)(i / width);
    for (int c = 0; c < 3; c++) {
      const float soft = 0.5f + 0.3f * sinf(wave[c][0] * x + wave[c][1] * y + 50.0f * wave[c][2]);
      const float hard = (int)(wave[c][2] * x) % 2 == 0 ? 0.15f : 0.0f;
      picture.pixels[3 * i + c] = (uint8_t)(255.0f * (soft + hard));
    }
  }
  return picture;
}

void *support_views(const support_task *task, const ss_image *picture, uint64_t seed, uint32_t epoch, uint32_t index,
                    int label) {
  ss_view_scratch scratch = {0};
  ss_image work[SS_WORK_IMAGES] = {{0}};
  ss_sample sample = {.image = picture,
                      .label = label,
                      .epoch = epoch,
                      .index = index,
                      .rank = index % SUPPORT_SAMPLES,
                      .seed = seed,
                      .scratch = &scratch,
                      .work = work};
  void *slot = calloc(1, ss_slot_bytes(&task->task));
  assert_non_null(slot);
  ss_error error = {{0}};
  if (task->task.method->views(&task->task, &sample, slot, &error) != SS_OK) {
    fail_msg("%s: %s", task->task.method->name, error.message);
  }
  ss_scratch_free(&scratch);
  for (int i = 0; i < SS_WORK_IMAGES; i++) {
    ss_image_free(&work[i]);
  }
  return slot;
}

support_run support_run_loss(const support_task *task, int batch) {
  support_run run = {.parameters = ss_parameters_new(1)};
  run.graph = ss_graph_new(run.parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_build *build = &run.build;
  *build = (ss_build){.task = &task->task, .graph = run.graph, .batch = batch};
  for (int i = 0; i < task->task.input_count; i++) {
    const ss_method_input *input = &task->task.inputs[i];
    ss_shape shape = {.rank = input->shape.rank + 1, .dims = {(int64_t)input->views * batch}};
    memcpy(shape.dims + 1, input->shape.dims, sizeof(int64_t) * (size_t)input->shape.rank);
    build->inputs[i] = ss_graph_input(run.graph, input->name, input->dtype, shape);
  }
  task->task.method->loss(build);
  ss_graph_backward(run.graph, build->losses[0], "");
  ss_tensor **kept[] = {&build->losses[0],  &build->score,      &build->chance,
                        &build->prediction, &build->embeddings, &build->carried};
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    *kept[i] = *kept[i] ? ss_graph_keep(run.graph, *kept[i]) : NULL;
  }
  for (int i = 0; i < build->report_count; i++) {
    build->reports[i].value = ss_graph_keep(run.graph, build->reports[i].value);
  }
  ss_error error = {{0}};
  if (ss_graph_status(run.graph, &error) != SS_OK ||
      ss_plan_new(run.graph, &(ss_plan_options){.threads = 1}, &run.plan, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  for (int s = 0; s < batch; s++) {
    ss_image picture = support_picture(40, 50, (uint64_t)s);
    void *slot = support_views(task, &picture, 1, 0, (uint32_t)s, labels[s % SUPPORT_SAMPLES]);
    for (int i = 0; i < task->task.input_count; i++) {
      const size_t bytes = ss_view_bytes(&task->task.inputs[i]);
      for (int v = 0; v < task->task.inputs[i].views; v++) {
        char *to = ss_plan_data(run.plan, build->inputs[i]);
        if (to) { /* an input that the graph uses */
          memcpy(to + (size_t)(v * batch + s) * bytes, ss_view_slot(&task->task, slot, i, v), bytes);
        }
      }
    }
    free(slot);
    ss_image_free(&picture);
  }
  if (ss_plan_run(run.plan, 0, &error) != SS_OK || ss_parameters_settle(run.parameters, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return run;
}

float support_scalar(const support_run *run, const ss_tensor *tensor) {
  assert_non_null(tensor);
  return *(const float *)ss_plan_data(run->plan, tensor);
}

const float *support_gradient(const support_run *run, const char *parameter) {
  for (size_t i = 0; i < ss_graph_gradient_count(run->graph); i++) {
    if (strcmp(ss_graph_gradient_parameter(run->graph, i)->name, parameter) == 0) {
      return ss_plan_data(run->plan, ss_graph_gradient_tensor(run->graph, i));
    }
  }
  fail_msg("no gradient of %s", parameter);
  return NULL;
}

void support_run_free(support_run *run) {
  ss_plan_free(run->plan);
  ss_graph_free(run->graph);
  ss_parameters_free(run->parameters);
}

int64_t support_view_count(const support_task *task, int input) {
  return ss_shape_count(task->task.inputs[input].shape);
}
