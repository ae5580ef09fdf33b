/* Folders: what is a sample, a class and a part; subsets. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[256];

static int set_up(void **state) {
  (void)state;
  make_temporary(folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  remove_temporary(folder);
  return 0;
}

static void class_folders(void **state) {
  (void)state;
  put_picture(folder, "dog/b.ppm", 1);
  put_picture(folder, "dog/a.PPM", 2);
  put_picture(folder, "cat/deep/er/x.ppm", 3);
  put_picture(folder, "cat/.hidden.ppm", 4);
  put_picture(folder, ".git/x.ppm", 5);
  put_picture(folder, "Zebra/1.ppm", 6);
  put_file(folder, "cat/notes.txt", "text", 4);
  put_file(folder, "cat/text.png", "text", 4);
  put_file(folder, "empty/readme.md", "text", 4);
  put_picture(folder, "loose.ppm", 7);
  ss_source *source = open_source(folder);
  assert_string_equal(ss_source_kind_name(source), "folder");
  assert_int_equal(ss_source_class_count(source), 3);
  assert_string_equal(ss_source_class_name(source, 0), "Zebra");
  assert_string_equal(ss_source_class_name(source, 1), "cat");
  assert_string_equal(ss_source_class_name(source, 2), "dog");
  assert_null(ss_source_class_name(source, 3));
  const char *const names[] = {"Zebra/1.ppm", "cat/deep/er/x.ppm", "cat/text.png",
                               "dog/a.PPM",   "dog/b.ppm",         "loose.ppm"};
  const int labels[] = {0, 1, 1, 2, 2, -1};
  assert_int_equal(ss_source_count(source), 6);
  for (uint32_t i = 0; i < 6; i++) {
    assert_string_equal(ss_source_name(source, i), names[i]);
    assert_int_equal(ss_source_label(source, i), labels[i]);
    assert_int_equal(ss_source_part(source, i), SS_PART_TRAIN);
  }
  assert_int_equal(first_value(source, 3), 2);

  ss_decoder *decoder = NULL;
  ss_image image = {0};
  ss_error error = {0};
  assert_int_equal(ss_decoder_create(&decoder, NULL), SS_OK);
  assert_int_equal(ss_source_read(source, 2, decoder, NULL, &image, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "cat/text.png: not a picture"));
  const ss_decode_options grey = {.channels = 1};
  assert_int_equal(ss_source_read(source, 0, decoder, &grey, &image, &error), SS_OK);
  assert_int_equal(image.channels, 1);
  assert_int_equal(image.pixels[0], 6);
  ss_image_free(&image);
  ss_decoder_free(decoder);
  ss_source_close(source);
}

static void links_are_followed_but_not_in_circles(void **state) {
  (void)state;
  char path[512], target[512];
  put_picture(folder, "real/x.ppm", 1);
  put_picture(folder, "data/cat/y.ppm", 2);
  snprintf(path, sizeof path, "%s/data/dog", folder);
  snprintf(target, sizeof target, "%s/real", folder);
  assert_int_equal(symlink(target, path), 0);
  snprintf(path, sizeof path, "%s/data/cat/loop", folder);
  assert_int_equal(symlink("..", path), 0);
  snprintf(path, sizeof path, "%s/data/cat/gone.png", folder);
  assert_int_equal(symlink("nowhere", path), 0);
  snprintf(path, sizeof path, "%s/data/", folder);
  ss_source *source = open_source(path);
  assert_int_equal(ss_source_class_count(source), 2);
  assert_int_equal(ss_source_count(source), 3);
  assert_string_equal(ss_source_name(source, 0), "cat/gone.png");
  assert_string_equal(ss_source_name(source, 2), "dog/x.ppm");
  ss_source_close(source);
}

static void parts_are_found(void **state) {
  (void)state;
  put_picture(folder, "a/train/cat/1.ppm", 1);
  put_picture(folder, "a/train/dog/1.ppm", 2);
  put_picture(folder, "a/val/dog/1.ppm", 3);
  put_picture(folder, "a/val/cat/1.ppm", 4);
  put_picture(folder, "b/train/x.ppm", 5);
  put_picture(folder, "b/ship/x.ppm", 6);
  put_picture(folder, "c/test/cat/x.ppm", 7);
  char path[512];
  snprintf(path, sizeof path, "%s/a", folder);
  ss_source *source = open_source(path);
  assert_int_equal(ss_source_count(source), 4);
  assert_int_equal(ss_source_class_count(source), 2);
  assert_int_equal(ss_source_part(source, 1), SS_PART_TRAIN);
  assert_int_equal(ss_source_part(source, 2), SS_PART_TEST);
  assert_string_equal(ss_source_name(source, 2), "val/cat/1.ppm");
  assert_int_equal(ss_source_label(source, 2), 0);
  ss_subset train, test;
  bool split = true;
  assert_int_equal(ss_subset_for_probe(source, &train, &test, &split, NULL), SS_OK);
  assert_false(split);
  assert_int_equal(train.count, 2);
  assert_int_equal(test.count, 2);
  ss_subset_free(&train);
  ss_subset_free(&test);
  ss_source_close(source);

  snprintf(path, sizeof path, "%s/b", folder); /* "train" is a class here */
  source = open_source(path);
  assert_int_equal(ss_source_class_count(source), 2);
  assert_false(ss_source_has_part(source, SS_PART_TEST));
  ss_source_close(source);

  snprintf(path, sizeof path, "%s/c", folder);
  source = open_source(path);
  assert_false(ss_source_has_part(source, SS_PART_TRAIN));
  ss_error error = {0};
  assert_int_equal(ss_subset_for_pretext(source, false, 0, &train, &test, &split, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "only a test part"));
  ss_source_close(source);
}

