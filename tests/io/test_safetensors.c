#include "base/bfloat16.h"
#include "base/file.h"
#include "io/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ss_test_safetensors_XXXXXX";

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

/* The arrays of make_goldens.py. */
static float conv[24];
static ss_bf16 bias[5];
static const uint16_t half[8] = {0x0000, 0x8000, 0x3C00, 0xC100, 0x7BFF, 0x0001, 0x00A8, 0x7C00};
static const int64_t batches = 1234567890123;
static const uint8_t labels[6] = {1, 2, 3, 250, 251, 252};
static const uint32_t counts[2] = {0, UINT32_MAX};
static const int32_t signs[3] = {-1, INT32_MAX, INT32_MIN};

static const ss_safetensors_entry entries[] = {
    {"labels", SS_SAFETENSORS_U8, 2, {2, 3}, labels},
    {"conv1.weight", SS_SAFETENSORS_F32, 4, {2, 3, 2, 2}, conv},
    {"fc.bias", SS_SAFETENSORS_BF16, 1, {5}, bias},
    {"half", SS_SAFETENSORS_F16, 1, {8}, half},
    {"bn1.num_batches_tracked", SS_SAFETENSORS_I64, 0, {0}, &batches},
    {"counts", SS_SAFETENSORS_U32, 1, {2}, counts},
    {"signed", SS_SAFETENSORS_I32, 1, {3}, signs},
    {"empty", SS_SAFETENSORS_F32, 2, {0, 7}, NULL},
};
enum { entry_count = sizeof entries / sizeof entries[0] };

static const ss_safetensors_text texts[] = {
    {"format", "pt"}, {"arch", "resnet18"}, {"quote", "a \"b\" \\ \n \xC3\xA9"}};

static void fill(void) {
  for (int i = 0; i < 24; i++) {
    conv[i] = (float)i * 0.5f - 3;
  }
  for (int i = 0; i < 5; i++) {
    bias[i] = ss_bf16_from_float((float)i);
  }
}

/* The file holds the arrays and texts above. */
static void assert_complete(const char *path) {
  ss_error error = {""};
  ss_safetensors *file;
  assert_int_equal(ss_safetensors_open(&file, path, &error), SS_OK);
  assert_string_equal(ss_safetensors_path(file), path);
  assert_int_equal(ss_safetensors_count(file), entry_count);
  for (size_t i = 0; i < entry_count; i++) {
    const ss_safetensors_entry *entry = &entries[i];
    char out[128] = {0};
    assert_int_equal(ss_safetensors_read_exact(file, entry->name, entry->dtype, entry->rank, entry->dims, out, &error),
                     SS_OK);
    const ss_safetensors_tensor *tensor = ss_safetensors_find(file, entry->name);
    if (tensor->bytes) {
      assert_memory_equal(out, entry->data, tensor->bytes);
    }
    if (i) {
      assert_true(strcmp(ss_safetensors_at(file, i - 1)->name, ss_safetensors_at(file, i)->name) < 0);
    }
  }
  assert_null(ss_safetensors_find(file, "conv"));
  assert_int_equal(ss_safetensors_metadata_count(file), 3);
  for (size_t i = 0; i < 3; i++) {
    assert_string_equal(ss_safetensors_metadata(file, texts[i].key), texts[i].value);
  }
  assert_string_equal(ss_safetensors_metadata_at(file, 0).key, "arch");
  assert_null(ss_safetensors_metadata(file, "none"));
  ss_safetensors_close(file);
}

static void the_references_file_is_read(void **state) {
  (void)state;
  fill();
  assert_complete(SS_GOLDEN "/reference.safetensors");
}

