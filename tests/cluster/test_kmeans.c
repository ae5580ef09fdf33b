/* k-means against scikit-learn's, against itself, and by what it promises. */
#include "support.h"

#include "base/random.h"
#include "cluster/kmeans_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ss_kmeans cluster(const float *x, int64_t n, int64_t d, const ss_kmeans_options *options) {
  ss_kmeans kmeans;
  ss_error error = {""};
  support_ok(ss_kmeans_run(x, n, d, options, &kmeans, &error), &error);
  return kmeans;
}

static double distance(const float *a, const float *b, int64_t d) {
  double sum = 0.0;
  for (int64_t j = 0; j < d; j++) {
    const double off = (double)a[j] - (double)b[j];
    sum += off * off;
  }
  return sum;
}

/* What every result promises. */
static void check(const ss_kmeans *m, const float *x) {
  int64_t *sizes = calloc((size_t)m->k, sizeof *sizes);
  double inertia = 0.0;
  for (int64_t i = 0; i < m->n; i++) {
    assert_in_range(m->assignment[i], 0, m->k - 1);
    sizes[m->assignment[i]]++;
    const double found = distance(x + i * m->d, m->centroids + m->assignment[i] * m->d, m->d);
    inertia += found;
    for (int64_t j = 0; j < m->k; j++) {
      assert_true(found <= distance(x + i * m->d, m->centroids + j * m->d, m->d) + 1e-5 * (1.0 + found));
    }
  }
  for (int64_t j = 0; j < m->k; j++) {
    assert_true(sizes[j] > 0);
    assert_int_equal(sizes[j], m->sizes[j]);
  }
  assert_true(fabs(m->inertia - inertia) <= 1e-5 * inertia);
  free(sizes);
}

static void same(ss_kmeans *a, ss_kmeans *b) {
  support_same(a->centroids, b->centroids, (size_t)(a->k * a->d) * sizeof(float));
  support_same(a->assignment, b->assignment, (size_t)a->n * sizeof(int32_t));
  assert_true(a->inertia == b->inertia);
  ss_kmeans_free(a);
  ss_kmeans_free(b);
}

static void equals_scikit_learn(void **unused) {
  (void)unused;
  static const char *const names[2][3] = {{"centroids_1", "assignment_1", "inertia_1"},
                                          {"centroids_4", "assignment_4", "inertia_4"}};
  static const int iterations[2] = {1, 4};
  int64_t n, d, rows, columns;
  float *x = support_table("points", &n, &d);
  for (int i = 0; i < 2; i++) {
    ss_kmeans_options options = SS_KMEANS_DEFAULTS;
    options.clusters = 8;
    options.iterations = iterations[i];
    options.tolerance = 0.0;
    options.start = x;
    ss_kmeans m = cluster(x, n, d, &options);
    float *golden = support_table(names[i][0], &rows, &columns);
    assert_int_equal(m.iterations, iterations[i]);
    support_near(m.centroids, golden, rows * columns, 1e-5);
    free(golden);
    golden = support_table(names[i][1], &rows, &columns);
    for (int64_t p = 0; p < n; p++) {
      assert_int_equal(m.assignment[p], (int32_t)golden[p]);
    }
    free(golden);
    golden = support_table(names[i][2], &rows, &columns);
    assert_true(fabs(m.inertia - (double)golden[0]) < 1e-5 * m.inertia);
    free(golden);
    ss_kmeans_free(&m);
  }
  free(x);
}

