#include "data/source.h"

#include "data/decode_format.h"
#include "data/files.h"
#include "data/source_kind.h"

#include <stdlib.h>
#include <string.h>

/* The first that holds wins; a folder holds whatever no other kind knows. */
static const ss_source_kind *const kinds[] = {
    &ss_source_world, &ss_source_cifar,  &ss_source_stl10,   &ss_source_idx,
    &ss_source_tar,   &ss_source_folder, &ss_source_picture,
};

static ss_status open_kind(ss_source *source, ss_error *error) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (kinds[i]->holds(source->data)) {
      source->kind = kinds[i];
      SS_TRY(kinds[i]->open(source, error));
      if (source->count == 0) {
        return ss_fail(error, SS_FAILED,
                       "no pictures in %s: DATA is a folder of .jpg, .png, .webp, .bmp or .ppm files (one folder a "
                       "class, if there are classes), of CIFAR, STL-10 or MNIST binary files, or of .tar shards",
                       source->data);
      }
      return SS_OK;
    }
  }
  if (ss_path_is_file(source->data, NULL)) {
    return ss_fail(error, SS_FAILED, "not a data set: %s; DATA is a folder, a picture, a .tar shard or world:images",
                   source->data);
  }
  return ss_fail(error, SS_FAILED, "no such folder: %s", source->data);
}

ss_status ss_source_open(const char *data, ss_source **source, ss_error *error) {
  *source = NULL;
  if (!data || !data[0]) {
    return ss_fail(error, SS_USAGE, "DATA is empty; give a folder, a .tar shard or world:images");
  }
  ss_source *opened = calloc(1, sizeof *opened);
  if (!opened) {
    return ss_fail_memory(error, sizeof *opened, "a data source");
  }
  opened->data = strdup(data);
  ss_status status = opened->data ? open_kind(opened, error) : ss_fail_memory(error, strlen(data), "a path");
  if (status != SS_OK) {
    ss_source_close(opened);
    return status;
  }
  *source = opened;
  return SS_OK;
}

void ss_source_close(ss_source *source) {
  if (!source) {
    return;
  }
  for (uint32_t i = 0; i < source->file_count; i++) {
    free(source->files[i]);
  }
  for (int i = 0; i < source->class_count; i++) {
    free(source->classes[i]);
  }
  ss_caller_free(source->caller);
  free(source->files);
  free(source->classes);
  free(source->samples);
  free(source->names);
  free(source->root);
  free(source->data);
  free(source);
}

const char *ss_source_kind_name(const ss_source *source) {
  return source->kind_name;
}

const char *ss_source_path(const ss_source *source) {
  return source->data;
}

uint32_t ss_source_count(const ss_source *source) {
  return source->count;
}

bool ss_source_has_part(const ss_source *source, ss_part part) {
  for (uint32_t i = 0; i < source->count; i++) {
    if (source->samples[i].part == (uint32_t)part) {
      return true;
    }
  }
  return false;
}

int ss_source_label(const ss_source *source, uint32_t sample) {
  return source->samples[sample].label;
}

ss_part ss_source_part(const ss_source *source, uint32_t sample) {
  return (ss_part)source->samples[sample].part;
}

const char *ss_source_name(const ss_source *source, uint32_t sample) {
  return source->names + source->samples[sample].name;
}

int ss_source_class_count(const ss_source *source) {
  return source->class_count;
}

const char *ss_source_class_name(const ss_source *source, int label) {
  return label >= 0 && label < source->class_count ? source->classes[label] : NULL;
}

ss_status ss_source_read(const ss_source *source, uint32_t sample, ss_decoder *decoder,
                         const ss_decode_options *options, ss_image *image, ss_error *error) {
  if (sample >= source->count) {
    return ss_fail(error, SS_USAGE, "sample %u of %u in %s", sample, source->count, source->data);
  }
  ss_error inner = {0};
  ss_status status = source->kind->read(source, &source->samples[sample], decoder, options, image, &inner);
  if (status == SS_OK) {
    status = ss_decode_give_channels(image, options ? options->channels : 3, &inner);
  }
  if (status != SS_OK) {
    return ss_fail(error, status, "%s/%s: %s", source->root, ss_source_name(source, sample), inner.message);
  }
  return SS_OK;
}
