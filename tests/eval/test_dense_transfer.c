/* Training a head for dense tasks on an easy set: bright squares on dark ground, which are also nearer. */
#include "support.h"

#include "base/random.h"
#include "engine/plan.h"
#include "eval/depth_task.h"
#include "eval/segmentation_task.h"
#include "io/png.h"
#include "methods/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { width = 24, height = 18, train_count = 24, test_count = 6 };

static char folder[256];
static uint64_t train_values[SS_MAP_VALUES], test_values[SS_MAP_VALUES];

static void name_file(char path[512], const char *part, const char *kind, int index) {
  snprintf(path, 512, "%s/%s/%s/%02d.png", folder, part, kind, index);
}

static void make_one(const char *part, int index) {
  ss_random random = ss_random_stream(5, SS_RANDOM_METHOD, part[0] == 't', (uint64_t)index, 0);
  ss_image picture = {0};
  uint8_t labels[width * height], palette[256][3];
  uint16_t depths[width * height];
  ss_error error = {""};
  support_ok(ss_image_resize_buffer(&picture, width, height, 3, &error), &error);
  const int left = (int)ss_random_below(&random, width - 9), top = (int)ss_random_below(&random, height - 9);
  for (int i = 0; i < width * height; i++) {
    const int x = i % width, y = i / width;
    const bool in = x >= left && x < left + 9 && y >= top && y < top + 9;
    for (int c = 0; c < 3; c++) {
      picture.pixels[3 * i + c] = (uint8_t)((in ? 190 : 40) + (int)ss_random_below(&random, 50));
    }
    const bool unknown = ss_random_below(&random, 20) == 0;
    labels[i] = unknown ? SS_MAP_VOID : in;
    depths[i] = unknown ? 0 : in ? 1000 : 4000;
  }
  char path[512];
  ss_png_voc_palette(palette, 256);
  name_file(path, part, "images", index);
  support_ok(ss_png_write(path, &picture, &error), &error);
  name_file(path, part, "masks", index);
  support_ok(ss_png_write_indexed(path, width, height, labels, (const uint8_t(*)[3])palette, 256, &error), &error);
  name_file(path, part, "depth", index);
  support_ok(ss_png_write_gray16(path, width, height, depths, &error), &error);
  ss_image_free(&picture);
}

static int set_up(void **state) {
  (void)state;
  static const char *const parts[] = {"train", "val"}, *const kinds[] = {"images", "masks", "depth"};
  support_make_folder(folder);
  for (int part = 0; part < 2; part++) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, parts[part]);
    assert_int_equal(mkdir(path, 0755), 0);
    for (int kind = 0; kind < 3; kind++) {
      snprintf(path, sizeof path, "%s/%s/%s", folder, parts[part], kinds[kind]);
      assert_int_equal(mkdir(path, 0755), 0);
    }
    for (int i = 0; i < (part ? test_count : train_count); i++) {
      make_one(parts[part], i);
    }
  }
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  support_remove_folder(folder);
  return 0;
}

/* The set, its parts and the counts of its values. */
typedef struct opened {
  ss_dense_set *set;
  ss_subset train, test;
  ss_model *model;
} opened;

static opened open_all(ss_map_kind kind) {
  opened all;
  bool split_made = true;
  ss_error error = {""};
  support_ok(ss_dense_set_open(folder, kind, 0, &all.set, &error), &error);
  support_ok(ss_dense_set_parts(all.set, &all.train, &all.test, &split_made, &error), &error);
  assert_true(!split_made && all.train.count == train_count && all.test.count == test_count);
  support_ok(ss_dense_set_survey(all.set, &all.train, &all.test, 1, train_values, test_values, &error), &error);
  all.model = support_model("random:resnet18?width=4&size=16");
  return all;
}

static void close_all(opened *all) {
  ss_model_free(all->model);
  ss_subset_free(&all->train);
  ss_subset_free(&all->test);
  ss_dense_set_close(all->set);
}

static ss_dense_options options_of(void) {
  return (ss_dense_options){
      .batch = 8, .epochs = 12, .threads = 1, .skips = 3, .rate = 0.03f, .min_scale = 0.5f, .seed = 3};
}

