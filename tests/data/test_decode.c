/* Decoding against what PIL reads from the same files (golden/images, made by make_images.py). */
#include "data/decode.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER SS_GOLDEN "/images"

static uint8_t *read_file(const char *name, size_t *size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", FOLDER, name);
  FILE *file = fopen(path, "rb");
  if (!file) {
    fail_msg("cannot open %s", path);
  }
  uint8_t *bytes = malloc(1 << 20);
  assert_non_null(bytes);
  *size = fread(bytes, 1, 1 << 20, file);
  fclose(file);
  uint8_t *exact = malloc(*size ? *size : 1); /* of the exact size, so that the sanitizer sees a read behind it */
  assert_non_null(exact);
  memcpy(exact, bytes, *size);
  free(bytes);
  return exact;
}

static void compare(ss_decoder *decoder, const char *name, ss_image *image) {
  char expected_name[300];
  snprintf(expected_name, sizeof expected_name, "%s.rgb", name);
  size_t size = 0, expected_size = 0;
  uint8_t *bytes = read_file(name, &size);
  uint8_t *expected = read_file(expected_name, &expected_size);
  const int width = expected[0] | expected[1] << 8;
  const int height = expected[2] | expected[3] << 8;
  ss_error error = {0};
  if (ss_decoder_decode(decoder, bytes, size, NULL, image, &error) != SS_OK) {
    fail_msg("%s: %s", name, error.message);
  }
  if (image->width != width || image->height != height || image->channels != 3) {
    fail_msg("%s: %d x %d x %d, not %d x %d x 3", name, image->width, image->height, image->channels, width, height);
  }
  for (size_t i = 0; i < (size_t)width * (size_t)height * 3; i++) {
    if (image->pixels[i] != expected[4 + i]) {
      fail_msg("%s: value %zu is %d, not %d", name, i, image->pixels[i], expected[4 + i]);
    }
  }
  free(bytes);
  free(expected);
}

static void decodes_as_pil_does(void **state) {
  (void)state;
  ss_decoder *decoder = NULL;
  assert_int_equal(ss_decoder_create(&decoder, NULL), SS_OK);
  ss_image image = {0};
  int count = 0;
  DIR *folder = opendir(FOLDER);
  assert_non_null(folder);
  for (struct dirent *entry; (entry = readdir(folder));) {
    const size_t length = strlen(entry->d_name);
    if (entry->d_name[0] != '.' && strncmp(entry->d_name, "bad_", 4) != 0 &&
        strcmp(entry->d_name + length - 4, ".rgb") != 0) {
      compare(decoder, entry->d_name, &image);
      count++;
    }
  }
  closedir(folder);
  assert_true(count >= 40);
  ss_image_free(&image);
  ss_decoder_free(decoder);
}

static void grey_is_luma(void **state) {
  (void)state;
  size_t size = 0;
  uint8_t *bytes = read_file("rgb.png", &size);
  ss_image colour = {0}, grey = {0};
  const ss_decode_options options = {.channels = 1};
  assert_int_equal(ss_decode_image(bytes, size, NULL, &colour, NULL), SS_OK);
  assert_int_equal(ss_decode_image(bytes, size, &options, &grey, NULL), SS_OK);
  assert_int_equal(grey.channels, 1);
  assert_int_equal(grey.width, colour.width);
  for (int i = 0; i < grey.width * grey.height; i++) {
    const double luma =
        0.299 * colour.pixels[3 * i] + 0.587 * colour.pixels[3 * i + 1] + 0.114 * colour.pixels[3 * i + 2];
    assert_true(abs((int)(luma + 0.5) - grey.pixels[i]) <= 1);
  }
  free(bytes);
  bytes = read_file("exif6.jpg", &size);
  assert_int_equal(ss_decode_image(bytes, size, &options, &grey, NULL), SS_OK);
  assert_int_equal(grey.channels, 1);
  assert_int_equal(grey.width, colour.height);
  free(bytes);
  ss_image_free(&colour);
  ss_image_free(&grey);
}

