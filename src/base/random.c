#include "base/random.h"

#include <math.h>

ss_random ss_random_stream(uint64_t seed, ss_random_purpose purpose, uint32_t epoch, uint64_t sample, uint32_t view) {
  const uint64_t key = ss_random_key(seed, (int)purpose), place = ss_random_place(sample, view);
  ss_random random = {.key = {(uint32_t)key, (uint32_t)(key >> 32)}, .used = 4};
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
