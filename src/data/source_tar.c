/* Uncompressed tar shards in WebDataset's layout: the members KEY.EXTENSION with one KEY are one sample; a picture
 * (.jpg, .png, .webp, .bmp, .ppm) and, if there is one, KEY.cls with the number of its class. The shards are walked
 * once, from header to header, to learn where each picture lies; then they are read at random. */
#include "base/file.h"
#include "data/files.h"
#include "data/source_kind.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CLASS 999999
#define MAX_MEMBER_BYTES ((uint64_t)1 << 30)

static const char *const extensions[] = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm"};

static bool is_picture(const char *name) {
  for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
    if (ss_path_has_suffix(name, extensions[i])) {
      return true;
    }
  }
  return false;
}

/* Bytes of the key at the start of a member's name: up to the first dot of the last part of its path. */
static size_t key_length(const char *name) {
  const char *slash = strrchr(name, '/');
  const char *base = slash ? slash + 1 : name;
  return (size_t)(base - name) + strcspn(base, ".");
}

typedef struct shard {
  ss_source *source;
  const char *path;
  const char *name; /* relative to the root */
  uint64_t bytes;
  uint32_t file;
  ss_part part;
  char *key;      /* of the sample being gathered */
  uint32_t first; /* its first picture */
  int label;      /* -1 until its .cls is met */
} shard;

static void give_label(shard *at) {
  for (uint32_t i = at->first; i < at->source->count; i++) {
    at->source->samples[i].label = at->label;
  }
}

/* Begins a new sample if this member has another key than the one before. */
static ss_status follow_key(shard *at, const char *member, ss_error *error) {
  const size_t length = key_length(member);
  if (at->key && strlen(at->key) == length && memcmp(at->key, member, length) == 0) {
    return SS_OK;
  }
  give_label(at);
  free(at->key);
  at->key = strndup(member, length);
  at->first = at->source->count;
  at->label = -1;
  return at->key ? SS_OK : ss_fail_memory(error, length, "a name");
}

static ss_status read_class(shard *at, struct archive *archive, const char *member, ss_error *error) {
  char text[32] = {0};
  const la_ssize_t got = archive_read_data(archive, text, sizeof text - 1);
  char *end = text;
  const long label = got > 0 ? strtol(text, &end, 10) : -1;
  if (end == text || label < 0 || label > MAX_CLASS || end[strspn(end, " \r\n\t")] != '\0') {
    return ss_fail(error, SS_FAILED, "%s: %s does not hold the number of a class (0 to %d)", at->path, member,
                   MAX_CLASS);
  }
  at->label = (int)label;
  return ss_source_number_classes(at->source, at->label + 1, error);
}

static ss_status add_picture(shard *at, struct archive *archive, struct archive_entry *entry, const char *member,
                             ss_error *error) {
  const uint64_t offset = (uint64_t)archive_filter_bytes(archive, 0); /* the header is consumed, the data is not */
  const uint64_t bytes = (uint64_t)archive_entry_size(entry);
  if (bytes > MAX_MEMBER_BYTES || offset > at->bytes || bytes > at->bytes - offset) {
    return ss_fail(error, SS_FAILED, "%s: %s reaches beyond the end of the shard, which is cut short", at->path,
                   member);
  }
  char *name = NULL;
  if (asprintf(&name, "%s/%s", at->name, member) < 0) {
    return ss_fail_memory(error, strlen(member), "a name");
  }
  const ss_sample sample = {
      .offset = offset, .length = bytes, .file = at->file, .label = -1, .part = (uint32_t)at->part};
  const ss_status status = ss_source_add_sample(at->source, name, sample, error);
  free(name);
  return status;
}

static ss_status damaged(const char *path, struct archive *archive, ss_error *error) {
  const char *why = archive_error_string(archive);
  return ss_fail(error, SS_FAILED, "%s: not a whole, uncompressed tar file (%s)", path, why ? why : "damaged");
}

