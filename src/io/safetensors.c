/* Reading: the header is checked in full when a file is opened; arrays are read where they are wanted. */
#include "io/safetensors.h"

#include "base/bfloat16.h"
#include "base/file.h"
#include "base/float16.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ss_safetensors {
  char *path;
  int file;
  uint64_t data;  /* where the arrays start */
  uint64_t bytes; /* how much they take */
  ss_safetensors_tensor *tensors;
  size_t count;
  ss_safetensors_text *texts;
  size_t text_count;
  cJSON *header; /* owns the texts' strings */
};

void ss_safetensors_close(ss_safetensors *file) {
  if (!file) {
    return;
  }
  for (size_t i = 0; i < file->count; i++) {
    free(file->tensors[i].name);
  }
  free(file->tensors);
  free(file->texts);
  cJSON_Delete(file->header);
  if (file->file >= 0) {
    close(file->file);
  }
  free(file->path);
  free(file);
}

/* Reads exactly `size` bytes at `offset`. */
static ss_status read_at(const ss_safetensors *file, uint64_t offset, void *out, size_t size, ss_error *error) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = pread(file->file, (char *)out + done, size - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return ss_fail_file(error, "read", file->path, errno);
    }
    if (got == 0) {
      return ss_fail(error, SS_FAILED, "%s: cut short", file->path);
    }
    done += (size_t)got;
  }
  return SS_OK;
}

static ss_status find_dtype(const ss_safetensors *file, const char *name, const char *text, ss_safetensors_dtype *dtype,
                            ss_error *error) {
  for (int i = 0; i < SS_SAFETENSORS_DTYPES; i++) {
    if (strcmp(text, ss_safetensors_dtype_name((ss_safetensors_dtype)i)) == 0) {
      *dtype = (ss_safetensors_dtype)i;
      return SS_OK;
    }
  }
  return ss_fail(error, SS_FAILED, "%s: array %.100s has dtype \"%.20s\", which is not known", file->path, name, text);
}

/* A whole number that is not negative; false for anything else. */
static bool get_natural(const cJSON *item, uint64_t *value) {
  if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= (double)SS_JSON_MAX_INT) ||
      item->valuedouble != floor(item->valuedouble)) {
    return false;
  }
  *value = (uint64_t)item->valuedouble;
  return true;
}

static ss_status read_shape(const ss_safetensors *file, const cJSON *shape, ss_safetensors_tensor *tensor,
                            ss_error *error) {
  tensor->count = 1;
  for (const cJSON *item = shape->child; item; item = item->next) {
    uint64_t dim;
    if (tensor->rank == SS_SAFETENSORS_MAX_RANK || !get_natural(item, &dim) ||
        __builtin_mul_overflow(tensor->count, dim, &tensor->count)) {
      return ss_fail(error, SS_FAILED, "%s: array %.100s has a shape that is not possible", file->path, tensor->name);
    }
    tensor->dims[tensor->rank++] = (int64_t)dim;
  }
  if (__builtin_mul_overflow(tensor->count, (uint64_t)ss_safetensors_dtype_size(tensor->dtype), &tensor->bytes)) {
    return ss_fail(error, SS_FAILED, "%s: array %.100s has a shape that is not possible", file->path, tensor->name);
  }
  return SS_OK;
}

