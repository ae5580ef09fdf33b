/* Folders of pictures: class folders or loose files, in train/ and test/ (or val/) or not. */
#include "base/file.h"
#include "data/files.h"
#include "data/source_kind.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 40

static const char *const extensions[] = {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".pnm"};

bool ss_source_is_picture_name(const char *name) {
  for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
    if (ss_path_has_suffix(name, extensions[i])) {
      return true;
    }
  }
  return false;
}

typedef struct scan {
  ss_source *source;
  size_t root_length; /* of the path, with its slash: names begin behind it */
  ss_part part;
  int label;
  bool only_files; /* not the folders inside */
  struct {
    dev_t device;
    ino_t inode;
  } above[MAX_DEPTH]; /* the folders that lead here: a link to one of them is a loop */
} scan;

static ss_status scan_folder(scan *at, const char *path, int depth, ss_error *error);

static ss_status scan_entry(scan *at, const char *path, unsigned char type, int depth, ss_error *error) {
  if (type == DT_LNK || type == DT_UNKNOWN) {
    struct stat status;
    if (stat(path, &status) == 0) {
      type = S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_FIFO;
    } else { /* a link to nothing is listed by its name, so that it is reported like any bad picture */
      type = DT_REG;
    }
  }
  if (type == DT_DIR) {
    return at->only_files ? SS_OK : scan_folder(at, path, depth + 1, error);
  }
  if (type == DT_REG && ss_source_is_picture_name(path)) {
    const ss_sample sample = {.label = at->label, .part = (uint32_t)at->part};
    return ss_source_add_sample(at->source, path + at->root_length, sample, error);
  }
  return SS_OK;
}

static ss_status scan_folder(scan *at, const char *path, int depth, ss_error *error) {
  DIR *folder = opendir(path);
  struct stat status;
  if (!folder || fstat(dirfd(folder), &status) != 0) {
    const int why = errno;
    if (folder) {
      closedir(folder);
    }
    return ss_fail(error, SS_FAILED, "cannot read the folder %s: %s", path, strerror(why));
  }
  bool skip = depth >= MAX_DEPTH;
  for (int i = 0; i < depth && !skip; i++) {
    skip = at->above[i].device == status.st_dev && at->above[i].inode == status.st_ino;
  }
  if (skip) {
    closedir(folder);
    return SS_OK;
  }
  at->above[depth].device = status.st_dev;
  at->above[depth].inode = status.st_ino;

  ss_status result = SS_OK;
  struct dirent *entry = NULL;
  while (result == SS_OK && (errno = 0, entry = readdir(folder)) != NULL) {
    if (entry->d_name[0] == '.') {
      continue;
    }
    char *inner = NULL;
    result = ss_path_join(&inner, path, entry->d_name, error);
    if (result == SS_OK) {
      result = scan_entry(at, inner, entry->d_type, depth, error);
    }
    free(inner);
  }
  if (result == SS_OK && errno != 0) {
    result = ss_fail(error, SS_FAILED, "cannot read the folder %s: %s", path, strerror(errno));
  }
  closedir(folder);
  return result;
}

/* One part: each folder in `path` that holds a picture, at whatever depth, is a class; loose files have no label. */
static ss_status scan_part(ss_source *source, const char *path, ss_part part, ss_error *error) {
  scan at = {.source = source, .part = part, .label = -1, .only_files = true};
  at.root_length = strlen(source->root);
  at.root_length += source->root[at.root_length - 1] != '/';
  SS_TRY(scan_folder(&at, path, 0, error));
  at.only_files = false;
  ss_listing folders;
  SS_TRY(ss_listing_read(path, true, &folders, error));
  ss_status status = SS_OK;
  for (size_t i = 0; i < folders.count && status == SS_OK; i++) {
    char *inner = NULL;
    const uint32_t before = source->count;
    at.label = 0; /* known once there is a picture */
    status = ss_path_join(&inner, path, folders.names[i], error);
    if (status == SS_OK) {
      status = scan_folder(&at, inner, 1, error);
    }
    if (status == SS_OK && source->count > before) {
      int label = 0;
      status = ss_source_add_class(source, folders.names[i], &label, error);
      for (uint32_t k = before; k < source->count; k++) {
        source->samples[k].label = label;
      }
    }
    free(inner);
  }
  ss_listing_free(&folders);
  return status;
}

