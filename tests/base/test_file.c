#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ss_test_file_XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder); /* fails if a file, a temporary one included, was left in it */
}

static char *path_of(const char *name) {
  static char paths[4][128];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, 128, "%s/%s", folder, name);
  return path;
}

static void assert_holds(const char *path, const char *expected) {
  ss_error error;
  char *data;
  size_t size;
  assert_int_equal(ss_file_read(path, 1 << 20, &data, &size, &error), SS_OK);
  assert_int_equal(size, strlen(expected));
  assert_string_equal(data, expected);
  free(data);
}

static void what_is_written_is_read(void **state) {
  (void)state;
  ss_error error;
  const char *path = path_of("a");
  assert_int_equal(ss_file_write(path, "first", 5, SS_FILE_SYNCED, &error), SS_OK);
  assert_holds(path, "first");
  assert_int_equal(ss_file_write(path, "second", 6, SS_FILE_UNSYNCED, &error), SS_OK);
  assert_holds(path, "second");
  assert_int_equal(ss_folder_sync(folder, &error), SS_OK);
  assert_int_equal(ss_file_write(path, NULL, 0, SS_FILE_SYNCED, &error), SS_OK);
  assert_holds(path, "");
  unlink(path);
}

static void reading_refuses_what_it_should(void **state) {
  (void)state;
  ss_error error;
  char *data;
  size_t size;
  const char *path = path_of("b");
  assert_int_equal(ss_file_write(path, "12345", 5, SS_FILE_UNSYNCED, &error), SS_OK);
  assert_int_equal(ss_file_read(path, 5, &data, &size, &error), SS_OK);
  free(data);
  assert_int_equal(ss_file_read(path, 4, &data, &size, &error), SS_FAILED);
  assert_null(data);
  assert_non_null(strstr(error.message, "b: its 5 bytes are more than the 4 allowed"));
  unlink(path);
  assert_int_equal(ss_file_read(path, 4, &data, &size, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "b: No such file or directory"));
  assert_int_equal(ss_file_read(folder, 4, &data, &size, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "Is a directory"));
  assert_int_equal(ss_file_read("/dev/null", 4, &data, &size, &error), SS_FAILED);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(ss_file_read(path, 4, &data, &size, &error), SS_FAILED); /* and does not wait */
  assert_int_equal(ss_file_write(path, "x", 1, SS_FILE_UNSYNCED, &error), SS_FAILED);
  unlink(path);
}

static void a_stream_can_be_corrected_and_abandoned(void **state) {
  (void)state;
  ss_error error;
  const char *path = path_of("c");
  ss_file_writer *writer;
  assert_int_equal(ss_file_writer_open(&writer, path, SS_FILE_SYNCED, &error), SS_OK);
  assert_int_equal(ss_file_writer_write(writer, "????cdef", 8, &error), SS_OK);
  assert_false(ss_file_exists(path));
  assert_int_equal(ss_file_writer_rewrite(writer, 1, "xyz", 3, &error), SS_OK);
  assert_int_equal(ss_file_writer_write(writer, "gh", 2, &error), SS_OK);
  assert_int_equal(ss_file_writer_size(writer), 10);
  assert_int_equal(ss_file_writer_rewrite(writer, 8, "xyz", 3, &error), SS_FAILED);
  assert_int_equal(ss_file_writer_rewrite(writer, UINT64_MAX, "xyz", 3, &error), SS_FAILED);
  assert_int_equal(ss_file_writer_commit(&writer, &error), SS_OK);
  assert_null(writer);
  assert_holds(path, "?xyzcdefgh");

  assert_int_equal(ss_file_writer_open(&writer, path, SS_FILE_SYNCED, &error), SS_OK);
  assert_int_equal(ss_file_writer_write(writer, "never", 5, &error), SS_OK);
  ss_file_writer_abandon(&writer);
  assert_null(writer);
  ss_file_writer_abandon(&writer);
  assert_holds(path, "?xyzcdefgh");
  unlink(path);
}

