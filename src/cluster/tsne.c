/* Visualizing Data using t-SNE. van der Maaten and Hinton. JMLR 2008. */
#include "cluster/tsne.h"

#include "base/compiler.h"
#include "base/memory.h"
#include "cluster/check.h"
#include "cluster/whitening.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const what = "the map of the features";

/* ---- where points lie ---- */

ss_status ss_principal_plane(const float *x, int64_t n, int64_t d, float *y, ss_error *error) {
  const int64_t components = d < 2 ? d : 2;
  float *whitened = NULL;
  ss_whitening fitted = {0};
  SS_TRY(ss_alloc((void **)&whitened, (size_t)(n * components), sizeof *whitened, what, error));
  ss_status status =
      ss_whitening_fit(x, n, d, components, 0.0, 1, &fitted, error); /* one thread: always the same bits */
  if (status == SS_OK) {
    status = ss_whitening_apply(&fitted, x, n, false, 1, whitened, error);
  }
  for (int64_t i = 0; i < n && status == SS_OK; i++) {
    for (int64_t c = 0; c < 2; c++) {
      y[2 * i + c] = c < components ? (float)((double)whitened[i * components + c] * sqrt(fitted.variances[c])) : 0.0f;
    }
  }
  ss_whitening_free(&fitted);
  free(whitened);
  return status;
}

/* ---- affinities ---- */

/* Squared distances of point i to all. */
SS_MULTIVERSION static void find_distances(const float *x, int64_t n, int64_t d, int64_t i, float *distances) {
  const float *from = x + i * d;
  for (int64_t j = 0; j < n; j++) {
    const float *to = x + j * d;
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < d; k++) {
      const float difference = from[k] - to[k];
      sum += difference * difference;
    }
    distances[j] = sum;
  }
}

/* p_j|i of one point for a precision beta = 1 / (2 sigma^2); its entropy in nats. Distances are from the nearest's on,
 * which changes no probability. */
static double find_conditional(const float *distances, double nearest, int64_t n, int64_t i, double beta, double *p) {
  double sum = 0.0, weighted = 0.0;
  for (int64_t j = 0; j < n; j++) {
    const double further = (double)distances[j] - nearest;
    p[j] = j == i ? 0.0 : exp(-beta * further);
    sum += p[j];
    weighted += p[j] * further;
  }
  for (int64_t j = 0; j < n; j++) {
    p[j] /= sum;
  }
  return log(sum) + beta * weighted / sum;
}

/* The precision whose entropy is log(perplexity) (section 2). */
static void search_precision(const float *distances, int64_t n, int64_t i, double perplexity, double *p) {
  enum { most_steps = 200 };
  const double wanted = log(perplexity);
  double nearest = INFINITY, mean = 0.0;
  for (int64_t j = 0; j < n; j++) {
    if (j != i) {
      nearest = fmin(nearest, (double)distances[j]);
      mean += (double)distances[j] / (double)(n - 1);
    }
  }
  double low = 0.0, high = INFINITY, beta = mean > nearest ? 1.0 / (mean - nearest) : 1.0;
  for (int step = 0; step < most_steps; step++) {
    const double beyond = find_conditional(distances, nearest, n, i, beta, p) - wanted;
    if (fabs(beyond) < 1e-7) {
      break;
    }
    if (beyond > 0.0) {
      low = beta;
      beta = isinf(high) ? 2.0 * beta : 0.5 * (low + high);
    } else {
      high = beta;
      beta = 0.5 * (low + high);
    }
    if (beta > 1e300) { /* more equal nearest neighbours than the perplexity asks for */
      break;
    }
  }
}

/* What each thread needs for one point. */
typedef struct point_scratch {
  float *distances;
  double *p;
} point_scratch;

static void free_scratch(point_scratch *scratch, int count) {
  for (int t = 0; scratch && t < count; t++) {
    free(scratch[t].distances);
    free(scratch[t].p);
  }
  free(scratch);
}

static ss_status make_scratch(int64_t n, int threads, point_scratch **out, ss_error *error) {
  SS_TRY(ss_alloc((void **)out, (size_t)threads, sizeof **out, what, error));
  ss_status status = SS_OK;
  for (int t = 0; t < threads && status == SS_OK; t++) {
    status = ss_alloc((void **)&(*out)[t].distances, (size_t)n, sizeof(float), what, error);
    status = status ? status : ss_alloc((void **)&(*out)[t].p, (size_t)n, sizeof(double), what, error);
  }
  if (status != SS_OK) {
    free_scratch(*out, threads);
    *out = NULL;
  }
  return status;
}

