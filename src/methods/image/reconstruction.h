/* What the methods that give a picture back share: the view, the autoencoder, its score and its sheet. */
#ifndef SS_METHODS_IMAGE_RECONSTRUCTION_H
#define SS_METHODS_IMAGE_RECONSTRUCTION_H

#include "methods/image/views.h"
#include "methods/method.h"

/* Options of the view and the network, for a method's table. */
#define SS_RECONSTRUCTION_VIEW_OPTIONS                                                           \
  {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop", 0.01, 1, NULL}, { \
    "flip", SS_OPTION_FRACTION, "0.5", "probability of mirroring left and right", 0, 0, NULL     \
  }

/* A random crop of the sample by the options min_scale and flip, normalised, (size, size, 3) to `out`. Goes on drawing
 * from `random`. */
ss_status ss_reconstruction_view(const ss_task *task, ss_sample *sample, ss_random *random, float *out,
                                 ss_error *error);

/* Pictures (N, size, size, 3) -> backbone -> code (N, code), of the whole last map, by a linear layer -> decoder ->
 * (N, size, size, 3) float32. With code 0 the decoder starts from the map itself. */
ss_tensor *ss_autoencoder(ss_build *build, ss_tensor *pictures, int code);

/* The mean over pictures of the peak signal-to-noise ratio in decibels: -10 log10 of a picture's mean squared error,
 * in pixels of 0 to 1, at most 100. Both are normalised pictures (N, H, W, 3); weights (N, H, W, 1) of mean 1 in each
 * picture say which pixels count; NULL: all alike. float32 scalar, no gradient. */
ss_tensor *ss_psnr_normalised(ss_graph *graph, ss_tensor *prediction, ss_tensor *target, ss_tensor *weights);

/* The score of a reconstruction, its PSNR, and the chance: that of the best single colour for all of the batch. */
void ss_reconstruction_score(ss_build *build, ss_tensor *prediction, ss_tensor *target, ss_tensor *weights);

/* Rows of normalised pictures (size, size, 3): what was seen (NULL: nothing), what came out, what it was. */
ss_status ss_reconstruction_sheet(const ss_task *task, const float *seen, const float *made, const float *original,
                                  int batch, ss_image *out, ss_error *error);

#endif