static ss_status add_members(shard *at, struct archive *archive, ss_error *error) {
  struct archive_entry *entry = NULL;
  int code = ARCHIVE_OK;
  while ((code = archive_read_next_header(archive, &entry)) == ARCHIVE_OK || code == ARCHIVE_WARN) {
    const char *member = archive_entry_pathname(entry);
    if (!member || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
        archive_entry_sparse_count(entry) > 0 || archive_entry_size(entry) <= 0) {
      continue;
    }
    SS_TRY(follow_key(at, member, error));
    if (is_picture(member)) {
      SS_TRY(add_picture(at, archive, entry, member, error));
    } else if (ss_path_has_suffix(member, ".cls")) {
      SS_TRY(read_class(at, archive, member, error));
    }
  }
  give_label(at);
  return code == ARCHIVE_EOF ? SS_OK : damaged(at->path, archive, error);
}

static ss_status add_shard(ss_source *source, const char *path, const char *name, ss_part part, ss_error *error) {
  shard at = {.source = source, .path = path, .name = name, .part = part, .first = source->count, .label = -1};
  if (!ss_path_is_file(path, &at.bytes)) {
    return ss_fail(error, SS_FAILED, "no such shard: %s", path);
  }
  if (at.bytes == 0) {
    return ss_fail(error, SS_FAILED, "%s: an empty file, not a tar shard", path);
  }
  SS_TRY(ss_source_add_file(source, path, &at.file, error));
  struct archive *archive = archive_read_new();
  if (!archive) {
    return ss_fail_memory(error, 4096, "reading a tar file");
  }
  ss_status status = SS_OK;
  if (archive_read_support_filter_none(archive) != ARCHIVE_OK ||
      archive_read_support_format_tar(archive) != ARCHIVE_OK ||
      archive_read_open_filename(archive, path, 65536) != ARCHIVE_OK) {
    status = damaged(path, archive, error);
  } else {
    status = add_members(&at, archive, error);
  }
  archive_read_free(archive);
  free(at.key);
  return status;
}

/* PREFIX{FIRST..LAST}SUFFIX, taken apart. */
typedef struct range {
  int prefix; /* bytes */
  int digits;
  long first;
  long last;
  const char *suffix;
} range;

static bool parse_range(const char *data, range *out) {
  const char *open = strchr(data, '{');
  const char *dots = open ? strstr(open, "..") : NULL;
  const char *close = dots ? strchr(dots, '}') : NULL;
  if (!close) {
    return false;
  }
  const size_t digits = (size_t)(dots - open) - 1;
  const size_t last_digits = (size_t)(close - dots) - 2;
  if (digits < 1 || digits > 9 || strspn(open + 1, "0123456789") != digits || last_digits < 1 || last_digits > 9 ||
      strspn(dots + 2, "0123456789") != last_digits) {
    return false;
  }
  *out = (range){(int)(open - data), (int)digits, strtol(open + 1, NULL, 10), strtol(dots + 2, NULL, 10), close + 1};
  return out->last >= out->first;
}

static ss_status add_range(ss_source *source, const range *shards, ss_error *error) {
  for (long i = shards->first; i <= shards->last; i++) {
    char *path = NULL;
    if (asprintf(&path, "%.*s%0*ld%s", shards->prefix, source->data, shards->digits, i, shards->suffix) < 0) {
      return ss_fail_memory(error, strlen(source->data), "a path");
    }
    const char *slash = strrchr(path, '/');
    const ss_status status = add_shard(source, path, slash ? slash + 1 : path, SS_PART_TRAIN, error);
    free(path);
    SS_TRY(status);
  }
  return SS_OK;
}