static void two_writers_of_one_file_do_not_mix(void **state) {
  (void)state;
  ss_error error;
  const char *path = path_of("d");
  ss_file_writer *one, *two;
  assert_int_equal(ss_file_writer_open(&one, path, SS_FILE_UNSYNCED, &error), SS_OK);
  assert_int_equal(ss_file_writer_open(&two, path, SS_FILE_UNSYNCED, &error), SS_OK);
  assert_int_equal(ss_file_writer_write(one, "one", 3, &error), SS_OK);
  assert_int_equal(ss_file_writer_write(two, "twotwo", 6, &error), SS_OK);
  assert_int_equal(ss_file_writer_commit(&one, &error), SS_OK);
  assert_holds(path, "one");
  assert_int_equal(ss_file_writer_commit(&two, &error), SS_OK);
  assert_holds(path, "twotwo");
  unlink(path);
}

static void what_a_killed_process_left_is_taken_up(void **state) {
  (void)state;
  ss_error error;
  const char *path = path_of("e"), *left = path_of("e.tmp");
  const int file = open(left, O_CREAT | O_WRONLY, 0600);
  assert_true(file >= 0);
  assert_int_equal(write(file, "a longer beginning", 18), 18);
  close(file);
  assert_int_equal(ss_file_write(path, "new", 3, SS_FILE_UNSYNCED, &error), SS_OK);
  assert_holds(path, "new");
  assert_false(ss_file_exists(left));
  unlink(path);
}

