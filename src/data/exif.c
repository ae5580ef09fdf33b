#include "data/exif.h"

#include <stdbool.h>
#include <string.h>

#define ORIENTATION_TAG 0x0112
#define TYPE_SHORT 3
#define ENTRY_BYTES 12

static uint32_t read_number(const uint8_t *bytes, int count, bool big_endian) {
  uint32_t value = 0;
  for (int i = 0; i < count; i++) {
    value |= (uint32_t)bytes[i] << (8 * (big_endian ? count - 1 - i : i));
  }
  return value;
}

int ss_exif_orientation(const uint8_t *bytes, size_t size) {
  if (size >= 6 && memcmp(bytes, "Exif\0\0", 6) == 0) {
    bytes += 6;
    size -= 6;
  }
  if (size < 8 || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0)) {
    return 1;
  }
  const bool big_endian = bytes[0] == 'M';
  const size_t directory = read_number(bytes + 4, 4, big_endian);
  if (directory > size - 2) {
    return 1;
  }
  const size_t entries = read_number(bytes + directory, 2, big_endian);
  for (size_t i = 0; i < entries; i++) {
    const size_t entry = directory + 2 + i * ENTRY_BYTES;
    if (entry + ENTRY_BYTES > size) {
      return 1;
    }
    if (read_number(bytes + entry, 2, big_endian) == ORIENTATION_TAG &&
        read_number(bytes + entry + 2, 2, big_endian) == TYPE_SHORT) {
      const uint32_t orientation = read_number(bytes + entry + 8, 2, big_endian);
      return orientation >= 1 && orientation <= 8 ? (int)orientation : 1;
    }
  }
  return 1;
}