static void inertia_never_rises(void **unused) {
  (void)unused;
  enum { n = 2500, d = 20 };
  float *x = support_mixture(n, d, 15, 0.7f, 1);
  ss_kmeans_options options = SS_KMEANS_DEFAULTS;
  options.clusters = 40;
  options.iterations = 60;
  options.tolerance = 0.0;
  options.seeding = SS_KMEANS_RANDOM;
  ss_kmeans m = cluster(x, n, d, &options);
  check(&m, x);
  assert_int_equal(m.splits, 0);
  assert_true(m.iterations > 5 && m.iterations < 60); /* ends when nothing changes */
  for (int i = 1; i < m.iterations; i++) {
    assert_true(m.history[i] <= m.history[i - 1] * (1.0 + 1e-6));
  }
  assert_true(fabs(m.inertia / n - m.history[m.iterations - 1]) < 1e-6 * m.history[0]);
  options.tolerance = 0.01;
  ss_kmeans early = cluster(x, n, d, &options);
  assert_true(early.iterations < m.iterations);
  ss_kmeans_free(&early);
  ss_kmeans_free(&m);
  free(x);
}

static void the_same_bits(void **unused) {
  (void)unused;
  enum { n = 3000, d = 33 };
  float *x = support_mixture(n, d, 10, 1.0f, 2);
  for (int64_t batch = 0; batch <= 500; batch += 500) {
    for (int spherical = 0; spherical < 2; spherical++) {
      ss_kmeans_options options = SS_KMEANS_DEFAULTS;
      options.clusters = 50;
      options.batch = batch;
      options.spherical = spherical;
      options.threads = 2;
      options.max_points_per_centroid = 40;
      ss_kmeans a = cluster(x, n, d, &options), b = cluster(x, n, d, &options);
      const double inertia = a.inertia;
      same(&a, &b);
      options.threads = 1;
      a = cluster(x, n, d, &options);
      options.threads = 3;
      b = cluster(x, n, d, &options);
      assert_true(a.inertia == inertia);
      same(&a, &b);
      options.seed = 1;
      a = cluster(x, n, d, &options);
      assert_true(a.inertia != inertia);
      ss_kmeans_free(&a);
    }
  }
  free(x);
}

static void goes_on_from_its_centroids(void **unused) {
  (void)unused;
  enum { n = 1500, d = 10 };
  float *x = support_mixture(n, d, 10, 1.0f, 3);
  ss_kmeans_options options = SS_KMEANS_DEFAULTS;
  options.clusters = 20;
  options.iterations = 6;
  options.tolerance = 0.0;
  ss_kmeans whole = cluster(x, n, d, &options);
  options.iterations = 2;
  ss_kmeans first = cluster(x, n, d, &options);
  options.iterations = 4;
  options.start = first.centroids;
  ss_kmeans second = cluster(x, n, d, &options);
  assert_int_equal(whole.splits, 0);
  same(&whole, &second);
  ss_kmeans_free(&first);
  free(x);
}

static void empty_clusters_are_split_off(void **unused) {
  (void)unused;
  enum { n = 1000, d = 6, k = 25 };
  float *x = support_mixture(n, d, 10, 0.5f, 4), *start = malloc(sizeof(float) * k * d);
  for (int kind = 0; kind < 2; kind++) { /* all in one place; all but one far away */
    for (int i = 0; i < k * d; i++) {
      start[i] = kind == 0 || i < d ? 0.25f : 1000.0f + (float)i;
    }
    ss_kmeans_options options = SS_KMEANS_DEFAULTS;
    options.clusters = k;
    options.start = start;
    options.iterations = 30;
    ss_kmeans m = cluster(x, n, d, &options);
    check(&m, x);
    assert_true(m.splits >= k - 1);
    options.start = NULL;
    ss_kmeans seeded = cluster(x, n, d, &options);
    assert_true(m.inertia < 1.5 * seeded.inertia); /* and to some purpose */
    ss_kmeans_free(&seeded);
    ss_kmeans_free(&m);
    options.start = start; /* even when there is no iteration left to do it */
    options.iterations = 1;
    m = cluster(x, n, d, &options);
    check(&m, x);
    ss_kmeans_free(&m);
  }
  free(start);
  free(x);
}

