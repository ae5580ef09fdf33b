/* Annotations of Pascal VOC: one XML file a picture, with its size and the boxes of its objects. */
#ifndef SS_DATA_VOC_ANNOTATION_H
#define SS_DATA_VOC_ANNOTATION_H

#include "base/bounding_box.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

#define SS_VOC_NAME 64

typedef struct ss_voc_object {
  char name[SS_VOC_NAME]; /* its class */
  ss_bounding_box box;    /* VOC's pixels xmin..xmax, counted from 1 and inclusive, are columns xmin - 1 to xmax */
  bool difficult;         /* VOC's judges do not ask for it */
} ss_voc_object;

/* Zeroed before the first use; freed at the end. */
typedef struct ss_voc_annotation {
  int width, height; /* of the picture, in pixels */
  ss_voc_object *objects;
  size_t count, capacity;
} ss_voc_annotation;

void ss_voc_annotation_free(ss_voc_annotation *annotation);

/* Parses `size` bytes of XML; `name` is the file's, for messages. The boxes of an object's parts are left out. Nothing
 * is kept after an error: XML that is not well formed, no size, an object without a name or a box, a box outside of the
 * picture by more than a pixel or turned inside out, more than 10,000 objects. */
ss_status ss_voc_annotation_parse(const char *xml, size_t size, const char *name, ss_voc_annotation *annotation,
                                  ss_error *error);

/* Reads a file. */
ss_status ss_voc_annotation_read(const char *path, ss_voc_annotation *annotation, ss_error *error);

#endif
