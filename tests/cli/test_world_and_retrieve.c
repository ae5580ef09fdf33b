/* The commands world and retrieve: exit statuses, messages and what they write. */
#include "support.h"

#include "base/file.h"
#include "data/decode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETWORK "'random:resnet18?width=4&size=16'"

static bool exists(const char *name) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", support_folder, name);
  return ss_file_exists(path);
}

/* A PNG of that name that decodes; its size. */
static void expect_picture(const char *name, int *width, int *height) {
  char path[600], *bytes = NULL;
  size_t size = 0;
  ss_image image = {0};
  snprintf(path, sizeof path, "%s/%s", support_folder, name);
  assert_int_equal(ss_file_read(path, 10000000, &bytes, &size, NULL), SS_OK);
  assert_int_equal(ss_image_format_of((const uint8_t *)bytes, size), SS_FORMAT_PNG);
  assert_int_equal(ss_decode_image((const uint8_t *)bytes, size, NULL, &image, NULL), SS_OK);
  *width = image.width;
  *height = image.height;
  free(bytes);
  ss_image_free(&image);
}

static int set_up(void **state) {
  if (support_set_up(state) != 0) {
    return -1;
  }
  support_expect("world images world -n 60 --size 16 --seed 2 --threads 1 --sheet world.png --json", 0, "done: world");
  cJSON *json = support_last_line();
  assert_true(support_number(json, "train") == 60 && support_number(json, "test") == 12 &&
              support_number(json, "classes") == 12);
  assert_true(support_number(json, "width") == 16 && support_number(json, "height") == 16 &&
              support_number(json, "seed") == 2);
  cJSON_Delete(json);
  return 0;
}

static void test_world_writes_its_pictures(void **state) {
  (void)state;
  int width = 0, height = 0;
  assert_true(exists("world/train/sphere/000009.png") && exists("world/test/cube/000004.png"));
  assert_false(exists("world/train/sphere/000010.png"));
  expect_picture("world/train/sphere/000009.png", &width, &height);
  assert_true(width == 16 && height == 16);
  expect_picture("world.png", &width, &height);
  assert_true(width == 9 + 8 * 105 && height == 9 + 3 * 105);
}

static void test_world_writes_wide_jpeg_files(void **state) {
  (void)state;
  char path[600], *bytes = NULL;
  size_t size = 0;
  ss_image image = {0};
  support_expect("world images wide -n 12 --size 48x32 --format jpeg --quality 80", 0, "of 48 x 32 pixels");
  snprintf(path, sizeof path, "%s/wide/train/sphere/000009.jpg", support_folder);
  assert_int_equal(ss_file_read(path, 10000000, &bytes, &size, NULL), SS_OK);
  assert_int_equal(ss_image_format_of((const uint8_t *)bytes, size), SS_FORMAT_JPEG);
  assert_int_equal(ss_decode_image((const uint8_t *)bytes, size, NULL, &image, NULL), SS_OK);
  assert_true(image.width == 48 && image.height == 32);
  free(bytes);
  ss_image_free(&image);
}

static void test_world_refuses_wrong_words(void **state) {
  (void)state;
  support_expect("world", 2, "usage: selfsup world images OUT");
  support_expect("world clips out", 2, "unknown world: clips");
  support_expect("world images out -n 11", 2, "--count");
  support_expect("world images out --size 8", 2, "--size");
  support_expect("world images out --size 64x8", 2, "--size");
  support_expect("world images out --format gif", 2, "--format");
  support_expect("world images out --quality 80", 2, "--format jpeg");
  support_expect("world images out --format jpeg --quality 101", 2, "--quality");
  support_expect("world images out --seed -1", 2, "--seed");
  support_expect("world images out --sise 8", 2, "did you mean --size");
  assert_false(exists("out"));
  support_expect("world images world", 1, "world is not empty");
}

