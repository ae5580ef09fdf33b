/* Transformation: the copy is the picture where the parameters say; their ranges; the loss and its gradient worked out
 * apart. */
#include "support.h"

#include "augment/normalise.h"
#include "augment/warp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { draws = 4000, size = 32 };

/* The parameters of many samples, one after the other. */
static float *drawn(const support_task *task, int numbers) {
  float *all = malloc(sizeof(float) * (size_t)(draws * numbers));
  assert_non_null(all);
  ss_image picture = support_picture(size, size, 1);
  for (int i = 0; i < draws; i++) {
    void *slot = support_views(task, &picture, 1, (uint32_t)i, 0, -1);
    memcpy(all + i * numbers, ss_view_slot(&task->task, slot, 1, 0), sizeof(float) * (size_t)numbers);
    free(slot);
  }
  ss_image_free(&picture);
  return all;
}

/* Undoes scale and turn: what is left of each corner is within the shift. Scales and turns are spread evenly. */
static void projective_parameters_are_the_papers(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "transformation", size, 2, "");
  assert_int_equal(support_view_count(&task, 1), 8);
  float *all = drawn(&task, 8);
  int turns[4] = {0}, large = 0;
  double mean[8] = {0.0}, square = 0.0;
  for (int i = 0; i < draws; i++) {
    const float *p = all + 8 * i;
    const float first[2] = {p[0] - p[4], p[1] - p[5]}; /* the diagonal: direction and length */
    const int turn = first[0] < 0 ? (first[1] < 0 ? 0 : 3) : (first[1] < 0 ? 1 : 2);
    turns[turn]++;
    float reach = 0.0f;
    for (int k = 0; k < 4; k++) {
      static const float square_corners[4][2] = {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}};
      for (int c = 0; c < 2; c++) {
        reach += p[2 * k + c] * square_corners[(k + turn) % 4][c] / 8.0f;
      }
      for (int c = 0; c < 2; c++) {
        const float along = p[2 * k + c] * square_corners[(k + turn) % 4][c];
        assert_true(along >= 0.8f - 0.25f - 1e-5f && along <= 1.2f + 0.25f + 1e-5f);
        mean[2 * k + c] += p[2 * k + c] / draws;
        square += p[2 * k + c] * p[2 * k + c] / (8.0 * draws);
      }
    }
    large += reach > 1.0f;
  }
  assert_true(abs(large - draws / 2) < 4 * 32);
  for (int k = 0; k < 8; k++) {
    assert_true(k >= 4 || abs(turns[k] - draws / 4) < 4 * 28);
    assert_true(fabs(mean[k]) < 4.0 / sqrt(draws));
  }
  assert_true(fabs(square - (1.0 + 0.04 / 3.0 + 0.0625 / 3.0)) < 0.02); /* E s^2 + E d^2 */
  free(all);
  support_release(&task);
}

static void affine_parameters_are_the_papers(void **state) {
  (void)state;
  support_task task;
  support_configure(&task, "transformation", size, 2, "kind=affine");
  assert_int_equal(support_view_count(&task, 1), 6);
  float *all = drawn(&task, 6);
  int quarters[4] = {0}, above[4] = {0};
  float most[4] = {0};
  for (int i = 0; i < draws; i++) {
    const float *p = all + 6 * i;
    assert_true(fabsf(p[0] * p[0] + p[1] * p[1] - 1.0f) < 1e-5f);
    quarters[(p[0] > 0) + 2 * (p[1] > 0)]++;
    for (int k = 0; k < 4; k++) {
      assert_true(p[2 + k] >= -1.0f && p[2 + k] <= 1.0f);
      above[k] += p[2 + k] > 0;
      most[k] = fmaxf(most[k], fabsf(p[2 + k]));
    }
  }
  for (int k = 0; k < 4; k++) {
    assert_true(abs(quarters[k] - draws / 4) < 4 * 28 && abs(above[k] - draws / 2) < 4 * 32 && most[k] > 0.99f);
  }
  free(all);
  support_release(&task);
}

static void read_view(const support_task *task, void *slot, int view, ss_image *picture) {
  const float *values = ss_view_slot(&task->task, slot, 0, view);
  assert_int_equal(ss_image_from_float(values, size, size, 3, ss_imagenet_mean, ss_imagenet_deviation, picture, NULL),
                   SS_OK);
}

/* The homography worked out from the parameters once more, by the paper's formulas. */
static ss_homography expected_homography(const float *p, bool projective) {
  ss_homography h;
  if (projective) {
    double from[4][2] = {{0, 0}, {size, 0}, {size, size}, {0, size}}, to[4][2];
    for (int i = 0; i < 8; i++) {
      to[i / 2][i % 2] = 0.5 * size * (1.0 + (double)p[i]);
    }
    assert_true(ss_homography_from_points((const double(*)[2])from, (const double(*)[2])to, &h));
    return h;
  }
  const double angle = atan2((double)p[1], (double)p[0]), scale = 1.0 + 0.3 * (double)p[4];
  const double sheared = angle + (double)p[5] * 3.14159265358979 / 6.0, half = 0.5 * size;
  const double a = scale * cos(angle), b = -scale * sin(sheared), c = scale * sin(angle), d = scale * cos(sheared);
  h = (ss_homography){{a, b, half + 0.2 * size * (double)p[2] - (a + b) * half, c, d,
                       half + 0.2 * size * (double)p[3] - (c + d) * half, 0, 0, 1}};
  return h;
}

