/* IDX, the format of MNIST and its like (LeCun, "The MNIST database"): two zero bytes, the type (8: unsigned bytes),
 * the number of dimensions, each dimension as a big-endian 32-bit number, the values. Pictures are N x H x W, or N x H
 * x W x 3; labels are N. */
#include "base/file.h"
#include "data/files.h"
#include "data/source_kind.h"

#include <stdlib.h>
#include <string.h>

#define TYPE_BYTES 8
#define MAX_DIMENSIONS 4
#define MAX_SIDE 4096

typedef struct idx_header {
  int dimensions;
  uint32_t sizes[MAX_DIMENSIONS];
  uint64_t data; /* where the values begin */
} idx_header;

static ss_status read_header(const char *path, idx_header *header, ss_error *error) {
  uint8_t bytes[4 + 4 * MAX_DIMENSIONS];
  uint64_t file_bytes = 0;
  if (!ss_path_is_file(path, &file_bytes) || file_bytes < 8) {
    return ss_fail(error, SS_FAILED, "%s: cut short; an IDX file has at least 8 bytes", path);
  }
  SS_TRY(ss_file_read_at(path, 0, bytes, 4, error));
  if (bytes[0] == 0x1F && bytes[1] == 0x8B) {
    return ss_fail(error, SS_FAILED, "%s is compressed; unpack it with gunzip", path);
  }
  header->dimensions = bytes[3];
  if (bytes[0] != 0 || bytes[1] != 0 || bytes[2] != TYPE_BYTES || header->dimensions < 1 ||
      header->dimensions > MAX_DIMENSIONS) {
    return ss_fail(error, SS_FAILED, "%s: not an IDX file of bytes with 1 to %d dimensions", path, MAX_DIMENSIONS);
  }
  header->data = 4 + 4 * (uint64_t)header->dimensions;
  if (file_bytes < header->data) {
    return ss_fail(error, SS_FAILED, "%s: cut short in its header", path);
  }
  SS_TRY(ss_file_read_at(path, 0, bytes, header->data, error));
  uint64_t values = 1;
  for (int i = 0; i < header->dimensions; i++) {
    const uint8_t *at = bytes + 4 + 4 * i;
    header->sizes[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    if (__builtin_mul_overflow(values, (uint64_t)header->sizes[i], &values)) {
      values = UINT64_MAX;
    }
  }
  if (values != file_bytes - header->data) {
    return ss_fail(error, SS_FAILED, "%s: the header promises %llu bytes of values, there are %llu; it is damaged",
                   path, (unsigned long long)values, (unsigned long long)(file_bytes - header->data));
  }
  return SS_OK;
}

/* The name in the folder that says "images" or "labels", IDX, and one of the two words for its part. */
static const char *find_name(const ss_listing *files, const char *what, const char *dimensions, const char *word,
                             const char *other_word) {
  for (size_t i = 0; i < files->count; i++) {
    const char *name = files->names[i];
    if (strstr(name, what) && strstr(name, dimensions) && (strstr(name, word) || strstr(name, other_word)) &&
        !ss_path_has_suffix(name, ".gz")) {
      return name;
    }
  }
  return NULL;
}

typedef struct idx_files {
  char *root;
  ss_listing names;
  const char *pictures[2]; /* by ss_part; owned by names */
  const char *labels[2];
} idx_files;

static void free_files(idx_files *files) {
  free(files->root);
  ss_listing_free(&files->names);
}

static bool find_files(const char *data, idx_files *files) {
  static const char *const inner[] = {"", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw"}; /* torchvision's */
  for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++) {
    *files = (idx_files){0};
    if (ss_path_join(&files->root, data, inner[i], NULL) == SS_OK && ss_folder_exists(files->root) &&
        ss_listing_read(files->root, false, &files->names, NULL) == SS_OK) {
      for (int part = 0; part < 2; part++) {
        const char *word = part == SS_PART_TRAIN ? "train" : "t10k";
        const char *other_word = part == SS_PART_TRAIN ? "train" : "test";
        files->pictures[part] = find_name(&files->names, "images", "idx", word, other_word);
        files->labels[part] = find_name(&files->names, "labels", "idx1", word, other_word);
      }
      if (files->pictures[0] || files->pictures[1]) {
        return true;
      }
    }
    free_files(files);
  }
  return false;
}

static bool holds(const char *data) {
  idx_files files;
  const bool found = find_files(data, &files);
  if (found) {
    free_files(&files);
  }
  return found;
}

static ss_status read_labels(ss_source *source, const char *path, uint32_t count, uint8_t **labels, ss_error *error) {
  idx_header header;
  SS_TRY(read_header(path, &header, error));
  if (header.dimensions != 1 || header.sizes[0] != count) {
    return ss_fail(error, SS_FAILED, "%s: %u labels for %u pictures", path, header.sizes[0], count);
  }
  *labels = malloc(count);
  if (!*labels) {
    return ss_fail_memory(error, count, "labels");
  }
  SS_TRY(ss_file_read_at(path, header.data, *labels, count, error));
  int most = 0;
  for (uint32_t i = 0; i < count; i++) {
    most = (*labels)[i] > most ? (*labels)[i] : most;
  }
  return ss_source_number_classes(source, most + 1, error);
}

static ss_status add_part(ss_source *source, const char *name, ss_part part, const char *pictures,
                          const char *labels_path, ss_error *error) {
  idx_header header;
  SS_TRY(read_header(pictures, &header, error));
  const int channels = header.dimensions == 4 ? (int)header.sizes[3] : 1;
  if (header.dimensions < 3 || (channels != 1 && channels != 3) || header.sizes[0] == 0) {
    return ss_fail(error, SS_FAILED, "%s: not pictures: N x H x W or N x H x W x 3 values are expected", pictures);
  }
  if (header.sizes[1] < 1 || header.sizes[2] < 1 || header.sizes[1] > MAX_SIDE || header.sizes[2] > MAX_SIDE) {
    return ss_fail(error, SS_FAILED, "%s: pictures of %u x %u pixels; 1 to %d a side are expected", pictures,
                   header.sizes[2], header.sizes[1], MAX_SIDE);
  }
  const int height = (int)header.sizes[1], width = (int)header.sizes[2];
  if (source->width && (source->width != width || source->height != height || source->channels != channels)) {
    return ss_fail(error, SS_FAILED, "%s: pictures of %d x %d pixels, but those of the training part have %d x %d",
                   pictures, width, height, source->width, source->height);
  }
  source->width = width;
  source->height = height;
  source->channels = channels;
  const uint64_t record = (uint64_t)width * (uint64_t)height * (uint64_t)channels;
  const ss_records records = {header.data, record, record, header.sizes[0]};
  uint8_t *labels = NULL;
  ss_status status = labels_path ? read_labels(source, labels_path, header.sizes[0], &labels, error) : SS_OK;
  if (status == SS_OK) {
    status = ss_source_add_records(source, name, part, &records, labels, error);
  }
  free(labels);
  return status;
}

static ss_status open_files(ss_source *source, const idx_files *files, ss_error *error) {
  for (int part = 0; part < 2; part++) {
    if (!files->pictures[part]) {
      continue;
    }
    char *pictures = NULL, *labels = NULL;
    ss_status status = ss_path_join(&pictures, source->root, files->pictures[part], error);
    if (status == SS_OK && files->labels[part]) {
      status = ss_path_join(&labels, source->root, files->labels[part], error);
    }
    if (status == SS_OK) {
      status = add_part(source, files->pictures[part], (ss_part)part, pictures, labels, error);
    }
    free(pictures);
    free(labels);
    SS_TRY(status);
  }
  return SS_OK;
}

static ss_status open_idx(ss_source *source, ss_error *error) {
  source->kind_name = "IDX";
  idx_files files;
  if (!find_files(source->data, &files)) {
    return ss_fail(error, SS_FAILED, "no IDX files in %s", source->data);
  }
  source->root = strdup(files.root);
  const ss_status status =
      source->root ? open_files(source, &files, error) : ss_fail_memory(error, strlen(files.root), "a path");
  free_files(&files);
  return status;
}

static ss_status read_idx(const ss_source *source, const ss_sample *sample, ss_decoder *decoder,
                          const ss_decode_options *options, ss_image *image, ss_error *error) {
  (void)options;
  const uint8_t *values = NULL;
  SS_TRY(ss_source_read_bytes(source, sample, decoder, &values, error));
  SS_TRY(ss_image_resize_buffer(image, source->width, source->height, source->channels, error));
  memcpy(image->pixels, values, sample->length);
  return SS_OK;
}

const ss_source_kind ss_source_idx = {holds, open_idx, read_idx};
