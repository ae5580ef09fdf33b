/* Pictures whose pixels say where they are, to tell where a patch was cut. */
#ifndef TESTS_METHODS_SUPPORT_PLACES_H
#define TESTS_METHODS_SUPPORT_PLACES_H

#include "support.h"

/* Red is a pixel's column, green its row, blue both (column + 2 rows) / 3; size up to 96, freed with ss_image_free. */
ss_image support_place_picture(int size);

/* Where a patch (side, side, 3) of that picture begins, in the picture as it was seen (mirrored or not). Fails the test
 * if it is no piece of it. `mirrored` becomes whether it was. */
void support_place_of(const float *patch, int side, int size, int *left, int *top, bool *mirrored);

/* The level 0 to 255 of a patch's value. */
int support_level(float value, int channel);

#endif
