#include "data/loader.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "data/cache.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 1024
#define MAX_CHUNK 16 /* samples a thread takes at a time */
#define MAX_NAMED 5  /* bad samples named in the error */

/* A batch being made or ready: number b of the run lies in ring[b % ring_size] until it is released. */
typedef struct ring_entry {
  uint8_t *slots;
  uint32_t *places;  /* (batch) indices into options.samples, as drawn */
  uint32_t *samples; /* (batch) source indices, as used */
  uint32_t count;
  uint32_t epoch;
  uint32_t step;
  uint32_t done; /* samples made */
} ring_entry;

typedef struct worker {
  ss_loader *loader;
  int index;
  pthread_t thread;
  ss_decoder *decoder;
  ss_image image;
  ss_loader_times times; /* not yet added to the loader's */
} worker;

struct ss_loader {
  ss_loader_options options; /* samples: an owned copy */
  uint32_t *samples;
  uint32_t *order;         /* of the epoch that is being handed out: places */
  _Atomic uint8_t *is_bad; /* by place */
  ss_cache *cache;         /* NULL: none */
  ring_entry *ring;
  uint32_t ring_size;
  size_t slots_bytes; /* of one batch */
  uint32_t steps_per_epoch;
  uint32_t chunk;
  worker *workers; /* at least one, without threads too */
  int threads_started;
  pthread_cond_t work;  /* there may be something to make */
  pthread_cond_t ready; /* a batch is whole, or the run failed */
  pthread_mutex_t lock; /* of all below */
  uint64_t opened;      /* batches whose samples are being handed out or have been */
  uint64_t handed_over; /* batches given to the caller */
  uint64_t released;    /* batches the caller is done with */
  uint32_t handed;      /* samples of the last opened batch taken by workers */
  uint32_t next_epoch;  /* of the next batch to open */
  uint32_t next_step;
  bool order_known; /* `order` is next_epoch's */
  bool stop;
  uint32_t bad_count;
  uint32_t named[MAX_NAMED];
  ss_status status; /* of the run */
  ss_error error;
  double wait_seconds;
  ss_loader_times times;
};

static uint32_t smaller(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* Ends the run; the first failure stays. Under the lock. */
static void fail_run(ss_loader *loader, ss_status status, const ss_error *error) {
  if (loader->status == SS_OK) {
    loader->status = status;
    loader->error = *error;
  }
  pthread_cond_broadcast(&loader->ready);
  pthread_cond_broadcast(&loader->work);
}

static bool at_end(const ss_loader *loader) {
  return loader->options.end_epoch > 0 && loader->next_epoch >= loader->options.end_epoch;
}

static void draw_order(ss_loader *loader) {
  for (uint32_t i = 0; i < loader->options.count; i++) {
    loader->order[i] = i;
  }
  if (loader->options.shuffle) {
    ss_random random = ss_random_stream(loader->options.seed, SS_RANDOM_ORDER, loader->next_epoch, 0, 0);
    ss_random_shuffle(&random, loader->order, loader->options.count);
  }
  loader->order_known = true;
}

/* Opens the next batch for making, if there is one and a place in the ring is free. Under the lock. */
static bool open_batch(ss_loader *loader) {
  if (at_end(loader) || loader->opened - loader->released >= loader->ring_size) {
    return false;
  }
  if (!loader->order_known) {
    draw_order(loader);
  }
  ring_entry *entry = &loader->ring[loader->opened % loader->ring_size];
  const uint32_t first = loader->next_step * loader->options.batch;
  entry->count = smaller(loader->options.batch, loader->options.count - first);
  entry->epoch = loader->next_epoch;
  entry->step = loader->next_step;
  entry->done = 0;
  memcpy(entry->places, loader->order + first, entry->count * sizeof *entry->places);
  loader->opened++;
  loader->handed = 0;
  if (++loader->next_step == loader->steps_per_epoch) {
    loader->next_step = 0;
    loader->next_epoch++;
    loader->order_known = false;
  }
  return true;
}

static ss_status too_many_bad(const ss_loader *loader, ss_error *error) {
  char names[320] = "";
  size_t length = 0;
  for (uint32_t i = 0; i < smaller(loader->bad_count, MAX_NAMED) && length < sizeof names; i++) {
    length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i ? ", " : "",
                               ss_source_name(loader->options.source, loader->named[i]));
  }
  return ss_fail(error, SS_FAILED,
                 "%u of %u pictures cannot be read, more than %g %%: %s%s; remove them or raise --max-bad",
                 loader->bad_count, loader->options.count, 100 * loader->options.max_bad, names,
                 loader->bad_count > MAX_NAMED ? ", ..." : "");
}