static void test_recall_of_the_test_part(void **state) {
  (void)state;
  int width = 0, height = 0;
  support_expect("retrieve " NETWORK " world --threads 1 --sheet sheet.png --json", 0, "12 queries among 60 pictures");
  cJSON *json = support_last_line();
  assert_true(support_number(json, "queries") == 12 && support_number(json, "gallery") == 60);
  const cJSON *recall = NULL;
  assert_int_equal(ss_json_get_object(json, "the last line", "recall", &recall, NULL), SS_OK);
  const double at[] = {support_number(recall, "1"), support_number(recall, "5"), support_number(recall, "10"),
                       support_number(recall, "20")};
  for (int i = 0; i < 4; i++) {
    assert_true(at[i] >= (i > 0 ? at[i - 1] : 0.0) && at[i] <= 100.0);
    assert_true(fabs(at[i] * 12 / 100 - round(at[i] * 12 / 100)) < 1e-9); /* of twelve queries */
  }
  assert_true(at[3] > 0.0);
  cJSON_Delete(json);
  expect_picture("sheet.png", &width, &height);
  assert_true(width == 9 + 105 + 24 + 9 + 8 * 105 && height == 9 + 8 * 105);
}

static void test_a_picture_finds_itself(void **state) {
  (void)state;
  int width = 0, height = 0;
  support_expect("retrieve " NETWORK
                 " world --query world/train/star/000034.png -k 3 --threads 1 --sheet one.png --json",
                 0, "000034.png\n   1.000  train/star/000034.png");
  cJSON *json = support_last_line();
  assert_false(ss_json_has(json, "recall"));
  const cJSON *found = cJSON_GetObjectItem(json, "found");
  assert_int_equal(cJSON_GetArraySize(found), 1);
  const cJSON *neighbours = cJSON_GetObjectItem(cJSON_GetArrayItem(found, 0), "neighbours");
  assert_int_equal(cJSON_GetArraySize(neighbours), 3);
  assert_true(support_number(cJSON_GetArrayItem(neighbours, 0), "cosine") > 0.9999);
  assert_true(support_number(cJSON_GetArrayItem(neighbours, 1), "cosine") <
              support_number(cJSON_GetArrayItem(neighbours, 0), "cosine"));
  cJSON_Delete(json);
  expect_picture("one.png", &width, &height);
  assert_true(width == 9 + 105 + 24 + 9 + 3 * 105 && height == 9 + 105);
}

/* Loose pictures: one in a hundred, at least one, is looked for; there is no recall. */
static void test_without_labels(void **state) {
  (void)state;
  support_expect("retrieve " NETWORK " world/train/cube --threads 1 --json", 0, "no labels");
  cJSON *json = support_last_line();
  assert_true(support_number(json, "queries") + support_number(json, "gallery") == 5 &&
              support_number(json, "queries") >= 1);
  assert_true(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "recall"), "1")));
  cJSON_Delete(json);
}

static void test_retrieve_refuses_wrong_words(void **state) {
  (void)state;
  support_expect("retrieve " NETWORK, 2, "usage: selfsup retrieve RUN DATA");
  support_expect("retrieve " NETWORK " world --query world --test world", 2, "--query and --test");
  support_expect("retrieve " NETWORK " world -k 0", 2, "--k");
  support_expect("retrieve " NETWORK " world --shet x.png", 2, "did you mean --sheet");
  support_expect("retrieve " NETWORK " nowhere", 1, "no such folder: nowhere");
  support_expect("retrieve nowhere world", 1, "nowhere");
  support_expect("retrieve " NETWORK " world --query world.txt", 1, "world.txt");
  support_expect("retrieve " NETWORK " world --threads 1 --sheet no/folder/sheet.png", 1, "no/folder/sheet.png");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_world_writes_its_pictures),    cmocka_unit_test(test_world_writes_wide_jpeg_files),
      cmocka_unit_test(test_world_refuses_wrong_words),    cmocka_unit_test(test_recall_of_the_test_part),
      cmocka_unit_test(test_a_picture_finds_itself),       cmocka_unit_test(test_without_labels),
      cmocka_unit_test(test_retrieve_refuses_wrong_words),
  };
  return cmocka_run_group_tests(tests, set_up, support_tear_down);
}
