/* What became of grey pictures. */
#ifndef SS_METHODS_IMAGE_COLOUR_SHEET_H
#define SS_METHODS_IMAGE_COLOUR_SHEET_H

#include "base/image.h"

typedef struct ss_colour_sheet {
  const float *lab; /* (pictures, size, size, 3) as ss_image_to_lab makes them */
  int size;
  const float *ab; /* (pictures, side, side, 2), predicted, in units of SS_LAB_COLOUR_SCALE */
  int side;
  const float *hints; /* (pictures, side, side, 3), ss_colour_hints'; may be NULL */
  int pictures;
} ss_colour_sheet;

/* One column a picture: grey, with the revealed colours where there are any; the predicted colours, interpolated, under
 * the picture's own lightness; the original. */
ss_status ss_sheet_of_colours(const ss_colour_sheet *sheet, ss_image *out, ss_error *error);

#endif
