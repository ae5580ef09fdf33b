/* IDX: the first byte says how much of the rest is the labels' file. */
#include "source_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size < 1 || bytes[0] > size - 1) {
    return 0;
  }
  const size_t labels = bytes[0];
  put_input("train-labels-idx1-ubyte", bytes + 1, labels);
  put_input("train-images-idx3-ubyte", bytes + 1 + labels, size - 1 - labels);
  if (labels == 0) {
    drop_input("train-labels-idx1-ubyte");
  }
  open_and_read(input_folder());
  return 0;
}
