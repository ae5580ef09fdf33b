/* What the kinds of sources use to list their samples. */
#include "base/file.h"
#include "data/files.h"
#include "data/source_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SAMPLES (UINT32_MAX / 2)

ss_status ss_source_add_sample(ss_source *source, const char *name, ss_sample sample, ss_error *error) {
  const size_t length = strlen(name) + 1;
  if (source->count == source->sample_capacity) {
    if (source->count >= MAX_SAMPLES) {
      return ss_fail(error, SS_FAILED, "more than %u pictures in %s", MAX_SAMPLES, source->data);
    }
    const uint32_t grown = source->sample_capacity ? source->sample_capacity * 2 : 1024;
    ss_sample *samples = realloc(source->samples, grown * sizeof *samples);
    if (!samples) {
      return ss_fail_memory(error, grown * sizeof *samples, "the list of pictures");
    }
    source->samples = samples;
    source->sample_capacity = grown;
  }
  if (source->names_bytes + length > source->names_capacity) {
    const uint64_t grown = source->names_capacity * 2 + length + 4096;
    char *names = realloc(source->names, grown);
    if (!names) {
      return ss_fail_memory(error, grown, "the names of pictures");
    }
    source->names = names;
    source->names_capacity = grown;
  }
  memcpy(source->names + source->names_bytes, name, length);
  sample.name = source->names_bytes;
  source->names_bytes += length;
  source->samples[source->count++] = sample;
  return SS_OK;
}

/* Appends a copy of `text` to a list that grows in powers of two. */
static ss_status append(char ***list, uint32_t count, const char *text, ss_error *error) {
  if ((count & (count - 1)) == 0) {
    const size_t grown = count ? (size_t)count * 2 : 1;
    char **longer = realloc(*list, grown * sizeof *longer);
    if (!longer) {
      return ss_fail_memory(error, grown * sizeof *longer, "a list of names");
    }
    *list = longer;
  }
  (*list)[count] = strdup(text);
  return (*list)[count] ? SS_OK : ss_fail_memory(error, strlen(text), "a name");
}

ss_status ss_source_add_file(ss_source *source, const char *path, uint32_t *file, ss_error *error) {
  SS_TRY(append(&source->files, source->file_count, path, error));
  *file = source->file_count++;
  return SS_OK;
}

static ss_status append_class(ss_source *source, const char *name, ss_error *error) {
  if (source->class_count >= SS_SOURCE_MAX_CLASSES) {
    return ss_fail(error, SS_FAILED, "more than %d classes in %s", SS_SOURCE_MAX_CLASSES, source->data);
  }
  SS_TRY(append(&source->classes, (uint32_t)source->class_count, name, error));
  source->class_count++;
  return SS_OK;
}

ss_status ss_source_add_class(ss_source *source, const char *name, int *label, ss_error *error) {
  for (*label = 0; *label < source->class_count; ++*label) {
    if (strcmp(source->classes[*label], name) == 0) {
      return SS_OK;
    }
  }
  return append_class(source, name, error);
}

ss_status ss_source_number_classes(ss_source *source, int count, ss_error *error) {
  while (source->class_count < count) {
    char name[16];
    snprintf(name, sizeof name, "%d", source->class_count);
    SS_TRY(append_class(source, name, error));
  }
  return SS_OK;
}

static ss_status add_lines(ss_source *source, char *text, int count, ss_error *error) {
  char *rest = NULL;
  for (char *line = strtok_r(text, "\r\n", &rest); line && source->class_count < count;
       line = strtok_r(NULL, "\r\n", &rest)) {
    SS_TRY(append_class(source, line, error));
  }
  return SS_OK;
}

