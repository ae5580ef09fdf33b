/* k-means: Lloyd's iterations and Sculley's mini-batches ("Web-scale k-means clustering", WWW 2010), seeded by
 * k-means++ (Arthur and Vassilvitskii, SODA 2007); empty clusters take a part of the largest ones, as in DeepCluster
 * (Caron 2018, section 3.2) and FAISS. The same input, options and seed give the same bits, whatever the number of
 * threads. */
#ifndef SS_CLUSTER_KMEANS_H
#define SS_CLUSTER_KMEANS_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ss_kmeans_seeding {
  SS_KMEANS_PLUS_PLUS, /* points drawn in proportion to their squared distance from those drawn before, exactly */
  SS_KMEANS_RANDOM     /* different points, each as likely */
} ss_kmeans_seeding;

typedef struct ss_kmeans_options {
  int64_t clusters; /* k */
  int iterations;   /* at most */
  double tolerance; /* Lloyd ends when an iteration lowers the sum of squared distances by no more than this share of
                       it; 0: when no point changes its cluster */
  int64_t batch;    /* points of a mini-batch, drawn with replacement for each iteration; 0: Lloyd, all points */
  int64_t max_points_per_centroid; /* trains on at most that many points times k, drawn at random; 0: on all */
  bool spherical;                  /* centroids are scaled to length one; the points should be of length one too */
  ss_kmeans_seeding seeding;
  const float *start; /* (k, d) centroids to begin with instead of seeding; NULL: none */
  uint64_t seed;
  int threads;
} ss_kmeans_options;

#define SS_KMEANS_DEFAULTS                                                                          \
  {                                                                                                 \
    .clusters = 0, .iterations = 20, .tolerance = 1e-4, .batch = 0, .max_points_per_centroid = 256, \
    .spherical = false, .seeding = SS_KMEANS_PLUS_PLUS, .start = NULL, .seed = 0, .threads = 1      \
  }

/* A clustering of n points of d dimensions into k clusters. A zeroed struct is an empty one. */
typedef struct ss_kmeans {
  int64_t n, d, k;
  float *centroids;    /* (k, d) */
  int32_t *assignment; /* (n) the nearest centroid, up to the rounding of float32 (engine/nearest.h) */
  int64_t *sizes;      /* (k) points of each cluster, never 0 */
  double inertia;      /* the sum of the points' squared distances to their centroids */
  int iterations;      /* that were made */
  double *history;     /* (iterations) the mean squared distance of the points an iteration looked at, to the centroids
                          it began with */
  int64_t splits;      /* empty clusters that were given a part of another */
  double seed_seconds, iterate_seconds, finish_seconds; /* what seeding, all iterations and the last assignment took */
} ss_kmeans;

/* Clusters the rows of x (n, d). Errors: fewer points than clusters (of those trained on, too), a number that is not
 * finite or beyond 1e15, options out of range. Where fewer than k different points exist, each cluster still gets a
 * point: some of equal ones. On an error *out is empty; freed with ss_kmeans_free. */
ss_status ss_kmeans_run(const float *x, int64_t n, int64_t d, const ss_kmeans_options *options, ss_kmeans *out,
                        ss_error *error);
void ss_kmeans_free(ss_kmeans *kmeans);

/* assignment[i] = the centroid (of k) nearest to row i of x (n, d); *inertia, where not NULL, the sum of squared
 * distances to them. Numbers as above. */
ss_status ss_kmeans_assign(const float *x, int64_t n, int64_t d, const float *centroids, int64_t k, int threads,
                           int32_t *assignment, double *inertia, ss_error *error);

#endif