static void our_file_is_read_aligned_and_always_the_same(void **state) {
  (void)state;
  fill();
  ss_error error;
  const char *path = path_of("ours.safetensors");
  assert_int_equal(ss_safetensors_write(path, entries, entry_count, texts, 3, &error), SS_OK);
  assert_complete(path);
  ss_safetensors *file;
  assert_int_equal(ss_safetensors_open(&file, path, &error), SS_OK);
  for (size_t i = 0; i < entry_count; i++) {
    const ss_safetensors_tensor *tensor = ss_safetensors_at(file, i);
    assert_int_equal(tensor->offset % ss_safetensors_dtype_size(tensor->dtype), 0);
  }
  ss_safetensors_close(file);

  size_t size, again_size;
  char *bytes = load(path, &size);
  assert_int_equal((8 + (unsigned char)bytes[0] + ((unsigned char)bytes[1] << 8)) % 8, 0);
  const char *keep = getenv("SS_KEEP"); /* for make_goldens.py check */
  if (keep) {
    assert_int_equal(ss_file_write(keep, bytes, size, SS_FILE_UNSYNCED, &error), SS_OK);
  }
  ss_safetensors_entry backwards[entry_count];
  for (size_t i = 0; i < entry_count; i++) {
    backwards[i] = entries[entry_count - 1 - i];
  }
  const ss_safetensors_text swapped[] = {texts[2], texts[0], texts[1]};
  assert_int_equal(ss_safetensors_write(path, backwards, entry_count, swapped, 3, &error), SS_OK);
  char *again = load(path, &again_size);
  assert_int_equal(again_size, size);
  assert_memory_equal(again, bytes, size);
  free(bytes);
  free(again);

  assert_int_equal(ss_safetensors_write(path, NULL, 0, NULL, 0, &error), SS_OK);
  assert_int_equal(ss_safetensors_open(&file, path, &error), SS_OK);
  assert_int_equal(ss_safetensors_count(file), 0);
  ss_safetensors_close(file);
  unlink(path);
}

static void floats_are_converted(void **state) {
  (void)state;
  fill();
  ss_error error;
  ss_safetensors *file;
  assert_int_equal(ss_safetensors_open(&file, SS_GOLDEN "/reference.safetensors", &error), SS_OK);
  float out[24];
  assert_int_equal(ss_safetensors_read_float(file, ss_safetensors_find(file, "half"), out, &error), SS_OK);
  const float expected[8] = {0, -0.0f, 1, -2.5f, 65504, 0x1p-24f, 0xA8p-24f, INFINITY};
  assert_memory_equal(out, expected, sizeof expected);
  assert_int_equal(ss_safetensors_read_float(file, ss_safetensors_find(file, "fc.bias"), out, &error), SS_OK);
  for (int i = 0; i < 5; i++) {
    assert_true(out[i] == (float)i);
  }
  assert_int_equal(ss_safetensors_read_float(file, ss_safetensors_find(file, "conv1.weight"), out, &error), SS_OK);
  assert_memory_equal(out, conv, sizeof conv);
  assert_int_equal(ss_safetensors_read_float(file, ss_safetensors_find(file, "labels"), out, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "array labels is U8, not floating point"));
  ss_safetensors_close(file);
  assert_int_equal(ss_safetensors_open(&file, SS_GOLDEN "/doubles.safetensors", &error), SS_OK);
  assert_int_equal(ss_safetensors_read_float(file, ss_safetensors_find(file, "d"), out, &error), SS_OK);
  for (int i = 0; i < 5; i++) {
    assert_true(out[i] == (float)(i - 2) / 2);
  }
  assert_int_equal(ss_safetensors_find(file, "flags")->dtype, SS_SAFETENSORS_BOOL);
  ss_safetensors_close(file);
}

/* More elements than one chunk of the conversion. */
static void long_arrays_are_converted(void **state) {
  (void)state;
  enum { count = 10001 };
  ss_error error;
  const char *path = path_of("long.safetensors");
  static ss_bf16 values[count];
  static float out[count];
  for (int i = 0; i < count; i++) {
    values[i] = ss_bf16_from_float((float)(i % 256));
  }
  const ss_safetensors_entry entry = {"x", SS_SAFETENSORS_BF16, 1, {count}, values};
  assert_int_equal(ss_safetensors_write(path, &entry, 1, NULL, 0, &error), SS_OK);
  ss_safetensors *file;
  assert_int_equal(ss_safetensors_open(&file, path, &error), SS_OK);
  assert_int_equal(ss_safetensors_read_float(file, ss_safetensors_at(file, 0), out, &error), SS_OK);
  for (int i = 0; i < count; i++) {
    assert_true(out[i] == (float)(i % 256));
  }
  ss_safetensors_close(file);
  unlink(path);
}

