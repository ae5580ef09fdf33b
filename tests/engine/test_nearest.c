/* Nearest rows, in both ways, against float64. */
#include "support.h"

#include "base/random.h"
#include "engine/cpu/nearest.h"
#include "engine/nearest.h"

#include <math.h>
#include <stdlib.h>

typedef ss_status way(const ss_nearest_job *job, ss_error *error);

static float *draw(int64_t count, float offset, uint64_t seed) {
  float *values = malloc((size_t)count * sizeof *values);
  assert_non_null(values);
  ss_random random = ss_random_stream(seed, SS_RANDOM_METHOD, 0, 0, 0);
  for (int64_t i = 0; i < count; i++) {
    values[i] = offset + ss_random_normal(&random);
  }
  return values;
}

static double distance(const float *a, const float *b, int64_t d) {
  double sum = 0.0;
  for (int64_t j = 0; j < d; j++) {
    const double off = (double)a[j] - (double)b[j];
    sum += off * off;
  }
  return sum;
}

/* Each answer is as near as the nearest, but for the error of float32: `slack`, a share of the squares that were
 * compared. */
static void check(const float *x, int64_t n, const float *c, int64_t k, int64_t d, const int32_t *nearest,
                  double slack) {
  for (int64_t i = 0; i < n; i++) {
    double least = INFINITY;
    for (int64_t j = 0; j < k; j++) {
      const double here = distance(x + i * d, c + j * d, d);
      least = here < least ? here : least;
    }
    assert_in_range(nearest[i], 0, k - 1);
    const double found = distance(x + i * d, c + (int64_t)nearest[i] * d, d);
    if (!(found <= least + slack * ((double)d + least))) {
      fail_msg("row %lld: %.9g, nearest %.9g", (long long)i, found, least);
    }
  }
}

static void run_way(way *find, const float *x, int64_t n, const float *c, int64_t k, int64_t d, int threads,
                    int32_t *nearest) {
  float *zeros = calloc((size_t)d, sizeof *zeros);
  const ss_nearest_job job = {
      .x = x, .c = c, .n = n, .k = k, .d = d, .shift = zeros, .scale = 1.0f, .threads = threads, .nearest = nearest};
  ss_error error = {""};
  if (ss_nearest_amx_supports(&job) || find != ss_nearest_amx) {
    assert_int_equal(find(&job, &error), SS_OK);
  } else {
    assert_int_equal(ss_nearest_sgemm(&job, &error), SS_OK);
  }
  free(zeros);
}

static void every_shape_in_both_ways(void **unused) {
  (void)unused;
  static const int64_t shapes[][3] = {{1, 1, 1},     {5, 3, 2},      {70, 33, 31},   {33, 64, 33},
                                      {300, 7, 100}, {40, 300, 530}, {700, 16, 1100}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int64_t n = shapes[s][0], d = shapes[s][1], k = shapes[s][2];
    float *x = draw(n * d, 0.0f, 1), *c = draw(k * d, 0.0f, 2);
    int32_t *nearest = malloc((size_t)n * sizeof *nearest), *again = malloc((size_t)n * sizeof *nearest);
    ss_error error = {""};
    run_way(ss_nearest_sgemm, x, n, c, k, d, 2, nearest);
    check(x, n, c, k, d, nearest, 1e-6);
    run_way(ss_nearest_amx, x, n, c, k, d, 2, nearest);
    check(x, n, c, k, d, nearest, 1e-6);
    for (int threads = 1; threads <= 3; threads++) { /* the same bits */
      assert_int_equal(ss_nearest(x, n, c, k, d, threads, again, &error), SS_OK);
      check(x, n, c, k, d, again, 1e-6);
      for (int64_t i = 0; i < n && threads > 1; i++) {
        assert_int_equal(nearest[i], again[i]);
      }
      for (int64_t i = 0; i < n; i++) {
        nearest[i] = again[i];
      }
    }
    free(x);
    free(c);
    free(nearest);
    free(again);
  }
}

/* Points a share of 2^-bits nearer to one of two centroids than to the other: for the first try, of 8 bits, to decide
 * that, or for the second, of 16, is luck. */
static void what_few_bits_cannot_decide(void **unused) {
  (void)unused;
  enum { n = 200, d = 64, k = 2 * n };
  static const int bits[] = {7, 12, 17, 21};
  for (size_t b = 0; b < sizeof bits / sizeof *bits; b++) {
    float *x = malloc(sizeof(float) * n * d), *c = draw((int64_t)k * d, 0.0f, 3);
    int32_t nearest[n];
    for (int64_t i = 0; i < n; i++) {
      const float *one = c + 2 * i * d, *other = one + d;
      for (int64_t j = 0; j < d; j++) {
        const float share = 0.5f + (i % 2 ? 1.0f : -1.0f) * ldexpf(1.0f, -bits[b]);
        x[i * d + j] = one[j] + share * (other[j] - one[j]);
      }
    }
    run_way(ss_nearest_amx, x, n, c, k, d, 1, nearest);
    for (int i = 0; i < n; i++) {
      assert_int_equal(nearest[i], 2 * i + i % 2);
    }
    run_way(ss_nearest_sgemm, x, n, c, k, d, 1, nearest);
    for (int i = 0; i < n; i++) {
      assert_int_equal(nearest[i], 2 * i + i % 2);
    }
    free(x);
    free(c);
  }
}

/* All far from the origin, or tiny, or huge: the common shift and scale. */
static void offsets_and_scales(void **unused) {
  (void)unused;
  enum { n = 100, d = 20, k = 50 };
  static const float scales[] = {1e-25f, 1.0f, 1e14f};
  for (int s = 0; s < 3; s++) {
    float *x = draw((int64_t)n * d, 1000.0f, 4), *c = draw((int64_t)k * d, 1000.0f, 5);
    int32_t plain[n], scaled[n];
    ss_error error = {""};
    assert_int_equal(ss_nearest(x, n, c, k, d, 1, plain, &error), SS_OK);
    check(x, n, c, k, d, plain, 1e-6); /* of the spread, not of the offset */
    for (int i = 0; i < n * d; i++) {
      x[i] = (x[i] - 1000.0f) * scales[s];
    }
    for (int i = 0; i < k * d; i++) {
      c[i] = (c[i] - 1000.0f) * scales[s];
    }
    assert_int_equal(ss_nearest(x, n, c, k, d, 1, scaled, &error), SS_OK);
    for (int i = 0; i < n; i++) {
      assert_int_equal(scaled[i], plain[i]);
    }
    free(x);
    free(c);
  }
}

static void the_first_of_equals(void **unused) {
  (void)unused;
  enum { n = 40, d = 5, k = 90 };
  float *x = draw((int64_t)n * d, 0.0f, 6), *c = draw((int64_t)k * d, 0.0f, 7);
  int32_t nearest[n];
  for (int i = 0; i < k * d; i++) {
    c[i] = c[i % (30 * d)];
  }
  run_way(ss_nearest_amx, x, n, c, k, d, 1, nearest);
  for (int i = 0; i < n; i++) {
    assert_in_range(nearest[i], 0, 29);
  }
  run_way(ss_nearest_sgemm, x, n, c, k, d, 1, nearest);
  for (int i = 0; i < n; i++) {
    assert_in_range(nearest[i], 0, 29);
  }
  free(x);
  free(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_shape_in_both_ways),
      cmocka_unit_test(what_few_bits_cannot_decide),
      cmocka_unit_test(offsets_and_scales),
      cmocka_unit_test(the_first_of_equals),
  };
  return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
