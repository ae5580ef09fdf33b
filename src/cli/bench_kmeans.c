/* selfsup bench kmeans: clustering of a mixture of Gaussians. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/system.h"
#include "cli/bench.h"
#include "cli/json_output.h"
#include "cluster/kmeans.h"
#include "io/npy.h"

#include <stdio.h>
#include <string.h>

typedef struct problem {
  int64_t n, d;
  double spread;
  ss_kmeans_options options;
  float *points; /* (n, d) */
  size_t bytes;
} problem;

typedef struct figures {
  const problem *problem;
  double seconds, seed_seconds, assign_seconds, iteration_seconds, inertia;
  int iterations;
  int64_t least, most; /* points of a cluster */
  double peak_mb;
} figures;

static ss_status read_problem(const ss_arguments *arguments, problem *p, ss_error *error) {
  int64_t k = 0, iterations = 0, threads = 0, seed = 0, batch = 0;
  SS_TRY(ss_arguments_int(arguments, "points", 1, 1000000000, 100000, &p->n, error));
  SS_TRY(ss_arguments_int(arguments, "dimensions", 1, 1000000, 256, &p->d, error));
  SS_TRY(ss_arguments_int(arguments, "clusters", 1, 1000000000, 1000, &k, error));
  SS_TRY(ss_arguments_int(arguments, "iterations", 1, 1000000, 10, &iterations, error));
  SS_TRY(ss_arguments_int(arguments, "mini-batch", 0, 1000000000, 0, &batch, error));
  SS_TRY(ss_arguments_int(arguments, "threads", 1, 1024, ss_system_processors(), &threads, error));
  SS_TRY(ss_arguments_int(arguments, "seed", 0, 1000000000000000, 0, &seed, error));
  SS_TRY(ss_text_float(ss_arguments_value(arguments, "spread", "1"), "--spread", 0.0, 1e6, &p->spread, error));
  p->options = (ss_kmeans_options)SS_KMEANS_DEFAULTS;
  p->options.clusters = k;
  p->options.iterations = (int)iterations;
  p->options.tolerance = 0.0;
  p->options.batch = batch;
  p->options.max_points_per_centroid = 0;
  p->options.seed = (uint64_t)seed;
  p->options.threads = (int)threads;
  return SS_OK;
}

/* Centres of deviation 1 in each dimension, one a cluster, and points of deviation `spread` around them. */
static ss_status draw_points(problem *p, ss_error *error) {
  const int64_t n = p->n, d = p->d, k = p->options.clusters;
  p->bytes = (size_t)n * (size_t)d * sizeof(float);
  p->points = ss_alloc_aligned(p->bytes);
  float *points = p->points;
  if (!points) {
    return ss_fail_memory(error, p->bytes, "the points");
  }
#pragma omp parallel for num_threads(p->options.threads) schedule(static)
  for (int64_t i = 0; i < n; i++) {
    ss_random noise = ss_random_stream(p->options.seed, SS_RANDOM_WORLD, 0, (uint64_t)i, 0);
    const uint32_t cluster = ss_random_below(&noise, (uint32_t)k);
    ss_random centre = ss_random_stream(p->options.seed, SS_RANDOM_WORLD, 1, cluster, 0);
    for (int64_t j = 0; j < d; j++) {
      const float at = ss_random_normal(&centre);
      points[i * d + j] = at + (float)p->spread * ss_random_normal(&noise);
    }
  }
  return SS_OK;
}

static ss_status measure(const problem *p, figures *f, ss_error *error) {
  const double start = ss_clock_seconds();
  ss_kmeans kmeans = {0};
  SS_TRY(ss_kmeans_run(p->points, p->n, p->d, &p->options, &kmeans, error));
  f->seconds = ss_clock_seconds() - start;
  f->seed_seconds = kmeans.seed_seconds;
  f->iteration_seconds = kmeans.iterate_seconds / kmeans.iterations;
  f->assign_seconds = kmeans.finish_seconds;
  f->iterations = kmeans.iterations;
  f->inertia = kmeans.inertia;
  f->least = f->most = kmeans.sizes[0];
  for (int64_t j = 1; j < kmeans.k; j++) {
    f->least = kmeans.sizes[j] < f->least ? kmeans.sizes[j] : f->least;
    f->most = kmeans.sizes[j] > f->most ? kmeans.sizes[j] : f->most;
  }
  f->peak_mb = ss_system_peak_rss_mb();
  ss_kmeans_free(&kmeans);
  return SS_OK;
}