/* Of all parameters of the backbone. */
static uint64_t hash_backbone(const ss_model *model) {
  uint64_t hash = 1469598103934665603ull;
  for (size_t i = 0; i < ss_parameters_count(model->parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(model->parameters, i);
    if (strncmp(parameter->name, "backbone.", 9) == 0) {
      const unsigned char *bytes = parameter->value;
      for (size_t k = 0; k < (size_t)parameter->count * ss_dtype_size(parameter->dtype); k++) {
        hash = (hash ^ bytes[k]) * 1099511628211ull;
      }
    }
  }
  return hash;
}

static ss_segmentation_metrics segment(const opened *all, const ss_dense_options *options, ss_dense_result *result) {
  ss_error error = {""};
  double iou[2];
  ss_segmentation *segmentation = NULL;
  support_ok(ss_segmentation_new(train_values, ss_dense_set_class_count(all->set), &segmentation, &error), &error);
  const ss_dense_task task = ss_segmentation_task(segmentation);
  support_ok(ss_dense_transfer(all->model, all->set, &all->train, &all->test, &task, options, result, &error), &error);
  const ss_segmentation_metrics metrics = ss_segmentation_take(segmentation, iou);
  ss_segmentation_free(segmentation);
  return metrics;
}

static void test_segmentation_learns(void **state) {
  (void)state;
  opened all = open_all(SS_MAP_LABELS);
  ss_dense_options options = options_of();
  ss_dense_result result;
  ss_segmentation_metrics constant;
  ss_error error = {""};
  double iou[2];
  assert_int_equal(ss_dense_set_class_count(all.set), 2);
  support_ok(ss_segmentation_constant(train_values, test_values, 2, &constant, iou, &error), &error);
  const uint64_t before = hash_backbone(all.model);
  const ss_segmentation_metrics metrics = segment(&all, &options, &result);
  assert_true(result.loss < 0.6 * result.first_loss);
  assert_int_equal(result.steps, 12 * train_count / 8);
  assert_true(metrics.mean_iou > constant.mean_iou + 25.0);
  assert_true(hash_backbone(all.model) == before); /* the model is copied */
  close_all(&all);
}

static void test_same_seed_same_bits(void **state) {
  (void)state;
  opened all = open_all(SS_MAP_LABELS);
  ss_dense_options options = options_of();
  ss_dense_result results[3];
  ss_ways *ways = ss_ways_new(); /* the same kernels: others round otherwise */
  assert_non_null(ways);
  options.epochs = 2;
  options.ways = ways;
  const ss_segmentation_metrics first = segment(&all, &options, &results[0]);
  const ss_segmentation_metrics second = segment(&all, &options, &results[1]);
  assert_true(first.mean_iou == second.mean_iou && results[0].loss == results[1].loss);
  options.seed = 4;
  segment(&all, &options, &results[2]);
  assert_true(results[0].loss != results[2].loss);
  ss_ways_free(ways);
  close_all(&all);
}

/* A frozen backbone keeps every bit, running statistics too; a fine-tuned one does not. */
static void test_frozen_backbone(void **state) {
  (void)state;
  opened all = open_all(SS_MAP_LABELS);
  ss_dense_options options = options_of();
  ss_segmentation *segmentation = NULL;
  ss_dense_result result;
  ss_error error = {""};
  options.epochs = 1;
  support_ok(ss_segmentation_new(train_values, 2, &segmentation, &error), &error);
  const ss_dense_task task = ss_segmentation_task(segmentation);
  const uint64_t before = hash_backbone(all.model);
  support_ok(ss_dense_train(all.model, all.set, &all.train, &task, &options, &result, &error), &error);
  assert_true(hash_backbone(all.model) == before);
  options.finetune = true;
  support_ok(ss_dense_train(all.model, all.set, &all.train, &task, &options, &result, &error), &error);
  assert_true(hash_backbone(all.model) != before);
  ss_segmentation_free(segmentation);
  close_all(&all);
}

/* Equation 4 of Eigen, Puhrsch and Fergus, as it is written: for each picture, over its known pixels. */
static double naive_depth_loss(const float *outputs, const float *targets, const bool *known, int pictures,
                               int pixels) {
  double sum = 0.0;
  for (int i = 0; i < pictures; i++) {
    double squares = 0.0, differences = 0.0, n = 0.0;
    for (int k = i * pixels; k < (i + 1) * pixels; k++) {
      const double d = known[k] ? (double)outputs[k] - targets[k] : 0.0;
      squares += d * d;
      differences += d;
      n += known[k];
    }
    sum += squares / n - 0.5 / (n * n) * differences * differences;
  }
  return sum / pictures;
}

static void test_depth_loss(void **state) {
  (void)state;
  enum { pictures = 2, side = 3, pixels = side * side, all = pictures * pixels };
  float outputs[all], targets[all], weights[all];
  bool known[all];
  int counts[pictures] = {0};
  ss_error error = {""};
  ss_depth depth = {.middle = 1.0f};
  const ss_dense_task task = ss_depth_task(&depth);
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, 0, 0);
  for (int k = 0; k < all; k++) {
    outputs[k] = ss_random_normal(&random);
    targets[k] = ss_random_normal(&random);
    known[k] = k % 4 != 1;
    counts[k / pixels] += known[k];
  }
  for (int k = 0; k < all; k++) {
    weights[k] = known[k] ? 1.0f / (float)counts[k / pixels] : 0.0f;
  }
  ss_parameters *parameters = ss_parameters_new(0);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32});
  ss_plan *plan = NULL;
  ss_tensor *in[3];
  in[0] = ss_graph_input(graph, "outputs", SS_F32, ss_shape_of(pictures, side, side, 1));
  in[1] = ss_graph_input(graph, "targets", SS_F32, ss_shape_of(pictures, side, side));
  in[2] = ss_graph_input(graph, "weights", SS_F32, ss_shape_of(pictures, side, side));
  ss_tensor *loss = ss_graph_keep(graph, task.loss(task.context, graph, in[0], in[1], in[2]));
  support_ok(ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error), &error);
  memcpy(ss_plan_data(plan, in[0]), outputs, sizeof outputs);
  memcpy(ss_plan_data(plan, in[1]), targets, sizeof targets);
  memcpy(ss_plan_data(plan, in[2]), weights, sizeof weights);
  support_ok(ss_plan_run(plan, 0, &error), &error);
  assert_float_equal(*(const float *)ss_plan_data(plan, loss),
                     naive_depth_loss(outputs, targets, known, pictures, pixels), 1e-5);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void test_depth_learns(void **state) {
  (void)state;
  opened all = open_all(SS_MAP_DEPTH);
  ss_dense_options options = options_of();
  ss_dense_result result;
  ss_depth depth;
  ss_error error = {""};
  ss_image image = {0};
  support_ok(ss_depth_start(&depth, 1000.0, train_values, &error), &error);
  support_ok(ss_sheet_new(&image, 3, 2, 32, &error), &error);
  ss_dense_sheet sheet = {.image = &image, .tile = 32, .rows = 2, .column = 2};
  options.sheet = &sheet;
  options.min_scale = 1.0f;
  const ss_dense_task task = ss_depth_task(&depth);
  support_ok(ss_dense_transfer(all.model, all.set, &all.train, &all.test, &task, &options, &result, &error), &error);
  const ss_depth_metrics metrics = ss_depth_take(&depth), constant = ss_depth_constant(&depth, test_values);
  assert_true(result.loss < 0.6 * result.first_loss);
  assert_true(metrics.abs_rel < 0.7 * constant.abs_rel);
  assert_true(metrics.rmse_log < 0.7 * constant.rmse_log);
  assert_float_equal(constant.abs_rel,
                     3.0 * (double)test_values[1000] / (double)(test_values[1000] + test_values[4000]), 1e-6);
  /* The middles of the last row's truth and prediction are drawn, in the colours of depths. */
  const uint8_t *ground = image.pixels;
  int drawn = 0;
  for (int i = 0; i < image.width * image.height; i++) {
    drawn += memcmp(image.pixels + 3 * (size_t)i, ground, 3) != 0;
  }
  assert_true(drawn >= 2 * 3 * 24 * 18);
  ss_image_free(&image);
  ss_depth_free(&depth);
  close_all(&all);
}

