/* The colours of a data set, and of pictures at a size that colour is predicted at. */
#ifndef SS_METHODS_IMAGE_COLOURS_H
#define SS_METHODS_IMAGE_COLOURS_H

#include "base/image.h"
#include "base/random.h"
#include "methods/colour_bins.h"

/* a and b of a picture in Lab, (size, size, 3) as ss_image_to_lab makes it, averaged down to (side, side, 2). */
void ss_colours_shrink(const float *lab, int size, int side, float *ab);

/* True colours of `count` places, as a user would give them (Zhang et al., Real-Time User-Guided Image Colorization,
 * SIGGRAPH 2017, section 3.2): patches near the centre, of one to nine pixels a side of a picture of 256, each of which
 * reveals its mean a and b at all places that it covers. hints is (side, side, 3): a, b, 1, or zeros where nothing is
 * revealed. */
void ss_colour_hints(const float *lab, int size, int side, int count, ss_random *random, float *hints);

/* What a survey of pictures found. Zeroed before the first one. */
typedef struct ss_colour_survey {
  double counts[SS_COLOUR_BINS];  /* places whose colour is nearest to the bin */
  double sums[SS_COLOUR_BINS][2]; /* of their a and b, in units of SS_LAB_COLOUR_SCALE */
  float chroma;                   /* the largest distance from grey, in Lab's units */
} ss_colour_survey;

/* `count` places of (a, b) in units of SS_LAB_COLOUR_SCALE. */
void ss_colour_survey_add(ss_colour_survey *survey, const float *ab, size_t count);
/* The test view of a picture, size x size, shrunk to side x side places. */
ss_status ss_colour_survey_picture(ss_colour_survey *survey, const ss_image *picture, int size, int side,
                                   ss_error *error);

/* Of a single colour for every place, the best: to which the mean distance is least (the geometric median, by
 * Weiszfeld's iteration over the bins' means), each place weighted by its bin's weight; in units of
 * SS_LAB_COLOUR_SCALE. Grey for an empty survey. */
void ss_colour_survey_constant(const ss_colour_survey *survey, const float weights[SS_COLOUR_BINS], float ab[2]);

#endif
