#include "cluster/kmeans.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "cluster/check.h"
#include "cluster/kmeans_parts.h"
#include "engine/nearest.h"

#include <stdlib.h>
#include <string.h>

enum {
  BLOCK = 4096,    /* points whose distances are summed up as one */
  LAST_SPLITS = 8, /* tries to leave no cluster empty at the end by splitting */
};

/* A run in progress. */
typedef struct run {
  const ss_kmeans_options *options;
  const float *x; /* what is trained on: the caller's points, or a sample */
  int64_t n;      /* of them */
  int64_t d;
  float *sample;
  size_t sample_bytes;
  int32_t *assignment; /* (n) */
  int32_t *before;     /* (n) the iteration before's */
  int64_t *seen;       /* (k) points that each centroid is the mean of; 0 for Lloyd */
  int64_t *sizes;      /* (k) */
  ss_kmeans_groups groups;
  bool settled; /* no point changed its cluster in the last iteration */
} run;

static ss_status check_shape(int64_t n, int64_t d, int64_t k, ss_error *error) {
  if (n < 1 || n > UINT32_MAX || d < 1 || d > INT32_MAX) {
    return ss_fail(error, SS_USAGE, "k-means of %lld points of %lld dimensions: at least one of each, at most 2^32 - 1",
                   (long long)n, (long long)d);
  }
  if (k < 1 || k > INT32_MAX - 64) {
    return ss_fail(error, SS_USAGE, "%lld clusters: there must be at least one, and fewer than 2^31 - 64",
                   (long long)k);
  }
  return SS_OK;
}

static ss_status check_options(int64_t n, int64_t d, const ss_kmeans_options *o, ss_error *error) {
  SS_TRY(check_shape(n, d, o->clusters, error));
  if (n < o->clusters) {
    return ss_fail(error, SS_FAILED, "%lld points cannot make %lld clusters; ask for at most %lld", (long long)n,
                   (long long)o->clusters, (long long)n);
  }
  if (o->iterations < 1 || o->threads < 1 || o->batch < 0 || o->max_points_per_centroid < 0 || !(o->tolerance >= 0.0)) {
    return ss_fail(error, SS_USAGE,
                   "k-means: iterations (%d) and threads (%d) must be at least 1, tolerance (%g), batch (%lld) and "
                   "max_points_per_centroid (%lld) at least 0",
                   o->iterations, o->threads, o->tolerance, (long long)o->batch, (long long)o->max_points_per_centroid);
  }
  return SS_OK;
}

/* ---- assignment ---- */

static ss_status sum_distances(const float *x, int64_t n, int64_t d, const float *centroids, int threads,
                               const int32_t *assignment, double *inertia, ss_error *error) {
  const int64_t blocks = (n + BLOCK - 1) / BLOCK;
  double *sums = NULL;
  SS_TRY(ss_alloc((void **)&sums, (size_t)blocks, sizeof *sums, "the distances", error));
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t last = (block + 1) * BLOCK < n ? (block + 1) * BLOCK : n;
    for (int64_t i = block * BLOCK; i < last; i++) {
      sums[block] += (double)ss_kmeans_distance(x + i * d, centroids + assignment[i] * d, d);
    }
  }
  *inertia = 0.0;
  for (int64_t block = 0; block < blocks; block++) {
    *inertia += sums[block];
  }
  free(sums);
  return SS_OK;
}

ss_status ss_kmeans_assign(const float *x, int64_t n, int64_t d, const float *centroids, int64_t k, int threads,
                           int32_t *assignment, double *inertia, ss_error *error) {
  threads = threads > 0 ? threads : 1;
  SS_TRY(check_shape(n, d, k, error));
  SS_TRY(ss_cluster_check_numbers("points", x, n, d, threads, error));
  SS_TRY(ss_cluster_check_numbers("centroids", centroids, k, d, threads, error));
  SS_TRY(ss_nearest(x, n, centroids, k, d, threads, assignment, error));
  return inertia ? sum_distances(x, n, d, centroids, threads, assignment, inertia, error) : SS_OK;
}

/* ---- iterations ---- */

/* The points that are trained on, at most max_points_per_centroid * k. */
static ss_status take_sample(run *r, const float *x, int64_t n, ss_error *error) {
  const ss_kmeans_options *o = r->options;
  r->x = x;
  r->n = n;
  if (o->max_points_per_centroid == 0 || o->batch > 0 || n / o->clusters < o->max_points_per_centroid) {
    return SS_OK;
  }
  const int64_t count = o->max_points_per_centroid * o->clusters;
  if (count == n) {
    return SS_OK;
  }
  int64_t *rows = NULL;
  SS_TRY(ss_alloc((void **)&rows, (size_t)count, sizeof *rows, "a sample of the points", error));
  ss_status status = ss_kmeans_draw_rows(n, count, o->seed, SS_KMEANS_DRAW_SAMPLE, rows, error);
  r->sample_bytes = (size_t)count * (size_t)r->d * sizeof(float);
  r->sample = status == SS_OK ? ss_alloc_aligned(r->sample_bytes) : NULL;
  if (status == SS_OK && !r->sample) {
    status = ss_fail_memory(error, r->sample_bytes, "a sample of the points");
  }
  for (int64_t i = 0; i < count && status == SS_OK; i++) {
    memcpy(r->sample + i * r->d, x + rows[i] * r->d, (size_t)r->d * sizeof(float));
  }
  r->x = r->sample;
  r->n = count;
  free(rows);
  return status;
}

