/* Whole files in, whole files out: what is written appears under its name complete or not at all. */
#ifndef SS_BASE_FILE_H
#define SS_BASE_FILE_H

#include "base/status.h"

#include <errno.h>
#include <stdbool.h>

/* Reads the file into *data (owned by the caller, freed with free()), `size` bytes and one more that is 0, so that
 * text can be used as a string. An error for a folder, a device, and a file of more than `limit` bytes. */
ss_status ss_file_read(const char *path, size_t limit, char **data, size_t *size, ss_error *error);

/* SS_FILE_SYNCED: what commit has answered SS_OK for survives a power failure. SS_FILE_UNSYNCED: it survives the death
 * of the process, much faster; for thousands of small files, with one ss_folder_sync after the last. */
typedef enum ss_file_durability { SS_FILE_SYNCED, SS_FILE_UNSYNCED } ss_file_durability;

/* A file in the making, under a temporary name in the folder it is for. Opaque; ended by commit or abandon. */
typedef struct ss_file_writer ss_file_writer;

/* Starts a new version of the file `path`, whose folder must exist; a link is followed. Anything but a regular file or
 * nothing under that name is an error. The old version stays until commit. */
ss_status ss_file_writer_open(ss_file_writer **writer, const char *path, ss_file_durability durability,
                              ss_error *error);

/* Appends. After an error only abandon is of use (commit repeats the error). */
ss_status ss_file_writer_write(ss_file_writer *writer, const void *data, size_t size, ss_error *error);

/* Writes over `size` bytes at `offset` that were written before; appending goes on at the end. */
ss_status ss_file_writer_rewrite(ss_file_writer *writer, uint64_t offset, const void *data, size_t size,
                                 ss_error *error);

/* Bytes appended so far. */
uint64_t ss_file_writer_size(const ss_file_writer *writer);

/* Gives the file its name. Frees the writer and sets *writer to NULL whatever the outcome; on an error nothing new is
 * left. */
ss_status ss_file_writer_commit(ss_file_writer **writer, ss_error *error);

/* Makes what was written so far survive a power failure, under the temporary name. */
ss_status ss_file_writer_sync(ss_file_writer *writer, ss_error *error);

/* Ends the writing for now, and takes it up again: what was written stays under the temporary name, also when the
 * process dies. Going on keeps the first `size` bytes and appends; SS_FAILED where nothing is left or less than that.
 */
void ss_file_writer_leave(ss_file_writer **writer); /* frees it and sets *writer to NULL; a NULL *writer is fine */
ss_status ss_file_writer_resume(ss_file_writer **writer, const char *path, uint64_t size, ss_file_durability durability,
                                ss_error *error);

/* Throws away what was written, frees the writer and sets *writer to NULL; a NULL *writer is fine. */
void ss_file_writer_abandon(ss_file_writer **writer);

/* open, write, commit in one. */
ss_status ss_file_write(const char *path, const void *data, size_t size, ss_file_durability durability,
                        ss_error *error);

bool ss_file_exists(const char *path);   /* anything of that name, links followed */
bool ss_folder_exists(const char *path); /* a folder, links followed */

/* Makes the folder and those above it that are missing (mkdir -p). */
ss_status ss_folder_make(const char *path, ss_error *error);

/* Makes everything written under this folder's file system durable. */
ss_status ss_folder_sync(const char *path, ss_error *error);

/* *joined = "folder/name" (name alone if folder is empty), owned by the caller. */
ss_status ss_path_join(char **joined, const char *folder, const char *name, ss_error *error);

/* What follows the last slash; points into `path`. */
const char *ss_path_name(const char *path);

/* Leaves "cannot VERB PATH: why" in `error`, the why being errno's with a word on what to do for a full disk. */
void ss_error_set_file(ss_error *error, const char *verb, const char *path, int error_number);

/* The same, for `return ss_fail_file(error, "read", path, errno);`. */
static inline ss_status ss_fail_file(ss_error *error, const char *verb, const char *path, int error_number) {
  ss_error_set_file(error, verb, path, error_number);
  return error_number == ENOMEM ? SS_NO_MEMORY : SS_FAILED;
}

#endif
