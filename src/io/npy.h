/* NumPy's .npy files, version 1.0: tables of N rows of D numbers, little-endian, C order. */
#ifndef SS_IO_NPY_H
#define SS_IO_NPY_H

#include "base/status.h"

typedef enum ss_npy_dtype { SS_NPY_F32, SS_NPY_I32 } ss_npy_dtype;

/* A file in the making whose number of rows need not be known. Opaque; ended by commit or abandon. */
typedef struct ss_npy_writer ss_npy_writer;

/* Starts the file: rows of `columns` (>= 1) numbers, or, with columns 0, a plain list (N,) of one number a row. It
 * appears under its name at commit. */
ss_status ss_npy_writer_open(ss_npy_writer **writer, const char *path, ss_npy_dtype dtype, int64_t columns,
                             ss_error *error);

/* Appends `rows` rows from `data` (rows, columns), float or int32_t. */
ss_status ss_npy_writer_append(ss_npy_writer *writer, const void *data, int64_t rows, ss_error *error);

/* Puts the number of rows into the header and gives the file its name. Frees the writer and sets *writer to NULL
 * whatever the outcome. */
ss_status ss_npy_writer_commit(ss_npy_writer **writer, ss_error *error);

/* As ss_file_writer_sync, _leave and _resume: what was appended survives, `rows` of it are kept and gone on with. */
ss_status ss_npy_writer_sync(ss_npy_writer *writer, ss_error *error);
void ss_npy_writer_leave(ss_npy_writer **writer); /* a NULL *writer is fine */
ss_status ss_npy_writer_resume(ss_npy_writer **writer, const char *path, ss_npy_dtype dtype, int64_t columns,
                               int64_t rows, ss_error *error);

void ss_npy_writer_abandon(ss_npy_writer **writer); /* a NULL *writer is fine */

/* Reads a float32 or float64 file of rank 1 or 2, little-endian, C order, as float32: *data (rows, columns), columns 1
 * for rank 1; the caller's, freed with free(). Other files, and files cut short or too long, are errors. */
ss_status ss_npy_read(const char *path, float **data, int64_t *rows, int64_t *columns, ss_error *error);

/* The same of bytes in memory; `name` is for messages. */
ss_status ss_npy_parse(const char *bytes, size_t size, const char *name, float **data, int64_t *rows, int64_t *columns,
                       ss_error *error);

#endif