static ss_status seed(run *r, float *centroids, ss_error *error) {
  const ss_kmeans_options *o = r->options;
  if (o->start) {
    SS_TRY(ss_cluster_check_numbers("centroids to start with", o->start, o->clusters, r->d, o->threads, error));
    memcpy(centroids, o->start, (size_t)(o->clusters * r->d) * sizeof(float));
  } else if (o->seeding == SS_KMEANS_RANDOM) {
    SS_TRY(ss_kmeans_seed_random(r->x, r->n, r->d, o->clusters, o->seed, centroids, error));
  } else {
    SS_TRY(ss_kmeans_seed_plus_plus(r->x, r->n, r->d, o->clusters, o->seed, o->threads, centroids, error));
  }
  if (o->spherical) {
    ss_kmeans_normalise(centroids, o->clusters, r->d);
  }
  return SS_OK;
}

static void take_sizes(const ss_kmeans_groups *groups, int64_t *sizes) {
  for (int64_t j = 0; j < groups->k; j++) {
    sizes[j] = groups->start[j + 1] - groups->start[j];
  }
}

static ss_status iterate_lloyd(run *r, ss_kmeans *out, ss_error *error) {
  const ss_kmeans_options *o = r->options;
  bool split = true; /* the first iteration has nothing to compare with */
  while (out->iterations < o->iterations) {
    int32_t *swap = r->before;
    r->before = r->assignment;
    r->assignment = swap;
    SS_TRY(ss_nearest(r->x, r->n, out->centroids, out->k, r->d, o->threads, r->assignment, error));
    ss_kmeans_group(&r->groups, r->assignment, r->n);
    const double inertia = ss_kmeans_update(&r->groups, r->x, r->d, r->seen, o->spherical, out->centroids, o->threads);
    const double mean = inertia / (double)r->n;
    const int done = out->iterations++;
    out->history[done] = mean;
    take_sizes(&r->groups, r->sizes);
    const bool comparable = !split;
    const int64_t splits =
        ss_kmeans_split(&r->groups, r->sizes, out->centroids, r->d, o->spherical, o->seed, (uint64_t)done);
    out->splits += splits;
    split = splits > 0;
    if (comparable && !split) {
      r->settled = memcmp(r->before, r->assignment, (size_t)r->n * sizeof *r->before) == 0;
      if (r->settled || (o->tolerance > 0.0 && out->history[done - 1] - mean <= o->tolerance * mean)) {
        break;
      }
    }
  }
  return SS_OK;
}

/* Sculley's steps of 1/count towards each point of a batch, all at once: the mean of all points seen so far. */
static ss_status iterate_batches(run *r, ss_kmeans *out, ss_error *error) {
  const ss_kmeans_options *o = r->options;
  r->sample_bytes = (size_t)(o->batch * r->d) * sizeof(float);
  r->sample = ss_alloc_aligned(r->sample_bytes);
  if (!r->sample) {
    return ss_fail_memory(error, r->sample_bytes, "a mini-batch");
  }
  while (out->iterations < o->iterations) {
    ss_random random =
        ss_random_stream(o->seed, SS_RANDOM_CLUSTERS, SS_KMEANS_DRAW_BATCH, (uint64_t)out->iterations, 0);
    for (int64_t i = 0; i < o->batch; i++) {
      const int64_t row = (int64_t)ss_random_below(&random, (uint32_t)r->n);
      memcpy(r->sample + i * r->d, r->x + row * r->d, (size_t)r->d * sizeof(float));
    }
    SS_TRY(ss_nearest(r->sample, o->batch, out->centroids, out->k, r->d, o->threads, r->assignment, error));
    ss_kmeans_group(&r->groups, r->assignment, o->batch);
    const double inertia =
        ss_kmeans_update(&r->groups, r->sample, r->d, r->seen, o->spherical, out->centroids, o->threads);
    take_sizes(&r->groups, r->sizes);
    for (int64_t j = 0; j < out->k; j++) {
      r->seen[j] += r->sizes[j];
    }
    out->history[out->iterations++] = inertia / (double)o->batch;
  }
  return SS_OK;
}

static ss_status open_run(run *r, const float *x, int64_t n, ss_error *error) {
  const ss_kmeans_options *o = r->options;
  SS_TRY(take_sample(r, x, n, error));
  const int64_t points = o->batch > 0 ? o->batch : r->n;
  SS_TRY(ss_alloc((void **)&r->assignment, (size_t)points, sizeof *r->assignment, "the assignment", error));
  SS_TRY(ss_alloc((void **)&r->before, (size_t)points, sizeof *r->before, "the assignment", error));
  SS_TRY(ss_alloc((void **)&r->seen, (size_t)o->clusters, sizeof *r->seen, "the clusters", error));
  SS_TRY(ss_alloc((void **)&r->sizes, (size_t)o->clusters, sizeof *r->sizes, "the clusters", error));
  return ss_kmeans_groups_new(&r->groups, points, r->d, o->clusters, o->threads, error);
}

