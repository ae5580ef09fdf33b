/* The AVX-512 kernels against the plain ones: the same bytes, whatever the length, and none beyond it. */
#include "augment/kernels.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__x86_64__)

#define PLAIN (&ss_pixel_kernels_plain)
#define FAST (&ss_pixel_kernels_avx512)

static void need_avx512(void) {
  if (!ss_pixel_kernels_have_avx512()) {
    skip();
  }
}

static void fill(uint8_t *bytes, size_t n) {
  ss_random random = ss_random_stream(5, SS_RANDOM_VIEWS, (uint32_t)n, 0, 0);
  for (size_t i = 0; i < n; i++) {
    bytes[i] = (uint8_t)ss_random_below(&random, 256);
  }
}

/* Two copies of n random bytes on the heap, so that a sanitizer sees what lies beyond. */
static void make_pair(size_t n, uint8_t **a, uint8_t **b) {
  *a = malloc(n);
  *b = malloc(n);
  assert_true(*a && *b);
  fill(*a, n);
  memcpy(*b, *a, n);
}

static void expect_same(uint8_t *a, uint8_t *b, size_t n) {
  assert_memory_equal(a, b, n);
  free(a);
  free(b);
}

static void colours_of_any_length(void **state) {
  (void)state;
  need_avx512();
  uint8_t table[256], *a, *b;
  fill(table, sizeof table);
  for (size_t n = 1; n < 200; n += n < 70 ? 1 : 17) {
    make_pair(n, &a, &b);
    PLAIN->look_up(a, n, table);
    FAST->look_up(b, n, table);
    expect_same(a, b, n);
    make_pair(3 * n, &a, &b);
    assert_true(PLAIN->luma_sum(a, n) == FAST->luma_sum(b, n));
    PLAIN->gray(a, n);
    FAST->gray(b, n);
    expect_same(a, b, 3 * n);
    for (int factor = 0; factor < 5; factor++) {
      make_pair(3 * n, &a, &b);
      PLAIN->saturate(a, n, 0.45f * (float)factor);
      FAST->saturate(b, n, 0.45f * (float)factor);
      expect_same(a, b, 3 * n);
    }
    make_pair(3 * n, &a, &b);
    PLAIN->turn_hue(a, n, 77);
    FAST->turn_hue(b, n, 77);
    expect_same(a, b, 3 * n);
    for (int height = 1; height < 4; height++) {
      make_pair(3 * n * (size_t)height, &a, &b);
      PLAIN->mirror(a, (int)n, height);
      FAST->mirror(b, (int)n, height);
      expect_same(a, b, 3 * n * (size_t)height);
    }
  }
}

/* All 2^24 colours; every hue, saturation and value is then met with every rounding. */
static void hues_of_all_colours(void **state) {
  (void)state;
  need_avx512();
  enum { piece = 65536 };
  static const int turns[] = {0, 51, 229};
  static uint8_t a[3 * piece], b[3 * piece];
  for (int t = 0; t < 3; t++) {
    for (int red = 0; red < 256; red++) {
      for (int i = 0; i < piece; i++) {
        a[3 * i] = (uint8_t)red;
        a[3 * i + 1] = (uint8_t)(i >> 8);
        a[3 * i + 2] = (uint8_t)i;
      }
      memcpy(b, a, sizeof b);
      PLAIN->turn_hue(a, piece, turns[t]);
      FAST->turn_hue(b, piece, turns[t]);
      assert_memory_equal(a, b, sizeof b);
    }
  }
}

static void boxes(void **state) {
  (void)state;
  need_avx512();
  enum { most = 2 * 100 + 3, longest = 150 };
  uint8_t *rows = malloc(most * longest);
  const uint8_t *source[most];
  assert_non_null(rows);
  static const int radii[] = {0, 1, 2, 3, 9, 63, 64, 100};
  for (int kind = 0; kind < 2; kind++) {
    if (kind == 0) {
      fill(rows, most * longest);
    } else {
      memset(rows, 255, most * longest);
    }
    for (size_t r = 0; r < sizeof radii / sizeof *radii; r++) {
      for (int step = 0; step <= 4; step++) {
        const int radius = radii[r];
        const double width = 2 * radius + 1 + 0.5 * step; /* with both ends */
        ss_extended_box box = {.radius = radius, .whole = (uint32_t)((double)(1u << SS_BLUR_ONE_BITS) / width)};
        box.part = ((1u << SS_BLUR_ONE_BITS) - (2u * (uint32_t)radius + 1u) * box.whole) / 2u;
        for (size_t n = 1; n <= longest; n += n < 66 ? 1 : 21) {
          uint8_t *a, *b;
          make_pair(n, &a, &b);
          for (int k = 0; k < 2 * radius + 3; k++) {
            source[k] = rows + (size_t)k * longest + (longest - n); /* the last row ends where the memory does */
          }
          PLAIN->box(source, box, n, a);
          FAST->box(source, box, n, b);
          expect_same(a, b, n);
        }
      }
    }
  }
  free(rows);
}