/* A map twice as large as its picture is refused, with both names. */
static void test_sizes_must_agree(void **state) {
  (void)state;
  char path[512];
  uint8_t labels[4] = {0, 1, 1, 0}, palette[256][3];
  ss_error error = {""};
  ss_dense_result result;
  ss_segmentation *segmentation = NULL;
  opened all = open_all(SS_MAP_LABELS);
  ss_dense_options options = options_of();
  support_ok(ss_segmentation_new(train_values, 2, &segmentation, &error), &error);
  const ss_dense_task task = ss_segmentation_task(segmentation);
  ss_png_voc_palette(palette, 256);
  name_file(path, "train", "masks", 7);
  support_ok(ss_png_write_indexed(path, 2, 2, labels, (const uint8_t(*)[3])palette, 256, &error), &error);
  assert_int_equal(ss_dense_train(all.model, all.set, &all.train, &task, &options, &result, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "masks/07.png has 2 x 2 pixels, but its picture"));
  make_one("train", 7);
  ss_segmentation_free(segmentation);
  close_all(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_segmentation_learns), cmocka_unit_test(test_same_seed_same_bits),
      cmocka_unit_test(test_frozen_backbone),     cmocka_unit_test(test_depth_loss),
      cmocka_unit_test(test_depth_learns),        cmocka_unit_test(test_sizes_must_agree)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
