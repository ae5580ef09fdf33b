/* One picture in a file, whatever the file's name. */
#include "base/file.h"
#include "data/files.h"
#include "data/source_kind.h"

#include <stdlib.h>
#include <string.h>

/* By its first bytes: a text or a tensor file is no data set. */
static bool holds(const char *data) {
  uint8_t head[64];
  uint64_t bytes = 0;
  if (!ss_path_is_file(data, &bytes) || bytes == 0) {
    return false;
  }
  const size_t length = bytes < sizeof head ? (size_t)bytes : sizeof head;
  return ss_file_read_at(data, 0, head, length, NULL) == SS_OK && ss_image_format_of(head, length) != SS_FORMAT_UNKNOWN;
}

static ss_status open_picture(ss_source *source, ss_error *error) {
  const char *name = ss_path_name(source->data);
  const size_t above = (size_t)(name - source->data);
  source->kind_name = "picture";
  source->root = above > 1 ? strndup(source->data, above - 1) : strdup(above == 1 ? "/" : ".");
  if (!source->root) {
    return ss_fail_memory(error, above, "a path");
  }
  const ss_sample sample = {.label = -1, .part = SS_PART_TRAIN};
  return ss_source_add_sample(source, name, sample, error);
}

const ss_source_kind ss_source_picture = {holds, open_picture, ss_source_read_file};
