/* t-SNE: a map of points in two dimensions that keeps neighbours together (Visualizing Data using t-SNE. van der Maaten
 * and Hinton. JMLR 2008), exact: time and memory grow with the square of the number of points. */
#ifndef SS_CLUSTER_TSNE_H
#define SS_CLUSTER_TSNE_H

#include "base/status.h"

#include <stdint.h>

#define SS_TSNE_MOST 10000 /* points */

typedef struct ss_tsne_options {
  double perplexity;           /* effective number of neighbours; at most (n - 1) / 3 is taken */
  double exaggeration;         /* of the affinities, in the first iterations (section 3.4) */
  int exaggerated, iterations; /* iterations with it, and in all */
  double rate;                 /* learning rate; 0: n / exaggeration / 4, at least 50 (Belkina et al. 2019) */
  int threads;                 /* 0: 1; the result is the same to the bit for any number */
} ss_tsne_options;
#define SS_TSNE_DEFAULTS \
  { .perplexity = 30.0, .exaggeration = 12.0, .exaggerated = 250, .iterations = 1000 }

/* The joint probabilities p_ij of the points x (n, d), equation 1 made symmetric as in section 3.1: the deviation of
 * each point's Gaussian is found by bisection so that its conditional distribution has the perplexity. p (n, n) sums to
 * 1, its diagonal is 0. n >= 4. */
ss_status ss_tsne_affinities(const float *x, int64_t n, int64_t d, double perplexity, int threads, float *p,
                             ss_error *error);

/* Writes the map y (n, 2) of the points x (n, d), and the Kullback-Leibler divergence KL(P||Q) that is left (may be
 * NULL). It starts from the first two principal components, scaled so that the first has a deviation of 1e-4 (Kobak and
 * Berens 2019), and has no random numbers. 4 <= n <= SS_TSNE_MOST; SS_USAGE outside of that. */
ss_status ss_tsne(const float *x, int64_t n, int64_t d, const ss_tsne_options *options, float *y, double *divergence,
                  ss_error *error);

/* Writes the first two principal components (n, 2) of the points x (n, d), n >= 2; the second is 0 where d is 1. Of
 * each axis the number of greatest magnitude is positive. */
ss_status ss_principal_plane(const float *x, int64_t n, int64_t d, float *y, ss_error *error);

#endif
