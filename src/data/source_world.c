/* world:images?n=20000&size=32&seed=1: pictures of the procedural world, rendered on first use and cached as folders.
 */
#include "base/file.h"
#include "data/source_kind.h"
#include "world/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "world:"
#define KIND "images"
/* Part of the cache's name: raised when the renderer's pictures change. */
#define WORLD_VERSION 1

static bool holds(const char *data) {
  return strncmp(data, SCHEME, strlen(SCHEME)) == 0;
}

static ss_status read_number(const char *text, const char *name, uint64_t least, uint64_t most, uint64_t *value,
                             ss_error *error) {
  char *end = NULL;
  errno = 0;
  *value = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || errno != 0 || *end != '\0' || *value < least || *value > most) {
    return ss_fail(error, SS_USAGE, "world:images: %s is %s, not a number from %llu to %llu", name, text,
                   (unsigned long long)least, (unsigned long long)most);
  }
  return SS_OK;
}

static ss_status read_option(char *pair, ss_world_options *options, ss_error *error) {
  char *text = strchr(pair, '=');
  uint64_t value = 0;
  if (!text) {
    return ss_fail(error, SS_USAGE, "world:images: %s has no value; write n=20000&size=32&seed=1", pair);
  }
  *text++ = '\0';
  if (strcmp(pair, "n") == 0) {
    SS_TRY(read_number(text, pair, (uint64_t)ss_world_class_count(), SS_WORLD_MAX_COUNT, &value, error));
    options->count = (int)value;
  } else if (strcmp(pair, "size") == 0) {
    SS_TRY(ss_world_read_size(text, "world:images: size", &options->width, &options->height, error));
  } else if (strcmp(pair, "seed") == 0) {
    SS_TRY(read_number(text, pair, 0, UINT64_MAX - 1, &options->seed, error));
  } else {
    return ss_fail(error, SS_USAGE, "world:images: unknown option %s; there are n, size and seed", pair);
  }
  return SS_OK;
}

static ss_status read_options(const char *data, ss_world_options *options, ss_error *error) {
  *options = (ss_world_options){.count = 20000, .width = 32, .height = 32, .seed = 1};
  const char *kind = data + strlen(SCHEME);
  const size_t length = strcspn(kind, "?");
  if (length != strlen(KIND) || strncmp(kind, KIND, length) != 0) {
    return ss_fail(error, SS_USAGE, "unknown world: %s; there is world:images?n=20000&size=32&seed=1", data);
  }
  if (kind[length] == '\0') {
    return SS_OK;
  }
  char *copy = strdup(kind + length + 1);
  if (!copy) {
    return ss_fail_memory(error, strlen(data), "a path");
  }
  ss_status status = SS_OK;
  char *rest = NULL;
  for (char *pair = strtok_r(copy, "&", &rest); pair && status == SS_OK; pair = strtok_r(NULL, "&", &rest)) {
    status = read_option(pair, options, error);
  }
  free(copy);
  return status;
}

static ss_status cache_path(const ss_world_options *options, char **path, ss_error *error) {
  const char *cache = getenv("XDG_CACHE_HOME");
  const char *home = getenv("HOME");
  const bool has_cache = cache && cache[0] == '/';
  if (!has_cache && (!home || !home[0])) {
    return ss_fail(error, SS_FAILED, "nowhere to keep the world's pictures; set HOME or XDG_CACHE_HOME");
  }
  char height[16] = ""; /* of pictures that are not square */
  if (options->height != options->width) {
    snprintf(height, sizeof height, "x%d", options->height);
  }
  if (asprintf(path, "%s%s/selfsup/world/v%d/images-n%d-size%d%s-seed%llu", has_cache ? cache : home,
               has_cache ? "" : "/.cache", WORLD_VERSION, options->count, options->width, height,
               (unsigned long long)options->seed) < 0) {
    *path = NULL;
    return ss_fail_memory(error, 4096, "a path");
  }
  return SS_OK;
}

/* Renders into the cache, whose folders are made if need be. */
static ss_status render(const char *root, const ss_world_options *options, ss_error *error) {
  char *above = strndup(root, (size_t)(strrchr(root, '/') - root));
  if (!above) {
    return ss_fail_memory(error, strlen(root), "a path");
  }
  ss_status status = ss_folder_make(above, error);
  free(above);
  if (status == SS_OK) {
    status = ss_world_write_images(root, options, error);
  }
  if (status != SS_OK && ss_folder_exists(root)) { /* another process was faster */
    return SS_OK;
  }
  return status;
}

static ss_status open_world(ss_source *source, ss_error *error) {
  ss_world_options options;
  source->kind_name = "world";
  SS_TRY(read_options(source->data, &options, error));
  SS_TRY(cache_path(&options, &source->root, error));
  if (!ss_folder_exists(source->root)) {
    SS_TRY(render(source->root, &options, error));
  }
  return ss_source_scan_folder(source, error);
}

const ss_source_kind ss_source_world = {holds, open_world, ss_source_read_file};
