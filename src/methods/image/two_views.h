/* The two random views of a picture that joint embeddings are trained on (SimCLR, figure 2; BYOL, section 3.1). */
#ifndef SS_METHODS_IMAGE_TWO_VIEWS_H
#define SS_METHODS_IMAGE_TWO_VIEWS_H

#include "augment/view.h"
#include "methods/method.h"

/* Their options, for the table of a method: how strong its paper's colour jitter is at strength 1. */
#define SS_TWO_VIEWS_OPTIONS(min_scale, brightness, contrast, saturation, hue)                                           \
  {"min_scale", SS_OPTION_FRACTION, min_scale, "smallest area of the random crop", 0, 0, NULL},                          \
      {"jitter", SS_OPTION_FLOAT, "1.0", "strength s of the colour jitter, a factor of the next four", 0, 2, NULL},      \
      {"brightness", SS_OPTION_FLOAT, brightness, "its largest change of brightness", 0, 2, NULL},                       \
      {"contrast", SS_OPTION_FLOAT, contrast, "its largest change of contrast", 0, 2, NULL},                             \
      {"saturation", SS_OPTION_FLOAT, saturation, "its largest change of saturation", 0, 2, NULL},                       \
      {"hue", SS_OPTION_FLOAT, hue, "its largest change of hue, in turns", 0, 0.5, NULL},                                \
      {"jitter_probability", SS_OPTION_FRACTION, "0.8", "probability of colour jitter", 0, 0, NULL},                     \
      {"gray", SS_OPTION_FRACTION, "0.2", "probability of losing colour", 0, 0, NULL},                                   \
      {"blur", SS_OPTION_FRACTION, NULL, "probability of Gaussian blur (default 0 up to 64 px, 0.5 above)", 0, 0, NULL}, \
      {"second_blur", SS_OPTION_FRACTION, NULL, "of the second view (default: as the first)", 0, 0, NULL},               \
      {"solarize", SS_OPTION_FRACTION, "0", "probability of solarisation", 0, 0, NULL}, {                                \
    "second_solarize", SS_OPTION_FRACTION, NULL, "of the second view (default: as the first)", 0, 0, NULL                \
  }

/* solo-learn's views for CIFAR: weak jitter, no blur. */
#define SS_SOLO_LEARN_WEAK_VIEWS "brightness=0.4 contrast=0.4 saturation=0.2 hue=0.1 blur=0"

/* Of a recipe: how lightly's CIFAR-10 benchmark trains each method. */
#define SS_LIGHTLY_TRAINING "optimizer=sgd lr=0.06 weight_decay=5e-4 batch=128 epochs=200"

/* The slots. configure declares the input 0, "views": (2, size, size, 3), normalised by ImageNet's mean and deviation;
 * task->state is this part's. SS_USAGE for a batch of one, since a method of two views tells pictures from one another
 * or norms over them, and for options out of their ranges. */
ss_status ss_two_views_configure(ss_task *task, ss_error *error);
void ss_two_views_release(ss_task *task);
ss_status ss_two_views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error);
const ss_view_options *ss_two_views_options(const ss_task *task, int view);
ss_status ss_two_views_picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error);

/* Chance of ss_matching_score in a batch, per cent: one among the other views. */
double ss_two_views_chance(const ss_task *task);

/* Rows [0, N) and [N, 2N) of a tensor of both views, and the two in the other order. */
ss_tensor *ss_first_views(ss_graph *graph, ss_tensor *both);
ss_tensor *ss_second_views(ss_graph *graph, ss_tensor *both);
ss_tensor *ss_swap_views(ss_graph *graph, ss_tensor *both);

#endif
