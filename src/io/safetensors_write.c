#include "io/safetensors.h"

#include "base/file.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the arrays must be swapped to little-endian here and in safetensors.c"
#endif

static const struct {
  const char *name;
  size_t size;
} dtypes[SS_SAFETENSORS_DTYPES] = {
    [SS_SAFETENSORS_F64] = {"F64", 8},   [SS_SAFETENSORS_I64] = {"I64", 8},   [SS_SAFETENSORS_U64] = {"U64", 8},
    [SS_SAFETENSORS_F32] = {"F32", 4},   [SS_SAFETENSORS_I32] = {"I32", 4},   [SS_SAFETENSORS_U32] = {"U32", 4},
    [SS_SAFETENSORS_F16] = {"F16", 2},   [SS_SAFETENSORS_BF16] = {"BF16", 2}, [SS_SAFETENSORS_I16] = {"I16", 2},
    [SS_SAFETENSORS_U16] = {"U16", 2},   [SS_SAFETENSORS_I8] = {"I8", 1},     [SS_SAFETENSORS_U8] = {"U8", 1},
    [SS_SAFETENSORS_BOOL] = {"BOOL", 1},
};

size_t ss_safetensors_dtype_size(ss_safetensors_dtype dtype) {
  return dtypes[dtype].size;
}

const char *ss_safetensors_dtype_name(ss_safetensors_dtype dtype) {
  return dtypes[dtype].name;
}

static int order_entries(const void *a, const void *b) {
  const ss_safetensors_entry *const *one = a, *const *two = b;
  const size_t one_size = dtypes[(*one)->dtype].size, two_size = dtypes[(*two)->dtype].size;
  if (one_size != two_size) {
    return one_size > two_size ? -1 : 1;
  }
  return strcmp((*one)->name, (*two)->name);
}

static int order_names(const void *a, const void *b) {
  const ss_safetensors_entry *const *one = a, *const *two = b;
  return strcmp((*one)->name, (*two)->name);
}

static int order_texts(const void *a, const void *b) {
  const ss_safetensors_text *const *one = a, *const *two = b;
  return strcmp((*one)->key, (*two)->key);
}

/* *bytes = what the entry's data take. */
static ss_status measure(const char *path, const ss_safetensors_entry *entry, uint64_t *bytes, ss_error *error) {
  if (!entry->name || strcmp(entry->name, "__metadata__") == 0 || (unsigned)entry->dtype >= SS_SAFETENSORS_DTYPES ||
      entry->rank < 0 || entry->rank > SS_SAFETENSORS_MAX_RANK) {
    return ss_fail(error, SS_FAILED, "cannot write %s: the name, dtype or rank of array \"%s\" is not allowed", path,
                   entry->name ? entry->name : "");
  }
  *bytes = dtypes[entry->dtype].size;
  for (int i = 0; i < entry->rank; i++) {
    if (entry->dims[i] < 0 || __builtin_mul_overflow(*bytes, (uint64_t)entry->dims[i], bytes)) {
      return ss_fail(error, SS_FAILED, "cannot write %s: array %s has a dimension of %" PRId64, path, entry->name,
                     entry->dims[i]);
    }
  }
  if (*bytes && !entry->data) {
    return ss_fail(error, SS_FAILED, "cannot write %s: array %s has no data", path, entry->name);
  }
  return SS_OK;
}

/* Appends the header's JSON for entries and texts in the order they have, padded so that the data start at a multiple
 * of 8. */
