/* Philox4x32-10 and how streams of base/random.h are named, in functions that a GPU's kernels call too. */
#ifndef SS_BASE_PHILOX_H
#define SS_BASE_PHILOX_H

#include <stdint.h>

#ifdef __CUDACC__
#define SS_HERE_AND_THERE static inline __host__ __device__
#else
#define SS_HERE_AND_THERE static inline
#endif

/* One block of numbers, for code that needs random access: out = f(counter, key). */
SS_HERE_AND_THERE void ss_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
    const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/* splitmix64's finaliser: spreads the parts of a stream's name over the whole key. */
SS_HERE_AND_THERE uint64_t ss_random_mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/* A stream's key, and what the counter is above the block's number (0) and the epoch (1); low halves first. */
SS_HERE_AND_THERE uint64_t ss_random_key(uint64_t seed, int purpose) {
  return ss_random_mix(ss_random_mix(seed) ^ (uint64_t)purpose);
}
SS_HERE_AND_THERE uint64_t ss_random_place(uint64_t sample, uint32_t view) {
  return ss_random_mix(sample) ^ view;
}

#undef SS_HERE_AND_THERE
#endif
