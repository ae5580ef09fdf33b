/* A tar shard. */
#include "source_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char path[256];
  put_input("shard.tar", bytes, size);
  snprintf(path, sizeof path, "%s/shard.tar", input_folder());
  open_and_read(path);
  return 0;
}
