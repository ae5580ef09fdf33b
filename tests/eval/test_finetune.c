/* Fine-tuning from pictures on the disk to accuracies; the view it trains on; top-k accuracy. */
#include "support.h"

#include "augment/view.h"
#include "base/file.h"
#include "eval/classification_view.h"
#include "eval/finetune.h"
#include "eval/topk.h"
#include "io/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the protocol ---- */

typedef struct pictures {
  char folder[256];
  ss_source *source;
  ss_subset train, test;
  ss_finetune_data data;
  ss_ways *ways; /* the same kernels make the same bits */
} pictures;

/* Two classes that differ in shade and slope, 24 pictures each, some of them to test on. */
static void open_pictures(pictures *own) {
  support_make_folder(own->folder);
  support_pictures(own->folder, "cat", 24, 20, 18);
  support_pictures(own->folder, "dog", 24, 18, 20);
  own->source = support_open(own->folder);
  own->ways = ss_ways_new();
  assert_non_null(own->ways);
  bool split_made = false;
  ss_error error = {""};
  support_ok(ss_subset_for_probe(own->source, &own->train, &own->test, &split_made, &error), &error);
  assert_true(split_made && own->train.count >= 36);
  own->data = (ss_finetune_data){
      .source = own->source, .test_source = own->source, .train = &own->train, .test = &own->test, .classes = 2};
}

static void close_pictures(pictures *own) {
  ss_subset_free(&own->train);
  ss_subset_free(&own->test);
  ss_source_close(own->source);
  ss_ways_free(own->ways);
  support_remove_folder(own->folder);
}

/* What tell was told. */
typedef struct told {
  int calls;
  double rates[16], losses[16];
} told;

static void tell(void *context, const ss_finetune_epoch *epoch) {
  told *so_far = context;
  assert_int_equal(epoch->epoch, so_far->calls + 1);
  assert_true(so_far->calls < 16 && epoch->images_per_s > 0.0);
  so_far->rates[so_far->calls] = epoch->rate;
  so_far->losses[so_far->calls++] = epoch->loss;
}

static ss_finetune_options options_for(const pictures *own, told *so_far) {
  ss_finetune_options options = SS_FINETUNE_DEFAULTS;
  options.epochs = 12;
  options.batch = 8;
  options.rate = 0.05f;
  options.seed = 4;
  options.threads = 1;
  options.ways = own->ways;
  options.tell = tell;
  options.context = so_far;
  return options;
}

static void learns_and_repeats_itself(void **unused) {
  (void)unused;
  pictures own = {0};
  open_pictures(&own);
  ss_model *start = support_model("random:resnet18?width=4&size=16");
  ss_model *tuned[2] = {NULL, NULL};
  ss_finetune_result results[3];
  told so_far[3] = {{0}};
  ss_error error = {""};
  for (int i = 0; i < 3; i++) {
    ss_finetune_options options = options_for(&own, &so_far[i]);
    options.seed = i == 2 ? 5 : 4;
    support_ok(ss_finetune(start, &own.data, &options, &results[i], i < 2 ? &tuned[i] : NULL, &error), &error);
  }
  assert_int_equal(so_far[0].calls, 12);
  for (int e = 0; e < 12; e++) { /* a tenth after a third, and after two */
    assert_true(fabs(so_far[0].rates[e] - 0.05 * pow(0.1, e / 4)) < 1e-8);
    assert_true(so_far[0].losses[e] == so_far[1].losses[e]);
  }
  assert_true(results[0].loss == so_far[0].losses[11] && results[0].loss < 0.7 * so_far[0].losses[0]);
  assert_true(results[0].loss != results[2].loss);
  assert_true(results[0].top1 > 75.0 && results[0].top1 == results[1].top1 && results[0].top5 == 100.0);
  for (size_t i = 0; i < ss_parameters_count(tuned[0]->parameters); i++) {
    const ss_parameter *one = ss_parameters_at(tuned[0]->parameters, i);
    const ss_parameter *other = ss_parameters_find(tuned[1]->parameters, one->name);
    assert_memory_equal(one->value, other->value, (size_t)one->count * ss_dtype_size(one->dtype));
  }
  ss_model_free(tuned[0]);
  ss_model_free(tuned[1]);
  ss_model_free(start);
  close_pictures(&own);
}

