#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The known answers of Random123's kat_vectors for philox4x32-10. */
static void known_answers(void **state) {
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], out[4];
  } cases[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}},
      {{0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF},
       {0xFFFFFFFF, 0xFFFFFFFF},
       {0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}},
      {{0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344},
       {0xA4093822, 0x299F31D0},
       {0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint32_t out[4];
    ss_philox(cases[i].counter, cases[i].key, out);
    assert_memory_equal(out, cases[i].out, sizeof out);
  }
}

/* Pearson's chi-squared of `bins` counts that should be equal, as deviations from its mean: about N(0, 1). */
static double chi_squared_score(const uint32_t *counts, int bins, double total) {
  const double expected = total / bins;
  double sum = 0;
  for (int i = 0; i < bins; i++) {
    sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return (sum - (bins - 1)) / sqrt(2.0 * (bins - 1));
}

static void numbers_are_uniform(void **state) {
  (void)state;
  enum { bins = 97, draws = 97000 };
  uint32_t floats[bins] = {0}, wholes[bins] = {0};
  double sum = 0, squares = 0;
  ss_random random = ss_random_stream(7, SS_RANDOM_VIEWS, 3, 11, 1);
  for (int i = 0; i < draws; i++) {
    const float u = ss_random_uniform(&random);
    assert_true(u >= 0 && u < 1);
    floats[(int)(u * bins)]++;
    wholes[ss_random_below(&random, bins)]++;
    const float between = ss_random_between(&random, -2.0f, 3.0f);
    assert_true(between >= -2 && between < 3);
    const double n = ss_random_normal(&random);
    sum += n;
    squares += n * n;
  }
  assert_true(fabs(chi_squared_score(floats, bins, draws)) < 4);
  assert_true(fabs(chi_squared_score(wholes, bins, draws)) < 4);
  assert_true(fabs(sum / draws) < 4 / sqrt(draws));
  assert_true(fabs(squares / draws - 1) < 4 * sqrt(2.0 / draws));
}

static void normal_has_its_tails(void **state) {
  (void)state;
  ss_random random = ss_random_stream(1, SS_RANDOM_WEIGHTS, 0, 5, 0);
  enum { draws = 100000 };
  int beyond_one = 0, beyond_two = 0;
  for (int i = 0; i < draws; i++) {
    const float n = fabsf(ss_random_normal(&random));
    beyond_one += n > 1;
    beyond_two += n > 2;
  }
  assert_true(fabs(beyond_one / (double)draws - 0.317311) < 4 * sqrt(0.3173 * 0.6827 / draws));
  assert_true(fabs(beyond_two / (double)draws - 0.0455) < 4 * sqrt(0.0455 * 0.9545 / draws));
}

/* Neighbouring names give streams that do not correlate and never start alike. */
static void streams_are_independent(void **state) {
  (void)state;
  enum { streams = 64, length = 512 };
  static float numbers[streams][length];
  for (uint32_t s = 0; s < streams; s++) { /* each differs from its neighbour in one part of the name */
    ss_random random = ss_random_stream(s & 1, (ss_random_purpose)(1 + (s >> 1 & 1)), s >> 2 & 3, s >> 4 & 1, s >> 5);
    for (int i = 0; i < length; i++) {
      numbers[s][i] = ss_random_uniform(&random) - 0.5f;
    }
  }
  for (int a = 0; a < streams; a++) {
    for (int b = a + 1; b < streams; b++) {
      double product = 0;
      for (int i = 0; i < length; i++) {
        product += (double)numbers[a][i] * numbers[b][i];
      }
      /* deviation of the mean product is 1/12 / sqrt(length); 2016 pairs stay within 5 of it */
      assert_true(fabs(product / length) < 5.0 / 12 / sqrt(length));
      assert_memory_not_equal(numbers[a], numbers[b], 4 * sizeof(float));
    }
  }
}

static void a_copy_is_a_position(void **state) {
  (void)state;
  ss_random random = ss_random_stream(5, SS_RANDOM_ORDER, 2, 0, 0);
  for (int i = 0; i < 6; i++) {
    ss_random_bits(&random);
  }
  ss_random copy = random;
  for (int i = 0; i < 9; i++) {
    assert_int_equal(ss_random_bits(&random), ss_random_bits(&copy));
  }
}

static void shuffles_are_uniform_permutations(void **state) {
  (void)state;
  enum { rounds = 24000 };
  uint32_t counts[24] = {0};
  ss_random random = ss_random_stream(3, SS_RANDOM_ORDER, 0, 0, 0);
  for (int round = 0; round < rounds; round++) {
    uint32_t items[4] = {0, 1, 2, 3};
    ss_random_shuffle(&random, items, 4);
    uint32_t seen = 0, rank = 0;
    for (uint32_t i = 0; i < 4; i++) {
      seen |= 1u << items[i];
      uint32_t smaller = 0;
      for (uint32_t j = i + 1; j < 4; j++) {
        smaller += items[j] < items[i];
      }
      rank = rank * (4 - i) + smaller;
    }
    assert_int_equal(seen, 15);
    counts[rank]++;
  }
  assert_true(fabs(chi_squared_score(counts, 24, rounds)) < 4);
  uint32_t one = 9;
  ss_random_shuffle(&random, &one, 1);
  assert_int_equal(one, 9);
}

static void skipping_is_drawing_and_dropping(void **state) {
  (void)state;
  for (uint64_t count = 0; count < 64; count += 4) {
    ss_random skipped = ss_random_stream(7, SS_RANDOM_WEIGHTS, 0, 11, 0), drawn = skipped;
    ss_random_skip(&skipped, count);
    for (uint64_t i = 0; i < count; i++) {
      ss_random_bits(&drawn);
    }
    for (int i = 0; i < 9; i++) {
      assert_int_equal(ss_random_bits(&skipped), ss_random_bits(&drawn));
    }
  }
}

static void hashes_are_fnv1a(void **state) {
  (void)state;
  assert_true(ss_hash_text("") == 0xCBF29CE484222325u);
  assert_true(ss_hash_text("a") == 0xAF63DC4C8601EC8Cu);
  assert_true(ss_hash_text("foobar") == 0x85944171F73967E8u);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_answers),        cmocka_unit_test(numbers_are_uniform),
      cmocka_unit_test(normal_has_its_tails), cmocka_unit_test(streams_are_independent),
      cmocka_unit_test(a_copy_is_a_position), cmocka_unit_test(shuffles_are_uniform_permutations),
      cmocka_unit_test(hashes_are_fnv1a),     cmocka_unit_test(skipping_is_drawing_and_dropping),
  };
  return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
