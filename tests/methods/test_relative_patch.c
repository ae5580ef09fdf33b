/* Relative-patch: the label says where the neighbour lies, colours give nothing away, the loss is PyTorch's. */
#include "support_golden.h"
#include "support_places.h"

#include <math.h>
#include <stdlib.h>

static const char plain[] = "colour=keep subtract_mean=0 pixelate=0 min_scale=1";

static const float *patch_of(const support_task *task, void *slot, int view) {
  return ss_view_slot(&task->task, slot, 0, view);
}

static int position_of(const support_task *task, void *slot) {
  return *(int32_t *)ss_view_slot(&task->task, slot, 1, 0);
}

/* Offsets of the neighbour's corner from the centre patch's, row by row around it. */
static void check_geometry(const char *pairs, int patch, int pitch, int most) {
  static const int columns[8] = {-1, 0, 1, -1, 1, -1, 0, 1}, rows[8] = {-1, -1, -1, 0, 0, 1, 1, 1};
  support_task task;
  support_configure(&task, "relative-patch", 96, 2, pairs);
  ss_image picture = support_place_picture(96);
  assert_true(ss_shape_equal(task.task.inputs[0].shape, ss_shape_of(patch, patch, 3)));
  int counts[8] = {0}, farthest = 0;
  for (uint32_t n = 0; n < 800; n++) {
    void *slot = support_views(&task, &picture, 1, 0, n, -1);
    int left[2], top[2];
    bool mirrored[2];
    for (int v = 0; v < 2; v++) {
      support_place_of(patch_of(&task, slot, v), patch, 96, &left[v], &top[v], &mirrored[v]);
    }
    assert_int_equal(mirrored[0], mirrored[1]);
    const int position = position_of(&task, slot);
    assert_in_range(position, 0, 7);
    counts[position]++;
    const int x = left[1] - left[0] - pitch * columns[position], y = top[1] - top[0] - pitch * rows[position];
    assert_true(abs(x) <= most && abs(y) <= most);
    farthest = abs(x) > farthest ? abs(x) : farthest;
    free(slot);
  }
  assert_int_equal(farthest, most);
  for (int k = 0; k < 8; k++) {
    assert_in_range(counts[k], 65, 135); /* 100 +- 3.7 deviations */
  }
  ss_image_free(&picture);
  support_release(&task);
}

static void the_neighbour_lies_where_the_label_says(void **state) {
  (void)state;
  check_geometry(plain, 24, 34, 4); /* both are moved by up to 2 */
  check_geometry("colour=keep subtract_mean=0 pixelate=0 min_scale=1 gap=0 jitter=0", 24, 24, 0);
}

static void deviations(const float *patch, int pixels, double mean[3], double deviation[3]) {
  for (int c = 0; c < 3; c++) {
    double square = 0.0;
    mean[c] = 0.0;
    for (int i = 0; i < pixels; i++) {
      mean[c] += patch[3 * i + c] / (double)pixels;
      square += (double)patch[3 * i + c] * patch[3 * i + c] / pixels;
    }
    deviation[c] = sqrt(square - mean[c] * mean[c]);
  }
}

static void colours_are_dropped_projected_or_kept(void **state) {
  (void)state;
  static const char *const ways[] = {"", "colour=project", "colour=keep"};
  ss_image picture = support_picture(120, 100, 3);
  for (int way = 0; way < 3; way++) {
    support_task task;
    support_configure(&task, "relative-patch", 96, 2, ways[way]);
    void *slot = support_views(&task, &picture, 1, 0, 5, -1);
    for (int v = 0; v < 2; v++) {
      const float *patch = patch_of(&task, slot, v);
      double mean[3], deviation[3], along = 0.0;
      deviations(patch, 24 * 24, mean, deviation);
      int noise = 0;
      for (int c = 0; c < 3; c++) {
        assert_true(fabs(mean[c]) < 1e-3); /* the mean colour is gone */
        noise += deviation[c] < 0.02;
      }
      assert_int_equal(noise, way == 0 ? 2 : 0);
      for (int i = 0; i < 24 * 24; i++) {
        along = fmax(along, fabs(-patch[3 * i] + 2.0 * patch[3 * i + 1] - patch[3 * i + 2]));
      }
      assert_int_equal(along < 1e-4, way == 1);
    }
    free(slot);
    support_release(&task);
  }
  ss_image_free(&picture);
}

/* A patch of single pixels black and white, reduced and enlarged, has lost most of its contrast. */
static void some_patches_are_pixelated(void **state) {
  (void)state;
  ss_image picture = {0};
  assert_int_equal(ss_image_resize_buffer(&picture, 96, 96, 1, NULL), SS_OK);
  for (int i = 0; i < 96 * 96; i++) {
    picture.pixels[i] = (i % 96 + i / 96) % 2 ? 255 : 0;
  }
  support_task task;
  support_configure(&task, "relative-patch", 96, 2, "colour=keep min_scale=1");
  int soft = 0;
  for (uint32_t n = 0; n < 600; n++) {
    void *slot = support_views(&task, &picture, 1, 0, n, -1);
    double mean[3], deviation[3];
    deviations(patch_of(&task, slot, 0), 24 * 24, mean, deviation);
    soft += deviation[0] < 2.0;
    free(slot);
  }
  assert_in_range(soft, 140, 240); /* a third of them, less those that were enlarged from their own size: 187 */
  ss_image_free(&picture);
  support_release(&task);
}

static void loss_and_gradients_as_pytorch(void **state) {
  (void)state;
  ss_safetensors *golden = support_golden("patches");
  support_check_method(golden, "relative-patch", 48, "hidden=24", 2e-4);
  ss_safetensors_close(golden);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_neighbour_lies_where_the_label_says),
                                     cmocka_unit_test(colours_are_dropped_projected_or_kept),
                                     cmocka_unit_test(some_patches_are_pixelated),
                                     cmocka_unit_test(loss_and_gradients_as_pytorch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
