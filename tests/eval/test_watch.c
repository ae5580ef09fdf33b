/* k-NN while pretraining: the same figure as k-NN afterwards, and nothing where there is nothing to measure. */
#include "support.h"

#include "eval/knn.h"
#include "eval/watch.h"

#include <string.h>

static const ss_feature_options plain = {.threads = 1, .layer = SS_LAST_LAYER};

static void measures_as_knn_does(void **unused) {
  (void)unused;
  char folder[256];
  support_make_folder(folder);
  support_pictures(folder, "train/cat", 12, 16, 16);
  support_pictures(folder, "train/dog", 12, 16, 16);
  support_pictures(folder, "test/cat", 9, 16, 16);
  support_pictures(folder, "test/dog", 6, 16, 16);
  ss_source *source = support_open(folder);
  ss_model *model = support_model("random:resnet18?width=4&size=16");
  ss_subset train = {0}, test = {0};
  bool split_made = true;
  ss_features a = {0}, b = {0};
  double expected = -1.0, measured = -2.0;
  const ss_knn_options how = SS_KNN_DEFAULTS;
  ss_watch *watch = NULL;
  ss_error error = {""};
  support_ok(ss_subset_for_probe(source, &train, &test, &split_made, &error), &error);
  support_ok(ss_features_extract(model, source, &train, &plain, &a, &error), &error);
  support_ok(ss_features_extract(model, source, &test, &plain, &b, &error), &error);
  support_ok(ss_knn(&a, &b, 2, &how, &expected, &error), &error);
  support_ok(ss_watch_open(folder, NULL, &plain, &watch, &error), &error);
  assert_non_null(watch);
  support_ok(ss_watch_measure(watch, model->parameters, &model->backbone, &measured, &error), &error);
  assert_true(measured == expected);

  ss_backbone_options other = model->backbone; /* of another width than the parameters */
  other.width = 8;
  assert_int_equal(ss_watch_measure(watch, model->parameters, &other, &measured, &error), SS_FAILED);
  ss_watch_close(watch);
  ss_features_free(&a);
  ss_features_free(&b);
  ss_subset_free(&train);
  ss_subset_free(&test);
  ss_model_free(model);
  ss_source_close(source);
  support_remove_folder(folder);
}

static void is_absent_without_labels_or_test_pictures(void **unused) {
  (void)unused;
  char loose[256], lopsided[256];
  ss_watch *watch = NULL;
  ss_error error = {""};
  support_make_folder(loose);
  support_pictures(loose, ".", 4, 16, 16);
  support_ok(ss_watch_open(loose, NULL, &plain, &watch, &error), &error);
  assert_null(watch);
  support_remove_folder(loose);

  support_make_folder(lopsided);
  support_pictures(lopsided, "train/cat", 4, 16, 16);
  support_pictures(lopsided, "train/dog", 4, 16, 16);
  support_pictures(lopsided, "test/cat", 2, 16, 16);
  support_ok(ss_watch_open(lopsided, NULL, &plain, &watch, &error), &error);
  assert_null(watch);
  support_remove_folder(lopsided);
  assert_int_equal(ss_watch_open(lopsided, NULL, &plain, &watch, &error), SS_FAILED); /* gone */
  assert_null(watch);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(measures_as_knn_does),
                                     cmocka_unit_test(is_absent_without_labels_or_test_pictures)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
