#include "io/npy.h"

#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The format: magic, version, 2 bytes length of the header, the header (a Python dictionary as text) padded with
 * blanks to a newline so that the data starts at a multiple of 64. Ours always takes 128 bytes, whatever the number of
 * rows, so that it can be written over at the end. */
enum { our_header = 128, prefix = 10 };

static const char magic[] = "\x93NUMPY";

struct ss_npy_writer {
  ss_file_writer *file;
  ss_npy_dtype dtype;
  int64_t columns; /* 0: rank 1 */
  int64_t rows;
};

static void format_header(const ss_npy_writer *writer, char header[our_header + 1]) {
  char shape[64];
  if (writer->columns > 0) {
    snprintf(shape, sizeof shape, "(%" PRId64 ", %" PRId64 ")", writer->rows, writer->columns);
  } else {
    snprintf(shape, sizeof shape, "(%" PRId64 ",)", writer->rows);
  }
  char text[our_header - prefix];
  snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
           writer->dtype == SS_NPY_F32 ? "<f4" : "<i4", shape);
  memcpy(header, magic, 6);
  header[6] = 1;
  header[7] = 0;
  header[8] = our_header - prefix;
  header[9] = 0;
  snprintf(header + prefix, our_header - prefix + 1, "%-*s\n", our_header - prefix - 1, text);
}

/* A writer without its file yet. */
static ss_status new_writer(ss_npy_writer **writer, const char *path, ss_npy_dtype dtype, int64_t columns, int64_t rows,
                            ss_error *error) {
  *writer = NULL;
  if (columns < 0 || columns > INT64_MAX / 8 || rows < 0 || rows > INT64_MAX / 8 / (columns > 0 ? columns : 1)) {
    return ss_fail(error, SS_FAILED, "cannot write %s: %" PRId64 " columns, %" PRId64 " rows", path, columns, rows);
  }
  ss_npy_writer *made = calloc(1, sizeof *made);
  if (!made) {
    return ss_fail_memory(error, sizeof *made, path);
  }
  made->dtype = dtype;
  made->columns = columns;
  made->rows = rows;
  *writer = made;
  return SS_OK;
}

ss_status ss_npy_writer_open(ss_npy_writer **writer, const char *path, ss_npy_dtype dtype, int64_t columns,
                             ss_error *error) {
  SS_TRY(new_writer(writer, path, dtype, columns, 0, error));
  ss_status status = ss_file_writer_open(&(*writer)->file, path, SS_FILE_SYNCED, error);
  if (status == SS_OK) {
    char header[our_header + 1];
    format_header(*writer, header);
    status = ss_file_writer_write((*writer)->file, header, our_header, error);
  }
  if (status != SS_OK) {
    ss_npy_writer_abandon(writer);
  }
  return status;
}

ss_status ss_npy_writer_resume(ss_npy_writer **writer, const char *path, ss_npy_dtype dtype, int64_t columns,
                               int64_t rows, ss_error *error) {
  SS_TRY(new_writer(writer, path, dtype, columns, rows, error));
  const uint64_t bytes = our_header + (uint64_t)rows * (uint64_t)(columns > 0 ? columns : 1) * 4;
  const ss_status status = ss_file_writer_resume(&(*writer)->file, path, bytes, SS_FILE_SYNCED, error);
  if (status != SS_OK) {
    ss_npy_writer_leave(writer);
  }
  return status;
}

ss_status ss_npy_writer_sync(ss_npy_writer *writer, ss_error *error) {
  return ss_file_writer_sync(writer->file, error);
}

void ss_npy_writer_leave(ss_npy_writer **writer) {
  ss_npy_writer *ended = *writer;
  *writer = NULL;
  if (ended) {
    ss_file_writer_leave(&ended->file);
    free(ended);
  }
}

ss_status ss_npy_writer_append(ss_npy_writer *writer, const void *data, int64_t rows, ss_error *error) {
  const int64_t columns = writer->columns > 0 ? writer->columns : 1;
  if (rows < 0 || rows > INT64_MAX / 8 / columns - writer->rows) {
    return ss_fail(error, SS_FAILED, "cannot append %" PRId64 " rows of %" PRId64 " numbers", rows, columns);
  }
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the numbers must be swapped to little-endian here"
#endif
  SS_TRY(ss_file_writer_write(writer->file, data, (size_t)rows * (size_t)columns * 4, error));
  writer->rows += rows;
  return SS_OK;
}

ss_status ss_npy_writer_commit(ss_npy_writer **writer, ss_error *error) {
  ss_npy_writer *ended = *writer;
  *writer = NULL;
  char header[our_header + 1];
  format_header(ended, header);
  ss_status status = ss_file_writer_rewrite(ended->file, 0, header, our_header, error);
  if (status == SS_OK) {
    status = ss_file_writer_commit(&ended->file, error);
  }
  ss_npy_writer_abandon(&ended);
  return status;
}

void ss_npy_writer_abandon(ss_npy_writer **writer) {
  ss_npy_writer *ended = *writer;
  *writer = NULL;
  if (ended) {
    ss_file_writer_abandon(&ended->file);
    free(ended);
  }
}

