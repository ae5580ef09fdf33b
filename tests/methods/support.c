#include "support.h"

#include <math.h>
#include <stdlib.h>

void support_configure(support_task *out, const char *method, int size, int batch, const char *pairs) {
  *out = (support_task){0};
  ss_error error = {{0}};
  ss_task *task = &out->task;
  if (ss_method_find(method, &task->method, &error) != SS_OK ||
      ss_settings_new(task->method->options, NULL, &out->settings, &error) != SS_OK ||
      ss_settings_apply_defaults(out->settings, pairs, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  task->settings = out->settings;
  task->backbone = (ss_backbone_options){.arch = "resnet18", .width = 4, .size = size};
  task->size = size;
  task->batch = batch;
  task->classes = 5;
  task->seed = 3;
  task->steps = task->steps_per_epoch = 10;
  if (task->method->configure(task, &error) != SS_OK) {
    fail_msg("%s: %s", method, error.message);
  }
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

int64_t support_view_count(const support_task *task, int input) {
  return ss_shape_count(task->task.inputs[input].shape);
}
