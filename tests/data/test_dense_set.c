/* Maps of labels and depths from PNG files, and the layouts of pictures with a map each: VOC, folders, the world. */
#include "support.h"

#include "base/file.h"
#include "data/dense_set.h"
#include "data/voc.h"
#include "io/png.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[256];

static int set_up(void **state) {
  (void)state;
  make_temporary(folder);
  return setenv("XDG_CACHE_HOME", folder, 1);
}

static int tear_down(void **state) {
  (void)state;
  remove_temporary(folder);
  return 0;
}

/* ---- maps ---- */

static void expect_map(const char *name, ss_map_kind kind, int modulo, int factor) {
  char path[1024];
  ss_map map = {0};
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/maps/%s", SS_GOLDEN, name);
  if (ss_map_read(path, kind, &map, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  assert_true(map.width == 13 && map.height == 7);
  for (int i = 0; i < 13 * 7; i++) {
    assert_int_equal(map.values[i], (7 * (i % 13) + 13 * (i / 13)) % modulo * factor);
  }
  ss_map_free(&map);
}

static void maps_of_every_kind(void **state) {
  (void)state;
  expect_map("palette1.png", SS_MAP_LABELS, 2, 1);
  expect_map("palette2.png", SS_MAP_LABELS, 4, 1);
  expect_map("palette4.png", SS_MAP_LABELS, 16, 1);
  expect_map("palette8.png", SS_MAP_LABELS, 100, 1);
  expect_map("grey1.png", SS_MAP_LABELS, 2, 1);
  expect_map("grey8.png", SS_MAP_LABELS, 100, 1);
  expect_map("grey16.png", SS_MAP_DEPTH, 65536, 300);
}

static void refuse_map(const char *name, ss_map_kind kind, const char *text) {
  char path[1024];
  ss_map map = {0};
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/maps/%s", SS_GOLDEN, name);
  assert_int_equal(ss_map_read(path, kind, &map, &error), SS_FAILED);
  assert_non_null(strstr(error.message, name));
  assert_non_null(strstr(error.message, text));
  ss_map_free(&map);
}

static void maps_of_another_kind_are_refused(void **state) {
  (void)state;
  refuse_map("rgb.png", SS_MAP_LABELS, "8 bits of colour");
  refuse_map("grey16.png", SS_MAP_LABELS, "16 bits");
  refuse_map("grey8.png", SS_MAP_DEPTH, "16-bit grey, and this one has 8 bits");
  refuse_map("palette8.png", SS_MAP_DEPTH, "8 bits of colour");
  refuse_map("missing.png", SS_MAP_LABELS, "cannot");
}

/* Cut anywhere, a file is refused: the pixels' checksum or their end is missing. */
static void cut_maps_are_refused(void **state) {
  (void)state;
  char path[1024], *bytes = NULL;
  size_t size = 0;
  ss_map map = {0};
  snprintf(path, sizeof path, "%s/maps/grey16.png", SS_GOLDEN);
  assert_int_equal(ss_file_read(path, 10000, &bytes, &size, NULL), SS_OK);
  assert_int_equal(ss_map_decode((const uint8_t *)bytes, size, SS_MAP_DEPTH, &map, NULL), SS_OK);
  for (size_t cut = 0; cut + 24 < size; cut++) { /* of the end mark, 12 bytes, and the checksum before it */
    ss_error error = {""};
    assert_int_equal(ss_map_decode((const uint8_t *)bytes, cut, SS_MAP_DEPTH, &map, &error), SS_FAILED);
    assert_true(error.message[0] != '\0');
  }
  ss_map_free(&map);
  free(bytes);
}

/* ---- layouts ---- */

/* A map of the size of put_picture's, 8 x 6, all `value`. */
static void put_map(const char *name, ss_map_kind kind, uint16_t value) {
  uint8_t labels[48], palette[256][3];
  uint16_t depths[48];
  char path[1024];
  put_file(folder, name, "", 0); /* makes the folders */
  snprintf(path, sizeof path, "%s/%s", folder, name);
  for (int i = 0; i < 48; i++) {
    labels[i] = (uint8_t)value;
    depths[i] = value;
  }
  ss_png_voc_palette(palette, 256);
  assert_int_equal(kind == SS_MAP_LABELS
                       ? ss_png_write_indexed(path, 8, 6, labels, (const uint8_t(*)[3])palette, 256, NULL)
                       : ss_png_write_gray16(path, 8, 6, depths, NULL),
                   SS_OK);
}

static void remove_file(const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_int_equal(unlink(path), 0);
}

static ss_dense_set *open_set(const char *inner, ss_map_kind kind) {
  char path[1024];
  ss_dense_set *set = NULL;
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/%s", folder, inner);
  if (ss_dense_set_open(path, kind, 0, &set, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return set;
}

static void refuse_set(const char *inner, ss_map_kind kind, const char *text, const char *other_text) {
  char path[1024];
  ss_dense_set *set = NULL;
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/%s", folder, inner);
  assert_int_equal(ss_dense_set_open(path, kind, 0, &set, &error), SS_FAILED);
  assert_null(set);
  if (!strstr(error.message, text) || !strstr(error.message, other_text)) {
    fail_msg("%s", error.message);
  }
}

/* Surveys all; the message of what is wrong, or "" */
static ss_error survey(ss_dense_set *set, uint64_t *values) {
  ss_subset train, test;
  bool split_made = false;
  ss_error error = {""};
  uint64_t *tested = calloc(SS_MAP_VALUES, sizeof *tested);
  assert_non_null(tested);
  assert_int_equal(ss_dense_set_parts(set, &train, &test, &split_made, NULL), SS_OK);
  const ss_status status = ss_dense_set_survey(set, &train, &test, 2, values, tested, &error);
  assert_true((status == SS_OK) == (error.message[0] == '\0'));
  ss_subset_free(&train);
  ss_subset_free(&test);
  free(tested);
  return error;
}

static void expect_parts(const ss_dense_set *set, uint32_t train_count, uint32_t test_count, bool split) {
  ss_subset train, test;
  bool split_made = !split;
  assert_int_equal(ss_dense_set_parts(set, &train, &test, &split_made, NULL), SS_OK);
  assert_int_equal(train.count, train_count);
  assert_int_equal(test.count, test_count);
  assert_true(split_made == split);
  ss_subset_free(&train);
  ss_subset_free(&test);
}

#define VOC "devkit/VOC2012/"

static void make_voc(void) {
  static const char *const names[] = {"2007_000032", "2007_000039", "2007_000063"};
  for (int i = 0; i < 3; i++) {
    char name[128];
    snprintf(name, sizeof name, VOC "JPEGImages/%s.jpg", names[i]);
    put_picture(folder, name, (uint8_t)(10 * i)); /* formats are told by their bytes */
    snprintf(name, sizeof name, VOC "SegmentationClass/%s.png", names[i]);
    put_map(name, SS_MAP_LABELS, i == 2 ? 255 : (uint16_t)(20 * i));
  }
  put_file(folder, VOC "ImageSets/Segmentation/train.txt", "2007_000039\r\n\n2007_000063  \n", 27);
  put_file(folder, VOC "ImageSets/Segmentation/val.txt", "2007_000032", 11);
}

static void voc_devkits(void **state) {
  (void)state;
  static uint64_t values[SS_MAP_VALUES];
  make_voc();
  static const char *const names[] = {"devkit", "devkit/VOC2012", "devkit/VOC2012/"};
  for (int i = 0; i < 3; i++) {
    ss_dense_set *set = open_set(names[i], SS_MAP_LABELS);
    expect_parts(set, 2, 1, false);
    assert_int_equal(ss_dense_set_class_count(set), 21);
    assert_string_equal(ss_dense_set_class_name(set, 20), "tvmonitor");
    assert_string_equal(ss_source_name(ss_dense_set_source(set), 0), "JPEGImages/2007_000039.jpg");
    assert_int_equal(first_value(ss_dense_set_source(set), 0), 10);
    assert_string_equal(survey(set, values).message, "");
    assert_true(values[20] == 48 && values[255] == 48 && values[0] == 0);
    ss_dense_set_close(set);
  }
  refuse_set("devkit", SS_MAP_DEPTH, "no depths in a VOC devkit", "devkit");
}

static void damaged_voc_devkits(void **state) {
  (void)state;
  static uint64_t values[SS_MAP_VALUES];
  make_voc();
  put_map(VOC "SegmentationClass/2007_000039.png", SS_MAP_LABELS, 21);
  ss_dense_set *set = open_set("devkit", SS_MAP_LABELS);
  const ss_error unknown = survey(set, values);
  assert_non_null(strstr(unknown.message, "2007_000039.png: unknown class 21 at column 0, row 0"));
  put_file(folder, VOC "SegmentationClass/2007_000039.png", "\x89PNG\r\n\x1a\n", 8);
  const ss_error cut = survey(set, values);
  assert_non_null(strstr(cut.message, "2007_000039.png: damaged PNG"));
  ss_dense_set_close(set);

  put_file(folder, VOC "ImageSets/Segmentation/val.txt", "2007_000032\n2007_000099\n", 24);
  refuse_set("devkit", SS_MAP_LABELS, "val.txt, line 2", "2007_000099.jpg");
  put_file(folder, VOC "ImageSets/Segmentation/val.txt", "../../2007_000032\n", 18);
  refuse_set("devkit", SS_MAP_LABELS, "val.txt, line 1", "not the name of a picture");
  put_file(folder, VOC "ImageSets/Segmentation/val.txt", "\n \n", 3);
  refuse_set("devkit", SS_MAP_LABELS, "no picture is named", "val.txt");
  put_file(folder, VOC "ImageSets/Segmentation/val.txt", "2007_000032\n", 12);
  remove_file(VOC "SegmentationClass/2007_000032.png");
  refuse_set("devkit", SS_MAP_LABELS, "no map for JPEGImages/2007_000032.jpg", "2007_000032.png is missing");
  remove_file(VOC "ImageSets/Segmentation/train.txt");
  refuse_set("devkit", SS_MAP_LABELS, "train.txt", "cannot");
}

static void folders_in_either_order(void **state) {
  (void)state;
  static uint64_t values[SS_MAP_VALUES];
  for (int layout = 0; layout < 2; layout++) {
    for (int i = 0; i < 5; i++) {
      char name[128];
      const char *part = i < 3 ? "train" : "val";
      snprintf(name, sizeof name, layout ? "b/images/%s/p%d.ppm" : "a/%s/images/p%d.ppm", part, i);
      put_picture(folder, name, (uint8_t)i);
      snprintf(name, sizeof name, layout ? "b/masks/%s/p%d.png" : "a/%s/masks/p%d.png", part, i);
      put_map(name, SS_MAP_LABELS, (uint16_t)i);
    }
    ss_dense_set *set = open_set(layout ? "b" : "a", SS_MAP_LABELS);
    expect_parts(set, 3, 2, false);
    assert_int_equal(ss_dense_set_class_count(set), 0); /* until the maps are read */
    assert_string_equal(survey(set, values).message, "");
    assert_int_equal(ss_dense_set_class_count(set), 5);
    assert_null(ss_dense_set_class_name(set, 0));
    ss_dense_set_close(set);
  }
  refuse_set("a", SS_MAP_DEPTH, "has no depth beside its images", "a");
  put_file(folder, "a/classes.txt", "ground\nbox\nball\ncone\n", 21);
  ss_dense_set *named = open_set("a", SS_MAP_LABELS);
  assert_string_equal(ss_dense_set_class_name(named, 3), "cone");
  assert_non_null(strstr(survey(named, values).message, "unknown class 4"));
  ss_dense_set_close(named);
}

static void one_folder_is_split(void **state) {
  (void)state;
  static uint64_t values[SS_MAP_VALUES];
  for (int i = 0; i < 30; i++) {
    char name[64];
    snprintf(name, sizeof name, "c/images/%02d.ppm", i);
    put_picture(folder, name, (uint8_t)i);
    snprintf(name, sizeof name, "c/depth/%02d.png", i);
    put_map(name, SS_MAP_DEPTH, (uint16_t)(1000 + i));
  }
  ss_dense_set *set = open_set("c", SS_MAP_DEPTH);
  ss_subset train, test;
  bool split_made = false;
  assert_int_equal(ss_dense_set_parts(set, &train, &test, &split_made, NULL), SS_OK);
  assert_true(split_made && train.count + test.count == 30 && test.count >= 1 && test.count <= 9);
  assert_string_equal(survey(set, values).message, "");
  assert_int_equal(values[1000 + train.samples[0]], 48);
  assert_int_equal(values[1000 + test.samples[0]], 0); /* not of the training part */
  ss_map map = {0};
  ss_error error = {""};
  assert_int_equal(ss_dense_set_read(set, 4, 8, 6, &map, &error), SS_OK);
  assert_int_equal(map.values[47], 1004);
  assert_int_equal(ss_dense_set_read(set, 4, 6, 8, &map, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "has 8 x 6 pixels, but its picture"));
  ss_map_free(&map);
  ss_subset_free(&train);
  ss_subset_free(&test);
  ss_dense_set_close(set);

  remove_file("c/depth/07.png");
  refuse_set("c", SS_MAP_DEPTH, "no map for images/07.ppm", "07.png is missing");
  remove_file("c/images/07.ppm");
  remove_file("c/images/09.ppm");
  refuse_set("c", SS_MAP_DEPTH, "no picture for the map", "09.png");
  put_picture(folder, "c/images/09.ppm", 9);
  put_picture(folder, "c/images/09.jpg", 9);
  refuse_set("c", SS_MAP_DEPTH, "two pictures named 09", "images");
}

/* The same truth by the address and from what was written, with the object's class on its pixels. */
static void the_world(void **state) {
  (void)state;
  static uint64_t values[SS_MAP_VALUES];
  ss_dense_set *set = NULL;
  ss_map map = {0};
  assert_int_equal(ss_dense_set_open("world:images?n=24&size=16&seed=3", SS_MAP_LABELS, 0, &set, NULL), SS_OK);
  expect_parts(set, 24, 12, false);
  assert_int_equal(ss_dense_set_class_count(set), 13);
  assert_string_equal(ss_dense_set_class_name(set, 0), "background");
  assert_string_equal(survey(set, values).message, "");
  const ss_source *source = ss_dense_set_source(set);
  for (uint32_t i = 0; i < ss_source_count(source); i++) {
    const int label = ss_source_label(source, i);
    int on = 0;
    assert_int_equal(ss_dense_set_read(set, i, 16, 16, &map, NULL), SS_OK);
    for (int k = 0; k < 256; k++) {
      assert_true(map.values[k] == 0 || map.values[k] == label + 1);
      on += map.values[k] != 0;
    }
    assert_true(on > 0);
    assert_string_equal(ss_dense_set_class_name(set, label + 1), ss_source_class_name(source, label));
  }
  ss_dense_set_close(set);
  set = open_set("selfsup/world/v1/images-n24-size16-seed3", SS_MAP_DEPTH);
  expect_parts(set, 24, 12, false);
  assert_string_equal(survey(set, values).message, "");
  assert_int_equal(ss_dense_set_read(set, 3, 16, 16, &map, NULL), SS_OK);
  ss_dense_set_close(set);
  ss_map_free(&map);
}

static void numbers_of_classes(void **state) {
  (void)state;
  ss_dense_set *set = NULL;
  ss_error error = {""};
  assert_int_equal(ss_dense_set_open("world:images?n=24&size=16&seed=3", SS_MAP_LABELS, 21, &set, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "has 13 classes, not 21"));
  assert_int_equal(ss_dense_set_open("world:images", SS_MAP_LABELS, 256, &set, &error), SS_USAGE);
  refuse_set("nowhere", SS_MAP_LABELS, "no pictures with a map each", "nowhere");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(maps_of_every_kind),   cmocka_unit_test(maps_of_another_kind_are_refused),
      cmocka_unit_test(cut_maps_are_refused), cmocka_unit_test(voc_devkits),
      cmocka_unit_test(damaged_voc_devkits),  cmocka_unit_test(folders_in_either_order),
      cmocka_unit_test(one_folder_is_split),  cmocka_unit_test(the_world),
      cmocka_unit_test(numbers_of_classes)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
