/* Paths and reads for the sources. */
#ifndef SS_DATA_FILES_H
#define SS_DATA_FILES_H

#include "base/status.h"

#include <stdbool.h>

bool ss_path_is_file(const char *path, uint64_t *bytes); /* a regular one, links followed; `bytes` may be NULL */
bool ss_path_has_file(const char *folder, const char *name);
bool ss_path_has_folder(const char *folder, const char *name); /* links followed */
bool ss_path_has_suffix(const char *path, const char *suffix); /* in any case of letters */

/* Reads exactly `length` bytes at `offset`; fails, naming the file, when there are fewer. */
ss_status ss_file_read_at(const char *path, uint64_t offset, void *buffer, size_t length, ss_error *error);

/* The names in a folder that do not begin with a dot, sorted in byte order: folders only or other things only. */
typedef struct ss_listing {
  char **names;
  size_t count;
} ss_listing;

ss_status ss_listing_read(const char *folder, bool folders, ss_listing *listing, ss_error *error);
void ss_listing_free(ss_listing *listing);

#endif