/* Inputs other than RGB and pictures above 64 px; only the classifier is trained. */
static void tunes_whatever_the_input(void **unused) {
  (void)unused;
  static const char *const names[] = {"random:resnet18?width=8&size=16&input=lab&split=1",
                                      "random:resnet18?width=4&size=16&input=lightness&norm=layer",
                                      "random:alexnet?width=4&size=66&input=sobel"};
  pictures own = {0};
  open_pictures(&own);
  for (int i = 0; i < 3; i++) {
    ss_model *start = support_model(names[i]), *tuned = NULL;
    told so_far = {0};
    ss_finetune_options options = options_for(&own, &so_far);
    options.epochs = 1;
    options.frozen_layers = 5;
    ss_finetune_result result;
    ss_error error = {""};
    support_ok(ss_finetune(start, &own.data, &options, &result, &tuned, &error), &error);
    assert_true(isfinite(result.loss) && result.top1 >= 0.0 && result.top1 <= 100.0);
    for (size_t k = 0; k < ss_parameters_count(start->parameters); k++) {
      const ss_parameter *before = ss_parameters_at(start->parameters, k);
      const ss_parameter *after = ss_parameters_find(tuned->parameters, before->name);
      assert_memory_equal(before->value, after->value, (size_t)before->count * ss_dtype_size(before->dtype));
    }
    ss_model_free(tuned);
    ss_model_free(start);
  }
  close_pictures(&own);
}

/* The file has torchvision's names and the classes', and is a model again. */
static void writes_the_whole_classifier(void **unused) {
  (void)unused;
  static const char *const classes[] = {"cat", "a \"dog\""};
  pictures own = {0};
  open_pictures(&own);
  ss_model *start = support_model("random:resnet18?width=4&size=16"), *tuned = NULL, *again = NULL;
  told so_far = {0};
  ss_finetune_options options = options_for(&own, &so_far);
  options.epochs = 1;
  options.size = 24;
  ss_finetune_result result;
  ss_error error = {""};
  support_ok(ss_finetune(start, &own.data, &options, &result, &tuned, &error), &error);
  char path[300];
  snprintf(path, sizeof path, "%s/classifier.safetensors", own.folder);
  support_ok(ss_classifier_write(path, tuned, classes, 2, &error), &error);
  ss_safetensors *file = NULL;
  support_ok(ss_safetensors_open(&file, path, &error), &error);
  assert_int_equal(ss_safetensors_count(file), ss_parameters_count(tuned->parameters));
  assert_string_equal(ss_safetensors_metadata(file, "selfsup.classes"), "[\"cat\", \"a \\\"dog\\\"\"]");
  assert_string_equal(ss_safetensors_metadata(file, "selfsup.size"), "24");
  assert_string_equal(ss_safetensors_metadata(file, "selfsup.stem"), "small");
  float weight[2 * 32], bias[2];
  const int64_t dims[] = {2, 32};
  support_ok(ss_safetensors_read_exact(file, "fc.weight", SS_SAFETENSORS_F32, 2, dims, weight, &error), &error);
  support_ok(ss_safetensors_read_exact(file, "fc.bias", SS_SAFETENSORS_F32, 1, dims, bias, &error), &error);
  assert_memory_equal(weight, ss_parameters_find(tuned->parameters, "fc.weight")->value, sizeof weight);
  assert_memory_equal(bias, ss_parameters_find(tuned->parameters, "fc.bias")->value, sizeof bias);
  ss_safetensors_close(file);
  again = support_model(path);
  const ss_parameter *one = ss_parameters_find(again->parameters, "backbone.layer4.1.conv2.weight");
  const ss_parameter *other = ss_parameters_find(tuned->parameters, "backbone.layer4.1.conv2.weight");
  assert_memory_equal(one->value, other->value, (size_t)one->count * sizeof(float));
  ss_model_free(again);
  ss_model_free(tuned);
  ss_model_free(start);
  close_pictures(&own);
}

static void refuses_what_cannot_be(void **unused) {
  (void)unused;
  pictures own = {0};
  open_pictures(&own);
  ss_model *start = support_model("random:resnet18?width=4&size=16");
  told so_far = {0};
  ss_finetune_options options = options_for(&own, &so_far);
  ss_finetune_result result;
  ss_error error = {""};
  options.batch = 49;
  assert_int_equal(ss_finetune(start, &own.data, &options, &result, NULL, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "--batch"));
  options = options_for(&own, &so_far);
  own.data.classes = 1;
  assert_int_equal(ss_finetune(start, &own.data, &options, &result, NULL, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "two classes"));
  ss_model_free(start);
  close_pictures(&own);
}

/* ---- the view ---- */

static ss_image numbered(int width, int height) {
  ss_image image = {0};
  ss_error error = {""};
  support_ok(ss_image_resize_buffer(&image, width, height, 3, &error), &error);
  for (int i = 0; i < width * height * 3; i++) {
    image.pixels[i] = (uint8_t)(1 + i % 251); /* never black */
  }
  return image;
}

