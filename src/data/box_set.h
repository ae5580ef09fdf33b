/* Pictures with boxes around their objects: what detection is learned from and measured on.
 *
 * DATA may be
 *   a VOC devkit (voc.h): Annotations/ID.xml; the parts are ImageSets/Main/trainval and test, or, where test has no
 *     annotations (2012), train and val;
 *   world:images?... or what `selfsup world images` writes. */
#ifndef SS_DATA_BOX_SET_H
#define SS_DATA_BOX_SET_H

#include "base/bounding_box.h"
#include "data/source.h"

typedef struct ss_box_set ss_box_set;

typedef struct ss_labelled_box {
  ss_bounding_box box; /* in shares of the picture's width and height, 0 to 1 */
  int32_t label;       /* 0 to classes - 1 */
  bool difficult;      /* need not be found */
} ss_labelled_box;

/* Opens DATA and reads all annotations. Classes are what they name, in alphabetical order. SS_FAILED for DATA without
 * boxes, a picture or an annotation that is missing, and annotations that are damaged, naming the file. */
ss_status ss_box_set_open(const char *data, ss_box_set **out, ss_error *error);
void ss_box_set_close(ss_box_set *set); /* NULL is fine */

/* The pictures, owned by the set. */
const ss_source *ss_box_set_source(const ss_box_set *set);
int ss_box_set_class_count(const ss_box_set *set); /* at least 1 */
const char *ss_box_set_class_name(const ss_box_set *set, int label);
/* Of one sample; owned by the set. */
const ss_labelled_box *ss_box_set_boxes(const ss_box_set *set, uint32_t sample, size_t *count);

/* The training and the test part; SS_FAILED where one is empty. */
ss_status ss_box_set_parts(const ss_box_set *set, ss_subset *train, ss_subset *test, ss_error *error);

#endif
