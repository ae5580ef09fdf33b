/* Atomic writing: a temporary file beside the one it becomes, synced and renamed. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct ss_file_writer {
  char *path;      /* where the file goes, links resolved */
  char *temporary; /* where it is now */
  FILE *stream;
  uint64_t size;
  ss_file_durability durability;
  int failed; /* errno of the first write that failed, 0 while none did */
};

enum { temporary_room = 16 }; /* for what follows the path in the temporary name */

static void free_writer(ss_file_writer *writer) {
  free(writer->path);
  free(writer->temporary);
  free(writer);
}

/* The path to rename to: `path` itself, or what it links to. */
static ss_status resolve(const char *path, char **resolved, ss_error *error) {
  *resolved = NULL;
  struct stat info;
  if (stat(path, &info) == 0) {
    if (S_ISDIR(info.st_mode)) {
      return ss_fail_file(error, "write", path, EISDIR);
    }
    if (!S_ISREG(info.st_mode)) {
      return ss_fail(error, SS_FAILED, "cannot write %s: it is not a regular file; name one", path);
    }
    *resolved = realpath(path, NULL);
    return *resolved ? SS_OK : ss_fail_file(error, "write", path, errno);
  }
  if (errno != ENOENT) {
    return ss_fail_file(error, "write", path, errno);
  }
  if (path[0] == '\0' || path[strlen(path) - 1] == '/') {
    return ss_fail(error, SS_USAGE, "cannot write \"%s\": that is not the name of a file", path);
  }
  *resolved = strdup(path);
  return *resolved ? SS_OK : ss_fail_memory(error, strlen(path), "a path");
}

/* Opens `path`.tmp for this writer alone. The name is fixed so that what a killed process left behind is taken up by
 * the next one; the lock keeps two live writers of the same file apart (they get .tmp1, .tmp2, ...). -1 with errno set
 * on an error. */
static int open_temporary(char *temporary, size_t size, const char *path) {
  for (int attempt = 0; attempt < 100; attempt++) {
    if (attempt == 0) {
      snprintf(temporary, size, "%s.tmp", path);
    } else {
      snprintf(temporary, size, "%s.tmp%d", path, attempt);
    }
    const int file = open(temporary, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0666);
    if (file < 0) {
      return -1;
    }
    struct stat opened, named;
    const bool locked = flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    if (locked && fstat(file, &opened) == 0 && stat(temporary, &named) == 0 && opened.st_ino == named.st_ino &&
        opened.st_dev == named.st_dev && S_ISREG(opened.st_mode)) {
      if (ftruncate(file, 0) == 0) {
        return file;
      }
      const int why = errno;
      close(file);
      errno = why;
      return -1;
    }
    close(file);
  }
  errno = EBUSY;
  return -1;
}

/* Opens what a writer of `path` has left behind, for this writer alone, cut to `keep` bytes. -1 with errno set; EAGAIN:
 * there is less. */
static int open_left(const char *temporary, uint64_t keep) {
  const int file = open(temporary, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    return -1;
  }
  struct stat info;
  errno = 0;
  const bool locked = flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
  if (!locked) {
    errno = EBUSY;
  } else if (fstat(file, &info) == 0) {
    const bool enough = S_ISREG(info.st_mode) && (uint64_t)info.st_size >= keep;
    if (enough && ftruncate(file, (off_t)keep) == 0) {
      return file;
    }
    errno = enough ? errno : EAGAIN;
  }
  const int why = errno;
  close(file);
  errno = why;
  return -1;
}

/* A writer without a stream yet: its paths. */
static ss_status new_writer(ss_file_writer **writer, const char *path, ss_file_durability durability, ss_error *error) {
  *writer = NULL;
  ss_file_writer *made = calloc(1, sizeof *made);
  if (!made) {
    return ss_fail_memory(error, sizeof *made, "a file");
  }
  made->durability = durability;
  const ss_status status = resolve(path, &made->path, error);
  if (status != SS_OK) {
    free_writer(made);
    return status;
  }
  const size_t size = strlen(made->path) + temporary_room;
  made->temporary = malloc(size);
  if (!made->temporary) {
    free_writer(made);
    return ss_fail_memory(error, size, "a path");
  }
  snprintf(made->temporary, size, "%s.tmp", made->path);
  *writer = made;
  return SS_OK;
}

/* Takes the opened file over; closes it on an error. */
static ss_status attach(ss_file_writer *writer, int file, ss_error *error) {
  writer->stream = fdopen(file, "r+b");
  if (!writer->stream) {
    const int why = errno;
    close(file);
    return ss_fail_file(error, "write", writer->path, why);
  }
  return SS_OK;
}

ss_status ss_file_writer_open(ss_file_writer **writer, const char *path, ss_file_durability durability,
                              ss_error *error) {
  ss_file_writer *made = NULL;
  *writer = NULL;
  SS_TRY(new_writer(&made, path, durability, error));
  const int file = open_temporary(made->temporary, strlen(made->path) + temporary_room, made->path);
  ss_status status = file < 0 ? ss_fail_file(error, "write", path, errno) : attach(made, file, error);
  if (status != SS_OK) {
    if (file >= 0) {
      unlink(made->temporary);
    }
    free_writer(made);
    return status;
  }
  *writer = made;
  return SS_OK;
}

