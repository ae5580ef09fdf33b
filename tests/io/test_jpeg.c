/* The JPEG writer: what comes back is close to what was written, and failures leave nothing. */
#include "base/file.h"
#include "io/jpeg.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ss_test_jpeg_XXXXXX";
static char path[128];

static int make_folder(void **state) {
  (void)state;
  if (!mkdtemp(folder)) {
    return -1;
  }
  snprintf(path, sizeof path, "%s/picture.jpg", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder); /* fails if a file, a temporary one included, was left in it */
}

/* A smooth picture with a round edge in it. */
static ss_image make_picture(int width, int height, int channels) {
  ss_image image = {0};
  assert_int_equal(ss_image_resize_buffer(&image, width, height, channels, NULL), SS_OK);
  uint8_t *to = image.pixels;
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      const bool inside = (x - width / 2) * (x - width / 2) + (y - height / 2) * (y - height / 2) < 200;
      for (int c = 0; c < channels; c++) {
        *to++ = (uint8_t)(inside ? 40 + 30 * c : 60 + 150 * (c == 1 ? x : y) / (width + height));
      }
    }
  }
  return image;
}

/* Of the file against the picture, in decibels; `subsampling` is turbojpeg's. */
static double fidelity(const ss_image *image, int *subsampling) {
  char *bytes = NULL;
  size_t size = 0;
  int width = 0, height = 0, colours = 0;
  assert_int_equal(ss_file_read(path, 1 << 24, &bytes, &size, NULL), SS_OK);
  tjhandle decoder = tjInitDecompress();
  assert_non_null(decoder);
  const unsigned char *file = (const unsigned char *)bytes;
  assert_int_equal(tjDecompressHeader3(decoder, file, size, &width, &height, subsampling, &colours), 0);
  assert_true(width == image->width && height == image->height);
  assert_int_equal(colours, image->channels == 3 ? TJCS_YCbCr : TJCS_GRAY);
  const size_t count = (size_t)width * (size_t)height * (size_t)image->channels;
  unsigned char *pixels = malloc(count);
  assert_non_null(pixels);
  const int format = image->channels == 3 ? TJPF_RGB : TJPF_GRAY;
  assert_int_equal(tjDecompress2(decoder, file, size, pixels, width, 0, height, format, TJFLAG_ACCURATEDCT), 0);
  double squares = 0.0;
  for (size_t i = 0; i < count; i++) {
    squares += pow((double)pixels[i] - (double)image->pixels[i], 2.0);
  }
  free(pixels);
  tjDestroy(decoder);
  free(bytes);
  return 10.0 * log10(255.0 * 255.0 * (double)count / (squares + 1e-9));
}

static void pictures_come_back(void **state) {
  (void)state;
  for (int channels = 1; channels <= 3; channels += 2) {
    ss_image image = make_picture(75, 51, channels);
    int subsampling = -1;
    assert_int_equal(ss_jpeg_write(path, &image, 30, NULL), SS_OK);
    const double poor = fidelity(&image, &subsampling);
    assert_int_equal(ss_jpeg_write(path, &image, 95, NULL), SS_OK);
    const double good = fidelity(&image, &subsampling);
    assert_int_equal(subsampling, channels == 3 ? TJSAMP_420 : TJSAMP_GRAY);
    assert_true(good > 34.0);
    assert_true(poor > 24.0 && good > poor + 3.0);
    assert_int_equal(unlink(path), 0);
    ss_image_free(&image);
  }
}

static void bytes_in_memory_are_those_of_the_file(void **state) {
  (void)state;
  ss_image image = make_picture(33, 21, 3);
  uint8_t *bytes = NULL;
  char *file = NULL;
  size_t size = 0, file_size = 0;
  assert_int_equal(ss_jpeg_encode(&image, 80, &bytes, &size, NULL), SS_OK);
  assert_int_equal(ss_jpeg_write(path, &image, 80, NULL), SS_OK);
  assert_int_equal(ss_file_read(path, 1 << 24, &file, &file_size, NULL), SS_OK);
  assert_int_equal(size, file_size);
  assert_memory_equal(bytes, file, size);
  assert_int_equal(unlink(path), 0);
  free(bytes);
  free(file);
  assert_int_equal(ss_jpeg_encode(&image, 0, &bytes, &size, NULL), SS_USAGE);
  assert_null(bytes);
  ss_image_free(&image);
}

static void what_cannot_be_written_is_an_error(void **state) {
  (void)state;
  ss_error error = {""};
  ss_image image = make_picture(16, 16, 3);
  assert_int_equal(ss_jpeg_write("/nowhere/at/all.jpg", &image, 90, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "/nowhere/at/all.jpg"));
  assert_int_equal(ss_jpeg_write(path, &image, 0, &error), SS_USAGE);
  assert_int_equal(ss_jpeg_write(path, &image, 101, &error), SS_USAGE);
  image.channels = 2;
  assert_int_equal(ss_jpeg_write(path, &image, 90, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "channels"));
  image.channels = 3;
  image.width = 0;
  assert_int_equal(ss_jpeg_write(path, &image, 90, &error), SS_FAILED);
  const ss_image empty = {0};
  assert_int_equal(ss_jpeg_write(path, &empty, 90, &error), SS_FAILED);
  assert_false(ss_file_exists(path));
  ss_image_free(&image);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pictures_come_back),
      cmocka_unit_test(bytes_in_memory_are_those_of_the_file),
      cmocka_unit_test(what_cannot_be_written_is_an_error),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