/* What follows `'key':` in the header's dictionary, blanks skipped; NULL if the key is not there. */
static const char *find_value(const char *header, const char *key) {
  char quoted[32];
  snprintf(quoted, sizeof quoted, "'%s':", key);
  const char *found = strstr(header, quoted);
  if (!found) {
    return NULL;
  }
  found += strlen(quoted);
  return found + strspn(found, " ");
}

/* Reads "(rows,)" or "(rows, columns)"; false for anything else. */
static bool parse_shape(const char *text, int64_t *rows, int64_t *columns) {
  int64_t dims[2] = {0, 1};
  int rank = 0;
  if (*text++ != '(') {
    return false;
  }
  for (;;) {
    text += strspn(text, " ");
    if (*text == ')') {
      break;
    }
    if (rank == 2 || *text < '0' || *text > '9') {
      return false;
    }
    int64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
      if (value > INT64_MAX / 100) {
        return false;
      }
      value = value * 10 + (*text - '0');
    }
    dims[rank++] = value;
    text += strspn(text, " ");
    if (*text == ',') {
      text++;
    } else if (*text != ')') {
      return false;
    }
  }
  *rows = dims[0];
  *columns = dims[1];
  return rank > 0;
}

typedef struct layout {
  size_t data; /* where the numbers start */
  size_t size; /* of a number: 4 or 8 */
  int64_t rows, columns;
} layout;

static ss_status parse_header(const char *bytes, size_t size, const char *name, layout *as, ss_error *error) {
  const unsigned char *b = (const unsigned char *)bytes;
  if (size < prefix + 2 || memcmp(bytes, magic, 6) != 0) {
    return ss_fail(error, SS_FAILED, "%s: not a NumPy file (.npy)", name);
  }
  if (b[6] < 1 || b[6] > 3) {
    return ss_fail(error, SS_FAILED, "%s: version %d of the .npy format is not known", name, b[6]);
  }
  const size_t start = b[6] == 1 ? 10 : 12;
  const size_t length = b[6] == 1 ? (size_t)b[8] | (size_t)b[9] << 8
                                  : (size_t)b[8] | (size_t)b[9] << 8 | (size_t)b[10] << 16 | (size_t)b[11] << 24;
  char header[1024];
  if (length > size - start || length >= sizeof header) {
    return ss_fail(error, SS_FAILED, "%s: cut short, or its header of %zu bytes is wrong", name, length);
  }
  memcpy(header, bytes + start, length);
  header[length] = '\0';
  const char *descr = find_value(header, "descr");
  const char *order = find_value(header, "fortran_order");
  const char *shape = find_value(header, "shape");
  if (!descr || !order || !shape) {
    return ss_fail(error, SS_FAILED, "%s: its header lacks descr, fortran_order or shape", name);
  }
  if (strncmp(descr, "'<f4'", 5) != 0 && strncmp(descr, "'<f8'", 5) != 0) {
    const size_t quoted = strcspn(descr, ",}");
    return ss_fail(error, SS_FAILED, "%s: holds %.*s, not float32 or float64; save it as float32", name,
                   quoted < 32 ? (int)quoted : 32, descr);
  }
  if (strncmp(order, "False", 5) != 0) {
    return ss_fail(error, SS_FAILED, "%s: is stored column by column; save numpy.ascontiguousarray of it", name);
  }
  if (!parse_shape(shape, &as->rows, &as->columns)) {
    return ss_fail(error, SS_FAILED, "%s: its shape is not (rows,) or (rows, columns)", name);
  }
  as->size = descr[3] == '4' ? 4 : 8;
  as->data = start + length;
  return SS_OK;
}

ss_status ss_npy_parse(const char *bytes, size_t size, const char *name, float **data, int64_t *rows, int64_t *columns,
                       ss_error *error) {
  *data = NULL;
  layout as = {0};
  SS_TRY(parse_header(bytes, size, name, &as, error));
  const size_t room = (size - as.data) / as.size;
  const uint64_t width = as.columns > 0 ? (uint64_t)as.columns : 1;
  const bool fits = as.columns == 0 || (uint64_t)as.rows <= room / width;
  const size_t count = fits ? (size_t)as.rows * (size_t)as.columns : 0;
  if (!fits || size - as.data != count * as.size) {
    return ss_fail(error, SS_FAILED, "%s: %s for its shape (%" PRId64 ", %" PRId64 ")", name,
                   fits ? "too long" : "cut short", as.rows, as.columns);
  }
  float *values = malloc(count ? count * sizeof *values : 1);
  if (!values) {
    return ss_fail_memory(error, count * sizeof *values, name);
  }
  if (as.size == 4 && count) {
    memcpy(values, bytes + as.data, count * 4);
  }
  for (size_t i = 0; as.size == 8 && i < count; i++) {
    double value;
    memcpy(&value, bytes + as.data + 8 * i, 8);
    values[i] = (float)value;
  }
  *data = values;
  *rows = as.rows;
  *columns = as.columns;
  return SS_OK;
}

ss_status ss_npy_read(const char *path, float **data, int64_t *rows, int64_t *columns, ss_error *error) {
  *data = NULL;
  char *bytes;
  size_t size;
  SS_TRY(ss_file_read(path, SIZE_MAX / 2, &bytes, &size, error));
  const ss_status status = ss_npy_parse(bytes, size, path, data, rows, columns, error);
  free(bytes);
  return status;
}
