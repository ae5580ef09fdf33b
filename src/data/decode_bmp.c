/* BMP: uncompressed, with 1, 4, 8 (palette), 16, 24 or 32 bits a pixel, either way up. */
#include "data/decode_format.h"

#include <string.h>

#define FILE_HEADER_BYTES 14
#define CORE_HEADER_BYTES 12 /* OS/2's; all others begin as BITMAPINFOHEADER does */
#define INFO_HEADER_BYTES 40

enum { COMPRESSION_NONE = 0, COMPRESSION_BIT_FIELDS = 3, COMPRESSION_ALPHA_BIT_FIELDS = 6 };

typedef struct bitmap {
  const uint8_t *pixels; /* the first stored row */
  const uint8_t *palette;
  size_t stride;        /* bytes a row */
  uint32_t colours;     /* entries of the palette */
  uint32_t entry_bytes; /* bytes of one */
  uint32_t bits;        /* a pixel */
  uint32_t masks[3];    /* of red, green and blue in a pixel of 16 or 32 bits */
  int width;
  int height;
  bool top_down;
} bitmap;

static ss_status damaged(ss_error *error, const char *what) {
  return ss_fail(error, SS_FAILED, "damaged BMP: %s", what);
}

/* Where the palette and the masks of 16 and 32 bits lie, behind the header of `header_bytes`. */
static ss_status read_colours(const uint8_t *bytes, size_t size, size_t header_bytes, uint32_t compression,
                              uint32_t stated_colours, bitmap *out, ss_error *error) {
  const size_t behind = FILE_HEADER_BYTES + header_bytes;
  if (out->bits == 16 || out->bits == 32) {
    const uint32_t usual[2][3] = {{0x7C00, 0x03E0, 0x001F}, {0xFF0000, 0x00FF00, 0x0000FF}};
    memcpy(out->masks, usual[out->bits == 32], sizeof out->masks);
    if (compression != COMPRESSION_NONE) {
      const size_t at = FILE_HEADER_BYTES + INFO_HEADER_BYTES; /* inside the longer headers, behind the short one */
      if (at + 12 > size) {
        return damaged(error, "no colour masks");
      }
      for (size_t c = 0; c < 3; c++) {
        out->masks[c] = ss_little_32(bytes + at + 4 * c);
        if (out->masks[c] == 0) {
          return damaged(error, "an empty colour mask");
        }
      }
    }
  } else if (out->bits <= 8) {
    const uint32_t most = 1u << out->bits;
    out->colours = stated_colours == 0 || stated_colours > most ? most : stated_colours;
    out->entry_bytes = header_bytes == CORE_HEADER_BYTES ? 3 : 4;
    if (behind + (size_t)out->colours * out->entry_bytes > size) {
      return damaged(error, "the palette is cut short");
    }
    out->palette = bytes + behind;
  }
  return SS_OK;
}

static ss_status read_header(const uint8_t *bytes, size_t size, const ss_decode_options *options, bitmap *out,
                             ss_error *error) {
  const uint32_t offset = ss_little_32(bytes + 10);
  const uint32_t header_bytes = ss_little_32(bytes + 14);
  uint32_t planes_and_bits_at = 0, compression = COMPRESSION_NONE, colours = 0;
  int64_t width = 0, height = 0;
  if (header_bytes == CORE_HEADER_BYTES && size >= FILE_HEADER_BYTES + CORE_HEADER_BYTES) {
    width = ss_little_16(bytes + 18);
    height = ss_little_16(bytes + 20);
    planes_and_bits_at = 22;
  } else if (header_bytes >= INFO_HEADER_BYTES && header_bytes <= size - FILE_HEADER_BYTES) {
    width = (int32_t)ss_little_32(bytes + 18);
    height = (int32_t)ss_little_32(bytes + 22);
    planes_and_bits_at = 26;
    compression = ss_little_32(bytes + 30);
    colours = ss_little_32(bytes + 46);
  } else {
    return damaged(error, "its header is cut short or of an unknown kind");
  }
  out->top_down = height < 0;
  height = height < 0 ? -height : height;
  out->bits = ss_little_16(bytes + planes_and_bits_at + 2);
  const bool fields = compression == COMPRESSION_BIT_FIELDS || compression == COMPRESSION_ALPHA_BIT_FIELDS;
  if (compression != COMPRESSION_NONE && !(fields && (out->bits == 16 || out->bits == 32))) {
    return ss_fail(error, SS_FAILED, "a compressed BMP (kind %u); save it without compression", compression);
  }
  if (out->bits != 1 && out->bits != 4 && out->bits != 8 && out->bits != 16 && out->bits != 24 && out->bits != 32) {
    return ss_fail(error, SS_FAILED, "damaged BMP: %u bits a pixel", out->bits);
  }
  if (width < 0) {
    return damaged(error, "a width below zero");
  }
  SS_TRY(ss_decode_check_size((uint64_t)width, (uint64_t)height, options, error));
  out->width = (int)width;
  out->height = (int)height;
  SS_TRY(read_colours(bytes, size, header_bytes, compression, colours, out, error));
  out->stride = ((size_t)width * out->bits + 31) / 32 * 4;
  if (offset < FILE_HEADER_BYTES + header_bytes || offset > size || out->stride * (size_t)height > size - offset) {
    return damaged(error, "the pixels are cut short");
  }
  out->pixels = bytes + offset;
  return SS_OK;
}

/* The bits of `value` under `mask`, scaled to 0 to 255. */
static uint8_t masked(uint32_t value, uint32_t mask) {
  const int shift = __builtin_ctz(mask);
  const uint64_t most = mask >> shift;
  return (uint8_t)(((uint64_t)((value & mask) >> shift) * 255 + most / 2) / most);
}

static ss_status decode_row(const bitmap *map, const uint8_t *row, uint8_t *out, ss_error *error) {
  for (size_t x = 0; x < (size_t)map->width; x++, out += 3) {
    if (map->bits <= 8) {
      const size_t bit = x * map->bits;
      const uint32_t index = (uint32_t)(row[bit / 8] >> (8 - map->bits - bit % 8)) & ((1u << map->bits) - 1);
      if (index >= map->colours) {
        return damaged(error, "a colour outside the palette");
      }
      const uint8_t *entry = map->palette + (size_t)index * map->entry_bytes;
      out[0] = entry[2], out[1] = entry[1], out[2] = entry[0];
    } else if (map->bits == 24) {
      out[0] = row[3 * x + 2], out[1] = row[3 * x + 1], out[2] = row[3 * x];
    } else {
      const uint32_t value = map->bits == 16 ? ss_little_16(row + 2 * x) : ss_little_32(row + 4 * x);
      for (int c = 0; c < 3; c++) {
        out[c] = masked(value, map->masks[c]);
      }
    }
  }
  return SS_OK;
}

ss_status ss_decode_bmp(ss_decoder *decoder, const uint8_t *bytes, size_t size, const ss_decode_options *options,
                        ss_image *out, int *orientation, ss_error *error) {
  (void)decoder;
  (void)orientation;
  bitmap map = {0};
  SS_TRY(read_header(bytes, size, options, &map, error));
  SS_TRY(ss_image_resize_buffer(out, map.width, map.height, 3, error));
  for (int y = 0; y < map.height; y++) {
    const size_t stored = (size_t)(map.top_down ? y : map.height - 1 - y);
    SS_TRY(decode_row(&map, map.pixels + stored * map.stride, out->pixels + (size_t)y * (size_t)map.width * 3, error));
  }
  return SS_OK;
}