/* Notes that the sample at `place` cannot be read; fails when there are too many. */
static ss_status note_bad(ss_loader *loader, uint32_t place, const ss_error *why, ss_error *error) {
  ss_status status = SS_OK;
  pthread_mutex_lock(&loader->lock);
  if (!loader->is_bad[place]) {
    loader->is_bad[place] = 1;
    if (loader->bad_count < MAX_NAMED) {
      loader->named[loader->bad_count] = loader->samples[place];
    }
    loader->bad_count++;
    if (loader->options.bad) {
      loader->options.bad(loader->options.context, loader->samples[place], why->message);
    }
    if (loader->bad_count > loader->options.max_bad * loader->options.count) {
      status = too_many_bad(loader, error);
    }
  }
  pthread_mutex_unlock(&loader->lock);
  return status;
}

/* The picture at `place`, from the cache or decoded into the worker's buffer; a view of either in `image`. */
static ss_status get_image(worker *self, uint32_t place, ss_image *image, ss_error *error) {
  ss_loader *loader = self->loader;
  if (loader->cache && ss_cache_get(loader->cache, place, image)) {
    return SS_OK;
  }
  const double start = ss_clock_seconds(), decoded = ss_decoder_seconds(self->decoder);
  const ss_status status = ss_source_read(loader->options.source, loader->samples[place], self->decoder,
                                          &loader->options.decode, &self->image, error);
  const double decoding = ss_decoder_seconds(self->decoder) - decoded;
  self->times.decode += decoding;
  self->times.read += ss_clock_seconds() - start - decoding;
  SS_TRY(status);
  if (loader->cache) {
    ss_cache_put(loader->cache, place, &self->image);
  }
  *image = self->image;
  return SS_OK;
}

/* Makes one sample of a batch: of the picture drawn or, if that is bad, of the next one that is not. */
static ss_status make_sample(worker *self, ring_entry *entry, uint32_t index, ss_error *error) {
  ss_loader *loader = self->loader;
  const ss_loader_options *options = &loader->options;
  for (uint32_t i = 0; i < options->count; i++) {
    const uint32_t place = (uint32_t)(((uint64_t)entry->places[index] + i) % options->count);
    if (loader->is_bad[place]) {
      continue;
    }
    ss_image image;
    ss_error why = {0};
    const ss_status status = get_image(self, place, &image, &why);
    if (status == SS_NO_MEMORY) {
      *error = why;
      return status;
    }
    if (status != SS_OK) {
      SS_TRY(note_bad(loader, place, &why, error));
      continue;
    }
    entry->samples[index] = loader->samples[place];
    const double start = ss_clock_seconds();
    SS_TRY(options->make(options->context, self->index, entry->epoch, entry->step * options->batch + index,
                         loader->samples[place], &image, entry->slots + (size_t)index * options->slot_bytes, error));
    self->times.make += ss_clock_seconds() - start;
    self->times.pictures++;
    return SS_OK;
  }
  return ss_fail(error, SS_FAILED, "none of the %u pictures in %s can be read", options->count,
                 ss_source_path(options->source));
}

/* Under the lock. */
static void add_times(ss_loader *loader, ss_loader_times *times) {
  loader->times.read += times->read;
  loader->times.decode += times->decode;
  loader->times.make += times->make;
  loader->times.pictures += times->pictures;
  *times = (ss_loader_times){0};
}

/* Takes some samples of the open batch, opening the next one if that is handed out, and makes them. False if there is
 * nothing to do for now. Called and returning under the lock, which is let go in between. */
static bool make_some(worker *self) {
  ss_loader *loader = self->loader;
  ring_entry *entry = &loader->ring[(loader->opened + loader->ring_size - 1) % loader->ring_size];
  if (loader->handed == entry->count) { /* also before the first */
    if (!open_batch(loader)) {
      return false;
    }
    entry = &loader->ring[(loader->opened - 1) % loader->ring_size];
  }
  const uint32_t first = loader->handed;
  const uint32_t count = smaller(loader->chunk, entry->count - first);
  loader->handed += count;
  pthread_mutex_unlock(&loader->lock);

  ss_status status = SS_OK;
  ss_error error = {0};
  for (uint32_t i = first; i < first + count && status == SS_OK; i++) {
    status = make_sample(self, entry, i, &error);
  }

  pthread_mutex_lock(&loader->lock);
  add_times(loader, &self->times);
  if (status != SS_OK) {
    fail_run(loader, status, &error);
    return false;
  }
  entry->done += count;
  if (entry->done == entry->count) {
    pthread_cond_broadcast(&loader->ready);
  }
  return true;
}

