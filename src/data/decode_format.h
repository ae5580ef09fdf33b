/* What decode.c and the decoders of the formats share; nobody else includes it. */
#ifndef SS_DATA_DECODE_FORMAT_H
#define SS_DATA_DECODE_FORMAT_H

#include "data/decode.h"

#include <stdbool.h>
#include <turbojpeg.h>

struct ss_decoder {
  tjhandle jpeg;
  double seconds;  /* spent decoding */
  uint8_t *buffer; /* ss_decoder_buffer's */
  size_t buffer_size;
  ss_image turned; /* takes the turned copy of a picture with an EXIF orientation, and its buffer next time */
  ss_image wide;   /* CMYK before it is RGB */
};

/* One format: decodes into `out` with 1 or 3 channels as it likes (ss_decoder_decode makes them what was asked for) and
 * sets `orientation` if the file states one. options->max_pixels is set. */
typedef ss_status (*ss_format_decode)(ss_decoder *decoder, const uint8_t *bytes, size_t size,
                                      const ss_decode_options *options, ss_image *out, int *orientation,
                                      ss_error *error);

ss_status ss_decode_jpeg(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                         ss_image *out, int *orientation, ss_error *error);
ss_status ss_decode_png(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                        ss_image *out, int *orientation, ss_error *error);
ss_status ss_decode_webp(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                         ss_image *out, int *orientation, ss_error *error);
ss_status ss_decode_bmp(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                        ss_image *out, int *orientation, ss_error *error);
ss_status ss_decode_pnm(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                        ss_image *out, int *orientation, ss_error *error);

/* Fails unless a picture of this size is allowed. */
ss_status ss_decode_check_size(uint64_t width, uint64_t height, const ss_decode_options *options, ss_error *error);

/* Makes `image` grey if `channels` is 1, else RGB. */
ss_status ss_decode_give_channels(ss_image *image, int channels, ss_error *error);

static inline uint32_t ss_little_16(const uint8_t *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static inline uint32_t ss_little_32(const uint8_t *bytes) {
  return ss_little_16(bytes) | ss_little_16(bytes + 2) << 16;
}

#endif
