/* Solarisation, in place. */
#ifndef SS_AUGMENT_SOLARIZE_H
#define SS_AUGMENT_SOLARIZE_H

#include "base/image.h"

/* Inverts (255 - value) every value of at least `threshold`; 256 changes nothing. */
void ss_solarize(ss_image *image, int threshold);

#endif
