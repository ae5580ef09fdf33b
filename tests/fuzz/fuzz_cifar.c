/* CIFAR-10, CIFAR-100 and STL-10, by the first byte. Their pictures have fixed sizes, so the rest of the input is
 * spread: a class list, how far the last record is cut, and the labels. */
#include "source_input.h"

#define MOST_RECORDS 40

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void put_records(const char *name, size_t label_bytes, size_t pixel_bytes, const uint8_t *labels, size_t count,
                        size_t cut) {
  const size_t record = label_bytes + pixel_bytes;
  uint8_t *file = calloc(count + 1, record);
  if (!file) {
    abort();
  }
  for (size_t i = 0; i < count && label_bytes; i++) {
    file[i * record + label_bytes - 1] = labels[i];
  }
  put_input(name, file, count * record > cut ? count * record - cut : 0);
  free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size < 4) {
    return 0;
  }
  const int kind = bytes[0] % 3;
  const size_t cut = bytes[1] % 4 == 0 ? bytes[2] : 0;
  const size_t name_bytes = bytes[3] < size - 4 ? bytes[3] : size - 4;
  const uint8_t *labels = bytes + 4 + name_bytes;
  size_t count = size - 4 - name_bytes;
  count = count > MOST_RECORDS ? MOST_RECORDS : count;
  static const char *const files[3][3] = {{"data_batch_1.bin", "batches.meta.txt", NULL},
                                          {"train.bin", "fine_label_names.txt", NULL},
                                          {"train_X.bin", "class_names.txt", "train_y.bin"}};
  static const size_t pixel_bytes[3] = {3072, 3072, 27648};
  static const size_t label_bytes[3] = {1, 2, 0};
  put_records(files[kind][0], label_bytes[kind], pixel_bytes[kind], labels, count, cut);
  put_input(files[kind][1], bytes + 4, name_bytes);
  if (files[kind][2]) {
    put_input(files[kind][2], labels, count);
  }
  open_and_read(input_folder());
  for (int i = 0; i < 3 && files[kind][i]; i++) {
    drop_input(files[kind][i]);
  }
  return 0;
}