static ss_status read_tensor(const ss_safetensors *file, const cJSON *entry, ss_safetensors_tensor *tensor,
                             ss_error *error) {
  static const char *const keys[] = {"dtype", "shape", "data_offsets"};
  tensor->name = strdup(entry->string);
  if (!tensor->name) {
    return ss_fail_memory(error, strlen(entry->string), file->path);
  }
  char where[256];
  snprintf(where, sizeof where, "%.120s: array %.100s", file->path, tensor->name);
  SS_TRY(ss_json_check_keys(entry, where, keys, sizeof keys / sizeof keys[0], error));
  const char *dtype = NULL;
  const cJSON *shape = NULL, *offsets = NULL;
  SS_TRY(ss_json_get_string(entry, where, "dtype", &dtype, error));
  SS_TRY(ss_json_get_array(entry, where, "shape", &shape, error));
  SS_TRY(ss_json_get_array(entry, where, "data_offsets", &offsets, error));
  SS_TRY(find_dtype(file, tensor->name, dtype, &tensor->dtype, error));
  SS_TRY(read_shape(file, shape, tensor, error));
  uint64_t begin, end;
  if (cJSON_GetArraySize(offsets) != 2 || !get_natural(offsets->child, &begin) ||
      !get_natural(offsets->child->next, &end) || begin > end) {
    return ss_fail(error, SS_FAILED, "%s: data_offsets are not two numbers, the first not above the second", where);
  }
  if (end > file->bytes) {
    return ss_fail(error, SS_FAILED,
                   "%s: cut short: array %.100s ends at byte %" PRIu64 " of the data, which has %" PRIu64, file->path,
                   tensor->name, end, file->bytes);
  }
  if (end - begin != tensor->bytes) {
    return ss_fail(error, SS_FAILED, "%s: its range has %" PRIu64 " bytes, its dtype and shape need %" PRIu64, where,
                   end - begin, tensor->bytes);
  }
  tensor->offset = file->data + begin;
  return SS_OK;
}

static ss_status read_texts(ss_safetensors *file, const cJSON *metadata, ss_error *error) {
  if (!cJSON_IsObject(metadata)) {
    return ss_fail(error, SS_FAILED, "%s: __metadata__ is not a JSON object", file->path);
  }
  const size_t count = (size_t)cJSON_GetArraySize(metadata);
  file->texts = calloc(count + 1, sizeof *file->texts);
  if (!file->texts) {
    return ss_fail_memory(error, count * sizeof *file->texts, file->path);
  }
  for (const cJSON *item = metadata->child; item; item = item->next) {
    if (!cJSON_IsString(item)) {
      return ss_fail(error, SS_FAILED, "%s: __metadata__ %.100s is not a string", file->path, item->string);
    }
    file->texts[file->text_count++] = (ss_safetensors_text){item->string, item->valuestring};
  }
  return SS_OK;
}

static int order_texts(const void *a, const void *b) {
  return strcmp(((const ss_safetensors_text *)a)->key, ((const ss_safetensors_text *)b)->key);
}

static int order_names(const void *a, const void *b) {
  return strcmp(((const ss_safetensors_tensor *)a)->name, ((const ss_safetensors_tensor *)b)->name);
}

static int order_offsets(const void *a, const void *b) {
  const ss_safetensors_tensor *one = a, *two = b;
  if (one->offset != two->offset) {
    return one->offset < two->offset ? -1 : 1;
  }
  return one->bytes < two->bytes ? -1 : one->bytes > two->bytes; /* empty arrays before the one at their place */
}

/* Every byte of the data must belong to one array. */
static ss_status check_ranges(const ss_safetensors *file, ss_error *error) {
  uint64_t end = file->data;
  for (size_t i = 0; i < file->count; i++) {
    const ss_safetensors_tensor *tensor = &file->tensors[i];
    if (tensor->offset != end) {
      return ss_fail(error, SS_FAILED, "%s: array %.100s %s", file->path, tensor->name,
                     tensor->offset < end ? "overlaps the one before it" : "leaves a gap before it");
    }
    end += tensor->bytes;
  }
  if (end != file->data + file->bytes) {
    return ss_fail(error, SS_FAILED, "%s: %" PRIu64 " bytes at its end belong to no array", file->path,
                   file->data + file->bytes - end);
  }
  return SS_OK;
}

static ss_status check_names(const ss_safetensors *file, ss_error *error) {
  for (size_t i = 1; i < file->count; i++) {
    if (strcmp(file->tensors[i - 1].name, file->tensors[i].name) == 0) {
      return ss_fail(error, SS_FAILED, "%s: two arrays named %.100s", file->path, file->tensors[i].name);
    }
  }
  for (size_t i = 1; i < file->text_count; i++) {
    if (strcmp(file->texts[i - 1].key, file->texts[i].key) == 0) {
      return ss_fail(error, SS_FAILED, "%s: two texts named %.100s", file->path, file->texts[i].key);
    }
  }
  return SS_OK;
}