/* The pixel's first channel; 0 outside. */
static int pixel(const ss_image *image, int x, int y) {
  const bool inside = x >= 0 && y >= 0 && x < image->width && y < image->height;
  return inside ? image->pixels[3 * (y * image->width + x)] : 0;
}

static bool is_shifted(const ss_image *view, const ss_image *plain, int right, int down, bool flip) {
  for (int y = 0; y < view->height; y++) {
    for (int x = 0; x < view->width; x++) {
      if (pixel(view, x, y) != pixel(plain, (flip ? view->width - 1 - x : x) + right, y + down)) {
        return false;
      }
    }
  }
  return true;
}

/* Each of the nine shifts of an 8 px picture, mirrored and not, and nothing else. */
static void small_views_are_shifts(void **unused) {
  (void)unused;
  ss_image plain = numbered(8, 8), work = {0}, view = {0};
  ss_view_scratch scratch = {0};
  ss_error error = {""};
  int seen[18] = {0};
  for (uint32_t i = 0; i < 300; i++) {
    ss_random random = ss_random_stream(1, SS_RANDOM_VIEWS, 0, i, 0);
    support_ok(ss_classification_view(&plain, 8, &random, &scratch, &work, &view, &error), &error);
    assert_true(view.width == 8 && view.height == 8 && view.channels == 3);
    int found = 0;
    for (int k = 0; k < 18; k++) {
      if (is_shifted(&view, &plain, k % 3 - 1, k / 3 % 3 - 1, k >= 9)) {
        seen[k]++;
        found++;
      }
    }
    assert_int_equal(found, 1);
  }
  for (int k = 0; k < 18; k++) {
    assert_in_range(seen[k], 4, 40);
  }
  ss_scratch_free(&scratch);
  ss_image_free(&work);
  ss_image_free(&view);
  ss_image_free(&plain);
}

/* Above 64 px: the random resized crop of the same random numbers. */
static void large_views_are_crops(void **unused) {
  (void)unused;
  ss_image plain = numbered(90, 80), work = {0}, view = {0}, wanted = {0};
  ss_view_scratch scratch = {0};
  ss_error error = {""};
  const ss_view_options crop = ss_view_options_crop(72, 0.08f);
  for (uint32_t i = 0; i < 5; i++) {
    ss_random random = ss_random_stream(1, SS_RANDOM_VIEWS, 0, i, 0), same = random;
    support_ok(ss_classification_view(&plain, 72, &random, &scratch, &work, &view, &error), &error);
    support_ok(ss_view_random(&plain, &crop, &same, &scratch, &wanted, &error), &error);
    assert_true(view.width == 72 && view.height == 72);
    assert_memory_equal(view.pixels, wanted.pixels, (size_t)72 * 72 * 3);
  }
  ss_scratch_free(&scratch);
  ss_image_free(&work);
  ss_image_free(&view);
  ss_image_free(&wanted);
  ss_image_free(&plain);
}

/* ---- top-k ---- */

static void counts_ranks(void **unused) {
  (void)unused;
  const float logits[5][7] = {{3, 1, 2, 0, 0, 0, 0}, /* 0 is first, 3 fourth, 5 sixth */
                              {3, 1, 2, 0, 0, 0, 0},
                              {3, 1, 2, 0, 0, 0, 0},
                              {NAN, 1, 2, 3, 4, 5, 6},  /* a label without a number is last */
                              {NAN, 1, 2, 3, 4, 5, 6}}; /* and one is never behind it */
  const int32_t labels[] = {0, 3, 5, 0, 6};
  ss_topk topk = {0};
  ss_topk_add(&topk, logits[0], labels, 3, 7);
  assert_true(topk.count == 3 && topk.first == 1 && topk.five == 2);
  ss_topk_add(&topk, logits[3], labels + 3, 2, 7);
  assert_true(topk.count == 5 && topk.first == 1 && topk.five == 3);
  const int32_t none[] = {-1, 7};
  ss_topk_add(&topk, logits[0], none, 2, 7);
  assert_true(topk.count == 7 && topk.first == 1 && topk.five == 3);
  assert_true(fabs(ss_topk_top1(&topk) - 100.0 / 7.0) < 1e-12 && fabs(ss_topk_top5(&topk) - 300.0 / 7.0) < 1e-12);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(learns_and_repeats_itself),
                                     cmocka_unit_test(tunes_whatever_the_input),
                                     cmocka_unit_test(writes_the_whole_classifier),
                                     cmocka_unit_test(refuses_what_cannot_be),
                                     cmocka_unit_test(small_views_are_shifts),
                                     cmocka_unit_test(large_views_are_crops),
                                     cmocka_unit_test(counts_ranks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
