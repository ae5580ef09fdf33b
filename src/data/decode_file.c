#include "data/decode.h"
#include "data/files.h"

#define MAX_FILE_BYTES ((uint64_t)1 << 30)

ss_status ss_decoder_read_file(ss_decoder *decoder, const char *path, const ss_decode_options *options, ss_image *out,
                               ss_error *error) {
  uint64_t bytes = 0;
  if (!ss_path_is_file(path, &bytes)) {
    return ss_fail(error, SS_FAILED, "no such file");
  }
  if (bytes > MAX_FILE_BYTES) {
    return ss_fail(error, SS_FAILED, "larger than %llu MB", (unsigned long long)(MAX_FILE_BYTES >> 20));
  }
  uint8_t *buffer = ss_decoder_buffer(decoder, bytes);
  if (!buffer) {
    return ss_fail_memory(error, bytes, "a file");
  }
  SS_TRY(ss_file_read_at(path, 0, buffer, bytes, error));
  return ss_decoder_decode(decoder, buffer, bytes, options, out, error);
}