static void links_are_followed(void **state) {
  (void)state;
  ss_error error;
  const char *path = path_of("f"), *link = path_of("link");
  assert_int_equal(ss_file_write(path, "old", 3, SS_FILE_UNSYNCED, &error), SS_OK);
  assert_int_equal(symlink(path, link), 0);
  assert_int_equal(ss_file_write(link, "new", 3, SS_FILE_UNSYNCED, &error), SS_OK);
  assert_holds(path, "new");
  struct stat info;
  assert_int_equal(lstat(link, &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  unlink(link);
  unlink(path);
}

static void only_files_are_written(void **state) {
  (void)state;
  ss_error error;
  assert_int_equal(ss_file_write("/dev/null", "x", 1, SS_FILE_UNSYNCED, &error), SS_FAILED);
  assert_string_equal(error.message, "cannot write /dev/null: it is not a regular file; name one");
  assert_int_equal(ss_file_write(folder, "x", 1, SS_FILE_UNSYNCED, &error), SS_FAILED);
  assert_int_equal(ss_file_write("", "x", 1, SS_FILE_UNSYNCED, &error), SS_USAGE);
  assert_int_equal(ss_file_write(path_of("new/"), "x", 1, SS_FILE_UNSYNCED, &error), SS_USAGE);
  assert_int_equal(ss_file_write(path_of("none/x"), "x", 1, SS_FILE_UNSYNCED, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "none/x: No such file or directory"));
}

/* A limit on file sizes stands in for a full disk: write fails half way in both. */
static void a_failed_write_leaves_the_old_file(void **state) {
  (void)state;
  ss_error error;
  const char *path = path_of("g");
  assert_int_equal(ss_file_write(path, "old", 3, SS_FILE_UNSYNCED, &error), SS_OK);
  struct rlimit limit, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = limit;
  small.rlim_cur = 100000;
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  char *data = calloc(1, 300000);
  assert_non_null(data);
  const ss_status at_once = ss_file_write(path, data, 300000, SS_FILE_SYNCED, &error);
  ss_file_writer *writer;
  ss_error write_error = {""}, commit_error = {""};
  ss_status in_parts = ss_file_writer_open(&writer, path, SS_FILE_SYNCED, &write_error);
  for (int i = 0; i < 300 && in_parts == SS_OK; i++) {
    in_parts = ss_file_writer_write(writer, data, 1000, &write_error);
  }
  const ss_status committed = ss_file_writer_commit(&writer, &commit_error);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  signal(SIGXFSZ, SIG_DFL);
  free(data);
  assert_int_equal(at_once, SS_FAILED);
  assert_non_null(strstr(error.message, "g: File too large"));
  assert_int_equal(in_parts, SS_FAILED);
  assert_int_equal(committed, SS_FAILED);
  assert_string_equal(write_error.message, commit_error.message);
  assert_holds(path, "old");
  unlink(path);

  assert_int_equal(ss_fail_file(&error, "write", "run/checkpoint.safetensors", ENOSPC), SS_FAILED);
  assert_string_equal(error.message,
                      "cannot write run/checkpoint.safetensors: the disk is full; free some space and run again");
}

static void folders_and_paths(void **state) {
  (void)state;
  ss_error error;
  char *path;
  assert_int_equal(ss_path_join(&path, folder, "p/q/r/", &error), SS_OK);
  assert_int_equal(ss_folder_make(path, &error), SS_OK);
  assert_int_equal(ss_folder_make(path, &error), SS_OK);
  assert_true(ss_folder_exists(path));
  free(path);
  assert_int_equal(ss_file_write(path_of("p/q/r/f"), "x", 1, SS_FILE_UNSYNCED, &error), SS_OK);
  assert_true(ss_file_exists(path_of("p/q/r/f")));
  assert_false(ss_folder_exists(path_of("p/q/r/f")));
  assert_int_equal(ss_folder_make(path_of("p/q/r/f/g"), &error), SS_FAILED);
  assert_int_equal(ss_folder_make(path_of("p/q/r/f"), &error), SS_FAILED);
  assert_non_null(strstr(error.message, "cannot make the folder"));
  assert_int_equal(ss_folder_make("", &error), SS_USAGE);
  unlink(path_of("p/q/r/f"));
  rmdir(path_of("p/q/r"));
  rmdir(path_of("p/q"));
  rmdir(path_of("p"));
  assert_int_equal(ss_path_join(&path, "", "name", &error), SS_OK);
  assert_string_equal(path, "name");
  free(path);
  assert_int_equal(ss_path_join(&path, "a/", "b", &error), SS_OK);
  assert_string_equal(path, "a/b");
  free(path);
  assert_string_equal(ss_path_name("a/b.c"), "b.c");
  assert_string_equal(ss_path_name("b.c"), "b.c");
}

static void what_was_left_is_gone_on_with(void **state) {
  (void)state;
  ss_error error = {""};
  ss_file_writer *writer = NULL, *other = NULL;
  const char *path = path_of("left");
  assert_int_equal(ss_file_writer_resume(&writer, path, 0, SS_FILE_SYNCED, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "it is not there"));
  assert_int_equal(ss_file_writer_open(&writer, path, SS_FILE_SYNCED, &error), SS_OK);
  assert_int_equal(ss_file_writer_write(writer, "one two thr", 11, &error), SS_OK);
  assert_int_equal(ss_file_writer_sync(writer, &error), SS_OK);
  assert_int_equal(ss_file_writer_resume(&other, path, 4, SS_FILE_SYNCED, &error), SS_FAILED); /* one is at it */
  ss_file_writer_leave(&writer);
  assert_null(writer);
  assert_false(ss_file_exists(path));
  assert_int_equal(ss_file_writer_resume(&writer, path, 12, SS_FILE_SYNCED, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "shorter"));
  assert_int_equal(ss_file_writer_resume(&writer, path, 8, SS_FILE_SYNCED, &error), SS_OK);
  assert_int_equal(ss_file_writer_size(writer), 8);
  assert_int_equal(ss_file_writer_write(writer, "three", 5, &error), SS_OK);
  assert_int_equal(ss_file_writer_rewrite(writer, 0, "O", 1, &error), SS_OK);
  assert_int_equal(ss_file_writer_write(writer, "!", 1, &error), SS_OK);
  assert_int_equal(ss_file_writer_commit(&writer, &error), SS_OK);
  assert_holds(path, "One two three!");
  assert_int_equal(ss_file_writer_resume(&writer, path, 0, SS_FILE_SYNCED, &error), SS_FAILED); /* nothing is left */
  ss_file_writer_leave(&writer);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_left_is_gone_on_with),
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(reading_refuses_what_it_should),
      cmocka_unit_test(a_stream_can_be_corrected_and_abandoned),
      cmocka_unit_test(two_writers_of_one_file_do_not_mix),
      cmocka_unit_test(what_a_killed_process_left_is_taken_up),
      cmocka_unit_test(links_are_followed),
      cmocka_unit_test(only_files_are_written),
      cmocka_unit_test(a_failed_write_leaves_the_old_file),
      cmocka_unit_test(folders_and_paths),
  };
  return cmocka_run_group_tests_name("file", tests, make_folder, remove_folder);
}
