/* Any bytes as a safetensors file: opened, listed, and every array read. */
#include "io/safetensors.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const int file = memfd_create("fuzz", 0);
  if (file < 0 || write(file, data, size) != (ssize_t)size) {
    abort();
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  ss_error error;
  ss_safetensors *opened;
  if (ss_safetensors_open(&opened, path, &error) == SS_OK) {
    for (size_t i = 0; i < ss_safetensors_count(opened); i++) {
      const ss_safetensors_tensor *tensor = ss_safetensors_at(opened, i);
      char *bytes = malloc((size_t)tensor->bytes + 1);
      float *floats = calloc((size_t)tensor->count + 1, sizeof *floats);
      if (!bytes || !floats || ss_safetensors_read(opened, tensor, bytes, &error) != SS_OK) {
        abort(); /* what was accepted must be readable */
      }
      if (ss_safetensors_read_float(opened, tensor, floats, &error) == SS_NO_MEMORY ||
          ss_safetensors_find(opened, tensor->name) != tensor) {
        abort();
      }
      free(bytes);
      free(floats);
    }
    for (size_t i = 0; i < ss_safetensors_metadata_count(opened); i++) {
      const ss_safetensors_text text = ss_safetensors_metadata_at(opened, i);
      if (ss_safetensors_metadata(opened, text.key) != text.value) {
        abort();
      }
    }
    ss_safetensors_close(opened);
  }
  close(file);
  return 0;
}
