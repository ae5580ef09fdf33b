#include "base/file.h"
#include "io/npy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ss_test_npy_XXXXXX";

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

static char *load(const char *path, size_t *size) {
  ss_error error;
  char *data;
  assert_int_equal(ss_file_read(path, 1 << 20, &data, size, &error), SS_OK);
  return data;
}

/* NumPy's own header differs in nothing but the padding, so the bytes are compared with NumPy's. */
static void streamed_rows_are_numpys_bytes(void **state) {
  (void)state;
  ss_error error;
  ss_npy_writer *writer;
  const char *path = path_of("f32.npy");
  float rows[4][3];
  for (int i = 0; i < 12; i++) {
    rows[i / 3][i % 3] = (float)i / 8;
  }
  assert_int_equal(ss_npy_writer_open(&writer, path, SS_NPY_F32, 3, &error), SS_OK);
  assert_int_equal(ss_npy_writer_append(writer, rows, 1, &error), SS_OK);
  assert_int_equal(ss_npy_writer_append(writer, rows, 0, &error), SS_OK);
  assert_false(ss_file_exists(path));
  assert_int_equal(ss_npy_writer_append(writer, rows[1], 3, &error), SS_OK);
  assert_int_equal(ss_npy_writer_commit(&writer, &error), SS_OK);
  size_t size, golden_size;
  char *data = load(path, &size), *golden = load(SS_GOLDEN "/f32.npy", &golden_size);
  assert_int_equal(size, golden_size);
  assert_memory_equal(data, golden, size);
  free(data);
  free(golden);
  unlink(path);
}

static void whole_numbers_are_numpys_bytes(void **state) {
  (void)state;
  ss_error error;
  ss_npy_writer *writer;
  const char *path = path_of("i32.npy");
  const int32_t numbers[5] = {0, 1, 2, 3, 4};
  assert_int_equal(ss_npy_writer_open(&writer, path, SS_NPY_I32, 0, &error), SS_OK);
  assert_int_equal(ss_npy_writer_append(writer, numbers, 5, &error), SS_OK);
  assert_int_equal(ss_npy_writer_commit(&writer, &error), SS_OK);
  size_t size, golden_size;
  char *data = load(path, &size), *golden = load(SS_GOLDEN "/i32.npy", &golden_size);
  assert_int_equal(size, golden_size);
  assert_memory_equal(data, golden, size);
  free(data);
  free(golden);
  unlink(path);
}

static void an_abandoned_file_is_gone(void **state) {
  (void)state;
  ss_error error;
  ss_npy_writer *writer;
  assert_int_equal(ss_npy_writer_open(&writer, path_of("a.npy"), SS_NPY_F32, 512, &error), SS_OK);
  assert_int_equal(ss_npy_writer_append(writer, NULL, -1, &error), SS_FAILED);
  assert_int_equal(ss_npy_writer_append(writer, NULL, INT64_MAX / 512, &error), SS_FAILED);
  ss_npy_writer_abandon(&writer);
  assert_null(writer);
  assert_int_equal(ss_npy_writer_open(&writer, path_of("none/a.npy"), SS_NPY_F32, 3, &error), SS_FAILED);
  assert_int_equal(ss_npy_writer_open(&writer, path_of("a.npy"), SS_NPY_F32, -1, &error), SS_FAILED);
}

static void numpys_files_are_read(void **state) {
  (void)state;
  ss_error error;
  float *data;
  int64_t rows, columns;
  assert_int_equal(ss_npy_read(SS_GOLDEN "/f32.npy", &data, &rows, &columns, &error), SS_OK);
  assert_int_equal(rows, 4);
  assert_int_equal(columns, 3);
  for (int i = 0; i < 12; i++) {
    assert_true(data[i] == (float)i / 8);
  }
  free(data);
  assert_int_equal(ss_npy_read(SS_GOLDEN "/f64.npy", &data, &rows, &columns, &error), SS_OK);
  assert_int_equal(rows, 5);
  assert_int_equal(columns, 1);
  for (int i = 0; i < 5; i++) {
    assert_true(data[i] == (float)i / 8);
  }
  free(data);
  assert_int_equal(ss_npy_read(SS_GOLDEN "/i32.npy", &data, &rows, &columns, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "i32.npy: holds '<i4', not float32"));
  assert_int_equal(ss_npy_read(SS_GOLDEN "/fortran.npy", &data, &rows, &columns, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "fortran.npy: is stored column by column"));
  assert_int_equal(ss_npy_read(SS_GOLDEN "/none.npy", &data, &rows, &columns, &error), SS_FAILED);
}

/* Every cut and every flipped byte gives an error or, where the byte is data or padding, the same shape. */
static void damaged_files_are_refused(void **state) {
  (void)state;
  size_t size;
  char *golden = load(SS_GOLDEN "/f32.npy", &size);
  for (size_t length = 0; length < size; length++) {
    ss_error error = {""};
    float *data;
    int64_t rows, columns;
    char *cut = malloc(length + 1); /* of its own size, so that the sanitizer sees reads beyond */
    assert_non_null(cut);
    memcpy(cut, golden, length);
    assert_int_equal(ss_npy_parse(cut, length, "cut.npy", &data, &rows, &columns, &error), SS_FAILED);
    assert_null(data);
    assert_int_equal(strncmp(error.message, "cut.npy: ", 9), 0);
    free(cut);
  }
  for (size_t i = 0; i < size; i++) {
    for (int flip = 1; flip < 256; flip <<= 1) {
      ss_error error;
      float *data;
      int64_t rows, columns;
      golden[i] = (char)(golden[i] ^ flip);
      if (ss_npy_parse(golden, size, "bad.npy", &data, &rows, &columns, &error) == SS_OK) {
        assert_int_equal(rows * columns * 4, size - 128);
      }
      free(data);
      golden[i] = (char)(golden[i] ^ flip);
    }
  }
  free(golden);
}

static void check_shape(const char *shape, ss_status expected) {
  char bytes[256];
  memcpy(bytes, "\x93NUMPY\x01\x00", 8);
  const int length =
      snprintf(bytes + 10, sizeof bytes - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': %s}", shape);
  bytes[8] = (char)length;
  bytes[9] = 0;
  ss_error error = {""};
  float *data;
  int64_t rows, columns;
  assert_int_equal(ss_npy_parse(bytes, (size_t)length + 10, "x", &data, &rows, &columns, &error), expected);
  free(data);
}

static void shapes_are_checked(void **state) {
  (void)state;
  check_shape("(0, 4)", SS_OK);
  check_shape("(0,)", SS_OK);
  check_shape("(7, 0)", SS_OK);
  check_shape("()", SS_FAILED);
  check_shape("(1, 0, 0)", SS_FAILED);
  check_shape("(-1, 4)", SS_FAILED);
  check_shape("(4611686018427387904, 4)", SS_FAILED);
  check_shape("(92233720368547758070000, 4)", SS_FAILED);
  check_shape("(0 4)", SS_FAILED);
  check_shape("0", SS_FAILED);
  check_shape("(0,", SS_FAILED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(streamed_rows_are_numpys_bytes), cmocka_unit_test(whole_numbers_are_numpys_bytes),
      cmocka_unit_test(an_abandoned_file_is_gone),      cmocka_unit_test(numpys_files_are_read),
      cmocka_unit_test(damaged_files_are_refused),      cmocka_unit_test(shapes_are_checked),
  };
  return cmocka_run_group_tests_name("npy", tests, make_folder, remove_folder);
}
