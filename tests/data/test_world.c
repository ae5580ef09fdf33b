/* world:images: rendered once, kept in the cache, read as a folder. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static uint64_t inode_of(const ss_source *source, uint32_t sample) {
  char path[1024];
  struct stat status;
  snprintf(path, sizeof path, "%s/selfsup/world/v1/images-n40-size16-seed3/%s", folder, ss_source_name(source, sample));
  assert_int_equal(stat(path, &status), 0);
  return status.st_ino;
}

static void renders_once(void **state) {
  (void)state;
  ss_source *source = open_source("world:images?n=40&size=16&seed=3");
  assert_string_equal(ss_source_kind_name(source), "world");
  assert_true(ss_source_class_count(source) >= 10);
  assert_true(ss_source_has_part(source, SS_PART_TEST));
  uint32_t train = 0;
  for (uint32_t i = 0; i < ss_source_count(source); i++) {
    train += ss_source_part(source, i) == SS_PART_TRAIN;
    assert_true(ss_source_label(source, i) >= 0);
  }
  assert_int_equal(train, 40);
  ss_decoder *decoder = NULL;
  ss_image image = {0};
  assert_int_equal(ss_decoder_create(&decoder, NULL), SS_OK);
  assert_int_equal(ss_source_read(source, 0, decoder, NULL, &image, NULL), SS_OK);
  assert_int_equal(image.width, 16);
  assert_int_equal(image.height, 16);
  ss_image_free(&image);
  ss_decoder_free(decoder);
  const uint64_t before = inode_of(source, 0);
  ss_source_close(source);
  source = open_source("world:images?n=40&size=16&seed=3");
  assert_int_equal(inode_of(source, 0), before);
  ss_source_close(source);
}

static void renders_wide_pictures(void **state) {
  (void)state;
  ss_source *source = open_source("world:images?n=12&size=32x16&seed=3");
  ss_decoder *decoder = NULL;
  ss_image image = {0};
  assert_int_equal(ss_decoder_create(&decoder, NULL), SS_OK);
  assert_int_equal(ss_source_read(source, 0, decoder, NULL, &image, NULL), SS_OK);
  assert_true(image.width == 32 && image.height == 16);
  ss_image_free(&image);
  ss_decoder_free(decoder);
  ss_source_close(source);
}

static void refuses_what_it_does_not_know(void **state) {
  (void)state;
  expect_failure("world:dreams", "unknown world", "world:images");
  expect_failure("world:images?n=many", "n is many", "number");
  expect_failure("world:images?n", "n has no value", "");
  expect_failure("world:images?size=4", "size", "16");
  expect_failure("world:images?size=64x4", "size", "16");
  expect_failure("world:images?colour=1", "unknown option colour", "seed");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(renders_once, set_up, tear_down),
      cmocka_unit_test_setup_teardown(renders_wide_pictures, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_what_it_does_not_know, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