static ss_status format_header(const char *path, const ss_safetensors_entry *const *entries, size_t entry_count,
                               const ss_safetensors_text *const *texts, size_t text_count, ss_text *header,
                               ss_error *error) {
  const char *comma = "";
  ss_text_append(header, "{");
  if (text_count) {
    ss_text_append(header, "\"__metadata__\":{");
    for (size_t i = 0; i < text_count; i++) {
      ss_text_append(header, i ? "," : "");
      ss_json_append_string(header, texts[i]->key);
      ss_text_append(header, ":");
      ss_json_append_string(header, texts[i]->value);
    }
    ss_text_append(header, "}");
    comma = ",";
  }
  uint64_t offset = 0;
  for (size_t i = 0; i < entry_count; i++) {
    const ss_safetensors_entry *entry = entries[i];
    uint64_t bytes;
    SS_TRY(measure(path, entry, &bytes, error));
    ss_text_append(header, comma);
    ss_json_append_string(header, entry->name);
    ss_text_printf(header, ":{\"dtype\":\"%s\",\"shape\":[", dtypes[entry->dtype].name);
    for (int d = 0; d < entry->rank; d++) {
      ss_text_printf(header, "%s%" PRId64, d ? "," : "", entry->dims[d]);
    }
    uint64_t end;
    if (__builtin_add_overflow(offset, bytes, &end) || end > (uint64_t)SS_JSON_MAX_INT) {
      return ss_fail(error, SS_FAILED, "cannot write %s: its arrays are too large for one file", path);
    }
    ss_text_printf(header, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", offset, end);
    offset = end;
    comma = ",";
  }
  ss_text_append(header, "}");
  while (!header->failed && header->length % 8 != 0) {
    ss_text_append(header, " ");
  }
  SS_TRY(ss_text_check(header, error));
  if (header->length > SS_SAFETENSORS_MAX_HEADER) {
    return ss_fail(error, SS_FAILED, "cannot write %s: too many names and texts, %zu bytes of header", path,
                   header->length);
  }
  return SS_OK;
}

static ss_status check_twice(const char *path, const ss_safetensors_entry *const *entries, size_t entry_count,
                             const ss_safetensors_text *const *texts, size_t text_count, ss_error *error) {
  for (size_t i = 1; i < entry_count; i++) {
    if (strcmp(entries[i - 1]->name, entries[i]->name) == 0) {
      return ss_fail(error, SS_FAILED, "cannot write %s: two arrays named %s", path, entries[i]->name);
    }
  }
  for (size_t i = 1; i < text_count; i++) {
    if (strcmp(texts[i - 1]->key, texts[i]->key) == 0) {
      return ss_fail(error, SS_FAILED, "cannot write %s: two texts named %s", path, texts[i]->key);
    }
  }
  return SS_OK;
}

static ss_status write_file(const char *path, const ss_text *header, const ss_safetensors_entry *const *entries,
                            size_t entry_count, ss_error *error) {
  ss_file_writer *file;
  SS_TRY(ss_file_writer_open(&file, path, SS_FILE_SYNCED, error));
  const uint64_t length = header->length;
  ss_status status = ss_file_writer_write(file, &length, sizeof length, error);
  if (status == SS_OK) {
    status = ss_file_writer_write(file, header->data, header->length, error);
  }
  for (size_t i = 0; i < entry_count && status == SS_OK; i++) {
    uint64_t bytes;
    status = measure(path, entries[i], &bytes, error);
    if (status == SS_OK) {
      status = ss_file_writer_write(file, entries[i]->data, (size_t)bytes, error);
    }
  }
  if (status != SS_OK) {
    ss_file_writer_abandon(&file);
    return status;
  }
  return ss_file_writer_commit(&file, error);
}

ss_status ss_safetensors_write(const char *path, const ss_safetensors_entry *entries, size_t entry_count,
                               const ss_safetensors_text *texts, size_t text_count, ss_error *error) {
  const ss_safetensors_entry **ordered = calloc(entry_count + 1, sizeof *ordered);
  const ss_safetensors_text **keyed = calloc(text_count + 1, sizeof *keyed);
  ss_text header = {0};
  ss_status status = SS_OK;
  if (!ordered || !keyed) {
    status = ss_fail_memory(error, entry_count * sizeof *ordered, path);
  }
  for (size_t i = 0; i < entry_count && status == SS_OK; i++) {
    uint64_t bytes;
    ordered[i] = &entries[i];
    status = measure(path, &entries[i], &bytes, error);
  }
  if (status == SS_OK) {
    for (size_t i = 0; i < text_count; i++) {
      keyed[i] = &texts[i];
    }
    qsort(keyed, text_count, sizeof *keyed, order_texts);
    qsort(ordered, entry_count, sizeof *ordered, order_names);
    status = check_twice(path, ordered, entry_count, keyed, text_count, error);
  }
  if (status == SS_OK) {
    qsort(ordered, entry_count, sizeof *ordered, order_entries);
    status = format_header(path, ordered, entry_count, keyed, text_count, &header, error);
  }
  if (status == SS_OK) {
    status = write_file(path, &header, ordered, entry_count, error);
  }
  ss_text_free(&header);
  free(ordered);
  free(keyed);
  return status;
}
