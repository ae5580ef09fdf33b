/* The parts of k-means. Internal to cluster. */
#ifndef SS_CLUSTER_KMEANS_PARTS_H
#define SS_CLUSTER_KMEANS_PARTS_H

#include "cluster/kmeans.h"

/* What is drawn: the epoch of the stream of SS_RANDOM_CLUSTERS. */
enum { SS_KMEANS_DRAW_SAMPLE, SS_KMEANS_DRAW_SEEDS, SS_KMEANS_DRAW_BATCH, SS_KMEANS_DRAW_SPLIT };

/* The squared distance of two points. */
float ss_kmeans_distance(const float *a, const float *b, int64_t d);

/* ---- groups: points by cluster ---- */

typedef struct ss_kmeans_groups {
  int64_t n, k;
  int64_t *start;  /* (k + 1) cluster j's points are order[start[j]] up to order[start[j + 1]] */
  int64_t *order;  /* (n) rows, ascending within a cluster */
  double *inertia; /* (k) of each cluster */
  double *spread;  /* (k) the deviation of its points in one dimension; what is split off a cluster takes it over */
  double *sums;    /* (threads, d) */
} ss_kmeans_groups;

ss_status ss_kmeans_groups_new(ss_kmeans_groups *groups, int64_t n, int64_t d, int64_t k, int threads, ss_error *error);
void ss_kmeans_groups_free(ss_kmeans_groups *groups);

/* Sorts the points 0 to n-1 (at most as many as the groups were made for) by their clusters. */
void ss_kmeans_group(ss_kmeans_groups *groups, const int32_t *assignment, int64_t n);

/* Sums of squared distances to the centroids, by cluster and in all (returned). With `seen` (k: the points that each
 * centroid is the mean of so far; all 0 for Lloyd), each centroid that got points becomes the mean of those and these;
 * with NULL they stay. */
double ss_kmeans_update(ss_kmeans_groups *groups, const float *x, int64_t d, const int64_t *seen, bool spherical,
                        float *centroids, int threads);

/* Scales centroids to length one; those of length zero stay. */
void ss_kmeans_normalise(float *centroids, int64_t k, int64_t d);

/* Gives each empty cluster a copy of the centroid of the largest, both moved a little, in opposite directions, and half
 * of its points to count on. Returns how many. `draw` tells calls apart. */
int64_t ss_kmeans_split(ss_kmeans_groups *groups, int64_t *sizes, float *centroids, int64_t d, bool spherical,
                        uint64_t seed, uint64_t draw);

/* ---- seeding ---- */

/* Fills centroids (k, d) with rows of x (n, d), n >= k. */
ss_status ss_kmeans_seed_random(const float *x, int64_t n, int64_t d, int64_t k, uint64_t seed, float *centroids,
                                ss_error *error);
ss_status ss_kmeans_seed_plus_plus(const float *x, int64_t n, int64_t d, int64_t k, uint64_t seed, int threads,
                                   float *centroids, ss_error *error);

/* The rows (count of n, ascending) of a random subset. */
ss_status ss_kmeans_draw_rows(int64_t n, int64_t count, uint64_t seed, int what, int64_t *rows, ss_error *error);

#endif