static void fewer_places_than_clusters(void **unused) {
  (void)unused;
  enum { n = 300, d = 4, k = 12 };
  float x[n * d];
  for (int places = 1; places <= 3; places++) {
    for (int i = 0; i < n * d; i++) {
      x[i] = (float)(i / d % places * (1 + i % d));
    }
    for (int seeding = 0; seeding < 2; seeding++) {
      ss_kmeans_options options = SS_KMEANS_DEFAULTS;
      options.clusters = k;
      options.seeding = seeding ? SS_KMEANS_RANDOM : SS_KMEANS_PLUS_PLUS;
      ss_kmeans m = cluster(x, n, d, &options);
      int64_t all = 0;
      for (int j = 0; j < k; j++) {
        assert_true(m.sizes[j] > 0);
        all += m.sizes[j];
      }
      assert_int_equal(all, n);
      assert_true(m.inertia < 1e-3);
      ss_kmeans_free(&m);
    }
  }
  ss_kmeans_options options = SS_KMEANS_DEFAULTS; /* as many clusters as points */
  options.clusters = 20;
  float *all = support_mixture(20, d, 20, 1.0f, 5);
  ss_kmeans m = cluster(all, 20, d, &options);
  check(&m, all);
  assert_true(m.inertia < 1e-6);
  ss_kmeans_free(&m);
  free(all);
}

/* Sculley's algorithm 1, point by point. */
static void mini_batches_as_published(void **unused) {
  (void)unused;
  enum { n = 400, d = 3, k = 7, batch = 50, iterations = 5 };
  float *x = support_mixture(n, d, 7, 0.3f, 6);
  double c[k][d];
  int64_t seen[k] = {0};
  for (int i = 0; i < k * d; i++) {
    c[i / d][i % d] = (double)x[i];
  }
  for (int t = 0; t < iterations; t++) {
    ss_random random = ss_random_stream(9, SS_RANDOM_CLUSTERS, SS_KMEANS_DRAW_BATCH, (uint64_t)t, 0);
    int64_t rows[batch];
    int nearest[batch];
    for (int b = 0; b < batch; b++) {
      rows[b] = ss_random_below(&random, n);
      double least = INFINITY;
      for (int j = 0; j < k; j++) {
        double here = 0.0;
        for (int e = 0; e < d; e++) {
          here += ((double)x[rows[b] * d + e] - c[j][e]) * ((double)x[rows[b] * d + e] - c[j][e]);
        }
        nearest[b] = here < least ? j : nearest[b];
        least = here < least ? here : least;
      }
    }
    for (int b = 0; b < batch; b++) {
      const double rate = 1.0 / (double)++seen[nearest[b]];
      for (int e = 0; e < d; e++) {
        c[nearest[b]][e] = (1.0 - rate) * c[nearest[b]][e] + rate * (double)x[rows[b] * d + e];
      }
    }
  }
  ss_kmeans_options options = SS_KMEANS_DEFAULTS;
  options.clusters = k;
  options.iterations = iterations;
  options.batch = batch;
  options.start = x;
  options.seed = 9;
  ss_kmeans m = cluster(x, n, d, &options);
  check(&m, x);
  for (int i = 0; i < k * d; i++) {
    assert_true(fabs((double)m.centroids[i] - c[i / d][i % d]) < 1e-5);
  }
  ss_kmeans_free(&m);
  free(x);
}

static void mini_batches_come_near(void **unused) {
  (void)unused;
  enum { n = 4000, d = 8 };
  float *x = support_mixture(n, d, 20, 0.3f, 7);
  ss_kmeans_options options = SS_KMEANS_DEFAULTS;
  options.clusters = 20;
  options.iterations = 60;
  ss_kmeans all = cluster(x, n, d, &options);
  options.batch = 300;
  ss_kmeans batches = cluster(x, n, d, &options);
  assert_int_equal(batches.iterations, 60);
  assert_true(batches.inertia < 1.25 * all.inertia);
  ss_kmeans_free(&all);
  ss_kmeans_free(&batches);
  free(x);
}

