#include "eval/lbfgs.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double sufficient_decrease = 1e-4; /* c1 */
static const double curvature = 0.9;            /* c2 */
enum { most_evaluations = 25 };                 /* of a line search */

typedef struct solver {
  ss_objective objective;
  void *context;
  size_t n;
  int history;
  double *gradient, *direction, *trial, *trial_gradient;
  double *rho, *alpha; /* of the last `history` pairs: 1 / (y s), and room for the loop */
  float *s, *y;        /* their steps and gradient differences: as float32 half as much is read in each iteration */
  double scale;        /* s y / y y of the newest pair */
  int stored, newest;
  int threads;
  const double *x;
  ss_error *error;
} solver;

/* The vectors are long and many of them are read in each iteration: threads share them out in chunks, whose sums are
 * added in order, so that the result does not depend on the number of threads. */
enum { chunk_elements = 8192, most_chunks = 4096 };

static size_t chunk_of(size_t n) {
  const size_t least = (n + most_chunks - 1) / most_chunks;
  return least > chunk_elements ? least : chunk_elements;
}

/* The product of a with b or, where b is NULL, with a remembered vector. */
static double product_of(const double *a, const double *b, const float *remembered, size_t n, int threads) {
  const size_t chunk = chunk_of(n);
  const int chunks = (int)((n + chunk - 1) / chunk);
  double sums[most_chunks];
#pragma omp parallel for schedule(static) num_threads(threads) if (chunks > 4)
  for (int c = 0; c < chunks; c++) {
    const size_t begin = (size_t)c * chunk, end = begin + chunk < n ? begin + chunk : n;
    double sum = 0.0;
    if (b) {
#pragma omp simd reduction(+ : sum)
      for (size_t i = begin; i < end; i++) {
        sum += a[i] * b[i];
      }
    } else {
#pragma omp simd reduction(+ : sum)
      for (size_t i = begin; i < end; i++) {
        sum += a[i] * (double)remembered[i];
      }
    }
    sums[c] = sum;
  }
  double total = 0.0;
  for (int c = 0; c < chunks; c++) {
    total += sums[c];
  }
  return total;
}

static double dot(const double *a, const double *b, size_t n, int threads) {
  return product_of(a, b, NULL, n, threads);
}

/* a += factor * b */
static void add_remembered(double *a, double factor, const float *b, size_t n, int threads) {
#pragma omp parallel for simd schedule(static) num_threads(threads) if (n > 4 * chunk_elements)
  for (size_t i = 0; i < n; i++) {
    a[i] += factor * (double)b[i];
  }
}

static double largest(const double *a, size_t n) {
  double most = 0.0;
  for (size_t i = 0; i < n; i++) {
    most = fmax(most, fabs(a[i]));
  }
  return most;
}

/* Algorithm 7.4: direction = -H gradient by the two loops. */
static void find_direction(solver *state) {
  const size_t n = state->n;
  for (size_t i = 0; i < n; i++) {
    state->direction[i] = -state->gradient[i];
  }
  for (int k = 0; k < state->stored; k++) {
    const int at = (state->newest - k + state->history) % state->history;
    const float *s = state->s + (size_t)at * n, *y = state->y + (size_t)at * n;
    state->alpha[at] = state->rho[at] * product_of(state->direction, NULL, s, n, state->threads);
    add_remembered(state->direction, -state->alpha[at], y, n, state->threads);
  }
  if (state->stored > 0) {
    for (size_t i = 0; i < n; i++) {
      state->direction[i] *= state->scale;
    }
  }
  for (int k = state->stored; k-- > 0;) {
    const int at = (state->newest - k + state->history) % state->history;
    const float *s = state->s + (size_t)at * n, *y = state->y + (size_t)at * n;
    const double beta = state->rho[at] * product_of(state->direction, NULL, y, n, state->threads);
    add_remembered(state->direction, state->alpha[at] - beta, s, n, state->threads);
  }
}

/* A point of the line search: step, value, slope along the direction. */
typedef struct point {
  double step, value, slope;
} point;

static ss_status evaluate(solver *state, double step, point *out) {
  for (size_t i = 0; i < state->n; i++) {
    state->trial[i] = state->x[i] + step * state->direction[i];
  }
  out->step = step;
  SS_TRY(state->objective(state->context, state->trial, &out->value, state->trial_gradient, state->error));
  out->slope = dot(state->trial_gradient, state->direction, state->n, state->threads);
  return SS_OK;
}

/* Equation 3.59: the minimiser of the cubic through two points, kept inside their interval. */
static double interpolate(const point *a, const point *b) {
  const double low = fmin(a->step, b->step), high = fmax(a->step, b->step);
  const double d1 = a->slope + b->slope - 3.0 * (a->value - b->value) / (a->step - b->step);
  const double square = d1 * d1 - a->slope * b->slope;
  if (square >= 0.0) {
    const double d2 = copysign(sqrt(square), b->step - a->step);
    const double step = b->step - (b->step - a->step) * ((b->slope + d2 - d1) / (b->slope - a->slope + 2.0 * d2));
    const double margin = 0.1 * (high - low);
    if (isfinite(step)) {
      return fmin(fmax(step, low + margin), high - margin);
    }
  }
  return 0.5 * (low + high);
}

