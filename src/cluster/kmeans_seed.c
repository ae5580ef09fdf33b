/* First centroids. k-means++ draws each next centroid in proportion to the squared distances from those there are
 * (Arthur and Vassilvitskii 2007, algorithm 1b). Measuring all points anew after every draw would read them k times, so
 * it is done in rounds of many draws: a point drawn by the distances of the round's beginning is kept with
 * the probability that its distance has since fallen to, which gives the very same distribution; the round's draws are
 * then measured together, by matrix products. */
#include "base/memory.h"
#include "base/random.h"
#include "cluster/kmeans_parts.h"
#include "engine/nearest.h"

#include <stdlib.h>
#include <string.h>

enum {
  BLOCK = 1024, /* points whose distances are summed up as one */
  FEW = 12      /* centroids to which distances are measured without products of matrices */
};

typedef struct seeds {
  const float *x;
  int64_t n, d;
  int threads;
  float *distance;  /* (n) squared, to the nearest centroid */
  int32_t *nearest; /* (n) of a round's draws */
  double *upto;     /* (blocks) sum of the distances up to the block's end */
  int64_t blocks;
  ss_random random;
} seeds;

static int compare_rows(const void *a, const void *b) {
  const int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
  return (one > other) - (one < other);
}

/* Floyd's sampling (Bentley 1987) with a bit for each row: `count` different rows. */
ss_status ss_kmeans_draw_rows(int64_t n, int64_t count, uint64_t seed, int what, int64_t *rows, ss_error *error) {
  uint8_t *taken = NULL;
  SS_TRY(ss_alloc((void **)&taken, (size_t)n / 8 + 1, 1, "a sample of the points", error));
  ss_random random = ss_random_stream(seed, SS_RANDOM_CLUSTERS, (uint32_t)what, 0, 0);
  for (int64_t i = 0; i < count; i++) {
    const int64_t last = n - count + i;
    int64_t row = (int64_t)ss_random_below(&random, (uint32_t)(last + 1));
    row = taken[row / 8] & (1u << (row % 8)) ? last : row;
    taken[row / 8] |= (uint8_t)(1u << (row % 8));
    rows[i] = row;
  }
  qsort(rows, (size_t)count, sizeof *rows, compare_rows);
  free(taken);
  return SS_OK;
}

ss_status ss_kmeans_seed_random(const float *x, int64_t n, int64_t d, int64_t k, uint64_t seed, float *centroids,
                                ss_error *error) {
  int64_t *rows = NULL;
  SS_TRY(ss_alloc((void **)&rows, (size_t)k, sizeof *rows, "the first centroids", error));
  const ss_status status = ss_kmeans_draw_rows(n, k, seed, SS_KMEANS_DRAW_SEEDS, rows, error);
  for (int64_t j = 0; j < k && status == SS_OK; j++) {
    memcpy(centroids + j * d, x + rows[j] * d, (size_t)d * sizeof(float));
  }
  free(rows);
  return status;
}

/* Lowers the distances to those from `count` new centroids, and sums them up. */
static ss_status measure(seeds *s, const float *centroids, int64_t count, ss_error *error) {
  if (count > FEW) {
    SS_TRY(ss_nearest(s->x, s->n, centroids, count, s->d, s->threads, s->nearest, error));
  }
#pragma omp parallel for num_threads(s->threads) schedule(static)
  for (int64_t block = 0; block < s->blocks; block++) {
    const int64_t last = (block + 1) * BLOCK < s->n ? (block + 1) * BLOCK : s->n;
    double sum = 0.0;
    for (int64_t i = block * BLOCK; i < last; i++) {
      const int64_t first = count > FEW ? s->nearest[i] : 0, end = count > FEW ? first + 1 : count;
      for (int64_t j = first; j < end; j++) {
        const float distance = ss_kmeans_distance(s->x + i * s->d, centroids + j * s->d, s->d);
        s->distance[i] = distance < s->distance[i] ? distance : s->distance[i];
      }
      sum += (double)s->distance[i];
    }
    s->upto[block] = sum;
  }
  for (int64_t block = 1; block < s->blocks; block++) {
    s->upto[block] += s->upto[block - 1];
  }
  return SS_OK;
}