static bool is_in(const ss_listing *listing, const char *name) {
  for (size_t i = 0; i < listing->count; i++) {
    if (strcmp(listing->names[i], name) == 0) {
      return true;
    }
  }
  return false;
}

void ss_source_find_parts(const ss_listing *folders, const char **train, const char **test) {
  *train = is_in(folders, "train") ? "train" : NULL;
  *test = is_in(folders, "test") ? "test" : is_in(folders, "val") ? "val" : NULL;
  if ((!*train || !*test) && folders->count > 1) { /* one alone among others is a class that happens to be called so */
    *train = *test = NULL;
  }
}

static ss_status scan_named_part(ss_source *source, const char *name, ss_part part, ss_error *error) {
  char *path = NULL;
  SS_TRY(ss_path_join(&path, source->root, name, error));
  const ss_status status = scan_part(source, path, part, error);
  free(path);
  return status;
}

ss_status ss_source_scan_folder(ss_source *source, ss_error *error) {
  ss_listing folders;
  SS_TRY(ss_listing_read(source->root, true, &folders, error));
  const char *train = NULL, *test = NULL;
  ss_source_find_parts(&folders, &train, &test);
  ss_status status = SS_OK;
  if (!train && !test) {
    status = scan_part(source, source->root, SS_PART_TRAIN, error);
  }
  if (status == SS_OK && train) {
    status = scan_named_part(source, train, SS_PART_TRAIN, error);
  }
  if (status == SS_OK && test) {
    status = scan_named_part(source, test, SS_PART_TEST, error);
  }
  ss_listing_free(&folders);
  SS_TRY(status);
  return ss_source_sort(source, error);
}

static bool holds(const char *data) {
  return ss_folder_exists(data);
}

static ss_status open_folder(ss_source *source, ss_error *error) {
  source->kind_name = "folder";
  source->root = strdup(source->data);
  if (!source->root) {
    return ss_fail_memory(error, strlen(source->data), "a path");
  }
  for (size_t length = strlen(source->root); length > 1 && source->root[length - 1] == '/'; length--) {
    source->root[length - 1] = '\0';
  }
  ss_listing files, folders;
  SS_TRY(ss_listing_read(source->root, false, &files, error));
  const bool no_files = files.count == 0;
  ss_listing_free(&files);
  SS_TRY(ss_listing_read(source->root, true, &folders, error));
  const bool no_folders = folders.count == 0;
  ss_listing_free(&folders);
  if (no_files && no_folders) {
    return ss_fail(error, SS_FAILED, "the folder is empty: %s", source->data);
  }
  return ss_source_scan_folder(source, error);
}

ss_status ss_source_read_file(const ss_source *source, const ss_sample *sample, ss_decoder *decoder,
                              const ss_decode_options *options, ss_image *image, ss_error *error) {
  char path[8192];
  const int length = snprintf(path, sizeof path, "%s/%s", source->root, source->names + sample->name);
  if (length < 0 || (size_t)length >= sizeof path) {
    return ss_fail(error, SS_FAILED, "no such file");
  }
  return ss_decoder_read_file(decoder, path, options, image, error);
}

const ss_source_kind ss_source_folder = {holds, open_folder, ss_source_read_file};

/* The kind of sources that are filled by whoever made them. */
static const ss_source_kind listed = {.read = ss_source_read_file};

ss_status ss_source_of_files(const char *data, const char *kind_name, char *root, ss_source **out, ss_error *error) {
  ss_source *source = calloc(1, sizeof *source);
  char *copy = strdup(data);
  if (!source || !copy) {
    free(source);
    free(copy);
    free(root);
    return ss_fail_memory(error, sizeof *source + strlen(data), "a data source");
  }
  source->kind = &listed;
  source->kind_name = kind_name;
  source->root = root;
  source->data = copy;
  *out = source;
  return SS_OK;
}