/* Weights of 22 bits, some negative, which add up to less than 1.5: what comes out is clipped. */
static void draw_weights(int32_t *weight, int count, int stride, ss_random *random) {
  for (int k = 0; k < stride; k++) {
    const int32_t share = (int32_t)ss_random_below(random, (3u << (SS_TAP_BITS - 1)) / (uint32_t)count);
    weight[k] = k >= count ? 0 : k % 3 == 2 ? -share / 3 : share;
  }
}

static void combined_rows(void **state) {
  (void)state;
  need_avx512();
  enum { most = 33, longest = 150 };
  uint8_t *rows = malloc(most * longest), *a, *b;
  int32_t weight[36];
  assert_non_null(rows);
  fill(rows, most * longest);
  ss_random random = ss_random_stream(6, SS_RANDOM_VIEWS, 0, 0, 0);
  for (int count = 1; count <= most; count++) {
    for (size_t n = 1; n <= longest; n += n < 66 ? 1 : 21) {
      draw_weights(weight, count, 36, &random);
      make_pair(n, &a, &b);
      const uint8_t *last = rows + (size_t)(most - count) * longest; /* the last row ends where the memory does */
      PLAIN->combine_rows(last + longest - n, longest, weight, count, n, a);
      FAST->combine_rows(last + longest - n, longest, weight, count, n, b);
      expect_same(a, b, n);
    }
  }
  free(rows);
}

/* Pixels of a row as one would write it down. */
static void across_simply(const uint8_t *row, const ss_filter_taps *taps, int outputs, uint8_t *out) {
  for (int x = 0; x < outputs; x++) {
    for (int c = 0; c < 3; c++) {
      int64_t sum = 1 << (SS_TAP_BITS - 1);
      for (int k = 0; k < taps->count[x]; k++) {
        sum += (int64_t)taps->weight[x * taps->stride + k] * row[3 * (taps->first[x] + k) + c];
      }
      sum >>= SS_TAP_BITS;
      out[3 * x + c] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
  }
}

static void rows_across(void **state) {
  (void)state;
  need_avx512();
  enum { most = 30, stride = 16 };
  int first[most], count[most], fitted = 0;
  int32_t weight[most * stride];
  ss_random random = ss_random_stream(7, SS_RANDOM_VIEWS, 0, 0, 0);
  for (int trial = 0; trial < 600; trial++) {
    const int outputs = 1 + (int)ss_random_below(&random, most), longest = 1 + (int)ss_random_below(&random, stride);
    const int step = 1 + (int)ss_random_below(&random, 8), height = 1 + (int)ss_random_below(&random, 3);
    const ss_filter_taps taps = {.first = first, .count = count, .weight = weight, .stride = stride};
    int used = 0;
    for (int x = 0; x < outputs; x++) {
      first[x] = x == 0 ? 0 : first[x - 1] + (int)ss_random_below(&random, (uint32_t)step);
      count[x] = 1 + (int)ss_random_below(&random, (uint32_t)longest);
      draw_weights(weight + x * stride, count[x], stride, &random);
      used = first[x] + count[x] > used ? first[x] + count[x] : used;
    }
    if (!FAST->across_fits(&taps, outputs)) {
      continue;
    }
    fitted++;
    const size_t pitch = 3 * (size_t)used + 5, size = pitch * (size_t)(height - 1) + 3 * (size_t)used;
    const size_t out_size = 3 * (size_t)outputs * (size_t)height;
    uint8_t *rows = malloc(size), *a, *b;
    assert_non_null(rows);
    fill(rows, size);
    make_pair(out_size, &a, &b);
    for (int y = 0; y < height; y++) {
      across_simply(rows + pitch * (size_t)y, &taps, outputs, a + 3 * outputs * y);
    }
    FAST->across(rows, pitch, height, 3 * (size_t)used, &taps, outputs, b);
    expect_same(a, b, out_size);
    free(rows);
  }
  assert_true(fitted > 200);
}

#endif

/* Sums of a long picture do not overflow, and clipping is not left to the processor. */
static void the_best_kernels_agree_with_arithmetic(void **state) {
  (void)state;
  const ss_pixel_kernels *best = ss_pixel_kernels_best();
  const size_t n = 3000001;
  uint8_t *white = malloc(3 * n);
  assert_non_null(white);
  memset(white, 255, 3 * n);
  assert_true(best->luma_sum(white, n) == 255 * (uint64_t)n);
  free(white);
  uint8_t pixel[3] = {0, 128, 255};
  best->saturate(pixel, 1, 100.0f);
  assert_true(pixel[0] == 0 && pixel[2] == 255);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
    cmocka_unit_test(colours_of_any_length),
    cmocka_unit_test(hues_of_all_colours),
    cmocka_unit_test(boxes),
    cmocka_unit_test(combined_rows),
    cmocka_unit_test(rows_across),
#endif
    cmocka_unit_test(the_best_kernels_agree_with_arithmetic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
