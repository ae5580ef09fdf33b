/* Every image format, at full size and at a small DCT scale. */
#include "data/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static ss_decoder *decoder;
  static ss_image image;
  if (!decoder && ss_decoder_create(&decoder, NULL) != SS_OK) {
    return 0;
  }
  const ss_decode_options options[] = {{.max_pixels = 1 << 18},
                                       {.smallest_side = 4, .channels = 1, .max_pixels = 1 << 18}};
  for (int i = 0; i < 2; i++) {
    ss_error error = {0};
    const ss_status status = ss_decoder_decode(decoder, bytes, size, &options[i], &image, &error);
    if ((status == SS_OK) != (error.message[0] == '\0')) {
      __builtin_trap();
    }
  }
  return 0;
}