static ss_status read_entries(ss_safetensors *file, ss_error *error) {
  if (!cJSON_IsObject(file->header)) {
    return ss_fail(error, SS_FAILED, "%s: its header is not a JSON object", file->path);
  }
  const size_t members = (size_t)cJSON_GetArraySize(file->header);
  file->tensors = calloc(members + 1, sizeof *file->tensors);
  if (!file->tensors) {
    return ss_fail_memory(error, members * sizeof *file->tensors, file->path);
  }
  for (const cJSON *item = file->header->child; item; item = item->next) {
    if (strcmp(item->string, "__metadata__") != 0) {
      SS_TRY(read_tensor(file, item, &file->tensors[file->count++], error));
    } else if (file->texts) {
      return ss_fail(error, SS_FAILED, "%s: __metadata__ is there twice", file->path);
    } else {
      SS_TRY(read_texts(file, item, error));
    }
  }
  if (file->text_count) {
    qsort(file->texts, file->text_count, sizeof *file->texts, order_texts);
  }
  qsort(file->tensors, file->count, sizeof *file->tensors, order_offsets);
  SS_TRY(check_ranges(file, error));
  qsort(file->tensors, file->count, sizeof *file->tensors, order_names);
  return check_names(file, error);
}

static ss_status read_header(ss_safetensors *file, ss_error *error) {
  struct stat info;
  if (fstat(file->file, &info) != 0) {
    return ss_fail_file(error, "read", file->path, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return ss_fail(error, SS_FAILED, "cannot read %s: it is not a regular file", file->path);
  }
  const uint64_t size = (uint64_t)info.st_size;
  unsigned char prefix[8];
  if (size < sizeof prefix) {
    return ss_fail(error, SS_FAILED, "%s: cut short: %" PRIu64 " bytes are no safetensors file", file->path, size);
  }
  SS_TRY(read_at(file, 0, prefix, sizeof prefix, error));
  uint64_t length = 0;
  for (int i = 7; i >= 0; i--) {
    length = length << 8 | prefix[i];
  }
  if (length > SS_SAFETENSORS_MAX_HEADER) {
    return ss_fail(error, SS_FAILED, "%s: not a safetensors file: a header of %" PRIu64 " bytes is too long",
                   file->path, length);
  }
  if (length > size - sizeof prefix) {
    return ss_fail(error, SS_FAILED, "%s: cut short: its header has %" PRIu64 " bytes, the file %" PRIu64, file->path,
                   length, size);
  }
  char *text = malloc((size_t)length + 1);
  if (!text) {
    return ss_fail_memory(error, (size_t)length, file->path);
  }
  ss_status status = read_at(file, sizeof prefix, text, (size_t)length, error);
  if (status == SS_OK && (length == 0 || text[0] != '{')) {
    status = ss_fail(error, SS_FAILED, "%s: not a safetensors file: its header is not JSON", file->path);
  }
  if (status == SS_OK) {
    text[length] = '\0';
    status = ss_json_parse(&file->header, text, (size_t)length, file->path, error);
  }
  free(text);
  file->data = sizeof prefix + length;
  file->bytes = size - file->data;
  return status;
}

ss_status ss_safetensors_open(ss_safetensors **file, const char *path, ss_error *error) {
  *file = NULL;
  ss_safetensors *opened = calloc(1, sizeof *opened);
  char *name = strdup(path);
  if (!opened || !name) {
    free(opened);
    free(name);
    return ss_fail_memory(error, sizeof *opened, path);
  }
  opened->path = name;
  opened->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (opened->file < 0) {
    const int why = errno;
    ss_safetensors_close(opened);
    return ss_fail_file(error, "read", path, why);
  }
  ss_status status = read_header(opened, error);
  if (status == SS_OK) {
    status = read_entries(opened, error);
  }
  if (status != SS_OK) {
    ss_safetensors_close(opened);
    return status;
  }
  *file = opened;
  return SS_OK;
}

size_t ss_safetensors_count(const ss_safetensors *file) {
  return file->count;
}

const ss_safetensors_tensor *ss_safetensors_at(const ss_safetensors *file, size_t index) {
  return &file->tensors[index];
}

const ss_safetensors_tensor *ss_safetensors_find(const ss_safetensors *file, const char *name) {
  size_t low = 0, high = file->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const int order = strcmp(name, file->tensors[middle].name);
    if (order == 0) {
      return &file->tensors[middle];
    }
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return NULL;
}

const char *ss_safetensors_metadata(const ss_safetensors *file, const char *key) {
  for (size_t i = 0; i < file->text_count; i++) {
    if (strcmp(file->texts[i].key, key) == 0) {
      return file->texts[i].value;
    }
  }
  return NULL;
}

size_t ss_safetensors_metadata_count(const ss_safetensors *file) {
  return file->text_count;
}

ss_safetensors_text ss_safetensors_metadata_at(const ss_safetensors *file, size_t index) {
  return file->texts[index];
}

const char *ss_safetensors_path(const ss_safetensors *file) {
  return file->path;
}

ss_status ss_safetensors_read(const ss_safetensors *file, const ss_safetensors_tensor *tensor, void *out,
                              ss_error *error) {
  return read_at(file, tensor->offset, out, (size_t)tensor->bytes, error);
}

static void convert(ss_safetensors_dtype dtype, const unsigned char *bytes, size_t count, float *out) {
  const size_t size = ss_safetensors_dtype_size(dtype);
  for (size_t i = 0; i < count; i++) {
    if (dtype == SS_SAFETENSORS_F64) {
      double value;
      memcpy(&value, bytes + i * size, sizeof value);
      out[i] = (float)value;
    } else {
      uint16_t value;
      memcpy(&value, bytes + i * size, sizeof value);
      out[i] = dtype == SS_SAFETENSORS_BF16 ? ss_bf16_to_float(value) : ss_f16_to_float(value);
    }
  }
}

ss_status ss_safetensors_read_float(const ss_safetensors *file, const ss_safetensors_tensor *tensor, float *out,
                                    ss_error *error) {
  switch (tensor->dtype) {
    case SS_SAFETENSORS_F32:
      return ss_safetensors_read(file, tensor, out, error);
    case SS_SAFETENSORS_F64:
    case SS_SAFETENSORS_F16:
    case SS_SAFETENSORS_BF16:
      break;
    default:
      return ss_fail(error, SS_FAILED, "%s: array %.100s is %s, not floating point", file->path, tensor->name,
                     ss_safetensors_dtype_name(tensor->dtype));
  }
  unsigned char bytes[8192];
  const size_t size = ss_safetensors_dtype_size(tensor->dtype);
  const uint64_t chunk = sizeof bytes / size;
  for (uint64_t done = 0; done < tensor->count; done += chunk) {
    const uint64_t left = tensor->count - done;
    const size_t count = (size_t)(left < chunk ? left : chunk);
    SS_TRY(read_at(file, tensor->offset + done * size, bytes, count * size, error));
    convert(tensor->dtype, bytes, count, out + done);
  }
  return SS_OK;
}

static void describe(ss_safetensors_dtype dtype, int rank, const int64_t *dims, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "%s (", ss_safetensors_dtype_name(dtype));
  for (int i = 0; i < rank && used < size; i++) {
    used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? ", " : "", dims[i]);
  }
  if (used < size) {
    snprintf(text + used, size - used, ")");
  }
}

ss_status ss_safetensors_read_exact(const ss_safetensors *file, const char *name, ss_safetensors_dtype dtype, int rank,
                                    const int64_t *dims, void *out, ss_error *error) {
  const ss_safetensors_tensor *tensor = ss_safetensors_find(file, name);
  if (!tensor) {
    return ss_fail(error, SS_FAILED, "%s: %s is missing", file->path, name);
  }
  bool same = tensor->dtype == dtype && tensor->rank == rank;
  for (int i = 0; i < rank && same; i++) {
    same = tensor->dims[i] == dims[i];
  }
  if (!same) {
    char is[128], expected[128];
    describe(tensor->dtype, tensor->rank, tensor->dims, is, sizeof is);
    describe(dtype, rank, dims, expected, sizeof expected);
    return ss_fail(error, SS_FAILED, "%s: %s is %s, expected %s", file->path, name, is, expected);
  }
  return ss_safetensors_read(file, tensor, out, error);
}
