/* Seed patches: the places of a picture that are worth learning to recognise, and one random transformation after the
 * other of what is there (Dosovitskiy et al., "Discriminative Unsupervised Feature Learning with Convolutional Neural
 * Networks", NIPS 2014 and TPAMI 2016, section 2.1). */
#ifndef SS_METHODS_SEED_PATCHES_H
#define SS_METHODS_SEED_PATCHES_H

#include "augment/components.h"
#include "augment/hsv.h"
#include "augment/resize.h"
#include "augment/warp.h"
#include "base/random.h"

#define SS_MOST_SEEDS_A_PICTURE 4

/* Draws `count` (1 to SS_MOST_SEEDS_A_PICTURE) squares of `side` pixels in a picture whose sides are at least that: the
 * first with a probability proportional to the mean squared gradient magnitude within it, each next one likewise among
 * those that overlap with none before, while there are such. A picture without gradients has all places equally likely.
 * Uses the scratch memory. */
ss_status ss_seed_places(const ss_image *picture, int side, int count, ss_random *random, ss_view_scratch *scratch,
                         ss_box *places, ss_error *error);

/* What is done to a seed. */
typedef struct ss_seed_draw {
  float translation[2]; /* in sides of the patch */
  float scale;          /* of the region that is seen */
  float rotation;       /* radians */
  float contrast[3];    /* factor of each principal component */
  ss_hsv_change colour;
} ss_seed_draw;

/* Translation within 0.2 of the side, scale 0.7 to 1.4 and factors 0.5 to 2 (log-uniform), rotation within 20 degrees,
 * and ss_hsv_draw. */
ss_seed_draw ss_seed_draw_random(ss_random *random);

/* The transformed seed, `side` pixels square; what lies beyond the picture is its reflection. `out` is another image.
 */
ss_status ss_seed_make(const ss_image *picture, ss_box place, const ss_seed_draw *draw,
                       const ss_colour_components *components, int side, ss_image *out, ss_error *error);

#endif
