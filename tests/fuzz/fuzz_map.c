/* Maps of labels and of depths. */
#include "data/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static ss_map map;
  for (ss_map_kind kind = SS_MAP_LABELS; kind <= SS_MAP_DEPTH; kind++) {
    ss_error error = {0};
    const ss_status status = ss_map_decode(bytes, size, kind, &map, &error);
    if ((status == SS_OK) != (error.message[0] == '\0')) {
      __builtin_trap();
    }
  }
  return 0;
}
