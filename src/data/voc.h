/* The folders of a Pascal VOC devkit (Everingham et al., "The Pascal Visual Object Classes Challenge", IJCV 2010):
 * JPEGImages/ID.jpg, SegmentationClass/ID.png, ImageSets/Segmentation/{train,val}.txt. */
#ifndef SS_DATA_VOC_H
#define SS_DATA_VOC_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define SS_VOC_CLASSES 21 /* 0: background, then twenty in alphabetical order */

/* "background", "aeroplane", ... */
extern const char *const ss_voc_class_names[SS_VOC_CLASSES];

/* Whether DATA is a year's folder (one that has JPEGImages), a VOCdevkit with one or more of them, or a folder with a
 * VOCdevkit. */
bool ss_voc_holds(const char *data);

/* The year's folder: of several, VOC2012. *root is the caller's, freed with free(). */
ss_status ss_voc_root(const char *data, char **root, ss_error *error);

/* Lines of ROOT/ImageSets/KIND/PART.txt: the pictures' names, without blanks. Freed with ss_voc_list_free. */
typedef struct ss_voc_list {
  char *text;   /* the file, cut into the names */
  char **names; /* (count) */
  int *lines;   /* (count) where they stand in the file, from 1 */
  uint32_t count;
  char *path;
} ss_voc_list;

/* SS_FAILED for a missing or empty list, and for a name that could lead elsewhere (one with a slash). */
ss_status ss_voc_list_read(const char *root, const char *kind, const char *part, ss_voc_list *list, ss_error *error);
void ss_voc_list_free(ss_voc_list *list);

#endif