ss_status ss_tsne_affinities(const float *x, int64_t n, int64_t d, double perplexity, int threads, float *p,
                             ss_error *error) {
  if (n < 4 || n > SS_TSNE_MOST || d < 1 || !(perplexity >= 1.0)) {
    return ss_fail(error, SS_USAGE,
                   "a map of %lld points of %lld dimensions at perplexity %g: it takes 4 to %d points, and a "
                   "perplexity of 1 or more",
                   (long long)n, (long long)d, perplexity, SS_TSNE_MOST);
  }
  threads = threads > 0 ? threads : 1;
  perplexity = fmin(perplexity, (double)(n - 1) / 3.0);
  SS_TRY(ss_cluster_check_numbers("features to map", x, n, d, threads, error));
  point_scratch *scratch = NULL;
  SS_TRY(make_scratch(n, threads, &scratch, error));
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int t = 0; t < threads; t++) {
    for (int64_t i = t; i < n; i += threads) {
      find_distances(x, n, d, i, scratch[t].distances);
      search_precision(scratch[t].distances, n, i, perplexity, scratch[t].p);
      for (int64_t j = 0; j < n; j++) {
        p[i * n + j] = (float)(scratch[t].p[j] / (2.0 * (double)n));
      }
    }
  }
  free_scratch(scratch, threads);
  for (int64_t i = 0; i < n; i++) { /* p_ij = (p_j|i + p_i|j) / 2n */
    for (int64_t j = 0; j < i; j++) {
      const float both = p[i * n + j] + p[j * n + i];
      p[i * n + j] = both;
      p[j * n + i] = both;
    }
  }
  return SS_OK;
}

/* ---- descent ---- */

/* What moves the points. A point's coordinates stand apart so that loops over points are vectors. */
typedef struct descent {
  const float *p; /* (n, n) */
  int64_t n;
  float *at[2];              /* (n) each: the map */
  double *pull[2], *push[2]; /* (n) each: of a point, sums over all others */
  double *weight;            /* (n) of a point: the sum of its unnormalised q */
  double *speed[2], *gain[2];
  int threads;
} descent;

/* The sums of one point over all others (equation 5, whose q_ij = w_ij / sum of w, w_ij = 1 / (1 + |y_i - y_j|^2)):
 * pull is sum p_ij w_ij (y_i - y_j), push is sum w_ij^2 (y_i - y_j). Blocks are summed in float32, then in float64. */
SS_MULTIVERSION static void sum_forces(const descent *of, int64_t i) {
  enum { block = 512 };
  const float *restrict across = of->at[0], *restrict down = of->at[1], *restrict p = of->p + i * of->n;
  const float x = across[i], y = down[i];
  double sums[5] = {0.0};
  for (int64_t first = 0; first < of->n; first += block) {
    const int64_t end = first + block < of->n ? first + block : of->n;
    float pull_x = 0.0f, pull_y = 0.0f, push_x = 0.0f, push_y = 0.0f, weight = 0.0f;
#pragma omp simd reduction(+ : pull_x, pull_y, push_x, push_y, weight)
    for (int64_t j = first; j < end; j++) {
      const float dx = x - across[j], dy = y - down[j];
      const float w = 1.0f / (1.0f + dx * dx + dy * dy);
      const float pw = p[j] * w, ww = w * w;
      pull_x += pw * dx;
      pull_y += pw * dy;
      push_x += ww * dx;
      push_y += ww * dy;
      weight += w;
    }
    sums[0] += (double)pull_x;
    sums[1] += (double)pull_y;
    sums[2] += (double)push_x;
    sums[3] += (double)push_y;
    sums[4] += (double)weight;
  }
  of->pull[0][i] = sums[0];
  of->pull[1][i] = sums[1];
  of->push[0][i] = sums[2];
  of->push[1][i] = sums[3];
  of->weight[i] = sums[4] - 1.0; /* without itself */
}

/* The sum of all w, in the points' order. */
static double find_forces(const descent *of) {
#pragma omp parallel for num_threads(of->threads) schedule(static)
  for (int64_t i = 0; i < of->n; i++) {
    sum_forces(of, i);
  }
  double total = 0.0;
  for (int64_t i = 0; i < of->n; i++) {
    total += of->weight[i];
  }
  return fmax(total, 1e-12);
}

/* One step along the gradient of KL(P||Q) with momentum and a gain a coordinate (section 3.4; Jacobs 1988). Returns
 * the gradient's length. */
static double step(const descent *of, double exaggeration, double rate, double momentum) {
  const double total = find_forces(of);
  double square = 0.0;
  for (int c = 0; c < 2; c++) {
    for (int64_t i = 0; i < of->n; i++) {
      const double gradient = 4.0 * (exaggeration * of->pull[c][i] - of->push[c][i] / total);
      double *gain = &of->gain[c][i], *speed = &of->speed[c][i];
      *gain = *speed * gradient < 0.0 ? *gain + 0.2 : fmax(*gain * 0.8, 0.01);
      *speed = momentum * *speed - rate * *gain * gradient;
      of->at[c][i] = (float)((double)of->at[c][i] + *speed);
      square += gradient * gradient;
    }
  }
  return sqrt(square);
}