static void spherical_centroids_have_length_one(void **unused) {
  (void)unused;
  enum { n = 800, d = 12 };
  float *x = support_mixture(n, d, 9, 0.4f, 8);
  ss_kmeans_normalise(x, n, d);
  ss_kmeans_options options = SS_KMEANS_DEFAULTS;
  options.clusters = 30;
  options.spherical = true;
  ss_kmeans m = cluster(x, n, d, &options);
  check(&m, x);
  const float zeros[d] = {0.0f};
  for (int64_t j = 0; j < m.k; j++) {
    assert_true(fabs(distance(m.centroids + j * d, zeros, d) - 1.0) < 1e-5);
  }
  ss_kmeans_free(&m);
  free(x);
}

static void trains_on_a_sample(void **unused) {
  (void)unused;
  enum { n = 2000, d = 2 };
  float *x = support_mixture(n, d, 4, 0.1f, 9);
  ss_kmeans_options options = SS_KMEANS_DEFAULTS;
  options.clusters = 2;
  options.max_points_per_centroid = 0;
  options.tolerance = 0.0;
  ss_kmeans all = cluster(x, n, d, &options);
  options.max_points_per_centroid = 1000;
  ss_kmeans also = cluster(x, n, d, &options);
  same(&all, &also);
  options.max_points_per_centroid = 1; /* of two points the centroids are the points themselves */
  ss_kmeans two = cluster(x, n, d, &options);
  check(&two, x);
  assert_true(two.history[two.iterations - 1] == 0.0);
  bool found[2] = {false, false};
  for (int64_t i = 0; i < 2 * n; i++) {
    found[i % 2] = found[i % 2] || distance(x + i / 2 * d, two.centroids + i % 2 * d, d) == 0.0;
  }
  assert_true(found[0] && found[1]);
  ss_kmeans_free(&two);
  free(x);
}

/* The probability that algorithm 1b of the k-means++ paper draws all points but one, for each one left out. */
static void left_out(const float *x, int n, double *probability) {
  double *reached = calloc((size_t)1 << n, sizeof *reached);
  for (int i = 0; i < n; i++) {
    reached[(size_t)1 << i] = 1.0 / n;
  }
  for (size_t set = 1; set < (size_t)1 << n; set++) {
    double square[16] = {0.0}, sum = 0.0;
    for (int i = 0; i < n; i++) {
      square[i] = INFINITY;
      for (int j = 0; j < n; j++) {
        if (set >> j & 1) {
          const double here = ((double)x[i] - (double)x[j]) * ((double)x[i] - (double)x[j]);
          square[i] = here < square[i] ? here : square[i];
        }
      }
      sum += square[i];
    }
    for (int i = 0; i < n; i++) {
      if (!(set >> i & 1)) {
        reached[set | (size_t)1 << i] += reached[set] * square[i] / sum;
      }
    }
  }
  for (int i = 0; i < n; i++) {
    probability[i] = reached[((size_t)1 << n) - 1 - ((size_t)1 << i)];
  }
  free(reached);
}

static void plus_plus_draws_as_published(void **unused) {
  (void)unused;
  enum { n = 10, k = 9, draws = 3000 };
  const float x[n] = {0.0f, 1.0f, 1.5f, 4.0f, 4.2f, 5.0f, 9.0f, 9.5f, 9.9f, 12.0f};
  double probability[n];
  int count[n] = {0};
  left_out(x, n, probability);
  for (uint64_t seed = 0; seed < draws; seed++) {
    float centroids[k];
    ss_error error = {""};
    support_ok(ss_kmeans_seed_plus_plus(x, n, 1, k, seed, 1, centroids, &error), &error);
    for (int i = 0; i < n; i++) {
      int there = 0;
      for (int j = 0; j < k; j++) {
        there += centroids[j] == x[i];
      }
      assert_in_range(there, 0, 1);
      count[i] += !there;
    }
  }
  for (int i = 0; i < n; i++) {
    const double expected = draws * probability[i], deviation = sqrt(expected * (1.0 - probability[i]));
    if (!(fabs(count[i] - expected) <= 4.0 * deviation + 1.0)) {
      fail_msg("point %d left out %d times, not %.1f +- %.1f", i, count[i], expected, deviation);
    }
  }
}