static void many_classes(int classes, int files) {
  for (int c = 0; c < classes; c++) {
    for (int f = 0; f < files; f++) {
      char name[64];
      snprintf(name, sizeof name, "class%d/%03d.ppm", c, f);
      put_picture(folder, name, (uint8_t)(c * 40 + f));
    }
  }
}

static void without_test_part_every_tenth_is_one(void **state) {
  (void)state;
  many_classes(3, 60);
  put_picture(folder, "small/1.ppm", 1);
  put_picture(folder, "small/2.ppm", 2);
  put_picture(folder, "loose.ppm", 3);
  ss_source *source = open_source(folder);
  ss_subset train, test, again_train, again_test;
  bool split = false;
  assert_int_equal(ss_subset_for_probe(source, &train, &test, &split, NULL), SS_OK);
  assert_true(split);
  assert_int_equal(train.count + test.count, 182); /* the loose one has no label */
  assert_true(test.count >= 8 && test.count <= 34);
  int of_small = 0;
  bool in_test[183] = {false};
  for (uint32_t i = 0; i < test.count; i++) {
    in_test[test.samples[i]] = true;
    of_small += strcmp(ss_source_class_name(source, ss_source_label(source, test.samples[i])), "small") == 0;
  }
  assert_int_equal(of_small, 1);
  for (uint32_t i = 0; i < train.count; i++) {
    assert_false(in_test[train.samples[i]]);
  }
  assert_int_equal(ss_subset_for_probe(source, &again_train, &again_test, &split, NULL), SS_OK);
  assert_int_equal(again_test.count, test.count);
  assert_memory_equal(again_test.samples, test.samples, test.count * sizeof *test.samples);
  ss_subset_free(&train);
  ss_subset_free(&test);
  ss_subset_free(&again_train);
  ss_subset_free(&again_test);
  ss_source_close(source);
}

static void limit_takes_classes_in_turn(void **state) {
  (void)state;
  many_classes(3, 4);
  put_picture(folder, "class1/9.ppm", 1);
  put_picture(folder, "few/1.ppm", 1);
  ss_source *source = open_source(folder);
  ss_subset all;
  assert_int_equal(ss_subset_everything(source, &all, NULL), SS_OK);
  assert_int_equal(all.count, 14);
  assert_int_equal(ss_subset_limit(source, &all, 13, NULL), SS_OK);
  assert_int_equal(all.count, 13);
  const char *const expected[] = {"class0/000.ppm", "class1/000.ppm", "class2/000.ppm", "few/1.ppm",
                                  "class0/001.ppm", "class1/001.ppm", "class2/001.ppm", "class0/002.ppm",
                                  "class1/002.ppm", "class2/002.ppm", "class0/003.ppm", "class1/003.ppm",
                                  "class2/003.ppm"};
  for (uint32_t i = 0; i < 13; i++) {
    assert_string_equal(ss_source_name(source, all.samples[i]), expected[i]);
  }
  ss_subset_free(&all);
  ss_source_close(source);
}

static void pretext_holds_out_one_per_cent(void **state) {
  (void)state;
  many_classes(4, 75);
  ss_source *source = open_source(folder);
  ss_subset train, held, limited;
  bool held_out = false;
  assert_int_equal(ss_subset_for_pretext(source, false, 0, &train, &held, &held_out, NULL), SS_OK);
  assert_true(held_out);
  assert_int_equal(train.count, 297);
  assert_int_equal(held.count, 3);
  for (uint32_t i = 0; i < train.count; i++) {
    for (uint32_t k = 0; k < held.count; k++) {
      assert_int_not_equal(train.samples[i], held.samples[k]);
    }
  }
  ss_subset_free(&train);
  ss_subset_free(&held);

  assert_int_equal(ss_subset_for_pretext(source, false, 200, &train, &held, &held_out, NULL), SS_OK);
  assert_int_equal(train.count, 200); /* the held ones come from the other hundred */
  assert_int_equal(held.count, 2);
  assert_int_equal(ss_subset_everything(source, &limited, NULL), SS_OK);
  assert_int_equal(ss_subset_limit(source, &limited, 200, NULL), SS_OK);
  assert_memory_equal(limited.samples, train.samples, 200 * sizeof *train.samples);
  for (uint32_t i = 0; i < train.count; i++) {
    assert_true(train.samples[i] != held.samples[0] && train.samples[i] != held.samples[1]);
  }
  ss_subset_free(&train);
  ss_subset_free(&held);
  ss_subset_free(&limited);
  ss_source_close(source);
}

