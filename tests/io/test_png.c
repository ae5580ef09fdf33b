#include "base/file.h"
#include "io/png.h"

#include <setjmp.h>
#include <spng.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ss_test_png_XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder); /* fails if a file, a temporary one included, was left in it */
}

static char *path_of(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

/* Decodes the file as `format` and returns its pixels. */
static void *decode(const char *path, int format, struct spng_ihdr *header, struct spng_plte *palette, size_t *size) {
  ss_error error;
  char *bytes;
  size_t length;
  assert_int_equal(ss_file_read(path, 1 << 24, &bytes, &length, &error), SS_OK);
  spng_ctx *context = spng_ctx_new(0);
  assert_non_null(context);
  assert_int_equal(spng_set_png_buffer(context, bytes, length), 0);
  assert_int_equal(spng_get_ihdr(context, header), 0);
  assert_int_equal(spng_decoded_image_size(context, format, size), 0);
  void *pixels = malloc(*size);
  assert_non_null(pixels);
  assert_int_equal(spng_decode_image(context, pixels, *size, format, 0), 0);
  if (palette) {
    assert_int_equal(spng_get_plte(context, palette), 0);
  }
  spng_ctx_free(context);
  free(bytes);
  return pixels;
}

static void rgb_and_grey_come_back(void **state) {
  (void)state;
  for (int channels = 1; channels <= 3; channels += 2) {
    ss_error error;
    ss_image image = {0};
    assert_int_equal(ss_image_resize_buffer(&image, 37, 23, channels, &error), SS_OK);
    const size_t count = (size_t)37 * 23 * (size_t)channels;
    for (size_t i = 0; i < count; i++) {
      image.pixels[i] = (uint8_t)(i * i * 31 + i / 7);
    }
    const char *path = path_of("picture.png");
    assert_int_equal(ss_png_write(path, &image, &error), SS_OK);
    struct spng_ihdr header;
    size_t size;
    uint8_t *pixels = decode(path, SPNG_FMT_PNG, &header, NULL, &size);
    assert_int_equal(header.width, 37);
    assert_int_equal(header.height, 23);
    assert_int_equal(header.bit_depth, 8);
    assert_int_equal(header.color_type, channels == 3 ? SPNG_COLOR_TYPE_TRUECOLOR : SPNG_COLOR_TYPE_GRAYSCALE);
    assert_int_equal(size, count);
    assert_memory_equal(pixels, image.pixels, count);
    free(pixels);

    uint8_t *encoded;
    size_t encoded_size, file_size;
    char *file;
    assert_int_equal(ss_png_encode(&image, &encoded, &encoded_size, &error), SS_OK);
    assert_int_equal(ss_file_read(path, 1 << 20, &file, &file_size, &error), SS_OK);
    assert_int_equal(encoded_size, file_size);
    assert_memory_equal(encoded, file, file_size);
    free(encoded);
    free(file);
    ss_image_free(&image);
    assert_int_equal(unlink(path), 0);
  }
}

static void indices_and_palette_come_back(void **state) {
  (void)state;
  enum { width = 19, height = 5, colours = 21 };
  uint8_t indices[width * height];
  uint8_t palette[colours][3];
  for (int i = 0; i < width * height; i++) {
    indices[i] = (uint8_t)(i % colours);
  }
  for (int i = 0; i < colours; i++) {
    palette[i][0] = (uint8_t)(i * 12);
    palette[i][1] = (uint8_t)(255 - i);
    palette[i][2] = (uint8_t)(i * i);
  }
  ss_error error;
  const char *path = path_of("labels.png");
  assert_int_equal(ss_png_write_indexed(path, width, height, indices, (const uint8_t(*)[3])palette, colours, &error),
                   SS_OK);
  struct spng_ihdr header;
  struct spng_plte read;
  size_t size;
  uint8_t *pixels = decode(path, SPNG_FMT_PNG, &header, &read, &size);
  assert_int_equal(header.color_type, SPNG_COLOR_TYPE_INDEXED);
  assert_int_equal(size, sizeof indices);
  assert_memory_equal(pixels, indices, sizeof indices);
  assert_int_equal(read.n_entries, colours);
  for (int i = 0; i < colours; i++) {
    assert_int_equal(read.entries[i].red, palette[i][0]);
    assert_int_equal(read.entries[i].green, palette[i][1]);
    assert_int_equal(read.entries[i].blue, palette[i][2]);
  }
  free(pixels);
  assert_int_equal(unlink(path), 0);

  indices[50] = colours;
  assert_int_equal(ss_png_write_indexed(path, width, height, indices, (const uint8_t(*)[3])palette, colours, &error),
                   SS_FAILED);
  assert_non_null(strstr(error.message, "index 21 is beyond its 21 colours"));
  assert_false(ss_file_exists(path));
}

static void sixteen_bits_come_back(void **state) {
  (void)state;
  uint16_t values[31 * 3];
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    values[i] = (uint16_t)(i * 701);
  }
  values[0] = 0x0102;
  values[1] = 65535;
  ss_error error;
  const char *path = path_of("depth.png");
  assert_int_equal(ss_png_write_gray16(path, 31, 3, values, &error), SS_OK);
  struct spng_ihdr header;
  size_t size;
  uint8_t *raw = decode(path, SPNG_FMT_RAW, &header, NULL, &size); /* big-endian, as in the file */
  assert_int_equal(header.bit_depth, 16);
  assert_int_equal(size, sizeof values);
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    assert_int_equal(raw[2 * i] << 8 | raw[2 * i + 1], values[i]);
  }
  free(raw);
  assert_int_equal(unlink(path), 0);
}

static void wrong_calls_are_named(void **state) {
  (void)state;
  ss_error error;
  uint8_t pixel[4] = {0};
  const ss_image four = {.width = 1, .height = 1, .channels = 4, .pixels = pixel, .capacity = 4};
  assert_int_equal(ss_png_write(path_of("four.png"), &four, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "four.png: a picture has 1 or 3 channels, not 4"));
  const ss_image empty = {0};
  assert_int_equal(ss_png_write(path_of("empty.png"), &empty, &error), SS_FAILED);
  const ss_image one = {.width = 1, .height = 1, .channels = 1, .pixels = pixel, .capacity = 1};
  assert_int_equal(ss_png_write(path_of("none/one.png"), &one, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "none/one.png: No such file or directory"));
  const uint16_t value = 1;
  assert_int_equal(ss_png_write_gray16(path_of("flat.png"), 1, 0, &value, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "1 x 0 pixels"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rgb_and_grey_come_back),
      cmocka_unit_test(indices_and_palette_come_back),
      cmocka_unit_test(sixteen_bits_come_back),
      cmocka_unit_test(wrong_calls_are_named),
  };
  return cmocka_run_group_tests_name("png", tests, make_folder, remove_folder);
}
