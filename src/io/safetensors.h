/* safetensors: named arrays and some text in one file (huggingface.co/docs/safetensors, format of 2022).
 *
 * Layout: 8 bytes, little-endian, length of the header; the header, JSON; the arrays' bytes, little-endian, C order,
 * without gaps. Our files start the arrays at a multiple of 8 and each array at a multiple of its element's size. */
#ifndef SS_IO_SAFETENSORS_H
#define SS_IO_SAFETENSORS_H

#include "base/status.h"

#define SS_SAFETENSORS_MAX_RANK 16
#define SS_SAFETENSORS_MAX_HEADER 100000000 /* bytes; the limit of the reference implementation */

typedef enum ss_safetensors_dtype {
  SS_SAFETENSORS_F64,
  SS_SAFETENSORS_I64,
  SS_SAFETENSORS_U64,
  SS_SAFETENSORS_F32,
  SS_SAFETENSORS_I32,
  SS_SAFETENSORS_U32,
  SS_SAFETENSORS_F16,
  SS_SAFETENSORS_BF16,
  SS_SAFETENSORS_I16,
  SS_SAFETENSORS_U16,
  SS_SAFETENSORS_I8,
  SS_SAFETENSORS_U8,
  SS_SAFETENSORS_BOOL,
  SS_SAFETENSORS_DTYPES /* how many there are */
} ss_safetensors_dtype;

size_t ss_safetensors_dtype_size(ss_safetensors_dtype dtype);      /* bytes an element */
const char *ss_safetensors_dtype_name(ss_safetensors_dtype dtype); /* as in the file: "F32" */

/* One array to write: dims[0..rank-1] elements of `data` (may be NULL where there are none), borrowed for the call. */
typedef struct ss_safetensors_entry {
  const char *name;
  ss_safetensors_dtype dtype;
  int rank; /* 0: a single number */
  int64_t dims[SS_SAFETENSORS_MAX_RANK];
  const void *data;
} ss_safetensors_entry;

typedef struct ss_safetensors_text {
  const char *key;
  const char *value;
} ss_safetensors_text;

/* Writes the file (temporary name, synced, renamed). Arrays are ordered by element size, largest first, then by name;
 * texts by key: the same contents make the same bytes whatever the order they come in. A name or key twice,
 * "__metadata__" as a name, and a negative dimension are errors. */
ss_status ss_safetensors_write(const char *path, const ss_safetensors_entry *entries, size_t entry_count,
                               const ss_safetensors_text *texts, size_t text_count, ss_error *error);

/* An open file: its header checked in full, its arrays still on the disk. Opaque; several threads may read from it. */
typedef struct ss_safetensors ss_safetensors;

/* An array of an open file; owned by it. */
typedef struct ss_safetensors_tensor {
  char *name;
  ss_safetensors_dtype dtype;
  int rank;
  int64_t dims[SS_SAFETENSORS_MAX_RANK];
  uint64_t count; /* elements, the product of dims */
  uint64_t bytes;
  uint64_t offset; /* in the file */
} ss_safetensors_tensor;

/* Opens and checks: the header's length and JSON, each dtype, shape and range, that ranges neither overlap nor leave
 * gaps and end where the file ends. The message names the file and what is wrong. */
ss_status ss_safetensors_open(ss_safetensors **file, const char *path, ss_error *error);
void ss_safetensors_close(ss_safetensors *file); /* NULL is fine */

/* The arrays in order of their names, 0 to count-1. */
size_t ss_safetensors_count(const ss_safetensors *file);
const ss_safetensors_tensor *ss_safetensors_at(const ss_safetensors *file, size_t index);

/* The array of that name, or NULL. */
const ss_safetensors_tensor *ss_safetensors_find(const ss_safetensors *file, const char *name);

/* The text under that key, or NULL; the file's. Texts in order of their keys by index. */
const char *ss_safetensors_metadata(const ss_safetensors *file, const char *key);
size_t ss_safetensors_metadata_count(const ss_safetensors *file);
ss_safetensors_text ss_safetensors_metadata_at(const ss_safetensors *file, size_t index);

/* The path it was opened by, for messages. */
const char *ss_safetensors_path(const ss_safetensors *file);

/* Reads the array's bytes as they are into `out`, tensor->bytes of them. */
ss_status ss_safetensors_read(const ss_safetensors *file, const ss_safetensors_tensor *tensor, void *out,
                              ss_error *error);

/* Reads an F64, F32, F16 or BF16 array into `out` as float32, tensor->count of them; other dtypes are an error. */
ss_status ss_safetensors_read_float(const ss_safetensors *file, const ss_safetensors_tensor *tensor, float *out,
                                    ss_error *error);

/* Finds `name`, checks that it has this dtype and shape, and reads it: what a checkpoint's reader wants. The error says
 * what is missing or what differs ("conv1.weight is F32 (64, 3, 7, 7), expected F32 (64, 3, 3, 3)"). */
ss_status ss_safetensors_read_exact(const ss_safetensors *file, const char *name, ss_safetensors_dtype dtype, int rank,
                                    const int64_t *dims, void *out, ss_error *error);

#endif
