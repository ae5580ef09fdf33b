/* Masks: which pixels of a picture are taken away (Context Encoders, Pathak et al. CVPR 2016, section 3.3). A mask is
 * (size, size) bytes, 1 where the picture is missing. */
#ifndef SS_METHODS_IMAGE_MASK_H
#define SS_METHODS_IMAGE_MASK_H

#include "augment/scratch.h"
#include "base/random.h"

/* The square of `hole` pixels a side at the centre (one nearer to the top and left if it cannot be exact). */
void ss_mask_centre(int size, int hole, uint8_t *mask);

/* Square blocks of an eighth to a quarter of the side, anywhere, possibly overlapping, added until the next one would
 * take more than a quarter of the picture: never none. size >= 8. */
void ss_mask_blocks(int size, ss_random *random, uint8_t *mask);

/* Arbitrary shapes, from an eighth to a quarter of the picture: where smooth noise (a 5 x 5 grid of normal numbers,
 * interpolated, and a finer one at half its strength) is highest. Needs float working memory of the scratch. */
ss_status ss_mask_region(int size, ss_random *random, ss_view_scratch *scratch, uint8_t *mask, ss_error *error);

#endif
