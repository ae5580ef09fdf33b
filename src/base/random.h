/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * A stream is named by what it is for, never by the thread that draws from it, so that a run has the same bits
 * for any number of threads. */
#ifndef SS_BASE_RANDOM_H
#define SS_BASE_RANDOM_H

#include "base/philox.h"

#include <stddef.h>
#include <stdint.h>

/* What a stream is for; part of its key, so that two purposes never share numbers. */
typedef enum ss_random_purpose {
  SS_RANDOM_WEIGHTS = 1, /* initial weights: epoch 0, sample = hash of the parameter's name */
  SS_RANDOM_ORDER,       /* the order of an epoch's samples */
  SS_RANDOM_VIEWS,       /* augmentation: epoch, sample, view */
  SS_RANDOM_DROPOUT,     /* epoch = step, sample = node */
  SS_RANDOM_WORLD,       /* scenes: sample = picture */
  SS_RANDOM_PROBE,       /* order and initial weights of probes */
  SS_RANDOM_METHOD,      /* whatever else a method draws */
  SS_RANDOM_CLUSTERS     /* k-means: epoch = what is drawn, sample = iteration */
} ss_random_purpose;

typedef struct ss_random {
  uint32_t key[2];
  uint32_t counter[4];
  uint32_t block[4]; /* the current output block */
  int used;          /* numbers of the block handed out, 4: none left */
} ss_random;

/* The stream of (seed, purpose, epoch, sample, view). Copying the struct copies the stream's position. */
ss_random ss_random_stream(uint64_t seed, ss_random_purpose purpose, uint32_t epoch, uint64_t sample, uint32_t view);

/* As drawing and dropping `count` numbers of 32 bits (a normal number takes two) from a stream from which none has been
 * drawn yet; `count` is a multiple of 4. */
void ss_random_skip(ss_random *random, uint64_t count);

uint32_t ss_random_bits(ss_random *random);                                   /* 32 uniform bits */
float ss_random_uniform(ss_random *random);                                   /* [0, 1), 24 bits */
float ss_random_between(ss_random *random, float low, float high);            /* [low, high) */
float ss_random_between_logarithms(ss_random *random, float low, float high); /* a factor: its logarithm is uniform */
float ss_random_normal(ss_random *random);                                    /* mean 0, deviation 1 (Box-Muller) */
uint32_t ss_random_below(ss_random *random, uint32_t n);                      /* 0 to n-1, unbiased; n >= 1 */
void ss_random_shuffle(ss_random *random, uint32_t *items, size_t count);     /* Fisher-Yates */

uint64_t ss_hash_text(const char *text); /* FNV-1a, 64 bit */

#endif
