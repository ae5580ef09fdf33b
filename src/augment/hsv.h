/* Random changes of hue, saturation and value (Dosovitskiy et al., "Discriminative Unsupervised Feature Learning with
 * Convolutional Neural Networks", NIPS 2014, section 2.1: contrast and colour), in place, 8 bits in and out. */
#ifndef SS_AUGMENT_HSV_H
#define SS_AUGMENT_HSV_H

#include "base/image.h"
#include "base/random.h"

/* A component x of 0 to 1 becomes factor x^power + offset, clipped to 0..1. */
typedef struct ss_component_change {
  float power;  /* above 0 */
  float factor; /* at least 0 */
  float offset;
} ss_component_change;

typedef struct ss_hsv_change {
  float hue; /* added; 1 is the full circle */
  ss_component_change saturation;
  ss_component_change value;
} ss_hsv_change;

/* The paper's: powers 0.25 to 4, factors 0.7 to 1.4, offsets -0.1 to 0.1, hue -0.1 to 0.1; powers and factors
 * log-uniform, so that one is in the middle. Saturation's and value's are drawn apart. Seven numbers are drawn. */
ss_hsv_change ss_hsv_draw(ss_random *random);

/* Grey pictures (1 channel) have a value alone. */
void ss_hsv_apply(ss_image *image, const ss_hsv_change *change);

#endif
