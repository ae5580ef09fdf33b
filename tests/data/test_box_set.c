/* Pictures with boxes: a VOC devkit in both of its forms, the world, and what is refused. */
#include "support.h"

#include "data/box_set.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An annotation of an 8 x 6 picture with one object. */
static void put_annotation(const char *root, const char *id, const char *class_name, int difficult) {
  char name[128], xml[512];
  snprintf(name, sizeof name, "VOCdevkit/VOC2007/Annotations/%s.xml", id);
  const int length = snprintf(xml, sizeof xml,
                              "<annotation><size><width>8</width><height>6</height></size><object><name>%s</name>"
                              "<difficult>%d</difficult><bndbox><xmin>3</xmin><ymin>1</ymin><xmax>8</xmax>"
                              "<ymax>3</ymax></bndbox></object></annotation>",
                              class_name, difficult);
  put_file(root, name, xml, (size_t)length);
}

static void put_list(const char *root, const char *name, const char *ids) {
  char path[128];
  snprintf(path, sizeof path, "VOCdevkit/VOC2007/ImageSets/Main/%s.txt", name);
  put_file(root, path, ids, strlen(ids));
}

/* Pictures 1 and 2 for training, 3 and 4 for testing. */
static void put_devkit(const char *root) {
  for (int i = 1; i <= 4; i++) {
    char name[128];
    snprintf(name, sizeof name, "VOCdevkit/VOC2007/JPEGImages/%06d.jpg", i);
    put_picture(root, name, (uint8_t)(10 * i));
  }
  put_annotation(root, "000001", "dog", 0);
  put_annotation(root, "000002", "cat", 0);
  put_annotation(root, "000003", "cat", 1);
  put_annotation(root, "000004", "dog", 0);
  put_list(root, "train", "000001\n");
  put_list(root, "val", "000002\n");
  put_list(root, "trainval", "000001\n000002\n");
  put_list(root, "test", "000003\n000004\n");
}

static ss_box_set *open_set(const char *data) {
  ss_box_set *set = NULL;
  ss_error error = {""};
  if (ss_box_set_open(data, &set, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return set;
}

static void expect_parts(const ss_box_set *set, uint32_t train_count, uint32_t test_count) {
  ss_subset train, test;
  ss_error error = {""};
  assert_int_equal(ss_box_set_parts(set, &train, &test, &error), SS_OK);
  assert_int_equal(train.count, train_count);
  assert_int_equal(test.count, test_count);
  ss_subset_free(&train);
  ss_subset_free(&test);
}

static void reads_a_devkit(void **unused) {
  (void)unused;
  char root[256];
  make_temporary(root);
  put_devkit(root);
  ss_box_set *set = open_set(root);
  expect_parts(set, 2, 2);
  assert_int_equal(ss_box_set_class_count(set), 2);
  assert_string_equal(ss_box_set_class_name(set, 0), "cat");
  assert_string_equal(ss_box_set_class_name(set, 1), "dog");
  static const int labels[4] = {1, 0, 0, 1};
  for (uint32_t sample = 0; sample < 4; sample++) {
    size_t count = 0;
    const ss_labelled_box *box = ss_box_set_boxes(set, sample, &count);
    assert_int_equal(count, 1);
    assert_int_equal(box->label, labels[sample]);
    assert_int_equal(box->difficult, sample == 2);
    assert_float_equal(box->box.left, 2.0 / 8, 1e-6);
    assert_float_equal(box->box.top, 0.0, 1e-6);
    assert_float_equal(box->box.right, 1.0, 1e-6);
    assert_float_equal(box->box.bottom, 0.5, 1e-6);
    assert_int_equal(first_value(ss_box_set_source(set), sample), 10 * (sample + 1));
  }
  ss_box_set_close(set);
  remove_temporary(root);
}

/* 2012's test list has no annotations: train and val are the parts. */
static void takes_val_where_test_is_not_annotated(void **unused) {
  (void)unused;
  char root[256];
  make_temporary(root);
  put_devkit(root);
  put_list(root, "test", "999999\n");
  ss_box_set *set = open_set(root);
  expect_parts(set, 1, 1);
  ss_box_set_close(set);
  remove_temporary(root);
}

static void expect_refusal(const char *root, const char *text) {
  ss_box_set *set = NULL;
  ss_error error = {""};
  assert_int_equal(ss_box_set_open(root, &set, &error), SS_FAILED);
  assert_null(set);
  if (!strstr(error.message, text)) {
    fail_msg("says: %s", error.message);
  }
}

static void refuses_what_is_incomplete(void **unused) {
  (void)unused;
  char root[256];
  make_temporary(root);
  expect_refusal(root, "no boxes in");
  put_devkit(root);
  put_list(root, "trainval", "000001\n000002\n000005\n");
  expect_refusal(root, "line 3: there is no picture");
  put_picture(root, "VOCdevkit/VOC2007/JPEGImages/000005.jpg", 1);
  expect_refusal(root, "000005.xml");
  put_file(root, "VOCdevkit/VOC2007/Annotations/000005.xml", "<annotation>", 12);
  expect_refusal(root, "000005.xml: line 1");
  put_file(root, "VOCdevkit/VOC2007/ImageSets/Main/trainval.txt", "../000001\n", 10);
  expect_refusal(root, "trainval.txt");
  remove_temporary(root);
}

/* A mask's bounds are the box. */
static void reads_the_world(void **unused) {
  (void)unused;
  char cache[256];
  make_temporary(cache);
  setenv("XDG_CACHE_HOME", cache, 1);
  ss_box_set *set = open_set("world:images?n=24&size=32&seed=3");
  expect_parts(set, 24, 12);
  assert_int_equal(ss_box_set_class_count(set), 12);
  const ss_source *source = ss_box_set_source(set);
  for (uint32_t sample = 0; sample < ss_source_count(source); sample++) {
    size_t count = 0;
    const ss_labelled_box *box = ss_box_set_boxes(set, sample, &count);
    assert_int_equal(count, 1);
    assert_string_equal(ss_box_set_class_name(set, box->label),
                        ss_source_class_name(source, ss_source_label(source, sample)));
    assert_true(box->box.left >= 0.0f && box->box.right <= 1.0f && ss_bounding_box_area(&box->box) > 0.01);
  }
  ss_box_set_close(set);
  unsetenv("XDG_CACHE_HOME");
  remove_temporary(cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(reads_a_devkit),
                                     cmocka_unit_test(takes_val_where_test_is_not_annotated),
                                     cmocka_unit_test(refuses_what_is_incomplete), cmocka_unit_test(reads_the_world)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