static void two_sources_share_their_classes(void **state) {
  (void)state;
  put_picture(folder, "train-set/ant/1.ppm", 1);
  put_picture(folder, "train-set/bee/1.ppm", 1);
  put_picture(folder, "train-set/cow/1.ppm", 1);
  put_picture(folder, "test-set/bee/1.ppm", 1);
  put_picture(folder, "test-set/cow/1.ppm", 1);
  put_picture(folder, "wrong/yak/1.ppm", 1);
  char path[512];
  snprintf(path, sizeof path, "%s/train-set", folder);
  ss_source *one = open_source(path);
  snprintf(path, sizeof path, "%s/test-set", folder);
  ss_source *two = open_source(path);
  ss_subset train, test;
  ss_error error = {0};
  assert_int_equal(ss_subset_for_probe_of_two(one, two, &train, &test, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "\"ant\" has no test images"));
  assert_null(train.samples);
  ss_source_close(two);

  put_picture(folder, "test-set/ant/1.ppm", 1);
  two = open_source(path);
  assert_int_equal(ss_subset_for_probe_of_two(one, two, &train, &test, &error), SS_OK);
  assert_int_equal(train.count, 3);
  assert_int_equal(test.count, 3);
  for (uint32_t i = 0; i < 3; i++) {
    const char *class_name = ss_source_class_name(two, ss_source_label(two, test.samples[i]));
    assert_int_equal(strncmp(ss_source_name(two, test.samples[i]), class_name, 3), 0);
    assert_string_equal(class_name, ss_source_class_name(one, ss_source_label(two, test.samples[i])));
  }
  ss_subset_free(&train);
  ss_subset_free(&test);
  ss_source_close(two);

  snprintf(path, sizeof path, "%s/wrong", folder);
  two = open_source(path);
  assert_int_equal(ss_subset_for_probe_of_two(one, two, &train, &test, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "\"yak\""));
  ss_source_close(two);
  ss_source_close(one);
}

static void a_class_of_one_cannot_be_split(void **state) {
  (void)state;
  put_picture(folder, "ant/1.ppm", 1);
  put_picture(folder, "bee/1.ppm", 1);
  put_picture(folder, "bee/2.ppm", 1);
  ss_source *source = open_source(folder);
  ss_subset train, test;
  bool split = false;
  ss_error error = {0};
  assert_int_equal(ss_subset_for_probe(source, &train, &test, &split, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "\"ant\" has no test images"));
  ss_source_close(source);
}

static void says_what_is_missing(void **state) {
  (void)state;
  char path[512];
  expect_failure(folder, "the folder is empty", folder);
  snprintf(path, sizeof path, "%s/none", folder);
  expect_failure(path, "no such folder", path);
  put_file(folder, "inner/readme.txt", "text", 4);
  expect_failure(folder, "no pictures in", folder);
  snprintf(path, sizeof path, "%s/inner/readme.txt", folder);
  expect_failure(path, "not a data set", path);
  expect_failure("", "DATA is empty", "");
  put_picture(folder, "inner/x.ppm", 1);
  snprintf(path, sizeof path, "%s/inner", folder);
  ss_source *source = open_source(path);
  ss_subset train, test;
  bool split = false;
  ss_error error = {0};
  assert_int_equal(ss_source_class_count(source), 0);
  assert_int_equal(ss_subset_for_probe(source, &train, &test, &split, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "no labelled training pictures"));
  ss_source_close(source);
}

/* Told by its bytes, whatever its name; labels and parts it has none. */
static void one_picture(void **state) {
  (void)state;
  char path[512];
  put_picture(folder, "inner/photo", 9);
  snprintf(path, sizeof path, "%s/inner/photo", folder);
  ss_source *source = open_source(path);
  assert_string_equal(ss_source_kind_name(source), "picture");
  assert_int_equal(ss_source_count(source), 1);
  assert_string_equal(ss_source_name(source, 0), "photo");
  assert_int_equal(ss_source_label(source, 0), -1);
  assert_int_equal(ss_source_class_count(source), 0);
  assert_int_equal(first_value(source, 0), 9);
  ss_source_close(source);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_FOLDER(class_folders),
      IN_FOLDER(links_are_followed_but_not_in_circles),
      IN_FOLDER(parts_are_found),
      IN_FOLDER(without_test_part_every_tenth_is_one),
      IN_FOLDER(limit_takes_classes_in_turn),
      IN_FOLDER(pretext_holds_out_one_per_cent),
      IN_FOLDER(two_sources_share_their_classes),
      IN_FOLDER(a_class_of_one_cannot_be_split),
      IN_FOLDER(one_picture),
      IN_FOLDER(says_what_is_missing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
