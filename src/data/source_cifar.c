/* CIFAR-10 and CIFAR-100, binary version (Krizhevsky 2009): records of one label byte (CIFAR-100: coarse and fine) and
 * 3 x 32 x 32 bytes, red, green and blue planes, rows from the top. */
#include "base/file.h"
#include "data/files.h"
#include "data/source_kind.h"

#include <stdio.h>
#include <stdlib.h>

#define SIDE 32
#define PIXELS (SIDE * SIDE)

typedef struct layout {
  const char *kind_name;
  const char *inner; /* the folder in the archive */
  const char *files[7];
  size_t test_file; /* index of the first file of the test part */
  const char *class_file;
  int classes;
  size_t label_bytes; /* the last of them counts */
} layout;

static const layout layouts[] = {
    {"CIFAR-10",
     "cifar-10-batches-bin",
     {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
      "test_batch.bin"},
     5,
     "batches.meta.txt",
     10,
     1},
    {"CIFAR-100", "cifar-100-binary", {"train.bin", "test.bin"}, 1, "fine_label_names.txt", 100, 2},
};

/* The layout and folder of DATA's CIFAR files; NULL if there are none. */
static const layout *find_layout(const char *data, char **root) {
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
    for (size_t k = 0; layouts[i].files[k]; k++) {
      *root = ss_source_find_root(data, layouts[i].inner, layouts[i].files[k]);
      if (*root) {
        return &layouts[i];
      }
    }
  }
  return NULL;
}

static bool holds(const char *data) {
  char *root = NULL;
  const layout *found = find_layout(data, &root);
  free(root);
  return found != NULL;
}

static ss_status check_labels(const layout *kind, const char *path, const uint8_t *labels, size_t count,
                              ss_error *error) {
  for (size_t i = 0; i < count; i++) {
    if (labels[i] >= kind->classes) {
      return ss_fail(error, SS_FAILED, "%s: picture %zu has label %d, but %s has %d classes; the file is damaged", path,
                     i, labels[i], kind->kind_name, kind->classes);
    }
  }
  return SS_OK;
}

/* Reads the label of each record, through all of the file: they do not lie together. */
static ss_status read_labels(const layout *kind, const char *path, uint8_t *labels, size_t count, ss_error *error) {
  const size_t record = kind->label_bytes + 3 * PIXELS;
  FILE *file = fopen(path, "rb");
  if (!file) {
    return ss_fail(error, SS_FAILED, "cannot open %s", path);
  }
  uint8_t bytes[2 + 3 * PIXELS];
  for (size_t i = 0; i < count; i++) {
    if (fread(bytes, record, 1, file) != 1) {
      fclose(file);
      return ss_fail(error, SS_FAILED, "cannot read %s", path);
    }
    labels[i] = bytes[kind->label_bytes - 1];
  }
  fclose(file);
  return check_labels(kind, path, labels, count, error);
}

static ss_status add_file(ss_source *source, const layout *kind, const char *name, ss_part part, ss_error *error) {
  const uint64_t record = kind->label_bytes + 3 * PIXELS;
  uint64_t bytes = 0;
  char *path = NULL;
  SS_TRY(ss_path_join(&path, source->root, name, error));
  ss_status status = SS_OK;
  if (ss_path_is_file(path, &bytes)) {
    const uint64_t count = bytes / record;
    uint8_t *labels = malloc(count ? count : 1);
    if (!labels) {
      status = ss_fail_memory(error, count, "labels");
    } else if (bytes == 0 || bytes % record != 0) {
      status = ss_fail(error, SS_FAILED,
                       "%s: %llu bytes are not a whole number of %s pictures of %llu bytes; it is cut short or another "
                       "kind of file",
                       path, (unsigned long long)bytes, kind->kind_name, (unsigned long long)record);
    } else {
      status = read_labels(kind, path, labels, count, error);
    }
    if (status == SS_OK) {
      const ss_records records = {kind->label_bytes, record, 3 * PIXELS, count};
      status = ss_source_add_records(source, name, part, &records, labels, error);
    }
    free(labels);
  }
  free(path);
  return status;
}

static ss_status open_cifar(ss_source *source, ss_error *error) {
  const layout *kind = find_layout(source->data, &source->root);
  if (!kind) {
    return ss_fail(error, SS_FAILED, "no CIFAR files in %s", source->data);
  }
  source->kind_name = kind->kind_name;
  SS_TRY(ss_source_name_classes(source, kind->class_file, kind->classes, error));
  for (size_t i = 0; kind->files[i]; i++) {
    SS_TRY(add_file(source, kind, kind->files[i], i < kind->test_file ? SS_PART_TRAIN : SS_PART_TEST, error));
  }
  return SS_OK;
}

static ss_status read_cifar(const ss_source *source, const ss_sample *sample, ss_decoder *decoder,
                            const ss_decode_options *options, ss_image *image, ss_error *error) {
  (void)options;
  const uint8_t *planes = NULL;
  SS_TRY(ss_source_read_bytes(source, sample, decoder, &planes, error));
  SS_TRY(ss_image_resize_buffer(image, SIDE, SIDE, 3, error));
  for (size_t i = 0; i < PIXELS; i++) {
    for (size_t c = 0; c < 3; c++) {
      image->pixels[3 * i + c] = planes[c * PIXELS + i];
    }
  }
  return SS_OK;
}

const ss_source_kind ss_source_cifar = {holds, open_cifar, read_cifar};
