#include "data/files.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

bool ss_path_is_file(const char *path, uint64_t *bytes) {
  struct stat status;
  if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
    return false;
  }
  if (bytes) {
    *bytes = (uint64_t)status.st_size;
  }
  return true;
}

bool ss_path_has_file(const char *folder, const char *name) {
  char *path = NULL;
  const bool has = ss_path_join(&path, folder, name, NULL) == SS_OK && ss_path_is_file(path, NULL);
  free(path);
  return has;
}

bool ss_path_has_folder(const char *folder, const char *name) {
  char *path = NULL;
  const bool has = ss_path_join(&path, folder, name, NULL) == SS_OK && ss_folder_exists(path);
  free(path);
  return has;
}

bool ss_path_has_suffix(const char *path, const char *suffix) {
  const size_t length = strlen(path);
  const size_t suffix_length = strlen(suffix);
  return length >= suffix_length && strcasecmp(path + length - suffix_length, suffix) == 0;
}

ss_status ss_file_read_at(const char *path, uint64_t offset, void *buffer, size_t length, ss_error *error) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return ss_fail(error, SS_FAILED, "cannot open %s: %s", path, strerror(errno));
  }
  size_t done = 0;
  while (done < length) {
    const ssize_t got = pread(file, (char *)buffer + done, length - done, (off_t)(offset + done));
    if (got > 0) {
      done += (size_t)got;
    } else if (got == 0 || errno != EINTR) {
      const char *why = got == 0 ? "it is cut short" : strerror(errno);
      close(file);
      return ss_fail(error, SS_FAILED, "cannot read %s: %s", path, why);
    }
  }
  close(file);
  return SS_OK;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool entry_is_folder(const char *folder, const struct dirent *entry) {
  if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) {
    return entry->d_type == DT_DIR;
  }
  char *path = NULL;
  const bool is = ss_path_join(&path, folder, entry->d_name, NULL) == SS_OK && ss_folder_exists(path);
  free(path);
  return is;
}

static ss_status add_name(ss_listing *listing, size_t *capacity, const char *name, ss_error *error) {
  if (listing->count == *capacity) {
    const size_t grown = *capacity ? *capacity * 2 : 64;
    char **names = realloc(listing->names, grown * sizeof *names);
    if (!names) {
      return ss_fail_memory(error, grown * sizeof *names, "a list of files");
    }
    listing->names = names;
    *capacity = grown;
  }
  char *copy = strdup(name);
  if (!copy) {
    return ss_fail_memory(error, strlen(name), "a list of files");
  }
  listing->names[listing->count++] = copy;
  return SS_OK;
}

ss_status ss_listing_read(const char *folder, bool folders, ss_listing *listing, ss_error *error) {
  *listing = (ss_listing){0};
  DIR *open_folder = opendir(folder);
  if (!open_folder) {
    return ss_fail(error, SS_FAILED, "cannot read the folder %s: %s", folder, strerror(errno));
  }
  size_t capacity = 0;
  ss_status status = SS_OK;
  struct dirent *entry = NULL;
  while (status == SS_OK && (errno = 0, entry = readdir(open_folder)) != NULL) {
    if (entry->d_name[0] != '.' && entry_is_folder(folder, entry) == folders) {
      status = add_name(listing, &capacity, entry->d_name, error);
    }
  }
  if (status == SS_OK && errno != 0) {
    status = ss_fail(error, SS_FAILED, "cannot read the folder %s: %s", folder, strerror(errno));
  }
  closedir(open_folder);
  if (status != SS_OK) {
    ss_listing_free(listing);
    return status;
  }
  if (listing->count) {
    qsort(listing->names, listing->count, sizeof *listing->names, by_bytes);
  }
  return SS_OK;
}

void ss_listing_free(ss_listing *listing) {
  for (size_t i = 0; i < listing->count; i++) {
    free(listing->names[i]);
  }
  free(listing->names);
  *listing = (ss_listing){0};
}
