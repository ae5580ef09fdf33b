/* The procedural world: lit, textured, shadowed solids on a ground, with their ground truth.
 *
 * A picture shows one solid of one class. Its class decides the shape alone; colours, patterns, light, ground,
 * background, camera, size and place are drawn the same way for every class. */
#ifndef SS_WORLD_WORLD_H
#define SS_WORLD_WORLD_H

#include "base/image.h"
#include "base/status.h"

#include <stdint.h>

#define SS_WORLD_MIN_SIZE 16
#define SS_WORLD_MAX_SIZE 4096
#define SS_WORLD_MAX_COUNT 1000000

/* What the pictures are written as; their masks and depths are PNG. */
typedef enum ss_world_format { SS_WORLD_PNG = 0, SS_WORLD_JPEG } ss_world_format;

typedef struct ss_world_options {
  int count;  /* pictures of the training part, at least one a class, at most SS_WORLD_MAX_COUNT */
  int width;  /* of a picture in pixels, SS_WORLD_MIN_SIZE to SS_WORLD_MAX_SIZE */
  int height; /* likewise */
  ss_world_format format;
  int quality;   /* of JPEG, 1 to 100 */
  uint64_t seed; /* of the training part; the test part has seed + 1 */
  int threads;   /* 0: one a processor; the files are the same for any number */
} ss_world_options;

/* The object's bounds in pixels: columns left to right-1, rows top to bottom-1. */
typedef struct ss_world_box {
  int left;
  int top;
  int right;
  int bottom;
} ss_world_box;

/* A rendered picture and its truth; zeroed before the first use, used again for further pictures, freed at the end. */
typedef struct ss_world_picture {
  ss_image colour;  /* width x height, 3 channels, sRGB */
  uint8_t *mask;    /* height x width: 0 background, class + 1 on the object; by the ray through the pixel's centre */
  uint16_t *depth;  /* height x width: millimetres along the viewing axis, 0: nothing within 65.535 m */
  ss_world_box box; /* the bounds of the mask */
  size_t capacity;  /* pixels that mask and depth hold */
} ss_world_picture;

int ss_world_class_count(void);
const char *ss_world_class_name(int class_index); /* NULL outside 0 .. count-1; the names are in alphabetical order */

/* SS_USAGE for a picture's size out of range. */
ss_status ss_world_check_size(int width, int height, ss_error *error);

/* Reads a picture's size: "300x200", width and height, or "32" for a square. SS_USAGE out of range; `name` is the
 * option's for messages. */
ss_status ss_world_read_size(const char *text, const char *name, int *width, int *height, ss_error *error);

/* Renders picture `index` of a class into `out`. The picture depends on the arguments alone, never on the thread. The
 * scene does not depend on the size: the shorter side shows the same whatever the longer one adds at both its ends.
 * SS_USAGE for a class or size out of range, SS_NO_MEMORY. */
ss_status ss_world_render(uint64_t seed, uint32_t index, int class_index, int width, int height, ss_world_picture *out,
                          ss_error *error);

/* Frees what the picture holds and zeroes it. */
void ss_world_picture_free(ss_world_picture *picture);

/* Pictures of the test part of a data set with `count` in its training part: a fifth, at least one a class. */
int ss_world_test_count(int count);

/* Writes a data set:
 *   folder/train/CLASS/NNNNNN.png (or .jpg)            the pictures, classes in turn: NNNNNN is the picture's index
 *   folder/test/CLASS/NNNNNN.png (or .jpg)             ss_world_test_count of them
 *   folder/{train,test}-truth/Annotations/CLASS_NNNNNN.xml        the box, as in Pascal VOC (1-based, inclusive)
 *   folder/{train,test}-truth/SegmentationClass/CLASS_NNNNNN.png  indexed, VOC's palette: 0 background, class + 1
 *   folder/{train,test}-truth/Depth/CLASS_NNNNNN.png              16-bit grey, millimetres, 0 unknown
 * `folder` must not exist or be empty. The tree is built beside it under a temporary name and renamed at the end, so
 * that it appears whole or not at all; after a failure nothing is left. */
ss_status ss_world_write_images(const char *folder, const ss_world_options *options, ss_error *error);

#endif
