#include "base/random.h"

#include <math.h>

void ss_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
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
static uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

ss_random ss_random_stream(uint64_t seed, ss_random_purpose purpose, uint32_t epoch, uint64_t sample, uint32_t view) {
  const uint64_t key = mix(mix(seed) ^ (uint64_t)purpose);
  ss_random random = {.key = {(uint32_t)key, (uint32_t)(key >> 32)}, .used = 4};
  const uint64_t place = mix(sample) ^ view;
  random.counter[1] = epoch;
  random.counter[2] = (uint32_t)place;
  random.counter[3] = (uint32_t)(place >> 32);
  return random;
}

void ss_random_skip(ss_random *random, uint64_t count) {
  random->counter[0] += (uint32_t)(count / 4);
}

uint32_t ss_random_bits(ss_random *random) {
  if (random->used == 4) {
    ss_philox(random->counter, random->key, random->block);
    random->counter[0]++;
    random->used = 0;
  }
  return random->block[random->used++];
}

float ss_random_uniform(ss_random *random) {
  return (float)(ss_random_bits(random) >> 8) * 0x1p-24f;
}

float ss_random_between(ss_random *random, float low, float high) {
  return low + (high - low) * ss_random_uniform(random);
}

float ss_random_between_logarithms(ss_random *random, float low, float high) {
  return expf(ss_random_between(random, logf(low), logf(high)));
}

float ss_random_normal(ss_random *random) {
  const double u = (ss_random_bits(random) + 1.0) * 0x1p-32; /* (0, 1] */
  const double v = ss_random_bits(random) * 0x1p-32;
  return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

uint32_t ss_random_below(ss_random *random, uint32_t n) {
  const uint32_t limit = UINT32_MAX - UINT32_MAX % n; /* reject what would favour small numbers */
  uint32_t bits;
  do {
    bits = ss_random_bits(random);
  } while (bits >= limit);
  return bits % n;
}

void ss_random_shuffle(ss_random *random, uint32_t *items, size_t count) {
  for (size_t i = count; i > 1; i--) {
    const size_t j = ss_random_below(random, (uint32_t)i);
    const uint32_t item = items[i - 1];
    items[i - 1] = items[j];
    items[j] = item;
  }
}

uint64_t ss_hash_text(const char *text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (; *text; text++) {
    hash = (hash ^ (unsigned char)*text) * 0x100000001B3u;
  }
  return hash;
}
