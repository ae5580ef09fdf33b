/* Points by cluster: means, sums of squared distances, and what empty clusters get. A cluster's sums are made by one
 * thread in the order of its points, so that they are the same bits for any number of threads. */
#include "base/compiler.h"
#include "base/memory.h"
#include "base/random.h"
#include "cluster/kmeans_parts.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

SS_MULTIVERSION float ss_kmeans_distance(const float *a, const float *b, int64_t d) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < d; j++) {
    const float off = a[j] - b[j];
    sum += off * off;
  }
  return sum;
}

SS_MULTIVERSION static void add_row(double *sum, const float *row, int64_t d) {
  for (int64_t j = 0; j < d; j++) {
    sum[j] += (double)row[j];
  }
}

ss_status ss_kmeans_groups_new(ss_kmeans_groups *groups, int64_t n, int64_t d, int64_t k, int threads,
                               ss_error *error) {
  memset(groups, 0, sizeof *groups);
  groups->n = n;
  groups->k = k;
  ss_status status = ss_alloc((void **)&groups->start, (size_t)k + 1, sizeof(int64_t), "the clusters", error);
  status = status ? status : ss_alloc((void **)&groups->order, (size_t)n, sizeof(int64_t), "the clusters", error);
  status = status ? status : ss_alloc((void **)&groups->inertia, (size_t)k, sizeof(double), "the clusters", error);
  status = status ? status : ss_alloc((void **)&groups->spread, (size_t)k, sizeof(double), "the clusters", error);
  status = status
               ? status
               : ss_alloc((void **)&groups->sums, (size_t)threads * (size_t)d, sizeof(double), "the clusters", error);
  if (status != SS_OK) {
    ss_kmeans_groups_free(groups);
  }
  return status;
}

void ss_kmeans_groups_free(ss_kmeans_groups *groups) {
  free(groups->start);
  free(groups->order);
  free(groups->inertia);
  free(groups->spread);
  free(groups->sums);
  memset(groups, 0, sizeof *groups);
}

void ss_kmeans_group(ss_kmeans_groups *groups, const int32_t *assignment, int64_t n) {
  int64_t *start = groups->start;
  memset(start, 0, (size_t)(groups->k + 1) * sizeof *start);
  for (int64_t i = 0; i < n; i++) {
    start[assignment[i] + 1]++;
  }
  for (int64_t j = 0; j < groups->k; j++) {
    start[j + 1] += start[j];
  }
  for (int64_t i = 0; i < n; i++) {
    groups->order[start[assignment[i]]++] = i;
  }
  memmove(start + 1, start, (size_t)groups->k * sizeof *start); /* each had moved on to the next one's place */
  start[0] = 0;
}

static void normalise(float *centroid, int64_t d) {
  double square = 0.0;
  for (int64_t j = 0; j < d; j++) {
    square += (double)centroid[j] * (double)centroid[j];
  }
  const double scale = square > 0.0 ? 1.0 / sqrt(square) : 1.0;
  for (int64_t j = 0; j < d; j++) {
    centroid[j] = (float)((double)centroid[j] * scale);
  }
}

void ss_kmeans_normalise(float *centroids, int64_t k, int64_t d) {
  for (int64_t i = 0; i < k; i++) {
    normalise(centroids + i * d, d);
  }
}

/* One cluster's distances and, with `sum` (d), its new centroid. */
static double update_cluster(const ss_kmeans_groups *groups, int64_t cluster, const float *x, int64_t d, int64_t seen,
                             bool spherical, float *centroid, double *sum) {
  const int64_t first = groups->start[cluster], last = groups->start[cluster + 1];
  double inertia = 0.0;
  for (int64_t j = 0; sum && j < d; j++) {
    sum[j] = (double)seen * (double)centroid[j];
  }
  for (int64_t i = first; i < last; i++) {
    const float *row = x + groups->order[i] * d;
    if (i + 1 < last) {
      const char *next = (const char *)(x + groups->order[i + 1] * d);
      for (int64_t byte = 0; byte < d * (int64_t)sizeof(float); byte += 64) {
        __builtin_prefetch(next + byte);
      }
    }
    inertia += (double)ss_kmeans_distance(row, centroid, d);
    if (sum) {
      add_row(sum, row, d);
    }
  }
  if (sum && last > first) {
    for (int64_t j = 0; j < d; j++) {
      centroid[j] = (float)(sum[j] / (double)(seen + last - first));
    }
    if (spherical) {
      normalise(centroid, d);
    }
  }
  return inertia;
}

double ss_kmeans_update(ss_kmeans_groups *groups, const float *x, int64_t d, const int64_t *seen, bool spherical,
                        float *centroids, int threads) {
#pragma omp parallel for num_threads(threads) schedule(dynamic)
  for (int64_t cluster = 0; cluster < groups->k; cluster++) {
    groups->inertia[cluster] =
        update_cluster(groups, cluster, x, d, seen ? seen[cluster] : 0, spherical, centroids + cluster * d,
                       seen ? groups->sums + (int64_t)omp_get_thread_num() * d : NULL);
  }
  double inertia = 0.0;
  for (int64_t cluster = 0; cluster < groups->k; cluster++) {
    const int64_t points = groups->start[cluster + 1] - groups->start[cluster];
    groups->spread[cluster] = points > 0 ? sqrt(groups->inertia[cluster] / (double)(points * d)) : 0.0;
    inertia += groups->inertia[cluster];
  }
  return inertia;
}

/* Moves two copies of a centroid apart. `spread` is the deviation of its points in one dimension: the two then divide
 * them by a plane through what was their centre. */
static void part(float *one, float *other, int64_t d, double spread, bool spherical, ss_random *random) {
  uint32_t signs = 0;
  for (int64_t j = 0; j < d; j++) {
    signs = j % 32 == 0 ? ss_random_bits(random) : signs >> 1;
    const double least = 0x1p-16 * fabs((double)one[j]), wide = 0x1p-8 * spread;
    const float step = (float)((signs & 1u ? 1.0 : -1.0) * (wide > least ? wide : least));
    other[j] = one[j] - step;
    one[j] += step;
  }
  if (spherical) {
    normalise(one, d);
    normalise(other, d);
  }
}

int64_t ss_kmeans_split(ss_kmeans_groups *groups, int64_t *sizes, float *centroids, int64_t d, bool spherical,
                        uint64_t seed, uint64_t draw) {
  int64_t splits = 0;
  for (int64_t empty = 0; empty < groups->k; empty++) {
    if (sizes[empty] > 0) {
      continue;
    }
    int64_t largest = 0;
    for (int64_t j = 1; j < groups->k; j++) {
      largest = sizes[j] > sizes[largest] ? j : largest;
    }
    if (sizes[largest] < 2) {
      break;
    }
    ss_random random = ss_random_stream(seed, SS_RANDOM_CLUSTERS, SS_KMEANS_DRAW_SPLIT, draw, (uint32_t)empty);
    memcpy(centroids + empty * d, centroids + largest * d, (size_t)d * sizeof(float));
    part(centroids + largest * d, centroids + empty * d, d, groups->spread[largest], spherical, &random);
    groups->spread[empty] = groups->spread[largest];
    sizes[empty] = sizes[largest] / 2;
    sizes[largest] -= sizes[empty];
    splits++;
  }
  return splits;
}
