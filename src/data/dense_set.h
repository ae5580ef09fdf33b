/* Pictures with a map each: what dense tasks (semantic segmentation, depth) are learned from and measured on.
 *
 * DATA may be
 *   a VOC devkit (voc.h): labels; train and val are the parts;
 *   a folder with images/ and masks/ (labels) or depth/ (16-bit depths): files of equal names, maps ending in .png.
 *     train/ and val/ (or test/) may be inside each of the two, or the two inside each of them. DATA/classes.txt, where
 *     it exists, names the classes, one a line, from number 0 on;
 *   world:images?... or what `selfsup world images` writes: labels and depths. */
#ifndef SS_DATA_DENSE_SET_H
#define SS_DATA_DENSE_SET_H

#include "data/map.h"
#include "data/source.h"

typedef struct ss_dense_set ss_dense_set;

/* Opens DATA. Every picture must have its map and every map its picture; none is read yet. SS_FAILED otherwise, naming
 * the file. `classes` is the number of classes of labels (0: as DATA says, or told by ss_dense_set_survey). */
ss_status ss_dense_set_open(const char *data, ss_map_kind kind, int classes, ss_dense_set **out, ss_error *error);
void ss_dense_set_close(ss_dense_set *set); /* NULL is fine */

/* The pictures, owned by the set; their labels are those of pictures, if any, not of pixels. */
const ss_source *ss_dense_set_source(const ss_dense_set *set);
/* Of pixels; 0: not known yet, or depths. */
int ss_dense_set_class_count(const ss_dense_set *set);
/* NULL where DATA does not name it. */
const char *ss_dense_set_class_name(const ss_dense_set *set, int label);

/* The training and the test part. Where there is none, every tenth picture, by a hash of its name, is the test part,
 * and *split_made is set. */
ss_status ss_dense_set_parts(const ss_dense_set *set, ss_subset *train, ss_subset *test, bool *split_made,
                             ss_error *error);

/* Reads a sample's map. SS_FAILED for a file that is damaged or of another kind, a label beyond the classes, or a size
 * other than `width` x `height` (0: any). Any thread. */
ss_status ss_dense_set_read(const ss_dense_set *set, uint32_t sample, int width, int height, ss_map *map,
                            ss_error *error);

/* Reads all maps of both parts, so that what is wrong with one is said before anything is learned, and counts their
 * values: each (SS_MAP_VALUES). Where the number of classes was not known, it is the largest label + 1 from here on. */
ss_status ss_dense_set_survey(ss_dense_set *set, const ss_subset *train, const ss_subset *test, int threads,
                              uint64_t *train_values, uint64_t *test_values, ss_error *error);

#endif