ss_status ss_file_writer_resume(ss_file_writer **writer, const char *path, uint64_t size, ss_file_durability durability,
                                ss_error *error) {
  ss_file_writer *made = NULL;
  *writer = NULL;
  SS_TRY(new_writer(&made, path, durability, error));
  const int file = open_left(made->temporary, size);
  ss_status status = SS_OK;
  if (file < 0 && (errno == ENOENT || errno == EAGAIN)) {
    status = ss_fail(error, SS_FAILED, "cannot go on with %s: %s; start anew", made->temporary,
                     errno == ENOENT ? "it is not there" : "it is shorter than it was");
  } else if (file < 0) {
    status = ss_fail_file(error, "go on with", made->temporary, errno);
  } else {
    status = attach(made, file, error);
  }
  if (status == SS_OK && fseeko(made->stream, 0, SEEK_END) != 0) {
    status = ss_fail_file(error, "go on with", made->temporary, errno);
    fclose(made->stream);
  }
  if (status != SS_OK) {
    free_writer(made);
    return status;
  }
  made->size = size;
  *writer = made;
  return SS_OK;
}

static ss_status writing_failed(ss_file_writer *writer, ss_error *error) {
  if (!writer->failed) {
    writer->failed = errno ? errno : EIO;
  }
  return ss_fail_file(error, "write", writer->path, writer->failed);
}

ss_status ss_file_writer_write(ss_file_writer *writer, const void *data, size_t size, ss_error *error) {
  errno = 0;
  if (writer->failed || (size && fwrite(data, 1, size, writer->stream) != size)) {
    return writing_failed(writer, error);
  }
  writer->size += size;
  return SS_OK;
}

ss_status ss_file_writer_rewrite(ss_file_writer *writer, uint64_t offset, const void *data, size_t size,
                                 ss_error *error) {
  if (offset > writer->size || size > writer->size - offset) {
    return ss_fail(error, SS_FAILED, "cannot write over %zu bytes at %" PRIu64 " of %s: it has only %" PRIu64, size,
                   offset, writer->path, writer->size);
  }
  errno = 0;
  if (writer->failed || fseeko(writer->stream, (off_t)offset, SEEK_SET) != 0 ||
      (size && fwrite(data, 1, size, writer->stream) != size) || fseeko(writer->stream, 0, SEEK_END) != 0) {
    return writing_failed(writer, error);
  }
  return SS_OK;
}

ss_status ss_file_writer_sync(ss_file_writer *writer, ss_error *error) {
  errno = 0;
  return writer->failed || fflush(writer->stream) != 0 || fsync(fileno(writer->stream)) != 0
             ? writing_failed(writer, error)
             : SS_OK;
}

uint64_t ss_file_writer_size(const ss_file_writer *writer) {
  return writer->size;
}

/* Makes a rename durable. Some file systems cannot sync a folder and say EINVAL: then there is nothing to do. */
static int sync_folder_of(char *path) {
  char *slash = strrchr(path, '/');
  const char *folder = slash == path ? "/" : slash ? path : ".";
  if (slash) {
    *slash = '\0';
  }
  const int file = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (slash) {
    *slash = '/';
  }
  if (file < 0) {
    return errno;
  }
  const int why = fsync(file) == 0 || errno == EINVAL ? 0 : errno;
  close(file);
  return why;
}

ss_status ss_file_writer_commit(ss_file_writer **writer, ss_error *error) {
  ss_file_writer *ended = *writer;
  *writer = NULL;
  const bool synced = ended->durability == SS_FILE_SYNCED;
  errno = 0;
  if (ended->failed || fflush(ended->stream) != 0 || (synced && fsync(fileno(ended->stream)) != 0)) {
    const ss_status status = writing_failed(ended, error);
    ss_file_writer_abandon(&ended);
    return status;
  }
  /* The name is given while the file is still open and locked, so that no other writer takes the temporary up. */
  if (rename(ended->temporary, ended->path) != 0) {
    const ss_status status = ss_fail_file(error, "write", ended->path, errno);
    ss_file_writer_abandon(&ended);
    return status;
  }
  ss_status status = SS_OK;
  if (fclose(ended->stream) != 0) {
    status = ss_fail_file(error, "write", ended->path, errno);
  }
  const int why = synced ? sync_folder_of(ended->path) : 0;
  if (status == SS_OK && why != 0) {
    status = ss_fail_file(error, "sync the folder of", ended->path, why);
  }
  free_writer(ended);
  return status;
}

void ss_file_writer_leave(ss_file_writer **writer) {
  ss_file_writer *ended = *writer;
  *writer = NULL;
  if (ended) {
    fclose(ended->stream); /* whoever goes on says how much of it must be there */
    free_writer(ended);
  }
}

void ss_file_writer_abandon(ss_file_writer **writer) {
  ss_file_writer *ended = *writer;
  *writer = NULL;
  if (!ended) {
    return;
  }
  unlink(ended->temporary);
  fclose(ended->stream); /* its outcome does not matter: the file is gone */
  free_writer(ended);
}

ss_status ss_file_write(const char *path, const void *data, size_t size, ss_file_durability durability,
                        ss_error *error) {
  ss_file_writer *writer;
  SS_TRY(ss_file_writer_open(&writer, path, durability, error));
  const ss_status status = ss_file_writer_write(writer, data, size, error);
  if (status != SS_OK) {
    ss_file_writer_abandon(&writer);
    return status;
  }
  return ss_file_writer_commit(&writer, error);
}
