/* Sets of permutations against NumPy's greedy choice among all 362,880. */
#include "support_golden.h"

#include "methods/permutations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void the_set_is_the_greedy_one(void **state) {
  (void)state;
  static const uint32_t firsts[] = {0, 201234, 362879};
  ss_safetensors *golden = support_golden("patches");
  for (int i = 0; i < 3; i++) {
    char key[32];
    int64_t count = 0, one = 0;
    snprintf(key, sizeof key, "permutations.%u", firsts[i]);
    int32_t *wanted = support_golden_ints(golden, key, "set", &count);
    int32_t *smallest = support_golden_ints(golden, key, "smallest", &one);
    int32_t *set = malloc((size_t)count * sizeof *set);
    assert_non_null(set);
    assert_int_equal(ss_permutations_choose(firsts[i], (int)(count / SS_TILES), set, NULL), SS_OK);
    assert_memory_equal(set, wanted, (size_t)count * sizeof *set);
    assert_int_equal(ss_permutations_distance(set, (int)(count / SS_TILES)), *smallest);
    free(set);
    free(wanted);
    free(smallest);
  }
  ss_safetensors_close(golden);
}

/* Noroozi and Favaro's table of permutation sets: mean distance 8.08 for 100 and 8.00 for 1000, smallest 2. */
static void distances_are_the_papers(void **state) {
  (void)state;
  enum { MOST = 1000 };
  static int32_t set[MOST * SS_TILES];
  static const int counts[] = {100, 1000};
  static const double means[] = {8.08, 8.00};
  for (int k = 0; k < 2; k++) {
    assert_int_equal(ss_permutations_choose(77777, counts[k], set, NULL), SS_OK);
    double sum = 0.0;
    for (int a = 0; a < counts[k]; a++) {
      for (int b = 0; b < a; b++) {
        for (int i = 0; i < SS_TILES; i++) {
          sum += set[a * SS_TILES + i] != set[b * SS_TILES + i];
        }
      }
    }
    const double mean = sum / (counts[k] * (counts[k] - 1) / 2.0);
    assert_true(mean > means[k] - 0.01 && mean < means[k] + 0.01);
    assert_int_equal(ss_permutations_distance(set, counts[k]), 2);
  }
}

static void small_sets_begin_large_ones(void **state) {
  (void)state;
  int32_t small[5 * SS_TILES], large[64 * SS_TILES];
  assert_int_equal(ss_permutations_choose(5, 5, small, NULL), SS_OK);
  assert_int_equal(ss_permutations_choose(5, 64, large, NULL), SS_OK);
  assert_memory_equal(small, large, sizeof small);
  assert_int_equal(ss_permutations_distance(large, 1), SS_TILES);
  assert_int_equal(ss_permutations_distance(large, 5), SS_TILES); /* nine can differ in every place */
}

static void more_than_there_are_is_an_error(void **state) {
  (void)state;
  int32_t one[SS_TILES];
  ss_error error = {{0}};
  assert_int_equal(ss_permutations_choose(SS_TILE_PERMUTATIONS, 1, one, &error), SS_USAGE);
  assert_int_equal(ss_permutations_choose(0, 0, one, &error), SS_USAGE);
  assert_int_equal(ss_permutations_choose(0, SS_TILE_PERMUTATIONS + 1, one, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "362880"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_set_is_the_greedy_one), cmocka_unit_test(distances_are_the_papers),
      cmocka_unit_test(small_sets_begin_large_ones), cmocka_unit_test(more_than_there_are_is_an_error)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
