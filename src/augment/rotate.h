/* Exact turns and mirrors: no pixel is interpolated. */
#ifndef SS_AUGMENT_ROTATE_H
#define SS_AUGMENT_ROTATE_H

#include "base/image.h"

/* `in` turned counter-clockwise by `quarters` (any integer, modulo 4) quarter turns; width and height change places
 * for odd ones. `out` must be another image. */
ss_status ss_rotate_quarters(const ss_image *in, int quarters, ss_image *out, ss_error *error);

/* Mirrors left and right, in place. */
void ss_flip_horizontal(ss_image *image);

/* Mirrors top and bottom, in place. */
void ss_flip_vertical(ss_image *image);

#endif