/* KL(P||Q) (equation 2), in the points' order. */
static double find_divergence(const descent *of) {
  const double total = find_forces(of);
  double sum = 0.0;
  for (int64_t i = 0; i < of->n; i++) {
    for (int64_t j = 0; j < of->n; j++) {
      const double p = (double)of->p[i * of->n + j];
      const double dx = (double)of->at[0][i] - (double)of->at[0][j], dy = (double)of->at[1][i] - (double)of->at[1][j];
      sum += p > 0.0 ? p * log(p * total * (1.0 + dx * dx + dy * dy)) : 0.0;
    }
  }
  return sum;
}

static void run_descent(const descent *of, const ss_tsne_options *options) {
  const double scale = fmax(options->exaggeration, 1.0);
  const double rate = options->rate > 0.0 ? options->rate : fmax((double)of->n / scale / 4.0, 50.0);
  for (int i = 0; i < options->iterations; i++) {
    const bool early = i < options->exaggerated;
    if (i == options->exaggerated) { /* a new descent, as scikit-learn begins one */
      for (int64_t k = 0; k < 2 * of->n; k++) {
        of->speed[k % 2][k / 2] = 0.0;
        of->gain[k % 2][k / 2] = 1.0;
      }
    }
    if (step(of, early ? scale : 1.0, rate, early ? 0.5 : 0.8) < 1e-7 && !early) {
      break;
    }
  }
}

static ss_status alloc_descent(descent *of, ss_error *error) {
  const size_t n = (size_t)of->n;
  SS_TRY(ss_alloc((void **)&of->weight, n, sizeof(double), what, error));
  for (int c = 0; c < 2; c++) {
    SS_TRY(ss_alloc((void **)&of->at[c], n, sizeof(float), what, error));
    SS_TRY(ss_alloc((void **)&of->pull[c], n, sizeof(double), what, error));
    SS_TRY(ss_alloc((void **)&of->push[c], n, sizeof(double), what, error));
    SS_TRY(ss_alloc((void **)&of->speed[c], n, sizeof(double), what, error));
    SS_TRY(ss_alloc((void **)&of->gain[c], n, sizeof(double), what, error));
    for (size_t i = 0; i < n; i++) {
      of->gain[c][i] = 1.0;
    }
  }
  return SS_OK;
}

static void free_descent(descent *of) {
  free(of->weight);
  for (int c = 0; c < 2; c++) {
    free(of->at[c]);
    free(of->pull[c]);
    free(of->push[c]);
    free(of->speed[c]);
    free(of->gain[c]);
  }
}

/* The first two principal components, the first with a deviation of 1e-4. */
static ss_status place_points(const float *x, int64_t d, descent *of, ss_error *error) {
  float *plane = NULL;
  SS_TRY(ss_alloc((void **)&plane, (size_t)of->n * 2, sizeof *plane, what, error));
  const ss_status status = ss_principal_plane(x, of->n, d, plane, error);
  double square = 0.0;
  for (int64_t i = 0; i < of->n; i++) {
    square += (double)plane[2 * i] * (double)plane[2 * i] / (double)of->n;
  }
  const double scale = square > 0.0 ? 1e-4 / sqrt(square) : 0.0;
  for (int64_t i = 0; i < of->n && status == SS_OK; i++) {
    of->at[0][i] = (float)((double)plane[2 * i] * scale);
    of->at[1][i] = (float)((double)plane[2 * i + 1] * scale);
  }
  free(plane);
  return status;
}

ss_status ss_tsne(const float *x, int64_t n, int64_t d, const ss_tsne_options *options, float *y, double *divergence,
                  ss_error *error) {
  float *p = NULL;
  if (n < 4 || n > SS_TSNE_MOST) {
    return ss_fail(error, SS_USAGE, "a map takes 4 to %d points, not %lld", SS_TSNE_MOST, (long long)n);
  }
  SS_TRY(ss_alloc((void **)&p, (size_t)(n * n), sizeof *p, what, error));
  descent of = {.p = p, .n = n, .threads = options->threads > 0 ? options->threads : 1};
  ss_status status = ss_tsne_affinities(x, n, d, options->perplexity, of.threads, p, error);
  status = status ? status : alloc_descent(&of, error);
  status = status ? status : place_points(x, d, &of, error);
  if (status == SS_OK) {
    run_descent(&of, options);
    for (int64_t i = 0; i < n; i++) {
      y[2 * i] = of.at[0][i];
      y[2 * i + 1] = of.at[1][i];
    }
    if (divergence) {
      *divergence = find_divergence(&of);
    }
  }
  free_descent(&of);
  free(p);
  return status;
}