static void plus_plus_finds_what_is_apart(void **unused) {
  (void)unused;
  enum { n = 3000, d = 16, k = 60 };
  float *x = support_mixture(n, d, k, 0.05f, 10);
  ss_kmeans_options options = SS_KMEANS_DEFAULTS;
  options.clusters = k;
  options.iterations = 1;
  ss_kmeans drawn = cluster(x, n, d, &options);
  options.seeding = SS_KMEANS_RANDOM;
  ss_kmeans random = cluster(x, n, d, &options);
  assert_true(drawn.inertia * 5.0 < random.inertia);
  ss_kmeans_free(&drawn);
  ss_kmeans_free(&random);
  free(x);
}

static void wrong_input(void **unused) {
  (void)unused;
  enum { n = 10, d = 3 };
  float *x = support_mixture(n, d, 2, 1.0f, 11), start[2 * d] = {0.0f};
  ss_kmeans m;
  ss_error error = {""};
  ss_kmeans_options options = SS_KMEANS_DEFAULTS;
  options.clusters = 11;
  assert_int_equal(ss_kmeans_run(x, n, d, &options, &m, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "10 points cannot make 11 clusters"));
  options.clusters = 0;
  assert_int_equal(ss_kmeans_run(x, n, d, &options, &m, &error), SS_USAGE);
  options.clusters = 2;
  options.iterations = 0;
  assert_int_equal(ss_kmeans_run(x, n, d, &options, &m, &error), SS_USAGE);
  options.iterations = 5;
  options.tolerance = (double)NAN;
  assert_int_equal(ss_kmeans_run(x, n, d, &options, &m, &error), SS_USAGE);
  options.tolerance = 0.0;
  start[4] = INFINITY;
  options.start = start;
  assert_int_equal(ss_kmeans_run(x, n, d, &options, &m, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "row 1"));
  options.start = NULL;
  x[7 * d + 1] = NAN;
  assert_int_equal(ss_kmeans_run(x, n, d, &options, &m, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "number 1 of row 7"));
  assert_null(m.centroids);
  int32_t assignment[n];
  start[4] = 0.0f;
  assert_int_equal(ss_kmeans_assign(x, n, d, start, 2, 1, assignment, NULL, &error), SS_FAILED);
  x[7 * d + 1] = 0.0f;
  double inertia = 0.0;
  support_ok(ss_kmeans_assign(x, n, d, start, 2, 1, assignment, &inertia, &error), &error);
  double sum = 0.0;
  for (int i = 0; i < n; i++) {
    assert_int_equal(assignment[i], 0); /* both are in one place */
    sum += distance(x + (ptrdiff_t)i * d, start, d);
  }
  assert_true(fabs(inertia - sum) < 1e-5 * sum);
  free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_scikit_learn),
      cmocka_unit_test(inertia_never_rises),
      cmocka_unit_test(the_same_bits),
      cmocka_unit_test(goes_on_from_its_centroids),
      cmocka_unit_test(empty_clusters_are_split_off),
      cmocka_unit_test(fewer_places_than_clusters),
      cmocka_unit_test(mini_batches_as_published),
      cmocka_unit_test(mini_batches_come_near),
      cmocka_unit_test(spherical_centroids_have_length_one),
      cmocka_unit_test(trains_on_a_sample),
      cmocka_unit_test(plus_plus_draws_as_published),
      cmocka_unit_test(plus_plus_finds_what_is_apart),
      cmocka_unit_test(wrong_input),
  };
  return cmocka_run_group_tests_name("kmeans", tests, NULL, NULL);
}