static void the_copy_is_the_picture_transformed(void **state) {
  (void)state;
  for (int variant = 0; variant < 4; variant++) {
    static const char *const pairs[] = {"", "kind=affine", "border=constant", "kind=affine border=constant"};
    support_task task;
    support_configure(&task, "transformation", size, 2, pairs[variant]);
    ss_image picture = support_picture(50, 40, 1), original = {0}, copy = {0}, expected = {0};
    for (uint32_t epoch = 0; epoch < 10; epoch++) {
      void *slot = support_views(&task, &picture, 1, epoch, 0, -1);
      read_view(&task, slot, 0, &original);
      read_view(&task, slot, 1, &copy);
      const ss_homography there = expected_homography(ss_view_slot(&task.task, slot, 1, 0), variant % 2 == 0);
      ss_homography back;
      assert_true(ss_homography_invert(&there, &back));
      assert_int_equal(ss_warp(&original, &back, size, size, variant < 2 ? SS_BORDER_REFLECT : SS_BORDER_CONSTANT,
                               (const uint8_t[]){128, 128, 128}, &expected, NULL),
                       SS_OK);
      int differ = 0;
      for (int i = 0; i < size * size * 3; i++) {
        assert_true(abs(copy.pixels[i] - expected.pixels[i]) <= 1);
        differ += copy.pixels[i] != original.pixels[i];
      }
      assert_true(differ > size);
      free(slot);
    }
    ss_image_free(&picture);
    ss_image_free(&original);
    ss_image_free(&copy);
    ss_image_free(&expected);
    support_release(&task);
  }
}

/* L = mean (estimate - target)^2, dL/d bias_k = 2 / (N K) sum_n (estimate - target); the chance is mean target^2. */
static void the_loss_is_the_mean_squared_error(void **state) {
  (void)state;
  enum { batch = 6 };
  for (int affine = 0; affine < 2; affine++) {
    support_task task;
    support_configure(&task, "transformation", size, batch, affine ? "kind=affine" : "");
    support_run run = support_run_loss(&task, batch);
    const int numbers = affine ? 6 : 8;
    const float *estimate = ss_plan_data(run.plan, run.build.prediction);
    const float *target = ss_plan_data(run.plan, run.build.inputs[1]);
    double loss = 0.0, chance = 0.0, bias[8] = {0.0};
    for (int i = 0; i < batch * numbers; i++) {
      const double error = (double)estimate[i] - (double)target[i];
      loss += error * error / (batch * numbers);
      chance += (double)target[i] * (double)target[i] / (batch * numbers);
      bias[i % numbers] += 2.0 * error / (batch * numbers);
    }
    assert_true(fabs((double)support_scalar(&run, run.build.losses[0]) - loss) < 1e-5);
    assert_true(fabs((double)support_scalar(&run, run.build.score) - loss) < 1e-5);
    assert_true(fabs((double)support_scalar(&run, run.build.chance) - chance) < 1e-5);
    const float *gradient = support_gradient(&run, "head.bias");
    for (int k = 0; k < numbers; k++) {
      assert_true(fabs((double)gradient[k] - bias[k]) < 1e-5);
    }
    const ss_parameter *weight = ss_parameters_find(run.parameters, "head.weight");
    assert_non_null(weight); /* reads both pictures' features */
    assert_true(ss_shape_equal(weight->shape, ss_shape_of(numbers, 2 * 32)));
    support_run_free(&run);
    support_release(&task);
  }
}

static void a_prediction_can_be_drawn(void **state) {
  (void)state;
  enum { batch = 3 };
  support_task task;
  support_configure(&task, "transformation", size, batch, "");
  support_run run = support_run_loss(&task, batch);
  ss_shown shown = {
      .inputs = {ss_plan_data(run.plan, run.build.inputs[0]), ss_plan_data(run.plan, run.build.inputs[1])},
      .batch = batch};
  shown.prediction = shown.inputs[1]; /* predicted rightly: brought back, it is the picture where it was seen */
  ss_image right = {0}, wrong = {0};
  assert_int_equal(task.task.method->picture(&task.task, &shown, &right, NULL), SS_OK);
  float nowhere[batch * 8] = {0}; /* all corners at one point: no transformation, and no third picture */
  shown.prediction = nowhere;
  assert_int_equal(task.task.method->picture(&task.task, &shown, &wrong, NULL), SS_OK);
  assert_true(right.width == wrong.width && right.height == wrong.height);
  assert_memory_not_equal(right.pixels, wrong.pixels, (size_t)right.width * (size_t)right.height * 3);
  ss_image_free(&right);
  ss_image_free(&wrong);
  support_run_free(&run);
  support_release(&task);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(projective_parameters_are_the_papers), cmocka_unit_test(affine_parameters_are_the_papers),
      cmocka_unit_test(the_copy_is_the_picture_transformed), cmocka_unit_test(the_loss_is_the_mean_squared_error),
      cmocka_unit_test(a_prediction_can_be_drawn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
