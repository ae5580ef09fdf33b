/* For the fuzz targets of sources: a folder with files cut from the input, opened and read. */
#ifndef TESTS_FUZZ_SOURCE_INPUT_H
#define TESTS_FUZZ_SOURCE_INPUT_H

#include "data/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The folder of this process, made at the first call; in memory where the system has such a place. */
static inline const char *input_folder(void) {
  static char folder[64];
  if (!folder[0]) {
    snprintf(folder, sizeof folder, "%s/selfsup-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) {
      abort();
    }
  }
  return folder;
}

static inline void put_input(const char *name, const uint8_t *bytes, size_t size) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", input_folder(), name);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
    abort();
  }
}

static inline void drop_input(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", input_folder(), name);
  unlink(path);
}

/* Opens `data` and reads a few samples. */
static inline void open_and_read(const char *data) {
  ss_source *source = NULL;
  ss_error error = {0};
  const ss_status status = ss_source_open(data, &source, &error);
  if ((status == SS_OK) != (source != NULL) || (status != SS_OK && !error.message[0])) {
    abort();
  }
  if (!source) {
    return;
  }
  static ss_decoder *decoder;
  static ss_image image;
  if (!decoder && ss_decoder_create(&decoder, NULL) != SS_OK) {
    abort();
  }
  const ss_decode_options options = {.max_pixels = 1 << 16};
  const uint32_t count = ss_source_count(source);
  for (uint32_t i = 0; i < count && i < 8; i++) {
    const int label = ss_source_label(source, i);
    if (label >= ss_source_class_count(source) || (label >= 0 && !ss_source_class_name(source, label))) {
      abort();
    }
    ss_source_read(source, i, decoder, &options, &image, &error);
  }
  ss_subset train = {0}, test = {0};
  bool split = false;
  if (ss_subset_for_probe(source, &train, &test, &split, &error) == SS_OK) {
    ss_subset_limit(source, &train, train.count / 2, &error);
  }
  ss_subset_free(&train);
  ss_subset_free(&test);
  ss_source_close(source);
}

#endif
