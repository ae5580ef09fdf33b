#include "engine/ways_cache.h"

#include "base/file.h"
#include "base/random.h"
#include "base/system.h"

#include <stdio.h>
#include <stdlib.h>

/* A file a processor model and version: another machine on the same home folder makes its own choices. */
static bool cache_path(char path[1200], bool make) {
  char processor[128], folder[1100];
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (cache && *cache) {
    snprintf(folder, sizeof folder, "%.1000s/selfsup", cache);
  } else if (home && *home) {
    snprintf(folder, sizeof folder, "%.1000s/.cache/selfsup", home);
  } else {
    return false;
  }
  if (make && ss_folder_make(folder, NULL) != SS_OK) {
    return false;
  }
  ss_system_processor_name(processor, sizeof processor);
  snprintf(path, 1200, "%s/kernels-%s-%08x.json", folder, SS_VERSION, (unsigned)ss_hash_text(processor));
  return true;
}

ss_status ss_ways_cache_load(ss_ways *ways, ss_error *error) {
  char path[1200];
  if (!cache_path(path, false)) {
    return SS_OK;
  }
  ss_ways *cached = ss_ways_new();
  ss_status status = cached ? ss_ways_load(cached, path, error) : ss_fail_memory(error, 1, "the kernels' cache");
  if (status == SS_OK) {
    status = ss_ways_merge(ways, cached, error);
  }
  ss_ways_free(cached);
  return status;
}

void ss_ways_cache_save(const ss_ways *ways) {
  char path[1200];
  if (!cache_path(path, true)) {
    return;
  }
  ss_ways *all = ss_ways_new();
  /* What others have chosen meanwhile stays. */
  if (all && ss_ways_merge(all, ways, NULL) == SS_OK && ss_ways_cache_load(all, NULL) == SS_OK &&
      ss_ways_save(all, path, NULL) != SS_OK) {
    remove(path); /* the next run times its kernels again */
  }
  ss_ways_free(all);
}
