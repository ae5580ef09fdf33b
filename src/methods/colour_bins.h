/* Colours as classes (Zhang, Isola, Efros: Colorful Image Colorization, ECCV 2016, sections 2.1 to 2.3): the ab plane
 * of CIE Lab in bins of 10, soft encoding, class rebalancing, and the way back from probabilities to a colour; the same
 * for lightness alone, in bins of 2. */
#ifndef SS_METHODS_COLOUR_BINS_H
#define SS_METHODS_COLOUR_BINS_H

#include "engine/operations.h"

/* The in-gamut values of the ab grid: a grid point is one when the square of a whole bin to each of its sides meets the
 * convex hull of all colours of sRGB. They are exactly the 313 that the paper's authors published (pts_in_hull), in the
 * same order: by a, then by b. */
#define SS_COLOUR_BINS 313
#define SS_COLOUR_BIN_SIZE 10
/* A colour is spread over its 5 nearest bins by a Gaussian of deviation 5 (section 2.1). */
#define SS_COLOUR_NEIGHBOURS 5
#define SS_COLOUR_SIGMA 5.0
/* Lightness: 50 equal bins from 0 to 100, centres 1, 3, ... 99 (split-brain's). */
#define SS_LIGHTNESS_BINS 50
#define SS_LIGHTNESS_BIN_SIZE 2
#define SS_LIGHTNESS_NEIGHBOURS 3
#define SS_LIGHTNESS_SIGMA 1.0
/* The annealed mean's temperature (section 2.3). */
#define SS_COLOUR_TEMPERATURE 0.38f

/* The centres (a, b) of the bins, in Lab's own units. */
typedef const float ss_colour_centres[SS_COLOUR_BINS][2];
ss_colour_centres *ss_colour_bins(void);

/* The nearest bins of `count` colours (a, b) in Lab's own units, nearest first (of equals the one of lower
 * index): `bins` (count, 5), and their shares of the encoding, which sum to one: `shares` (count, 5). a and b beyond
 * 130 count as 130. */
void ss_colour_encode(const float *ab, size_t count, int32_t *bins, float *shares);
/* The same of L: (count, 3) each. L outside of 0..100 counts as the end. */
void ss_lightness_encode(const float *lightness, size_t count, int32_t *bins, float *shares);

/* Class rebalancing (section 2.2, equation 4). `counts` (count of each bin), smoothed by the Gaussian of deviation
 * `sigma` over bin centres, becomes the empirical distribution p; the weights are those proportional to
 * 1 / ((1 - lambda) p + lambda / bins) whose expectation under p is 1. lambda above 0, at most 1; 1: all weights 1.
 * Without any count p is uniform. `prior`, if not NULL, is given p. */
void ss_colour_rebalance(const double counts[SS_COLOUR_BINS], double sigma, double lambda, double prior[SS_COLOUR_BINS],
                         float weights[SS_COLOUR_BINS]);

/* The annealed mean (section 2.3, equation 5) of logits (N, 313): the mean of the centres under softmax(logits /
 * temperature), (N, 2) float32 in units of SS_LAB_COLOUR_SCALE. Temperature 1 is the mean, towards 0 the mode. */
ss_tensor *ss_colour_annealed_mean(ss_graph *graph, ss_tensor *logits, float temperature);
/* The same of logits (N, 50) of lightness: (N, 1), (L - 50) / 50. */
ss_tensor *ss_lightness_annealed_mean(ss_graph *graph, ss_tensor *logits, float temperature);

#endif
