/* Pictures in files to pictures in memory. */
#ifndef SS_DATA_DECODE_H
#define SS_DATA_DECODE_H

#include "base/image.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* A picture of more pixels is refused unless asked otherwise. */
#define SS_DECODE_MAX_PIXELS ((uint64_t)1 << 28)

typedef enum ss_image_format {
  SS_FORMAT_UNKNOWN = 0,
  SS_FORMAT_JPEG,
  SS_FORMAT_PNG,
  SS_FORMAT_WEBP,
  SS_FORMAT_BMP,
  SS_FORMAT_PNM /* PBM is refused; PGM and PPM, plain and raw */
} ss_image_format;

/* A zeroed struct asks for the whole picture in RGB. */
typedef struct ss_decode_options {
  int smallest_side;   /* a JPEG may be decoded at the smallest DCT scale whose shorter side is still at least this many
                          pixels; 0: at full size. Other formats ignore it */
  int channels;        /* 1: grey (ITU-R 601 luma); 3 or 0: RGB */
  uint64_t max_pixels; /* more than so many are refused before anything is allocated; 0: SS_DECODE_MAX_PIXELS */
} ss_decode_options;

/* What decoding keeps between pictures: the JPEG handle and buffers. One a thread. */
typedef struct ss_decoder ss_decoder;

ss_status ss_decoder_create(ss_decoder **decoder, ss_error *error);
void ss_decoder_free(ss_decoder *decoder);

/* Spent so far in ss_decoder_decode. */
double ss_decoder_seconds(const ss_decoder *decoder);

/* A buffer of at least `size` bytes for a file's bytes, owned by the decoder and valid until the next call of this
 * function with the same decoder; what is decoded may lie in it. NULL when memory is out. */
uint8_t *ss_decoder_buffer(ss_decoder *decoder, size_t size);

/* The format of a file by its first bytes; its name plays no part. */
ss_image_format ss_image_format_of(const uint8_t *bytes, size_t size);

/* Decodes the `size` bytes of a JPEG, PNG, WebP, BMP, PGM or PPM file into `out` (resized; its buffer is used again).
 * Grey is copied to three channels, palettes are looked up, 16 bits a channel become 8 (PNG: the upper ones), alpha
 * is dropped, CMYK becomes RGB as in PIL, and the EXIF orientation is applied. On failure (SS_FAILED: not a picture,
 * cut short, corrupt or absurdly large; SS_NO_MEMORY) what `out` holds is undefined but can be freed or used again.
 * Messages say what is wrong with the bytes, not which file they are from. `options` may be NULL. */
ss_status ss_decoder_decode(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                            ss_image *out, ss_error *error);

/* Reads and decodes a file of at most 1 GB. Messages say what is wrong with it, not its name. */
ss_status ss_decoder_read_file(ss_decoder *decoder, const char *path, const ss_decode_options *options, ss_image *out,
                               ss_error *error);

/* As ss_decoder_decode, with a decoder for this one call. */
ss_status ss_decode_image(const uint8_t *bytes, size_t size, const ss_decode_options *options, ss_image *out,
                          ss_error *error);

#endif