/* Operations a second of an iteration's products of points and centroids. */
static double rate(const problem *p, const figures *f) {
  const double points = (double)(p->options.batch > 0 ? p->options.batch : p->n);
  return 2.0 * points * (double)p->d * (double)p->options.clusters / f->iteration_seconds;
}

static void print_table(const problem *p, const figures *f) {
  printf("%lld points of %lld dimensions into %lld clusters, %d iterations, %d threads\n\n", (long long)p->n,
         (long long)p->d, (long long)p->options.clusters, f->iterations, p->options.threads);
  printf("%10.3f  s in all\n%10.3f    seeding (k-means++)\n%10.3f    an iteration, %.0f GFLOP/s\n", f->seconds,
         f->seed_seconds, f->iteration_seconds, 1e-9 * rate(p, f));
  printf("%10.3f    the last assignment\n", f->assign_seconds);
  printf("%10.4g  sum of squared distances; clusters of %lld to %lld points; peak memory %.0f MB\n", f->inertia,
         (long long)f->least, (long long)f->most, f->peak_mb);
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const figures *f = context;
  const problem *p = f->problem;
  SS_TRY(ss_json_add_string(json, "benchmark", "kmeans", error));
  SS_TRY(ss_json_add_int(json, "points", p->n, error));
  SS_TRY(ss_json_add_int(json, "dimensions", p->d, error));
  SS_TRY(ss_json_add_int(json, "clusters", p->options.clusters, error));
  SS_TRY(ss_json_add_int(json, "iterations", f->iterations, error));
  SS_TRY(ss_json_add_int(json, "threads", p->options.threads, error));
  SS_TRY(ss_json_add_float(json, "seconds", f->seconds, error));
  SS_TRY(ss_json_add_float(json, "seed_s", f->seed_seconds, error));
  SS_TRY(ss_json_add_float(json, "iteration_s", f->iteration_seconds, error));
  SS_TRY(ss_json_add_float(json, "assign_s", f->assign_seconds, error));
  SS_TRY(ss_json_add_float(json, "gflops", 1e-9 * rate(p, f), error));
  SS_TRY(ss_json_add_float(json, "inertia", f->inertia, error));
  SS_TRY(ss_json_add_int(json, "least_points", f->least, error));
  SS_TRY(ss_json_add_int(json, "most_points", f->most, error));
  return ss_json_add_float(json, "peak_mb", f->peak_mb, error);
}

static ss_status save_points(const problem *p, const char *path, ss_error *error) {
  ss_npy_writer *writer = NULL;
  SS_TRY(ss_npy_writer_open(&writer, path, SS_NPY_F32, p->d, error));
  const ss_status status = ss_npy_writer_append(writer, p->points, p->n, error);
  if (status != SS_OK) {
    ss_npy_writer_abandon(&writer);
    return status;
  }
  return ss_npy_writer_commit(&writer, error);
}

static ss_status run(const ss_arguments *arguments, ss_error *error) {
  problem p = {0};
  figures f = {.problem = &p};
  SS_TRY(read_problem(arguments, &p, error));
  const char *out = ss_arguments_value(arguments, "out", NULL);
  ss_status status = draw_points(&p, error);
  if (status == SS_OK && out) {
    status = save_points(&p, out, error);
  }
  if (status == SS_OK) {
    status = measure(&p, &f, error);
  }
  if (status == SS_OK) {
    print_table(&p, &f);
    status = ss_json_output(arguments, fill_json, &f, error);
  }
  ss_free_aligned(p.points, p.bytes);
  return status;
}

const ss_benchmark ss_benchmark_kmeans = {"kmeans", run};
