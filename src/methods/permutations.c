#include "methods/permutations.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { all_values = (1 << SS_TILES) - 1 };

/* A permutation p differs from n chosen ones in 9 n - sum_i count[i][p_i] places, count[i][v] being how many of them
 * have value v in place i. So the farthest has the smallest overlap, the sum: an assignment problem. */
typedef struct chooser {
  int count[SS_TILES][SS_TILES];
  int least[all_values + 1]; /* by the values that the first places have: the smallest overlap of the others */
  uint8_t *chosen;           /* a bit a permutation, by its number */
  int32_t values[SS_TILES];  /* the permutation that is being made */
} chooser;

static int bits(unsigned mask) {
  int count = 0;
  for (; mask; mask &= mask - 1) {
    count++;
  }
  return count;
}

/* The number of a permutation in lexicographic order. */
static uint32_t number_of(const int32_t *values) {
  uint32_t number = 0;
  for (int i = 0; i < SS_TILES; i++) {
    uint32_t smaller = 0;
    for (int j = i + 1; j < SS_TILES; j++) {
      smaller += values[j] < values[i];
    }
    number = number * (uint32_t)(SS_TILES - i) + smaller;
  }
  return number;
}

static void permutation_of(uint32_t number, int32_t *values) {
  uint32_t digits[SS_TILES];
  for (int i = SS_TILES - 1; i >= 0; i--) {
    digits[i] = number % (uint32_t)(SS_TILES - i);
    number /= (uint32_t)(SS_TILES - i);
  }
  unsigned used = 0;
  for (int i = 0; i < SS_TILES; i++) {
    int32_t value = 0;
    for (uint32_t free = 0;; value++) {
      if (!(used & 1u << value) && free++ == digits[i]) {
        break;
      }
    }
    values[i] = value;
    used |= 1u << value;
  }
}

static void find_least(chooser *self) {
  self->least[all_values] = 0;
  for (int mask = all_values - 1; mask >= 0; mask--) {
    const int place = bits((unsigned)mask);
    int least = -1;
    for (int v = 0; v < SS_TILES; v++) {
      if (!(mask & 1 << v)) {
        const int overlap = self->count[place][v] + self->least[mask | 1 << v];
        least = least < 0 || overlap < least ? overlap : least;
      }
    }
    self->least[mask] = least;
  }
}

/* Completes self->values from `place` on to the lexicographically first permutation that has not been chosen and whose
 * overlap in those places is at most `allowed`. */
static bool complete(chooser *self, int place, int mask, int allowed) {
  if (place == SS_TILES) {
    const uint32_t number = number_of(self->values);
    return !(self->chosen[number / 8] & 1u << number % 8);
  }
  for (int v = 0; v < SS_TILES; v++) {
    const int left = allowed - self->count[place][v];
    if (!(mask & 1 << v) && self->least[mask | 1 << v] <= left) {
      self->values[place] = v;
      if (complete(self, place + 1, mask | 1 << v, left)) {
        return true;
      }
    }
  }
  return false;
}

ss_status ss_permutations_choose(uint32_t first, int count, int32_t *permutations, ss_error *error) {
  if (first >= SS_TILE_PERMUTATIONS || count < 1 || count > SS_TILE_PERMUTATIONS) {
    return ss_fail(error, SS_USAGE, "there are %d permutations of nine tiles: %d from number %u on are not to be had",
                   SS_TILE_PERMUTATIONS, count, first);
  }
  chooser self = {.chosen = NULL};
  SS_TRY(ss_alloc((void **)&self.chosen, SS_TILE_PERMUTATIONS / 8, 1, "the set of permutations", error));
  permutation_of(first, self.values);
  for (int n = 0; n < count; n++) {
    if (n > 0) {
      find_least(&self);
      int allowed = self.least[0];
      while (!complete(&self, 0, 0, allowed)) { /* all with less overlap are chosen already */
        allowed++;
      }
    }
    const uint32_t number = number_of(self.values);
    self.chosen[number / 8] |= (uint8_t)(1u << number % 8);
    memcpy(permutations + (size_t)n * SS_TILES, self.values, sizeof self.values);
    for (int i = 0; i < SS_TILES; i++) {
      self.count[i][self.values[i]]++;
    }
  }
  free(self.chosen);
  return SS_OK;
}

int ss_permutations_distance(const int32_t *permutations, int count) {
  int smallest = SS_TILES;
  for (int a = 0; a < count; a++) {
    for (int b = 0; b < a; b++) {
      int distance = 0;
      for (int i = 0; i < SS_TILES; i++) {
        distance += permutations[a * SS_TILES + i] != permutations[b * SS_TILES + i];
      }
      smallest = distance < smallest ? distance : smallest;
    }
  }
  return smallest;
}
