/* Any bytes as a NumPy file. */
#include "io/npy.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ss_error error;
  float *values;
  int64_t rows, columns;
  if (ss_npy_parse((const char *)data, size, "fuzz", &values, &rows, &columns, &error) == SS_OK) {
    volatile float last = 0; /* every number promised is there */
    if (rows > 0 && columns > 0) {
      last = values[rows * columns - 1];
    }
    (void)last;
    free(values);
  }
  return 0;
}