static void *work(void *argument) {
  worker *self = argument;
  ss_loader *loader = self->loader;
  pthread_mutex_lock(&loader->lock);
  while (!loader->stop && loader->status == SS_OK) {
    if (!make_some(self) && !loader->stop && loader->status == SS_OK) {
      pthread_cond_wait(&loader->work, &loader->lock);
    }
  }
  pthread_mutex_unlock(&loader->lock);
  return NULL;
}

ss_status ss_loader_next(ss_loader *loader, ss_batch *batch, ss_error *error) {
  *batch = (ss_batch){0};
  pthread_mutex_lock(&loader->lock);
  if (loader->released < loader->handed_over) {
    loader->released = loader->handed_over;
    pthread_cond_broadcast(&loader->work);
  }
  const double start = ss_clock_seconds();
  const uint64_t number = loader->handed_over;
  ring_entry *entry = &loader->ring[number % loader->ring_size];
  while (loader->status == SS_OK && !(loader->opened > number && entry->done == entry->count) &&
         !(loader->opened == number && at_end(loader))) {
    if (loader->threads_started > 0) {
      pthread_cond_wait(&loader->ready, &loader->lock);
    } else {
      make_some(&loader->workers[0]);
    }
  }
  loader->wait_seconds += ss_clock_seconds() - start;
  const ss_status status = loader->status;
  if (status != SS_OK) {
    ss_fail(error, status, "%s", loader->error.message);
  } else if (loader->opened > number) {
    loader->handed_over++;
    *batch = (ss_batch){entry->slots, entry->samples, entry->count, entry->epoch, entry->step};
  }
  pthread_mutex_unlock(&loader->lock);
  return status;
}

static ss_status check_options(const ss_loader_options *options, ss_error *error) {
  if (!options->source || !options->samples || options->count == 0 || !options->make || options->slot_bytes == 0) {
    return ss_fail(error, SS_USAGE, "a loader needs a source, at least one sample, slot_bytes and a make function");
  }
  if (options->batch == 0 || options->prefetch < 1 || options->threads < 0 || options->threads > MAX_THREADS) {
    return ss_fail(error, SS_USAGE, "batch %u, prefetch %d, threads %d: from 1, from 1 and 0 to %d are possible",
                   options->batch, options->prefetch, options->threads, MAX_THREADS);
  }
  if (options->drop_last && options->batch > options->count) {
    return ss_fail(error, SS_USAGE, "a batch of %u is larger than the %u pictures; use --batch %u or less",
                   options->batch, options->count, options->count);
  }
  for (uint32_t i = 0; i < options->count; i++) {
    if (options->samples[i] >= ss_source_count(options->source)) {
      return ss_fail(error, SS_USAGE, "sample %u of %u", options->samples[i], ss_source_count(options->source));
    }
  }
  return SS_OK;
}

static ss_status create_ring(ss_loader *loader, ss_error *error) {
  const ss_loader_options *options = &loader->options;
  const uint32_t batch = smaller(options->batch, options->count);
  loader->ring_size = (uint32_t)options->prefetch + 1;
  if (__builtin_mul_overflow((size_t)batch, options->slot_bytes, &loader->slots_bytes)) {
    return ss_fail_memory(error, SIZE_MAX, "a batch; use a smaller --batch");
  }
  SS_TRY(ss_alloc((void **)&loader->ring, loader->ring_size, sizeof *loader->ring, "the batches", error));
  for (uint32_t i = 0; i < loader->ring_size; i++) {
    ring_entry *entry = &loader->ring[i];
    SS_TRY(ss_alloc((void **)&entry->places, batch, sizeof *entry->places, "a batch", error));
    SS_TRY(ss_alloc((void **)&entry->samples, batch, sizeof *entry->samples, "a batch", error));
    entry->slots = ss_alloc_aligned(loader->slots_bytes);
    if (!entry->slots) {
      return ss_fail_memory(error, loader->slots_bytes, "a batch; use a smaller --batch");
    }
  }
  return SS_OK;
}