static void jpeg_scale_is_the_smallest_sufficient(void **state) {
  (void)state;
  size_t size = 0;
  uint8_t *bytes = read_file("rgb444.jpg", &size); /* 27 x 19 */
  const struct {
    int asked, width, height;
  } cases[] = {{0, 27, 19}, {20, 27, 19}, {11, 27, 19}, {10, 14, 10}, {6, 14, 10}, {5, 7, 5}, {3, 4, 3}, {1, 4, 3}};
  ss_image image = {0};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const ss_decode_options options = {.smallest_side = cases[i].asked};
    assert_int_equal(ss_decode_image(bytes, size, &options, &image, NULL), SS_OK);
    assert_int_equal(image.width, cases[i].width);
    assert_int_equal(image.height, cases[i].height);
  }
  ss_image_free(&image);
  free(bytes);
}

static void says_what_is_wrong(void **state) {
  (void)state;
  const struct {
    const char *name, *message;
  } cases[] = {
      {"bad_text.png", "not a picture"},        {"bad_cut.jpg", "cut short"}, {"bad_rle.bmp", "without compression"},
      {"bad_huge.png", "60000 x 60000 pixels"}, {"bad_bits.pbm", "PBM"},      {"bad_animated.webp", "animated"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t size = 0;
    uint8_t *bytes = read_file(cases[i].name, &size);
    ss_image image = {0};
    ss_error error = {0};
    assert_int_equal(ss_decode_image(bytes, size, NULL, &image, &error), SS_FAILED);
    if (!strstr(error.message, cases[i].message)) {
      fail_msg("%s: \"%s\"", cases[i].name, error.message);
    }
    ss_image_free(&image);
    free(bytes);
  }
  ss_error error = {0};
  ss_image image = {0};
  assert_int_equal(ss_decode_image((const uint8_t *)"", 0, NULL, &image, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "empty"));
}

/* Cut anywhere, a file is refused, or decodes (when only its end mark is missing), and nothing is read behind it. */
static void cut_files_do_no_harm(void **state) {
  (void)state;
  static const char *const names[] = {"rgb420.jpg", "palette.png",  "exif6.png", "lossy.webp", "exif8.webp",
                                      "rgb.bmp",    "palette4.bmp", "raw.ppm",   "plain.pgm",  "cmyk.jpg"};
  ss_decoder *decoder = NULL;
  assert_int_equal(ss_decoder_create(&decoder, NULL), SS_OK);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    size_t size = 0;
    uint8_t *bytes = read_file(names[i], &size);
    ss_image image = {0};
    for (size_t cut = 0; cut < size; cut += cut < 200 ? 1 : 37) {
      uint8_t *part = malloc(cut ? cut : 1);
      assert_non_null(part);
      memcpy(part, bytes, cut);
      ss_error error = {0};
      const ss_status status = ss_decoder_decode(decoder, part, cut, NULL, &image, &error);
      if (cut < size / 2 && status == SS_OK) {
        fail_msg("%s cut to %zu of %zu bytes was taken for whole", names[i], cut, size);
      }
      assert_true(status == SS_OK || (status == SS_FAILED && error.message[0]));
      free(part);
    }
    ss_image_free(&image);
    free(bytes);
  }
  ss_decoder_free(decoder);
}

static void size_limit_holds(void **state) {
  (void)state;
  static const char *const names[] = {"rgb444.jpg", "rgb.png", "lossy.webp", "rgb.bmp", "raw.ppm"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    size_t size = 0;
    uint8_t *bytes = read_file(names[i], &size);
    ss_image image = {0};
    ss_decode_options options = {.max_pixels = 27 * 19 - 1};
    assert_int_equal(ss_decode_image(bytes, size, &options, &image, NULL), SS_FAILED);
    options.max_pixels++;
    assert_int_equal(ss_decode_image(bytes, size, &options, &image, NULL), SS_OK);
    ss_image_free(&image);
    free(bytes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decodes_as_pil_does),  cmocka_unit_test(grey_is_luma),
      cmocka_unit_test(says_what_is_wrong),   cmocka_unit_test(jpeg_scale_is_the_smallest_sufficient),
      cmocka_unit_test(cut_files_do_no_harm), cmocka_unit_test(size_limit_holds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
