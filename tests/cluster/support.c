#include "support.h"

#include "base/file.h"
#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

float *support_table(const char *name, int64_t *rows, int64_t *columns) {
  char path[512];
  char *text = NULL;
  size_t size = 0;
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/%s.txt", SS_GOLDEN, name);
  support_ok(ss_file_read(path, 1 << 20, &text, &size, &error), &error);
  char *at = text;
  *rows = strtoll(at, &at, 10);
  *columns = strtoll(at, &at, 10);
  float *values = malloc((size_t)(*rows * *columns) * sizeof *values);
  assert_non_null(values);
  for (int64_t i = 0; i < *rows * *columns; i++) {
    char *end = NULL;
    values[i] = strtof(at, &end);
    assert_true(end > at);
    at = end;
  }
  free(text);
  return values;
}

float *support_mixture(int64_t n, int64_t d, int clusters, float spread, uint64_t seed) {
  float *x = malloc((size_t)(n * d) * sizeof *x);
  assert_non_null(x);
  ss_random noise = ss_random_stream(seed, SS_RANDOM_METHOD, 0, 0, 0);
  for (int64_t i = 0; i < n; i++) {
    const uint32_t cluster = ss_random_below(&noise, (uint32_t)clusters);
    ss_random centre = ss_random_stream(seed, SS_RANDOM_METHOD, 1, cluster, 0);
    for (int64_t j = 0; j < d; j++) {
      const float at = ss_random_normal(&centre);
      x[i * d + j] = at + spread * ss_random_normal(&noise);
    }
  }
  return x;
}

void support_ok(ss_status status, const ss_error *error) {
  if (status != SS_OK) {
    fail_msg("%s", error->message);
  }
}

void support_near(const float *a, const float *b, int64_t count, double tolerance) {
  for (int64_t i = 0; i < count; i++) {
    if (!(fabs((double)a[i] - (double)b[i]) <= tolerance)) {
      fail_msg("number %lld: %.9g and %.9g", (long long)i, (double)a[i], (double)b[i]);
    }
  }
}

void support_same(const void *a, const void *b, size_t bytes) {
  const unsigned char *one = a, *other = b;
  for (size_t i = 0; i < bytes; i++) {
    assert_int_equal(one[i], other[i]);
  }
}
