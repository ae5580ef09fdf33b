/* CIFAR, STL-10, IDX and tar files, made here; whole and damaged. */
#include "support.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void read_sample(const ss_source *source, uint32_t sample, ss_image *image) {
  ss_decoder *decoder = NULL;
  ss_error error = {0};
  assert_int_equal(ss_decoder_create(&decoder, NULL), SS_OK);
  if (ss_source_read(source, sample, decoder, NULL, image, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  ss_decoder_free(decoder);
}

/* Records whose value at (channel c, place i) is 50 c + i % 50 + the picture's number. */
static void put_cifar(const char *name, size_t label_bytes, uint8_t label, size_t count) {
  const size_t record = label_bytes + 3072;
  uint8_t *bytes = calloc(count, record);
  assert_non_null(bytes);
  for (size_t n = 0; n < count; n++) {
    uint8_t *at = bytes + n * record;
    at[label_bytes - 1] = (uint8_t)(label + n);
    for (size_t i = 0; i < 3072; i++) {
      at[label_bytes + i] = (uint8_t)(50 * (i / 1024) + i % 1024 % 50 + n);
    }
  }
  put_file(folder, name, bytes, count * record);
  free(bytes);
}

static void cifar10(void **state) {
  (void)state;
  put_cifar("cifar-10-batches-bin/data_batch_1.bin", 1, 3, 4);
  put_cifar("cifar-10-batches-bin/data_batch_3.bin", 1, 0, 2);
  put_cifar("cifar-10-batches-bin/test_batch.bin", 1, 9, 1);
  const char *names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
  put_file(folder, "cifar-10-batches-bin/batches.meta.txt", names, strlen(names));
  ss_source *source = open_source(folder);
  assert_string_equal(ss_source_kind_name(source), "CIFAR-10");
  assert_int_equal(ss_source_count(source), 7);
  assert_int_equal(ss_source_class_count(source), 10);
  assert_string_equal(ss_source_class_name(source, 9), "truck");
  assert_string_equal(ss_source_name(source, 5), "data_batch_3.bin#1");
  assert_int_equal(ss_source_label(source, 2), 5);
  assert_int_equal(ss_source_part(source, 5), SS_PART_TRAIN);
  assert_int_equal(ss_source_part(source, 6), SS_PART_TEST);
  ss_image image = {0};
  read_sample(source, 2, &image);
  assert_int_equal(image.width, 32);
  assert_int_equal(image.height, 32);
  for (int i = 0; i < 1024; i++) {
    for (int c = 0; c < 3; c++) {
      assert_int_equal(image.pixels[3 * i + c], 50 * c + i % 50 + 2);
    }
  }
  ss_image_free(&image);
  ss_source_close(source);

  put_file(folder, "cifar-10-batches-bin/data_batch_3.bin", "cut", 3);
  expect_failure(folder, "data_batch_3.bin", "not a whole number");
  put_cifar("cifar-10-batches-bin/data_batch_3.bin", 1, 10, 1);
  expect_failure(folder, "label 10", "data_batch_3.bin");
}

static void cifar100(void **state) {
  (void)state;
  put_cifar("train.bin", 2, 98, 2);
  put_cifar("test.bin", 2, 0, 3);
  ss_source *source = open_source(folder);
  assert_string_equal(ss_source_kind_name(source), "CIFAR-100");
  assert_int_equal(ss_source_class_count(source), 100);
  assert_string_equal(ss_source_class_name(source, 42), "42");
  assert_int_equal(ss_source_label(source, 1), 99);
  assert_int_equal(ss_source_part(source, 2), SS_PART_TEST);
  assert_int_equal(first_value(source, 1), 1);
  ss_source_close(source);
}

static void put_stl(const char *name, size_t count) {
  uint8_t *bytes = malloc(count * 27648);
  assert_non_null(bytes);
  for (size_t i = 0; i < count * 27648; i++) {
    const size_t column = i % 9216 / 96, row = i % 96, channel = i % 27648 / 9216;
    bytes[i] = (uint8_t)(row + 2 * column + 3 * channel + i / 27648);
  }
  put_file(folder, name, bytes, count * 27648);
  free(bytes);
}

static void stl10(void **state) {
  (void)state;
  put_stl("train_X.bin", 2);
  put_file(folder, "train_y.bin", "\x0A\x01", 2);
  put_stl("test_X.bin", 1);
  put_file(folder, "test_y.bin", "\x02", 1);
  put_stl("unlabeled_X.bin", 3);
  ss_source *source = open_source(folder);
  assert_string_equal(ss_source_kind_name(source), "STL-10");
  assert_int_equal(ss_source_count(source), 6);
  assert_int_equal(ss_source_label(source, 0), 9);
  assert_int_equal(ss_source_label(source, 1), 0);
  assert_int_equal(ss_source_label(source, 3), -1);
  assert_int_equal(ss_source_part(source, 5), SS_PART_UNLABELLED);
  ss_image image = {0};
  read_sample(source, 1, &image);
  assert_int_equal(image.width, 96);
  for (int y = 0; y < 96; y++) {
    for (int x = 0; x < 96; x++) {
      for (int c = 0; c < 3; c++) {
        assert_int_equal(image.pixels[(y * 96 + x) * 3 + c], (uint8_t)(y + 2 * x + 3 * c + 1));
      }
    }
  }
  ss_image_free(&image);
  ss_subset train, held;
  bool held_out = true;
  assert_int_equal(ss_subset_for_pretext(source, true, 0, &train, &held, &held_out, NULL), SS_OK);
  assert_false(held_out);
  assert_int_equal(train.count, 5);
  assert_int_equal(held.count, 1);
  ss_subset_free(&train);
  ss_subset_free(&held);
  assert_int_equal(ss_subset_for_pretext(source, false, 0, &train, &held, &held_out, NULL), SS_OK);
  assert_int_equal(train.count, 2);
  ss_subset_free(&train);
  ss_subset_free(&held);
  ss_source_close(source);

  put_file(folder, "train_y.bin", "\x0A\x0B", 2);
  expect_failure(folder, "label 11", "train_y.bin");
  put_file(folder, "train_y.bin", "\x0A", 1);
  expect_failure(folder, "1 labels for 2 pictures", "train_y.bin");
  put_file(folder, "train_X.bin", "x", 1);
  expect_failure(folder, "not a whole number", "train_X.bin");
}

static void put_idx(const char *name, const char *header, size_t header_size, size_t values) {
  uint8_t bytes[1024] = {0};
  memcpy(bytes, header, header_size);
  for (size_t i = 0; i < values; i++) {
    bytes[header_size + i] = (uint8_t)i;
  }
  put_file(folder, name, bytes, header_size + values);
}

#define IDX_PICTURES "\0\0\x08\x03\0\0\0\x02\0\0\0\x05\0\0\0\x04"
#define IDX_LABELS "\0\0\x08\x01\0\0\0\x02"

static void idx(void **state) {
  (void)state;
  put_idx("MNIST/raw/train-images-idx3-ubyte", IDX_PICTURES, 16, 40);
  put_idx("MNIST/raw/train-labels-idx1-ubyte", IDX_LABELS, 8, 2);
  put_idx("MNIST/raw/t10k-images-idx3-ubyte", IDX_PICTURES, 16, 40);
  put_idx("MNIST/raw/t10k-labels-idx1-ubyte", IDX_LABELS, 8, 2);
  ss_source *source = open_source(folder);
  assert_string_equal(ss_source_kind_name(source), "IDX");
  assert_int_equal(ss_source_count(source), 4);
  assert_int_equal(ss_source_class_count(source), 2);
  assert_int_equal(ss_source_label(source, 3), 1);
  assert_int_equal(ss_source_part(source, 2), SS_PART_TEST);
  ss_image image = {0};
  read_sample(source, 1, &image);
  assert_int_equal(image.width, 4);
  assert_int_equal(image.height, 5);
  for (int i = 0; i < 60; i++) {
    assert_int_equal(image.pixels[i], 20 + i / 3);
  }
  ss_image_free(&image);
  ss_source_close(source);

  const struct {
    const char *header;
    size_t header_size, values;
    const char *message;
  } bad[] = {
      {IDX_PICTURES, 16, 39, "the header promises 40 bytes of values, there are 39"},
      {IDX_PICTURES, 12, 0, "cut short in its header"},
      {"\0\0\x08", 3, 0, "at least 8 bytes"},
      {"\0\0\x0D\x03\0\0\0\x02\0\0\0\x05\0\0\0\x04", 16, 160, "not an IDX file of bytes"},
      {"\0\0\x08\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 16, 1, "there are 1"},
      {"\x1F\x8B\x08\0\0\0\0\0", 8, 30, "gunzip"},
      {"\0\0\x08\x03\0\0\0\x03\0\0\0\x05\0\0\0\x04", 16, 60, "2 labels for 3 pictures"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    put_idx("MNIST/raw/train-images-idx3-ubyte", bad[i].header, bad[i].header_size, bad[i].values);
    expect_failure(folder, bad[i].message, "MNIST/raw/train-");
  }
}

typedef struct member {
  const char *name;
  const char *text; /* NULL: a picture of `grey` */
  uint8_t grey;
} member;

static void put_tar(const char *name, int format, const member *members, size_t count) {
  char path[512];
  put_file(folder, name, "", 0); /* makes the folders */
  snprintf(path, sizeof path, "%s/%s", folder, name);
  struct archive *archive = archive_write_new();
  assert_int_equal(archive_write_set_format(archive, format), ARCHIVE_OK);
  assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
  for (size_t i = 0; i < count; i++) {
    uint8_t picture[PPM_BYTES];
    make_ppm(picture, members[i].grey);
    const void *bytes = members[i].text ? (const void *)members[i].text : picture;
    const size_t size = members[i].text ? strlen(members[i].text) : sizeof picture;
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, members[i].name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, bytes, size), size);
    archive_entry_free(entry);
  }
  assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
  archive_write_free(archive);
}

#define LONG                                                                                               \
  "a-folder-whose-name-is-far-longer-than-the-one-hundred-bytes-that-the-first-tar-header-has-for-a-name/" \
  "and-a-second-part-that-is-just-as-long-so-that-the-prefix-field-is-too-short-as-well-and-a-long-header-is-due"

static const member shard_members[] = {
    {"000.cls", "7\n", 0},   {"000.ppm", NULL, 11}, {"000.json", "{}", 0},
    {"d/001.ppm", NULL, 12}, {"d/001.cls", "2", 0}, {"002.ppm", NULL, 13},
    {LONG ".ppm", NULL, 14}, {LONG ".cls", "0", 0}, {"z.jpg", "text", 0},
};
#define SHARD_MEMBERS (sizeof shard_members / sizeof shard_members[0])

static void check_shard(const ss_source *source) {
  assert_string_equal(ss_source_kind_name(source), "tar shards");
  assert_int_equal(ss_source_count(source), 5);
  const int labels[] = {7, 2, -1, 0, -1};
  for (uint32_t i = 0; i < 5; i++) {
    assert_int_equal(ss_source_label(source, i), labels[i]);
    if (i < 4) {
      assert_int_equal(first_value(source, i), 11 + i);
    }
  }
}

static void tar(void **state) {
  (void)state;
  const int formats[] = {ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE};
  char path[512];
  snprintf(path, sizeof path, "%s/one.tar", folder);
  for (size_t i = 0; i < 2; i++) {
    put_tar("one.tar", formats[i], shard_members, SHARD_MEMBERS);
    ss_source *source = open_source(path);
    check_shard(source);
    assert_string_equal(ss_source_name(source, 0), "one.tar/000.ppm");
    assert_int_equal(ss_source_class_count(source), 8);
    ss_decoder *decoder = NULL;
    ss_image image = {0};
    ss_error error = {0};
    assert_int_equal(ss_decoder_create(&decoder, NULL), SS_OK);
    assert_int_equal(ss_source_read(source, 4, decoder, NULL, &image, &error), SS_FAILED);
    assert_non_null(strstr(error.message, "one.tar/z.jpg: not a picture"));
    ss_image_free(&image);
    ss_decoder_free(decoder);
    ss_source_close(source);
  }
}

static void tar_ranges_and_folders(void **state) {
  (void)state;
  const member one[] = {{"a.ppm", NULL, 1}, {"a.cls", "0", 0}};
  const member two[] = {{"b.ppm", NULL, 2}, {"b.cls", "1", 0}};
  put_tar("set-08.tar", ARCHIVE_FORMAT_TAR_USTAR, one, 2);
  put_tar("set-09.tar", ARCHIVE_FORMAT_TAR_USTAR, two, 2);
  put_tar("set-10.tar", ARCHIVE_FORMAT_TAR_USTAR, one, 2);
  char path[512];
  snprintf(path, sizeof path, "%s/set-{08..10}.tar", folder);
  ss_source *source = open_source(path);
  assert_int_equal(ss_source_count(source), 3);
  assert_string_equal(ss_source_name(source, 1), "set-09.tar/b.ppm");
  assert_int_equal(first_value(source, 1), 2);
  ss_source_close(source);
  snprintf(path, sizeof path, "%s/set-{08..11}.tar", folder);
  expect_failure(path, "no such shard", "set-11.tar");
  source = open_source(folder);
  assert_int_equal(ss_source_count(source), 3);
  assert_int_equal(ss_source_class_count(source), 2);
  ss_source_close(source);

  put_tar("parts/train/x.tar", ARCHIVE_FORMAT_TAR_USTAR, one, 2);
  put_tar("parts/test/y.tar", ARCHIVE_FORMAT_TAR_USTAR, two, 2);
  snprintf(path, sizeof path, "%s/parts", folder);
  source = open_source(path);
  assert_int_equal(ss_source_part(source, 1), SS_PART_TEST);
  assert_string_equal(ss_source_name(source, 1), "test/y.tar/b.ppm");
  ss_source_close(source);
}

static void bad_tar(void **state) {
  (void)state;
  char path[512];
  snprintf(path, sizeof path, "%s/one.tar", folder);
  put_file(folder, "one.tar", "", 0);
  expect_failure(path, "empty file", "one.tar");
  char text[2000];
  memset(text, 'x', sizeof text);
  put_file(folder, "one.tar", text, sizeof text);
  expect_failure(path, "not a whole, uncompressed tar file", "one.tar");
  const member wrong[] = {{"a.cls", "cat", 0}};
  put_tar("one.tar", ARCHIVE_FORMAT_TAR_USTAR, wrong, 1);
  expect_failure(path, "does not hold the number of a class", "a.cls");
  const member none[] = {{"a.txt", "text", 0}};
  put_tar("one.tar", ARCHIVE_FORMAT_TAR_USTAR, none, 1);
  expect_failure(path, "no pictures in", "one.tar");

  put_tar("one.tar", ARCHIVE_FORMAT_TAR_USTAR, shard_members, 6);
  uint8_t bytes[8192];
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  const size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  assert_true(size >= 6 * 1024);
  put_file(folder, "one.tar", bytes, 512 + 512 + 512 + 100); /* within the first picture */
  expect_failure(path, "cut short", "one.tar");
  put_file(folder, "one.tar", bytes, 1024 + 200); /* within its header */
  expect_failure(path, "not a whole", "one.tar");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_FOLDER(cifar10),
      IN_FOLDER(cifar100),
      IN_FOLDER(stl10),
      IN_FOLDER(idx),
      IN_FOLDER(tar),
      IN_FOLDER(bad_tar),
      IN_FOLDER(tar_ranges_and_folders),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