static void what_is_expected_is_compared(void **state) {
  (void)state;
  ss_error error;
  ss_safetensors *file;
  float out[36];
  assert_int_equal(ss_safetensors_open(&file, SS_GOLDEN "/reference.safetensors", &error), SS_OK);
  const int64_t wrong[4] = {2, 3, 3, 2};
  assert_int_equal(ss_safetensors_read_exact(file, "conv1.weight", SS_SAFETENSORS_F32, 4, wrong, out, &error),
                   SS_FAILED);
  assert_non_null(strstr(error.message, ": conv1.weight is F32 (2, 3, 2, 2), expected F32 (2, 3, 3, 2)"));
  assert_int_equal(ss_safetensors_read_exact(file, "conv1.weight", SS_SAFETENSORS_F32, 3, wrong, out, &error),
                   SS_FAILED);
  const int64_t five = 5;
  assert_int_equal(ss_safetensors_read_exact(file, "fc.bias", SS_SAFETENSORS_F16, 1, &five, out, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "fc.bias is BF16 (5), expected F16 (5)"));
  assert_int_equal(ss_safetensors_read_exact(file, "fc.weight", SS_SAFETENSORS_F32, 1, &five, out, &error), SS_FAILED);
  assert_non_null(strstr(error.message, ": fc.weight is missing"));
  ss_safetensors_close(file);
}

static void wrong_entries_are_refused(void **state) {
  (void)state;
  ss_error error;
  const char *path = path_of("wrong.safetensors");
  const float one = 1;
  const ss_safetensors_entry twice[2] = {{"a", SS_SAFETENSORS_F32, 0, {0}, &one},
                                         {"a", SS_SAFETENSORS_U8, 0, {0}, &one}};
  assert_int_equal(ss_safetensors_write(path, twice, 2, NULL, 0, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "two arrays named a"));
  const ss_safetensors_entry wrong[] = {{"__metadata__", SS_SAFETENSORS_F32, 0, {0}, &one},
                                        {"negative", SS_SAFETENSORS_F32, 1, {-1}, &one},
                                        {"huge", SS_SAFETENSORS_F32, 2, {INT64_MAX, INT64_MAX}, &one},
                                        {"none", SS_SAFETENSORS_F32, 0, {0}, NULL},
                                        {"rank", SS_SAFETENSORS_F32, SS_SAFETENSORS_MAX_RANK + 1, {0}, &one}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_int_equal(ss_safetensors_write(path, &wrong[i], 1, NULL, 0, &error), SS_FAILED);
    assert_non_null(strstr(error.message, wrong[i].name));
  }
  const ss_safetensors_text same[2] = {{"k", "1"}, {"k", "2"}};
  assert_int_equal(ss_safetensors_write(path, twice, 1, same, 2, &error), SS_FAILED);
  assert_false(ss_file_exists(path));
}

/* Opens `bytes` as a file and returns what the reader says. */
static ss_status open_bytes(const char *bytes, size_t size, ss_error *error) {
  const char *path = path_of("bytes.safetensors");
  ss_error write_error;
  assert_int_equal(ss_file_write(path, bytes, size, SS_FILE_UNSYNCED, &write_error), SS_OK);
  ss_safetensors *file;
  const ss_status status = ss_safetensors_open(&file, path, error);
  if (status == SS_OK) { /* what was accepted can be read */
    for (size_t i = 0; i < ss_safetensors_count(file); i++) {
      const ss_safetensors_tensor *tensor = ss_safetensors_at(file, i);
      char *out = malloc((size_t)tensor->bytes + 1);
      assert_non_null(out);
      assert_int_equal(ss_safetensors_read(file, tensor, out, &write_error), SS_OK);
      free(out);
    }
  } else {
    assert_null(file);
    assert_non_null(strstr(error->message, "bytes.safetensors: "));
  }
  ss_safetensors_close(file);
  unlink(path);
  return status;
}

static void cut_files_are_refused(void **state) {
  (void)state;
  size_t size;
  char *bytes = load(SS_GOLDEN "/reference.safetensors", &size);
  ss_error error;
  for (size_t length = 0; length < size; length++) {
    assert_int_equal(open_bytes(bytes, length, &error), SS_FAILED);
    assert_non_null(strstr(error.message, "cut short"));
  }
  char *longer = realloc(bytes, size + 1);
  assert_non_null(longer);
  longer[size] = 0;
  assert_int_equal(open_bytes(longer, size + 1, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "1 bytes at its end belong to no array"));
  free(longer);
}

