/* Views: the random one that contrastive methods train on, and the plain one that features are measured on.
 *
 *     ss_view_options options = ss_view_options_simclr(32);
 *     ss_random random = ss_random_stream(seed, SS_RANDOM_VIEWS, epoch, sample, view);
 *     ss_view_random(&picture, &options, &random, &scratch, &out, error);   // uint8, 32 x 32
 *     ss_image_to_float(&out, 3, options.mean, options.deviation, false, slot);
 */
#ifndef SS_AUGMENT_VIEW_H
#define SS_AUGMENT_VIEW_H

#include "augment/crop.h"
#include "augment/normalise.h"

/* Each probability is 0 (never) to 1 (always). The order of the transforms is that of the fields. */
typedef struct ss_view_options {
  int size;        /* the view's side in pixels */
  float min_scale; /* random resized crop: part of the picture's area, 0 < min <= max <= 1 */
  float max_scale;
  float min_ratio; /* width : height of the crop, 0 < min <= max */
  float max_ratio;
  float flip;       /* probability of mirroring left and right */
  float jitter;     /* probability of colour jitter; its four changes come in random order */
  float brightness; /* factor uniform in [max(0, 1 - b), 1 + b]; 0: off; likewise for the next two */
  float contrast;
  float saturation;
  float hue;       /* turn uniform in [-h, h], 0 <= h <= 0.5 */
  float gray;      /* probability of losing colour */
  float blur;      /* probability of Gaussian blur */
  float min_sigma; /* its deviation, uniform in [min, max], in pixels of the view */
  float max_sigma;
  float solarize;         /* probability of solarisation */
  int solarize_threshold; /* values from here on are inverted, 0 to 256 */
  float mean[3];          /* for ss_image_to_float */
  float deviation[3];
} ss_view_options;

/* What was drawn for one view. */
typedef struct ss_view_draw {
  ss_box crop;
  bool flip;
  bool jitter;
  uint32_t order[4]; /* a permutation of 0 brightness, 1 contrast, 2 saturation, 3 hue */
  float factor[4];   /* by the same numbers; valid when jitter */
  bool gray;
  bool blur;
  float sigma; /* valid when blur */
  bool solarize;
} ss_view_draw;

/* SimCLR's views (Chen et al. 2020, appendix A) as lightly's SimCLRTransform has them: scale 0.08 to 1, flip 0.5,
 * jitter 0.8 with 0.8, 0.8, 0.8, 0.2, grey 0.2, sigma 0.1 to 2; blur 0.5 for sizes above 64, otherwise never; no
 * solarisation; ImageNet's mean and deviation. */
ss_view_options ss_view_options_simclr(int size);

/* A plain random resized crop with a flip of probability 0.5: no change of colour. */
ss_view_options ss_view_options_crop(int size, float min_scale);

/* SS_USAGE, with the field's name, when an option is out of its range. Call it once before drawing. */
ss_status ss_view_options_check(const ss_view_options *options, ss_error *error);

/* Draws a view of a width x height picture. Every field is drawn whatever the probabilities say, so that after the crop
 * the same numbers of the stream mean the same for all options. */
ss_view_draw ss_view_draw_random(const ss_view_options *options, int width, int height, ss_random *random);

/* Makes the drawn view of `in`: options->size square, in's channels, 8 bits. `out` must be another image. */
ss_status ss_view_make(const ss_image *in, const ss_view_options *options, const ss_view_draw *draw,
                       ss_view_scratch *scratch, ss_image *out, ss_error *error);

/* Draws and makes. */
ss_status ss_view_random(const ss_image *in, const ss_view_options *options, ss_random *random,
                         ss_view_scratch *scratch, ss_image *out, ss_error *error);

/* The test view: the shorter side resized to `shorter` (torchvision's Resize, bilinear), then the centre `size` x
 * `size` cut out; 1 <= size <= shorter. `out` must be another image. */
ss_status ss_view_test(const ss_image *in, int shorter, int size, ss_view_scratch *scratch, ss_image *out,
                       ss_error *error);

#endif
