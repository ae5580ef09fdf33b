/* STL-10, binary version (Coates 2011): 3 x 96 x 96 bytes a picture, red, green and blue planes, each column by column;
 * labels from 1 in files of their own. */
#include "base/file.h"
#include "data/files.h"
#include "data/source_kind.h"

#include <stdlib.h>

#define SIDE 96
#define PIXELS (SIDE * SIDE)
#define CLASSES 10
#define INNER "stl10_binary"

typedef struct stl10_part {
  const char *pictures;
  const char *labels; /* NULL: none */
  ss_part part;
} stl10_part;

static const stl10_part parts[] = {
    {"train_X.bin", "train_y.bin", SS_PART_TRAIN},
    {"test_X.bin", "test_y.bin", SS_PART_TEST},
    {"unlabeled_X.bin", NULL, SS_PART_UNLABELLED},
};

static char *find_root(const char *data) {
  char *root = NULL;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && !root; i++) {
    root = ss_source_find_root(data, INNER, parts[i].pictures);
  }
  return root;
}

static bool holds(const char *data) {
  char *root = find_root(data);
  free(root);
  return root != NULL;
}

/* The labels of `count` pictures, from 0; the caller frees them, also after a failure. */
static ss_status read_labels(const char *path, uint64_t count, uint8_t **labels, ss_error *error) {
  uint64_t bytes = 0;
  if (!ss_path_is_file(path, &bytes)) {
    return ss_fail(error, SS_FAILED, "no such file: %s; the pictures are there without their labels", path);
  }
  if (bytes != count) {
    return ss_fail(error, SS_FAILED, "%s: %llu labels for %llu pictures; one of the two files is cut short", path,
                   (unsigned long long)bytes, (unsigned long long)count);
  }
  *labels = malloc(count);
  if (!*labels) {
    return ss_fail_memory(error, count, "labels");
  }
  SS_TRY(ss_file_read_at(path, 0, *labels, count, error));
  for (uint64_t i = 0; i < count; i++) {
    if ((*labels)[i] < 1 || (*labels)[i] > CLASSES) {
      return ss_fail(error, SS_FAILED, "%s: picture %llu has label %d, not 1 to %d; the file is damaged", path,
                     (unsigned long long)i, (*labels)[i], CLASSES);
    }
    (*labels)[i]--;
  }
  return SS_OK;
}

static ss_status add_part(ss_source *source, const stl10_part *part, const char *pictures, const char *labels_path,
                          ss_error *error) {
  const uint64_t record = 3 * PIXELS;
  uint64_t bytes = 0;
  if (!ss_path_is_file(pictures, &bytes)) {
    return SS_OK;
  }
  if (bytes == 0 || bytes % record != 0) {
    return ss_fail(error, SS_FAILED,
                   "%s: %llu bytes are not a whole number of STL-10 pictures of %llu bytes; it is cut short or another "
                   "kind of file",
                   pictures, (unsigned long long)bytes, (unsigned long long)record);
  }
  const ss_records records = {0, record, record, bytes / record};
  uint8_t *labels = NULL;
  ss_status status = labels_path ? read_labels(labels_path, records.count, &labels, error) : SS_OK;
  if (status == SS_OK) {
    status = ss_source_add_records(source, part->pictures, part->part, &records, labels, error);
  }
  free(labels);
  return status;
}

static ss_status open_stl10(ss_source *source, ss_error *error) {
  source->kind_name = "STL-10";
  source->root = find_root(source->data);
  if (!source->root) {
    return ss_fail(error, SS_FAILED, "no STL-10 files in %s", source->data);
  }
  SS_TRY(ss_source_name_classes(source, "class_names.txt", CLASSES, error));
  ss_status status = SS_OK;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == SS_OK; i++) {
    char *pictures = NULL, *labels = NULL;
    status = ss_path_join(&pictures, source->root, parts[i].pictures, error);
    if (status == SS_OK && parts[i].labels) {
      status = ss_path_join(&labels, source->root, parts[i].labels, error);
    }
    if (status == SS_OK) {
      status = add_part(source, &parts[i], pictures, labels, error);
    }
    free(pictures);
    free(labels);
  }
  return status;
}

static ss_status read_stl10(const ss_source *source, const ss_sample *sample, ss_decoder *decoder,
                            const ss_decode_options *options, ss_image *image, ss_error *error) {
  (void)options;
  const uint8_t *planes = NULL;
  SS_TRY(ss_source_read_bytes(source, sample, decoder, &planes, error));
  SS_TRY(ss_image_resize_buffer(image, SIDE, SIDE, 3, error));
  uint8_t *out = image->pixels;
  for (size_t y = 0; y < SIDE; y++) {
    for (size_t x = 0; x < SIDE; x++) {
      for (size_t c = 0; c < 3; c++) {
        *out++ = planes[c * PIXELS + x * SIDE + y];
      }
    }
  }
  return SS_OK;
}

const ss_source_kind ss_source_stl10 = {holds, open_stl10, read_stl10};