static ss_status add_folder(ss_source *source, const char *inner, ss_part part, ss_error *error) {
  char *folder = NULL;
  ss_listing files = {0};
  ss_status status = ss_path_join(&folder, source->root, inner, error);
  if (status == SS_OK) {
    status = ss_listing_read(folder, false, &files, error);
  }
  for (size_t i = 0; i < files.count && status == SS_OK; i++) {
    if (!ss_path_has_suffix(files.names[i], ".tar")) {
      continue;
    }
    char *path = NULL, *name = NULL;
    status = ss_path_join(&path, folder, files.names[i], error);
    if (status == SS_OK) {
      status = ss_path_join(&name, inner, files.names[i], error);
    }
    if (status == SS_OK) {
      status = add_shard(source, path, name, part, error);
    }
    free(path);
    free(name);
  }
  ss_listing_free(&files);
  free(folder);
  return status;
}

static bool has_shards(const char *folder) {
  ss_listing files;
  bool found = false;
  if (ss_listing_read(folder, false, &files, NULL) == SS_OK) {
    for (size_t i = 0; i < files.count && !found; i++) {
      found = ss_path_has_suffix(files.names[i], ".tar");
    }
    ss_listing_free(&files);
  }
  return found;
}

/* The parts of a folder of shards; false if it holds none. Beside other folders shards are what those came from. */
static bool find_folder_parts(const char *data, const char **train, const char **test) {
  ss_listing folders;
  if (ss_listing_read(data, true, &folders, NULL) != SS_OK) {
    return false;
  }
  ss_source_find_parts(&folders, train, test);
  const size_t others = folders.count;
  ss_listing_free(&folders);
  if (*train || *test) {
    char *folder = NULL;
    const bool found = ss_path_join(&folder, data, *train ? *train : *test, NULL) == SS_OK && has_shards(folder);
    free(folder);
    return found;
  }
  return others == 0 && has_shards(data);
}

static bool holds(const char *data) {
  range shards;
  const char *train = NULL, *test = NULL;
  if (ss_folder_exists(data)) {
    return find_folder_parts(data, &train, &test);
  }
  return ss_path_has_suffix(data, ".tar") && (ss_path_is_file(data, NULL) || parse_range(data, &shards));
}

static ss_status open_tar(ss_source *source, ss_error *error) {
  source->kind_name = "tar shards";
  range shards;
  const char *train = NULL, *test = NULL;
  const bool is_folder = ss_folder_exists(source->data);
  const char *slash = strrchr(source->data, '/');
  if (is_folder || !slash) {
    source->root = strdup(is_folder ? source->data : ".");
  } else {
    source->root = strndup(source->data, slash == source->data ? 1 : (size_t)(slash - source->data));
  }
  if (!source->root) {
    return ss_fail_memory(error, strlen(source->data), "a path");
  }
  if (!is_folder) {
    if (ss_path_is_file(source->data, NULL)) {
      return add_shard(source, source->data, slash ? slash + 1 : source->data, SS_PART_TRAIN, error);
    }
    if (!parse_range(source->data, &shards)) {
      return ss_fail(error, SS_FAILED, "no such file: %s", source->data);
    }
    return add_range(source, &shards, error);
  }
  if (!find_folder_parts(source->data, &train, &test)) {
    return ss_fail(error, SS_FAILED, "no tar shards in %s", source->data);
  }
  if (!train && !test) {
    return add_folder(source, "", SS_PART_TRAIN, error);
  }
  if (train) {
    SS_TRY(add_folder(source, train, SS_PART_TRAIN, error));
  }
  return test ? add_folder(source, test, SS_PART_TEST, error) : SS_OK;
}

static ss_status read_tar(const ss_source *source, const ss_sample *sample, ss_decoder *decoder,
                          const ss_decode_options *options, ss_image *image, ss_error *error) {
  const uint8_t *bytes = NULL;
  SS_TRY(ss_source_read_bytes(source, sample, decoder, &bytes, error));
  return ss_decoder_decode(decoder, bytes, sample->length, options, image, error);
}

const ss_source_kind ss_source_tar = {holds, open_tar, read_tar};