ss_status ss_source_name_classes(ss_source *source, const char *name, int count, ss_error *error) {
  char text[16384];
  uint64_t bytes = 0;
  char *path = NULL;
  SS_TRY(ss_path_join(&path, source->root, name, error));
  ss_status status = SS_OK;
  if (ss_path_is_file(path, &bytes) && bytes < sizeof text) {
    status = ss_file_read_at(path, 0, text, bytes, error);
    text[bytes] = '\0';
    if (status == SS_OK) {
      status = add_lines(source, text, count, error);
    }
  }
  free(path);
  SS_TRY(status);
  return ss_source_number_classes(source, count, error);
}

typedef struct named_class {
  char *name;
  int number;
} named_class;

static int by_name(const void *a, const void *b) {
  return strcmp(((const named_class *)a)->name, ((const named_class *)b)->name);
}

static int by_part_label_name(const void *a, const void *b, void *names) {
  const ss_sample *left = a, *right = b;
  if (left->part != right->part) {
    return left->part < right->part ? -1 : 1;
  }
  if (left->label != right->label) { /* as unsigned, no label (-1) comes last */
    return (uint32_t)left->label < (uint32_t)right->label ? -1 : 1;
  }
  return strcmp((const char *)names + left->name, (const char *)names + right->name);
}

ss_status ss_source_sort(ss_source *source, ss_error *error) {
  if (source->class_count > 0) {
    const size_t count = (size_t)source->class_count;
    named_class *classes = calloc(count, sizeof *classes);
    int *new_number = calloc(count, sizeof *new_number);
    if (!classes || !new_number) {
      free(classes);
      free(new_number);
      return ss_fail_memory(error, count * sizeof *classes, "the classes");
    }
    for (size_t i = 0; i < count; i++) {
      classes[i] = (named_class){source->classes[i], (int)i};
    }
    qsort(classes, count, sizeof *classes, by_name);
    for (size_t i = 0; i < count; i++) {
      source->classes[i] = classes[i].name;
      new_number[classes[i].number] = (int)i;
    }
    for (uint32_t i = 0; i < source->count; i++) {
      if (source->samples[i].label >= 0) {
        source->samples[i].label = new_number[source->samples[i].label];
      }
    }
    free(classes);
    free(new_number);
  }
  if (source->count > 0) {
    qsort_r(source->samples, source->count, sizeof *source->samples, by_part_label_name, source->names);
  }
  return SS_OK;
}

ss_status ss_source_add_records(ss_source *source, const char *file_name, ss_part part, const ss_records *records,
                                const uint8_t *labels, ss_error *error) {
  uint32_t file = 0;
  char *path = NULL;
  SS_TRY(ss_path_join(&path, source->root, file_name, error));
  ss_status status = ss_source_add_file(source, path, &file, error);
  free(path);
  for (uint64_t i = 0; status == SS_OK && i < records->count; i++) {
    char name[512];
    snprintf(name, sizeof name, "%s#%llu", file_name, (unsigned long long)i);
    const ss_sample sample = {.offset = records->first + i * records->step,
                              .length = records->bytes,
                              .file = file,
                              .label = labels ? labels[i] : -1,
                              .part = (uint32_t)part};
    status = ss_source_add_sample(source, name, sample, error);
  }
  return status;
}

ss_status ss_source_read_bytes(const ss_source *source, const ss_sample *sample, ss_decoder *decoder,
                               const uint8_t **bytes, ss_error *error) {
  uint8_t *buffer = ss_decoder_buffer(decoder, sample->length);
  if (!buffer) {
    return ss_fail_memory(error, sample->length, "a picture's bytes");
  }
  *bytes = buffer;
  return ss_file_read_at(source->files[sample->file], sample->offset, buffer, sample->length, error);
}

char *ss_source_find_root(const char *data, const char *inner, const char *name) {
  if (ss_path_has_file(data, name)) {
    return strdup(data);
  }
  char *folder = NULL;
  if (inner && ss_path_join(&folder, data, inner, NULL) == SS_OK && ss_path_has_file(folder, name)) {
    return folder;
  }
  free(folder);
  return NULL;
}
