/* The loader: batches of views, made in parallel and handed out in order.
 *
 * Batches are the same for any number of threads, and the same from (epoch, step) on as those of a loader that started
 * earlier.
 *
 *     ss_loader_options options = SS_LOADER_DEFAULTS;
 *     options.source = source; options.samples = train.samples; options.count = train.count;
 *     options.batch = 256; options.slot_bytes = bytes of one sample's views; options.make = ...; options.context = ...;
 *     SS_TRY(ss_loader_create(&options, &loader, error));
 *     while ((status = ss_loader_next(loader, &batch, error)) == SS_OK && batch.count > 0) { ... }
 *     ss_loader_free(loader);
 */
#ifndef SS_DATA_LOADER_H
#define SS_DATA_LOADER_H

#include "data/source.h"

/* Writes one sample's views into `slot` (slot_bytes bytes, aligned to 64 if slot_bytes is a multiple of 64; what it
 * held before is undefined). Called from any loader thread; `worker` is 0 to threads-1 (0 without threads), so that the
 * context can keep a scratch buffer for each. `position` is the sample's place in the epoch, 0 to samples in the
 * epoch - 1; `sample` is its index in the source; random numbers are to be keyed by (epoch, position) or
 * (epoch, sample). `image` is the loader's and must not be changed. A failure ends the run. */
typedef ss_status (*ss_loader_make)(void *context, int worker, uint32_t epoch, uint32_t position, uint32_t sample,
                                    const ss_image *image, void *slot, ss_error *error);

/* Told once of each sample that cannot be decoded; `message` names it. Called from any loader thread, one at a time. */
typedef void (*ss_loader_bad)(void *context, uint32_t sample, const char *message);

typedef struct ss_loader_options {
  const ss_source *source; /* borrowed until ss_loader_free */
  const uint32_t *samples; /* indices into the source, in the order of an unshuffled epoch; copied */
  uint32_t count;
  uint32_t batch;    /* samples a batch */
  size_t slot_bytes; /* bytes that `make` writes for one sample; at least 1 */
  ss_loader_make make;
  ss_loader_bad bad; /* may be NULL */
  void *context;     /* passed to both */
  int threads;       /* 0: batches are made in ss_loader_next itself */
  int prefetch;      /* batches made ahead of the one in use; at least 1 */
  bool shuffle;      /* a new order each epoch, by (seed, epoch) */
  bool drop_last;    /* leaves out an epoch's incomplete last batch */
  uint64_t seed;
  uint32_t start_epoch; /* where to begin: this epoch, this batch of it */
  uint32_t start_step;
  uint32_t end_epoch;       /* the first epoch not to load; 0: without end */
  ss_decode_options decode; /* of every picture */
  size_t cache_bytes;       /* decoded pictures are kept if all of them are expected to fit in so much; 0: never */
  double max_bad;           /* fraction of `count` that may fail to decode */
} ss_loader_options;

#define SS_LOADER_CACHE_BYTES ((size_t)1 << 30)
#define SS_LOADER_DEFAULTS \
  { .batch = 256, .prefetch = 2, .cache_bytes = SS_LOADER_CACHE_BYTES, .max_bad = 0.01, .seed = 1, }

/* One batch; owned by the loader, valid until the next ss_loader_next or ss_loader_free. */
typedef struct ss_batch {
  void *slots;             /* count x slot_bytes, aligned to 64 */
  const uint32_t *samples; /* (count) source indices, of those actually used */
  uint32_t count;          /* batch, less in an incomplete last one; 0: the end is reached */
  uint32_t epoch;
  uint32_t step; /* of this epoch, from 0 */
} ss_batch;

typedef struct ss_loader ss_loader;

/* Checks the options (SS_USAGE), makes the buffers and starts the threads. */
ss_status ss_loader_create(const ss_loader_options *options, ss_loader **loader, ss_error *error);

/* Stops the threads and frees everything; NULL is fine. */
void ss_loader_free(ss_loader *loader);

/* The next batch, waiting for it if need be. A sample that does not decode is told to `bad` and replaced by the next
 * one in `samples` that does, so that batches stay full and the same; more than max_bad of them is SS_FAILED with the
 * first few names. A failure is final. */
ss_status ss_loader_next(ss_loader *loader, ss_batch *batch, ss_error *error);

uint32_t ss_loader_steps_per_epoch(const ss_loader *loader);
double ss_loader_wait_seconds(const ss_loader *loader); /* spent so far in ss_loader_next waiting for batches */

/* What making the pictures' slots has taken so far, in seconds of a thread, summed over the threads. */
typedef struct ss_loader_times {
  double read;   /* finding and reading the files */
  double decode; /* nothing for pictures from the cache */
  double make;   /* the options' function */
  uint64_t pictures;
} ss_loader_times;
void ss_loader_take_times(ss_loader *loader, ss_loader_times *times);

uint32_t ss_loader_bad_count(ss_loader *loader);  /* samples found bad so far */
size_t ss_loader_cached_bytes(ss_loader *loader); /* of decoded pictures kept */

#endif
