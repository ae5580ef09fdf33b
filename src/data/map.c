#include "data/map.h"

#include "base/file.h"
#include "base/image.h"
#include "data/decode.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHUNK_BYTES ((size_t)64 << 20) /* of text and profiles, which nobody here reads */
#define MAX_FILE_BYTES ((size_t)1 << 30)

void ss_map_free(ss_map *map) {
  free(map->values);
  memset(map, 0, sizeof *map);
}

static ss_status resize(ss_map *map, int width, int height, ss_error *error) {
  const size_t count = (size_t)width * (size_t)height;
  if (map->capacity < count) {
    uint16_t *values = realloc(map->values, count * sizeof *values);
    if (!values) {
      return ss_fail_memory(error, count * sizeof *values, "a map");
    }
    map->values = values;
    map->capacity = count;
  }
  map->width = width;
  map->height = height;
  return SS_OK;
}

static ss_status damaged(int code, ss_error *error) {
  return code == SPNG_EMEM ? ss_fail_memory(error, 1, "a PNG")
                           : ss_fail(error, SS_FAILED, "damaged PNG: %s", spng_strerror(code));
}

static ss_status check_header(const struct spng_ihdr *header, ss_map_kind kind, ss_error *error) {
  const bool indexed = header->color_type == SPNG_COLOR_TYPE_INDEXED;
  const bool grey = header->color_type == SPNG_COLOR_TYPE_GRAYSCALE;
  if (kind == SS_MAP_DEPTH && !(grey && header->bit_depth == 16)) {
    return ss_fail(error, SS_FAILED, "a map of depths is a PNG of 16-bit grey, and this one has %d bits%s",
                   header->bit_depth, grey ? "" : " of colour");
  }
  if (kind == SS_MAP_LABELS && !(indexed || (grey && header->bit_depth <= 8))) {
    return ss_fail(error, SS_FAILED,
                   "a map of labels is a PNG with a palette or of 8-bit grey whose values are the classes' numbers, "
                   "and this one has %d bits%s",
                   header->bit_depth, grey ? "" : " of colour");
  }
  const uint64_t pixels = (uint64_t)header->width * header->height;
  return pixels <= SS_DECODE_MAX_PIXELS ? SS_OK
                                        : ss_fail(error, SS_FAILED, "%u x %u pixels are more than this program takes",
                                                  header->width, header->height);
}

/* From the rows as PNG has them: pixels of 1, 2, 4 or 8 bits, the first in the highest bits, or 16 in this machine's
 * order. */
static void unpack(const uint8_t *rows, int bits, ss_map *map) {
  const size_t width = (size_t)map->width, height = (size_t)map->height;
  const size_t row_bytes = (width * (size_t)bits + 7) / 8;
  for (size_t y = 0; y < height; y++) {
    const uint8_t *row = rows + y * row_bytes;
    uint16_t *to = map->values + y * width;
    if (bits == 16) {
      memcpy(to, row, row_bytes);
      continue;
    }
    for (size_t x = 0; x < width; x++) {
      const size_t bit = x * (size_t)bits;
      to[x] = (uint16_t)((row[bit / 8] >> (8 - bits - (int)(bit % 8))) & ((1 << bits) - 1));
    }
  }
}

/* `rows` is a buffer of the image's size, to be freed by the caller. */
static ss_status decode(spng_ctx *png, const uint8_t *bytes, size_t size, ss_map_kind kind, ss_map *map, uint8_t **rows,
                        ss_error *error) {
  struct spng_ihdr header;
  size_t row_bytes = 0;
  int code = spng_set_png_buffer(png, bytes, size);
  code = code ? code : spng_set_image_limits(png, SS_IMAGE_MAX_SIDE, SS_IMAGE_MAX_SIDE);
  code = code ? code : spng_set_chunk_limits(png, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES);
  code = code ? code : spng_get_ihdr(png, &header);
  if (code) {
    return damaged(code, error);
  }
  SS_TRY(check_header(&header, kind, error));
  SS_TRY(resize(map, (int)header.width, (int)header.height, error));
  code = spng_decoded_image_size(png, SPNG_FMT_PNG, &row_bytes);
  if (code) {
    return damaged(code, error);
  }
  *rows = malloc(row_bytes);
  if (!*rows) {
    return ss_fail_memory(error, row_bytes, "a map");
  }
  code = spng_decode_image(png, *rows, row_bytes, SPNG_FMT_PNG, 0);
  if (code) {
    return damaged(code, error);
  }
  unpack(*rows, header.bit_depth, map);
  return SS_OK;
}

ss_status ss_map_decode(const uint8_t *bytes, size_t size, ss_map_kind kind, ss_map *map, ss_error *error) {
  spng_ctx *png = spng_ctx_new(0);
  if (!png) {
    return ss_fail_memory(error, 1, "a PNG");
  }
  uint8_t *rows = NULL;
  const ss_status status = decode(png, bytes, size, kind, map, &rows, error);
  free(rows);
  spng_ctx_free(png);
  return status;
}

ss_status ss_map_read(const char *path, ss_map_kind kind, ss_map *map, ss_error *error) {
  char *bytes = NULL;
  size_t size = 0;
  ss_error inner = {""};
  SS_TRY(ss_file_read(path, MAX_FILE_BYTES, &bytes, &size, error));
  const ss_status status = ss_map_decode((const uint8_t *)bytes, size, kind, map, &inner);
  free(bytes);
  return status == SS_OK ? SS_OK : ss_fail(error, status, "%s: %s", path, inner.message);
}
