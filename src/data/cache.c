#include "data/cache.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)4 << 20)
#define SEEN_BEFORE_JUDGING 64

typedef struct block {
  struct block *next;
  uint8_t bytes[];
} block;

typedef struct kept {
  _Atomic(uint8_t *) pixels; /* set last, so that who sees it sees the rest */
  uint16_t width;
  uint16_t height;
  uint8_t channels;
  bool claimed; /* being copied, or there */
} kept;

struct ss_cache {
  pthread_mutex_t lock; /* of all below but `pixels` */
  kept *pictures;
  uint32_t count;
  uint32_t kept_count;
  size_t kept_bytes;
  size_t most_bytes;
  bool closed;
  block *blocks;
  uint8_t *free_at;
  size_t free_bytes;
};

ss_status ss_cache_create(ss_cache **cache, uint32_t count, size_t bytes, ss_error *error) {
  *cache = NULL;
  ss_cache *made = NULL;
  SS_TRY(ss_alloc((void **)&made, 1, sizeof *made, "the cache of pictures", error));
  const ss_status status =
      ss_alloc((void **)&made->pictures, count, sizeof *made->pictures, "the cache of pictures", error);
  if (status != SS_OK) {
    free(made);
    return status;
  }
  made->count = count;
  made->most_bytes = bytes;
  pthread_mutex_init(&made->lock, NULL);
  *cache = made;
  return SS_OK;
}

void ss_cache_free(ss_cache *cache) {
  if (!cache) {
    return;
  }
  for (block *at = cache->blocks, *next = NULL; at; at = next) {
    next = at->next;
    free(at);
  }
  pthread_mutex_destroy(&cache->lock);
  free(cache->pictures);
  free(cache);
}

bool ss_cache_get(const ss_cache *cache, uint32_t index, ss_image *view) {
  kept *picture = &cache->pictures[index];
  uint8_t *pixels = atomic_load_explicit(&picture->pixels, memory_order_acquire);
  if (!pixels) {
    return false;
  }
  *view = (ss_image){picture->width, picture->height, picture->channels, pixels, 0};
  return true;
}

/* Room for a picture, or NULL; under the lock. */
static uint8_t *reserve(ss_cache *cache, size_t bytes) {
  const bool judged = cache->kept_count >= SEEN_BEFORE_JUDGING &&
                      (double)cache->kept_bytes / cache->kept_count * cache->count > (double)cache->most_bytes;
  if (cache->closed || judged || bytes > cache->most_bytes - cache->kept_bytes) {
    cache->closed = true;
    return NULL;
  }
  if (bytes > cache->free_bytes) {
    const size_t block_bytes = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    block *added = malloc(sizeof *added + block_bytes);
    if (!added) {
      cache->closed = true;
      return NULL;
    }
    added->next = cache->blocks;
    cache->blocks = added;
    cache->free_at = added->bytes;
    cache->free_bytes = block_bytes;
  }
  uint8_t *pixels = cache->free_at;
  cache->free_at += bytes;
  cache->free_bytes -= bytes;
  cache->kept_bytes += bytes;
  cache->kept_count++;
  return pixels;
}

void ss_cache_put(ss_cache *cache, uint32_t index, const ss_image *image) {
  const size_t bytes = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
  kept *picture = &cache->pictures[index];
  uint8_t *pixels = NULL;
  pthread_mutex_lock(&cache->lock);
  if (!picture->claimed) {
    pixels = reserve(cache, bytes);
    picture->claimed = pixels != NULL;
  }
  pthread_mutex_unlock(&cache->lock);
  if (pixels) {
    memcpy(pixels, image->pixels, bytes);
    picture->width = (uint16_t)image->width;
    picture->height = (uint16_t)image->height;
    picture->channels = (uint8_t)image->channels;
    atomic_store_explicit(&picture->pixels, pixels, memory_order_release);
  }
}

size_t ss_cache_bytes(ss_cache *cache) {
  pthread_mutex_lock(&cache->lock);
  const size_t bytes = cache->kept_bytes;
  pthread_mutex_unlock(&cache->lock);
  return bytes;
}