static void close_run(run *r) {
  ss_kmeans_groups_free(&r->groups);
  ss_free_aligned(r->sample, r->sample_bytes);
  free(r->assignment);
  free(r->before);
  free(r->seen);
  free(r->sizes);
}

/* ---- the result ---- */

/* Hands points of the largest clusters over to those still empty, whose centroids they become. */
static void hand_over(ss_kmeans *out, const float *x, const ss_kmeans_groups *groups) {
  for (int64_t empty = 0; empty < out->k; empty++) {
    if (out->sizes[empty] > 0) {
      continue;
    }
    int64_t largest = 0;
    for (int64_t j = 1; j < out->k; j++) {
      largest = out->sizes[j] > out->sizes[largest] ? j : largest;
    }
    const int64_t row = groups->order[groups->start[largest] + --out->sizes[largest]];
    out->assignment[row] = (int32_t)empty;
    out->sizes[empty] = 1;
    memcpy(out->centroids + empty * out->d, x + row * out->d, (size_t)out->d * sizeof(float));
    out->splits++;
  }
}

/* Assigns all points; clusters that stay empty are split off others, a few times over. */
static ss_status finish(const ss_kmeans_options *o, const float *x, ss_kmeans *out, ss_error *error) {
  ss_kmeans_groups groups = {0};
  SS_TRY(ss_kmeans_groups_new(&groups, out->n, out->d, out->k, o->threads, error));
  const double start = ss_clock_seconds();
  ss_status status = SS_OK;
  for (uint64_t attempt = 0;; attempt++) {
    status = ss_nearest(x, out->n, out->centroids, out->k, out->d, o->threads, out->assignment, error);
    if (status != SS_OK) {
      break;
    }
    ss_kmeans_group(&groups, out->assignment, out->n);
    out->inertia = ss_kmeans_update(&groups, x, out->d, NULL, false, out->centroids, o->threads);
    take_sizes(&groups, out->sizes);
    if (attempt == LAST_SPLITS) {
      hand_over(out, x, &groups);
      status = sum_distances(x, out->n, out->d, out->centroids, o->threads, out->assignment, &out->inertia, error);
      break;
    }
    const int64_t splits =
        ss_kmeans_split(&groups, out->sizes, out->centroids, out->d, o->spherical, o->seed, UINT32_MAX + attempt);
    out->splits += splits;
    if (splits == 0) {
      break;
    }
  }
  out->finish_seconds = ss_clock_seconds() - start;
  ss_kmeans_groups_free(&groups);
  return status;
}

static ss_status allocate(ss_kmeans *out, int64_t n, int64_t d, const ss_kmeans_options *o, ss_error *error) {
  *out = (ss_kmeans){.n = n, .d = d, .k = o->clusters};
  SS_TRY(ss_alloc((void **)&out->centroids, (size_t)(out->k * d), sizeof(float), "the centroids", error));
  SS_TRY(ss_alloc((void **)&out->assignment, (size_t)n, sizeof(int32_t), "the assignment", error));
  SS_TRY(ss_alloc((void **)&out->sizes, (size_t)out->k, sizeof(int64_t), "the clusters", error));
  return ss_alloc((void **)&out->history, (size_t)o->iterations, sizeof(double), "the iterations", error);
}

static ss_status train(const float *x, const ss_kmeans_options *o, ss_kmeans *out, ss_error *error) {
  run r = {.options = o, .d = out->d};
  ss_status status = open_run(&r, x, out->n, error);
  const double start = ss_clock_seconds();
  status = status ? status : seed(&r, out->centroids, error);
  const double seeded = ss_clock_seconds();
  if (status == SS_OK) {
    status = o->batch > 0 ? iterate_batches(&r, out, error) : iterate_lloyd(&r, out, error);
  }
  out->seed_seconds = seeded - start;
  out->iterate_seconds = ss_clock_seconds() - seeded;
  close_run(&r);
  return status;
}

ss_status ss_kmeans_run(const float *x, int64_t n, int64_t d, const ss_kmeans_options *options, ss_kmeans *out,
                        ss_error *error) {
  memset(out, 0, sizeof *out);
  SS_TRY(check_options(n, d, options, error));
  SS_TRY(ss_cluster_check_numbers("points", x, n, d, options->threads, error));
  ss_status status = allocate(out, n, d, options, error);
  status = status ? status : train(x, options, out, error);
  status = status ? status : finish(options, x, out, error);
  if (status != SS_OK) {
    ss_kmeans_free(out);
  }
  return status;
}

void ss_kmeans_free(ss_kmeans *kmeans) {
  free(kmeans->centroids);
  free(kmeans->assignment);
  free(kmeans->sizes);
  free(kmeans->history);
  memset(kmeans, 0, sizeof *kmeans);
}
