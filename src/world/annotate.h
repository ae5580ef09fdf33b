/* The truth about a picture, in files of the field's formats. */
#ifndef SS_WORLD_ANNOTATE_H
#define SS_WORLD_ANNOTATE_H

#include "world/world.h"

/* Writes ROOT/PART-truth/{Annotations,SegmentationClass,Depth}/CLASS_NAME.{xml,png,png} for the picture
 * ROOT/PART/CLASS/NAME.ENDING; the folders must exist. */
ss_status ss_world_annotate(const char *root, const char *part, const char *class_name, const char *name,
                            const char *ending, const ss_world_picture *picture, ss_error *error);

#endif
