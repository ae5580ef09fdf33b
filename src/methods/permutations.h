/* Sets of permutations of nine tiles that lie far from one another (Noroozi and Favaro 2016, algorithm 1). */
#ifndef SS_METHODS_PERMUTATIONS_H
#define SS_METHODS_PERMUTATIONS_H

#include "base/status.h"

#include <stdint.h>

#define SS_TILES 9
#define SS_TILE_PERMUTATIONS 362880 /* 9! */

/* Writes `count` different permutations of 0 to 8, (count, 9). The first is number `first` in lexicographic order (0 to
 * 9! - 1); each further one is that whose mean Hamming distance to those before it is the largest, of equals the first
 * in lexicographic order. So a smaller set is the beginning of a larger one. 1 <= count <= 9!. */
ss_status ss_permutations_choose(uint32_t first, int count, int32_t *permutations, ss_error *error);

/* The smallest Hamming distance (places in which they differ, 0 to 9) of two permutations of the set; 9 for one alone.
 */
int ss_permutations_distance(const int32_t *permutations, int count);

#endif