static ss_status start_threads(ss_loader *loader, ss_error *error) {
  const int count = loader->options.threads > 0 ? loader->options.threads : 1;
  SS_TRY(ss_alloc((void **)&loader->workers, (size_t)count, sizeof *loader->workers, "the loader's threads", error));
  for (int i = 0; i < count; i++) {
    loader->workers[i].loader = loader;
    loader->workers[i].index = i;
    SS_TRY(ss_decoder_create(&loader->workers[i].decoder, error));
  }
  sigset_t all, before; /* signals are for the caller's threads */
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  ss_status status = SS_OK;
  while (loader->threads_started < loader->options.threads && status == SS_OK) {
    worker *next = &loader->workers[loader->threads_started];
    const int code = pthread_create(&next->thread, NULL, work, next);
    if (code == 0) {
      loader->threads_started++;
    } else {
      status = ss_fail(error, SS_FAILED, "cannot start %d loader threads: %s; use fewer --threads",
                       loader->options.threads, strerror(code));
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return status;
}

static ss_status create(ss_loader *loader, ss_error *error) {
  ss_loader_options *options = &loader->options;
  const uint32_t count = options->count;
  loader->steps_per_epoch = options->drop_last ? count / options->batch : (count - 1) / options->batch + 1;
  loader->next_epoch = options->start_epoch;
  loader->next_step = options->start_step;
  if (options->start_step > loader->steps_per_epoch) {
    return ss_fail(error, SS_USAGE, "an epoch has %u steps; it cannot begin at step %u", loader->steps_per_epoch,
                   options->start_step);
  }
  if (options->start_step == loader->steps_per_epoch) {
    loader->next_epoch++;
    loader->next_step = 0;
  }
  const uint32_t workers = options->threads > 0 ? (uint32_t)options->threads : 1;
  loader->chunk = options->batch / (workers * 4);
  loader->chunk = loader->chunk < 1 ? 1 : smaller(loader->chunk, MAX_CHUNK);
  SS_TRY(ss_alloc((void **)&loader->samples, count, sizeof *loader->samples, "the list of samples", error));
  memcpy(loader->samples, options->samples, count * sizeof *loader->samples);
  options->samples = loader->samples;
  SS_TRY(ss_alloc((void **)&loader->order, count, sizeof *loader->order, "the order of samples", error));
  SS_TRY(ss_alloc((void **)&loader->is_bad, count, sizeof *loader->is_bad, "the list of samples", error));
  if (options->cache_bytes > 0) {
    SS_TRY(ss_cache_create(&loader->cache, count, options->cache_bytes, error));
  }
  SS_TRY(create_ring(loader, error));
  return start_threads(loader, error);
}

ss_status ss_loader_create(const ss_loader_options *options, ss_loader **loader, ss_error *error) {
  *loader = NULL;
  SS_TRY(check_options(options, error));
  ss_loader *made = NULL;
  SS_TRY(ss_alloc((void **)&made, 1, sizeof *made, "a loader", error));
  made->options = *options;
  pthread_mutex_init(&made->lock, NULL);
  pthread_cond_init(&made->work, NULL);
  pthread_cond_init(&made->ready, NULL);
  const ss_status status = create(made, error);
  if (status != SS_OK) {
    ss_loader_free(made);
    return status;
  }
  *loader = made;
  return SS_OK;
}

void ss_loader_free(ss_loader *loader) {
  if (!loader) {
    return;
  }
  pthread_mutex_lock(&loader->lock);
  loader->stop = true;
  pthread_cond_broadcast(&loader->work);
  pthread_mutex_unlock(&loader->lock);
  for (int i = 0; i < loader->threads_started; i++) {
    pthread_join(loader->workers[i].thread, NULL);
  }
  const int workers = loader->options.threads > 0 ? loader->options.threads : 1;
  for (int i = 0; i < workers && loader->workers; i++) {
    ss_decoder_free(loader->workers[i].decoder);
    ss_image_free(&loader->workers[i].image);
  }
  for (uint32_t i = 0; i < loader->ring_size && loader->ring; i++) {
    free(loader->ring[i].places);
    free(loader->ring[i].samples);
    ss_free_aligned(loader->ring[i].slots, loader->slots_bytes);
  }
  ss_cache_free(loader->cache);
  free(loader->workers);
  free(loader->ring);
  free((void *)loader->is_bad);
  free(loader->order);
  free(loader->samples);
  pthread_cond_destroy(&loader->ready);
  pthread_cond_destroy(&loader->work);
  pthread_mutex_destroy(&loader->lock);
  free(loader);
}

uint32_t ss_loader_steps_per_epoch(const ss_loader *loader) {
  return loader->steps_per_epoch;
}

double ss_loader_wait_seconds(const ss_loader *loader) {
  return loader->wait_seconds;
}

void ss_loader_take_times(ss_loader *loader, ss_loader_times *times) {
  pthread_mutex_lock(&loader->lock);
  *times = loader->times;
  pthread_mutex_unlock(&loader->lock);
}

uint32_t ss_loader_bad_count(ss_loader *loader) {
  pthread_mutex_lock(&loader->lock);
  const uint32_t count = loader->bad_count;
  pthread_mutex_unlock(&loader->lock);
  return count;
}

size_t ss_loader_cached_bytes(ss_loader *loader) {
  return loader->cache ? ss_cache_bytes(loader->cache) : 0;
}
