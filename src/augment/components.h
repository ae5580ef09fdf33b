/* The principal components of a data set's colours, and changes of contrast along them (Krizhevsky et al. 2012, section
 * 4.1; Dosovitskiy et al. 2014, section 2.1). */
#ifndef SS_AUGMENT_COMPONENTS_H
#define SS_AUGMENT_COMPONENTS_H

#include "base/image.h"

/* Sums over pixels, colours 0 to 255. A zeroed struct is empty. */
typedef struct ss_colour_sums {
  double count;
  double sum[3];
  double product[3][3];
} ss_colour_sums;

/* Adds a picture's pixels; grey ones (1 channel) count as three equal channels. */
void ss_colour_sums_add(ss_colour_sums *sums, const ss_image *image);

typedef struct ss_colour_components {
  float mean[3];
  float vectors[3][3]; /* unit vectors, that of the largest variance first */
  float deviations[3]; /* along them */
} ss_colour_components;

/* Of no pixels: mean zero and the axes. */
ss_colour_components ss_colour_components_of(const ss_colour_sums *sums);

/* Multiplies each pixel's difference from the mean by factors[i] along component i, in place, clipped to 0..255. Grey
 * pictures (1 channel) take the first factor, as grey is nearly the direction of the largest variance. */
void ss_scale_components(ss_image *image, const ss_colour_components *components, const float factors[3]);

#endif