/* Uniform in [0, 1), 53 bits. */
static double uniform(ss_random *random) {
  const uint64_t high = ss_random_bits(random) >> 5, low = ss_random_bits(random) >> 6;
  return (double)(high << 26 | low) * 0x1p-53;
}

/* A point in proportion to the distances, whose sum is above 0. */
static int64_t draw(seeds *s) {
  const double at = uniform(&s->random) * s->upto[s->blocks - 1];
  int64_t low = 0, high = s->blocks - 1;
  while (low < high) { /* the first block whose sum is above */
    const int64_t middle = (low + high) / 2;
    if (s->upto[middle] > at) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  double sum = low > 0 ? s->upto[low - 1] : 0.0;
  const int64_t last = (low + 1) * BLOCK < s->n ? (low + 1) * BLOCK : s->n;
  int64_t point = low * BLOCK;
  for (int64_t i = low * BLOCK; i < last; i++) {
    if (s->distance[i] > 0.0f) { /* the last such where rounding leaves `at` beyond the sum */
      point = i;
      sum += (double)s->distance[i];
      if (sum > at) {
        break;
      }
    }
  }
  return point;
}

/* Draws up to `most` centroids from one measurement; fewer when the distances have changed too much to go on. */
static int64_t draw_round(seeds *s, int64_t most, float *centroids) {
  const int64_t d = s->d;
  int64_t kept = 0, refused = 0;
  while (kept < most && refused <= kept + 8) {
    const float *point = s->x + draw(s) * d;
    const float before = s->distance[(point - s->x) / d];
    float now = before;
    for (int64_t j = 0; j < kept; j++) {
      const float distance = ss_kmeans_distance(point, centroids + j * d, d);
      now = distance < now ? distance : now;
    }
    if (kept == 0 || uniform(&s->random) * (double)before < (double)now) {
      memcpy(centroids + kept * d, point, (size_t)d * sizeof(float));
      kept++;
    } else {
      refused++;
    }
  }
  return kept;
}

static ss_status seed_all(seeds *s, int64_t k, float *centroids, ss_error *error) {
  for (int64_t i = 0; i < s->n; i++) {
    s->distance[i] = 3e38f;
  }
  memcpy(centroids, s->x + (int64_t)ss_random_below(&s->random, (uint32_t)s->n) * s->d, (size_t)s->d * sizeof(float));
  int64_t chosen = 1, fresh = 1;
  while (chosen < k) {
    SS_TRY(measure(s, centroids + (chosen - fresh) * s->d, fresh, error));
    const int64_t most = chosen / 2 > 1 ? chosen / 2 : 1;
    if (s->upto[s->blocks - 1] > 0.0) {
      fresh = draw_round(s, most < k - chosen ? most : k - chosen, centroids + chosen * s->d);
      chosen += fresh;
    } else { /* no other points than those chosen */
      for (; chosen < k; chosen++) {
        memcpy(centroids + chosen * s->d, s->x + (int64_t)ss_random_below(&s->random, (uint32_t)s->n) * s->d,
               (size_t)s->d * sizeof(float));
      }
    }
  }
  return SS_OK;
}

ss_status ss_kmeans_seed_plus_plus(const float *x, int64_t n, int64_t d, int64_t k, uint64_t seed, int threads,
                                   float *centroids, ss_error *error) {
  seeds s = {.x = x, .n = n, .d = d, .threads = threads, .blocks = (n + BLOCK - 1) / BLOCK};
  s.random = ss_random_stream(seed, SS_RANDOM_CLUSTERS, SS_KMEANS_DRAW_SEEDS, 0, 0);
  ss_status status = ss_alloc((void **)&s.distance, (size_t)n, sizeof *s.distance, "the first centroids", error);
  status = status ? status : ss_alloc((void **)&s.nearest, (size_t)n, sizeof *s.nearest, "the first centroids", error);
  status = status ? status : ss_alloc((void **)&s.upto, (size_t)s.blocks, sizeof *s.upto, "the first centroids", error);
  status = status ? status : seed_all(&s, k, centroids, error);
  free(s.distance);
  free(s.nearest);
  free(s.upto);
  return status;
}
