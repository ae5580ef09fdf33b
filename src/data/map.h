/* Maps: a number for each pixel of a picture, from PNG files. */
#ifndef SS_DATA_MAP_H
#define SS_DATA_MAP_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef enum ss_map_kind {
  SS_MAP_LABELS, /* class numbers, SS_MAP_VOID where there is none: indices of a palette, or grey of up to 8 bits */
  SS_MAP_DEPTH   /* 16-bit grey, 0 where nothing was measured */
} ss_map_kind;

#define SS_MAP_VOID 255  /* of labels, as Pascal VOC has it */
#define SS_MAP_UNKNOWN 0 /* of depths */
#define SS_MAP_VALUES 65536

/* values[y * width + x], rows from the top. A zeroed struct is an empty map. */
typedef struct ss_map {
  int width, height;
  uint16_t *values; /* owned */
  size_t capacity;  /* values allocated, so that the buffer can be used again */
} ss_map;

void ss_map_free(ss_map *map); /* and zeroes it */

/* The map in the `size` bytes of a PNG file. SS_FAILED for what is no PNG, is cut short or damaged, or has pixels of
 * another kind; the message says what is wrong with the bytes. What `map` then holds can be freed or used again. */
ss_status ss_map_decode(const uint8_t *bytes, size_t size, ss_map_kind kind, ss_map *map, ss_error *error);

/* The same of a file, whose name the message begins with. */
ss_status ss_map_read(const char *path, ss_map_kind kind, ss_map *map, ss_error *error);

#endif
