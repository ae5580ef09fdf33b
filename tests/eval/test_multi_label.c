/* Multi-label classification: average precision counted by hand on a small devkit, and what a probe learns. */
#include "support.h"

#include "eval/multi_label.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A picture and its annotation: `objects` is a list of "name" and "name!" (difficult), by blanks. */
static void put(const char *root, int id, const char *objects) {
  char path[128], xml[1024], names[128];
  uint8_t ppm[11 + 8 * 6 * 3];
  memset(ppm, 90 + id, sizeof ppm);
  memcpy(ppm, "P6\n8 6\n255\n", 11);
  snprintf(path, sizeof path, "VOC2007/JPEGImages/%06d.jpg", id);
  support_file(root, path, ppm, sizeof ppm);
  int length = snprintf(xml, sizeof xml, "<annotation><size><width>8</width><height>6</height></size>");
  snprintf(names, sizeof names, "%s", objects);
  for (char *rest = NULL, *name = strtok_r(names, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
    const bool difficult = name[strlen(name) - 1] == '!';
    length += snprintf(xml + length, sizeof xml - (size_t)length,
                       "<object><name>%.*s</name><difficult>%d</difficult><bndbox><xmin>1</xmin><ymin>1</ymin>"
                       "<xmax>8</xmax><ymax>6</ymax></bndbox></object>",
                       (int)(strlen(name) - (difficult ? 1 : 0)), name, difficult);
  }
  length += snprintf(xml + length, sizeof xml - (size_t)length, "</annotation>");
  snprintf(path, sizeof path, "VOC2007/Annotations/%06d.xml", id);
  support_file(root, path, xml, (size_t)length);
}

static ss_box_set *open_devkit(const char *root, ss_subset *train, ss_subset *test) {
  put(root, 1, "cat dog");
  put(root, 2, "dog");
  put(root, 3, "cat");
  put(root, 4, "cat cat!");
  put(root, 5, "dog!");
  put(root, 6, "dog");
  put(root, 7, "cat dog");
  support_file(root, "VOC2007/ImageSets/Main/trainval.txt", "000001\n000002\n", 14);
  support_file(root, "VOC2007/ImageSets/Main/test.txt", "000003\n000004\n000005\n000006\n000007\n", 35);
  ss_box_set *set = NULL;
  ss_error error = {""};
  support_ok(ss_box_set_open(root, &set, &error), &error);
  support_ok(ss_box_set_parts(set, train, test, &error), &error);
  return set;
}

/* cat: pictures 3, 4 and 7 show it; ranked 3, 6, 4, 7, 5: precision 1, 2/3 and 3/4 at recall 1/3, 2/3 and 1, whose
 * envelope is 1, 3/4, 3/4. dog: 6 and 7 show it, of 5 it is not asked; ranked 5, 3, 6, 4, 7: without 5 that is 3, 6, 4,
 * 7: 1/2 and 2/4. */
static void counts_as_by_hand(void **unused) {
  (void)unused;
  char root[256];
  support_make_folder(root);
  ss_subset train, test;
  ss_box_set *set = open_devkit(root, &train, &test);
  static const float logits[5][2] = {{5, 4}, {3, 2}, {-1, 5}, {4, 3}, {2, 1}};
  ss_detection_score score;
  double per_class[2];
  ss_error error = {""};
  support_ok(ss_multi_label_score(set, &test, &logits[0][0], &score, per_class, &error), &error);
  assert_float_equal(per_class[0], 100.0 * (1 + 0.75 + 0.75) / 3, 1e-9);
  assert_float_equal(per_class[1], 50.0, 1e-9);
  const double cat = 100.0 * (4 * 1 + 7 * 0.75) / 11, dog = 50.0; /* recall 0 to 0.3, then 0.4 to 1 */
  assert_float_equal(score.voc07_ap50, (cat + dog) / 2, 1e-9);
  ss_subset_free(&train);
  ss_subset_free(&test);
  ss_box_set_close(set);
  support_remove_folder(root);
}

/* The probe of the last layer, trained on one subset and tested on another. */
static ss_detection_score probe(const ss_model *model, const ss_box_set *set, const ss_subset *train,
                                const ss_subset *test) {
  const ss_feature_options options = {.threads = 1, .layer = SS_LAST_LAYER, .max_bad = 0.01};
  const ss_probe_options how = {.threads = 1};
  const ss_source *source = ss_box_set_source(set);
  ss_features trained, tested;
  ss_detection_score score;
  ss_error error = {""};
  support_ok(ss_features_extract(model, source, train, &options, &trained, &error), &error);
  support_ok(ss_features_extract(model, source, test, &options, &tested, &error), &error);
  support_ok(ss_multi_label_probe(set, train, &trained, test, &tested, &how, &score, NULL, &error), &error);
  ss_features_free(&trained);
  ss_features_free(&tested);
  return score;
}

/* Features of many numbers tell few pictures apart: what was trained on is ranked without a mistake. */
static void a_probe_learns_its_pictures(void **unused) {
  (void)unused;
  char cache[256];
  support_make_folder(cache);
  setenv("XDG_CACHE_HOME", cache, 1);
  ss_box_set *set = NULL;
  ss_subset train, test;
  ss_error error = {""};
  support_ok(ss_box_set_open("world:images?n=24&size=16&seed=2", &set, &error), &error);
  support_ok(ss_box_set_parts(set, &train, &test, &error), &error);
  ss_model *model = support_model("random:resnet18?width=8&size=16");
  ss_detection_score score = probe(model, set, &train, &train);
  assert_float_equal(score.voc_ap50, 100.0, 1e-9);
  assert_float_equal(score.voc07_ap50, 100.0, 1e-9);
  score = probe(model, set, &train, &test);
  assert_true(score.voc_ap50 > 0.0 && score.voc_ap50 < 100.0);
  ss_model_free(model);
  ss_subset_free(&train);
  ss_subset_free(&test);
  ss_box_set_close(set);
  unsetenv("XDG_CACHE_HOME");
  support_remove_folder(cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(counts_as_by_hand),
                                     cmocka_unit_test(a_probe_learns_its_pictures)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