static void corrupt_files_do_not_crash(void **state) {
  (void)state;
  size_t size;
  char *bytes = load(SS_GOLDEN "/reference.safetensors", &size);
  ss_error error;
  const char values[] = {0, '9', '"', '}', '\\'};
  const size_t header = 8 + (unsigned char)bytes[0] + ((size_t)(unsigned char)bytes[1] << 8);
  size_t refused = 0;
  for (size_t i = 0; i < header; i++) {
    const char kept = bytes[i];
    for (size_t v = 0; v < sizeof values; v++) {
      bytes[i] = values[v];
      refused += open_bytes(bytes, size, &error) != SS_OK;
    }
    bytes[i] = kept;
  }
  assert_true(refused > 3 * header);
  free(bytes);
}

/* A file of this header and `data` zero bytes. */
static ss_status open_header(const char *header, size_t data, ss_error *error) {
  char bytes[1024] = {0};
  const size_t length = strlen(header);
  assert_true(8 + length + data <= sizeof bytes);
  bytes[0] = (char)(length & 255);
  bytes[1] = (char)(length >> 8);
  memcpy(bytes + 8, header, length);
  return open_bytes(bytes, 8 + length + data, error);
}

static void headers_are_checked(void **state) {
  (void)state;
  static const struct {
    const char *header;
    size_t data;
    const char *message; /* NULL: accepted */
  } cases[] = {
      {"{}", 0, NULL},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}   ", 8, NULL},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
       3, NULL},
      {"[]", 0, "its header is not JSON"},
      {"", 0, "its header is not JSON"},
      {"{\"a\":", 0, "not valid JSON"},
      {"{\"a\":1}", 0, "array a: not a JSON object"},
      {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "array a: dtype is missing"},
      {"{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype \"F33\", which is not known"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, "shape must be an array, not 2"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "a shape that is not possible"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,6]}}", 6, "a shape that is not possible"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8, "a shape that is not possible"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
       "a shape that is not possible"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4503599627370496,1024],\"data_offsets\":[0,0]}}", 0,
       "a shape that is not possible"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
       "a shape that is not possible"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "data_offsets are not two numbers"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "data_offsets are not two numbers"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,1e300]}}", 8, "data_offsets are not two numbers"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,16]}}", 8, "cut short: array a ends at byte 16"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
       "its range has 4 bytes, its dtype and shape need 8"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
       3, "array b overlaps the one before it"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}",
       5, "array b leaves a gap before it"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
       "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
       4, "two arrays named a"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],\"shap\":[2]}}", 2, "unknown key \"shap\""},
      {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ a is not a string"},
      {"{\"__metadata__\":[]}", 0, "__metadata__ is not a JSON object"},
      {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "two texts named a"},
      {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ is there twice"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ss_error error = {""};
    const ss_status status = open_header(cases[i].header, cases[i].data, &error);
    if (cases[i].message) {
      assert_int_equal(status, SS_FAILED);
      if (!strstr(error.message, cases[i].message)) {
        fail_msg("%s: \"%s\" instead of \"%s\"", cases[i].header, error.message, cases[i].message);
      }
    } else if (status != SS_OK) {
      fail_msg("%s: %s", cases[i].header, error.message);
    }
  }
  ss_error error;
  const char too_long[16] = {(char)0xFF, (char)0xFF, (char)0xFF, (char)0xFF, 0, 0, 0, 0, '{', '}'};
  assert_int_equal(open_bytes(too_long, sizeof too_long, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "a header of 4294967295 bytes is too long"));
  ss_safetensors *file;
  assert_int_equal(ss_safetensors_open(&file, folder, &error), SS_FAILED);
  assert_int_equal(ss_safetensors_open(&file, path_of("none"), &error), SS_FAILED);
  assert_non_null(strstr(error.message, "none: No such file"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_references_file_is_read),  cmocka_unit_test(our_file_is_read_aligned_and_always_the_same),
      cmocka_unit_test(floats_are_converted),         cmocka_unit_test(long_arrays_are_converted),
      cmocka_unit_test(what_is_expected_is_compared), cmocka_unit_test(wrong_entries_are_refused),
      cmocka_unit_test(cut_files_are_refused),        cmocka_unit_test(corrupt_files_do_not_crash),
      cmocka_unit_test(headers_are_checked),
  };
  return cmocka_run_group_tests_name("safetensors", tests, make_folder, remove_folder);
}
