#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void ss_error_set_file(ss_error *error, const char *verb, const char *path, int error_number) {
  char buffer[128];
  const char *why = strerror_r(error_number, buffer, sizeof buffer);
  if (error_number == ENOSPC) {
    why = "the disk is full; free some space and run again";
  } else if (error_number == EDQUOT) {
    why = "the disk quota is used up; free some space and run again";
  } else if (error_number == ENOMEM) {
    why = "not enough memory";
  }
  ss_error_set(error, "cannot %s %s: %s", verb, path, why);
}

/* Reads until `size` bytes are there or the file ends. */
static ss_status read_all(int file, const char *path, char *data, size_t size, size_t *got, ss_error *error) {
  *got = 0;
  while (*got < size) {
    const ssize_t count = read(file, data + *got, size - *got);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return ss_fail_file(error, "read", path, errno);
    }
    if (count == 0) {
      break;
    }
    *got += (size_t)count;
  }
  return SS_OK;
}

static ss_status read_open_file(int file, const char *path, size_t limit, char **data, size_t *size, ss_error *error) {
  struct stat info;
  if (fstat(file, &info) != 0) {
    return ss_fail_file(error, "read", path, errno);
  }
  if (S_ISDIR(info.st_mode)) {
    return ss_fail_file(error, "read", path, EISDIR);
  }
  if (!S_ISREG(info.st_mode)) {
    return ss_fail(error, SS_FAILED, "cannot read %s: it is not a regular file", path);
  }
  if (info.st_size < 0 || (uint64_t)info.st_size > limit || (uint64_t)info.st_size >= SIZE_MAX) {
    return ss_fail(error, SS_FAILED, "cannot read %s: its %lld bytes are more than the %zu allowed here", path,
                   (long long)info.st_size, limit);
  }
  const size_t wanted = (size_t)info.st_size;
  char *bytes = malloc(wanted + 1);
  if (!bytes) {
    return ss_fail_memory(error, wanted, path);
  }
  const ss_status status = read_all(file, path, bytes, wanted, size, error);
  if (status != SS_OK) {
    free(bytes);
    return status;
  }
  bytes[*size] = '\0';
  *data = bytes;
  return SS_OK;
}

ss_status ss_file_read(const char *path, size_t limit, char **data, size_t *size, ss_error *error) {
  *data = NULL;
  *size = 0;
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not make us wait */
  if (file < 0) {
    return ss_fail_file(error, "read", path, errno);
  }
  const ss_status status = read_open_file(file, path, limit, data, size, error);
  close(file);
  return status;
}

bool ss_file_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

bool ss_folder_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static ss_status make_one_folder(const char *path, ss_error *error) {
  if (mkdir(path, 0777) == 0 || ss_folder_exists(path)) {
    return SS_OK;
  }
  return ss_fail_file(error, "make the folder", path, errno);
}

ss_status ss_folder_make(const char *path, ss_error *error) {
  if (path[0] == '\0') {
    return ss_fail(error, SS_USAGE, "cannot make a folder without a name");
  }
  char *part = strdup(path);
  if (!part) {
    return ss_fail_memory(error, strlen(path), "a path");
  }
  ss_status status = SS_OK;
  for (char *slash = strchr(part + 1, '/'); slash && status == SS_OK; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (!ss_folder_exists(part)) {
      status = make_one_folder(part, error);
    }
    *slash = '/';
  }
  if (status == SS_OK) {
    status = make_one_folder(path, error);
  }
  free(part);
  return status;
}

ss_status ss_folder_sync(const char *path, ss_error *error) {
  const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) {
    return ss_fail_file(error, "sync the folder", path, errno);
  }
  const int outcome = syncfs(folder);
  const int why = errno;
  close(folder);
  return outcome == 0 ? SS_OK : ss_fail_file(error, "sync the folder", path, why);
}

ss_status ss_path_join(char **joined, const char *folder, const char *name, ss_error *error) {
  const size_t length = strlen(folder);
  const size_t size = length + strlen(name) + 2;
  *joined = malloc(size);
  if (!*joined) {
    return ss_fail_memory(error, size, "a path");
  }
  const char *between = length == 0 || folder[length - 1] == '/' ? "" : "/";
  snprintf(*joined, size, "%s%s%s", folder, between, name);
  return SS_OK;
}

const char *ss_path_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}