/* Algorithm 3.6: a point between `low` and `high` that satisfies both conditions. */
static ss_status zoom(solver *state, const point *start, point low, point high, int evaluations, point *out) {
  while (evaluations++ < most_evaluations && fabs(high.step - low.step) * largest(state->direction, state->n) > 1e-9) {
    point middle;
    SS_TRY(evaluate(state, interpolate(&low, &high), &middle));
    if (middle.value > start->value + sufficient_decrease * middle.step * start->slope || middle.value >= low.value) {
      high = middle;
      continue;
    }
    if (fabs(middle.slope) <= -curvature * start->slope) {
      *out = middle;
      return SS_OK;
    }
    if (middle.slope * (high.step - low.step) >= 0.0) {
      high = low;
    }
    low = middle;
  }
  return evaluate(state, low.step, out); /* the best found; leaves its gradient */
}

/* Algorithm 3.5. Leaves the accepted point in trial and trial_gradient. */
static ss_status search_line(solver *state, const point *start, double first, point *out) {
  point before = *start, now;
  double step = first;
  for (int i = 1; i <= most_evaluations; i++) {
    SS_TRY(evaluate(state, step, &now));
    if (now.value > start->value + sufficient_decrease * step * start->slope || (i > 1 && now.value >= before.value)) {
      return zoom(state, start, before, now, i, out);
    }
    if (fabs(now.slope) <= -curvature * start->slope) {
      *out = now;
      return SS_OK;
    }
    if (now.slope >= 0.0) {
      return zoom(state, start, now, before, i, out);
    }
    before = now;
    step *= 2.0;
  }
  *out = now;
  return SS_OK;
}

/* Remembers the step that was taken, if it has positive curvature. */
static void remember(solver *state) {
  const size_t n = state->n;
  const int at = state->stored > 0 ? (state->newest + 1) % state->history : 0;
  float *s = state->s + (size_t)at * n, *y = state->y + (size_t)at * n;
  double product = 0.0, square = 0.0;
  for (size_t i = 0; i < n; i++) {
    const double step = state->trial[i] - state->x[i], change = state->trial_gradient[i] - state->gradient[i];
    product += step * change;
    square += change * change;
    s[i] = (float)step;
    y[i] = (float)change;
  }
  if (product > 1e-15 * square) { /* relative: near the minimum all steps are small */
    state->rho[at] = 1.0 / product;
    state->scale = product / square;
    state->newest = at;
    state->stored = state->stored < state->history ? state->stored + 1 : state->history;
  }
}

static ss_status minimise(solver *state, double *x, const ss_lbfgs_options *options, double *value) {
  const int iterations = options->iterations > 0 ? options->iterations : 100;
  const double small_gradient = options->gradient_tolerance > 0.0 ? options->gradient_tolerance : 1e-7;
  const double small_change = options->change_tolerance > 0.0 ? options->change_tolerance : 1e-9;
  SS_TRY(state->objective(state->context, x, value, state->gradient, state->error));
  for (int iteration = 0; iteration < iterations && largest(state->gradient, state->n) > small_gradient; iteration++) {
    find_direction(state);
    const point start = {0.0, *value, dot(state->gradient, state->direction, state->n, state->threads)};
    if (!(start.slope < 0.0)) {
      break;
    }
    double size = 0.0;
    for (size_t i = 0; i < state->n; i++) {
      size += fabs(state->gradient[i]);
    }
    point end;
    SS_TRY(search_line(state, &start, iteration == 0 ? fmin(1.0, 1.0 / size) : 1.0, &end));
    remember(state);
    const double moved = end.step * largest(state->direction, state->n);
    const double gained = fabs(end.value - *value);
    memcpy(x, state->trial, state->n * sizeof *x);
    memcpy(state->gradient, state->trial_gradient, state->n * sizeof *x);
    *value = end.value;
    if (moved <= small_change || gained < small_change) {
      break;
    }
  }
  return SS_OK;
}

ss_status ss_lbfgs(ss_objective objective, void *context, double *x, size_t n, const ss_lbfgs_options *options,
                   double *value, ss_error *error) {
  solver state = {.objective = objective,
                  .context = context,
                  .n = n,
                  .history = options->history > 0 ? options->history : 100,
                  .threads = options->threads > 0 ? options->threads : 1,
                  .x = x,
                  .error = error};
  const size_t history = (size_t)state.history;
  double *memory = NULL;
  SS_TRY(ss_alloc((void **)&memory, 4 * n + 2 * history, sizeof(double), "the optimiser", error));
  state.gradient = memory;
  state.direction = state.gradient + n;
  state.trial = state.direction + n;
  state.trial_gradient = state.trial + n;
  state.rho = state.trial_gradient + n;
  state.alpha = state.rho + history;
  ss_status status = ss_alloc((void **)&state.s, 2 * history * n, sizeof(float), "the optimiser", error);
  if (status == SS_OK) {
    state.y = state.s + history * n;
    status = minimise(&state, x, options, value);
  }
  free(state.s);
  free(memory);
  return status;
}
