/* A run killed at any moment resumes to the bits of a run that was never stopped: while it trains, and while a
 * checkpoint is being written (one is after each update here). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/random.h"
#include "io/png.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[256];

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about;
  (void)kind;
  (void)where;
  return remove(path);
}

static int tear_down(void **state) {
  (void)state;
  nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  return 0;
}

static int set_up(void **state) {
  (void)state;
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%.200s/selfsup-kill-XXXXXX", base && *base ? base : P_tmpdir);
  assert_non_null(mkdtemp(folder));
  char path[400];
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/data", folder);
  assert_int_equal(ss_folder_make(path, &error), SS_OK);
  ss_image image = {0};
  assert_int_equal(ss_image_resize_buffer(&image, 16, 16, 3, &error), SS_OK);
  for (int i = 0; i < 48; i++) {
    ss_random random = ss_random_stream(5, SS_RANDOM_WORLD, 0, (uint64_t)i, 0);
    for (int p = 0; p < 16 * 16 * 3; p++) {
      image.pixels[p] = (uint8_t)((p / 48 * 8 + (int)ss_random_below(&random, 90)) & 255);
    }
    snprintf(path, sizeof path, "%s/data/%02d.png", folder, i);
    assert_int_equal(ss_png_write(path, &image, &error), SS_OK);
  }
  ss_image_free(&image);
  snprintf(path, sizeof path, "%s/cache", folder);
  setenv("XDG_CACHE_HOME", path, 1);
  setenv("OMP_WAIT_POLICY", "passive", 1);
  return 0;
}

/* Starts the program on run NAME. */
static pid_t start(const char *name) {
  char data[400], out[400];
  snprintf(data, sizeof data, "%s/data", folder);
  snprintf(out, sizeof out, "%s/%s", folder, name);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    execl(SS_PROGRAM, SS_PROGRAM, "pretrain", "rotation", data, "--width", "4", "--size", "16", "--batch", "8",
          "--threads", "1", "--steps", "60", "--save-every", "1", "--knn-every", "0", "--out", out, "--resume",
          (char *)NULL);
    _exit(127);
  }
  return child;
}

static void finish(pid_t child) {
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static bool exists(const char *name, const char *file) {
  char path[500];
  snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
  return ss_file_exists(path);
}

static void pause_for(long microseconds) {
  const struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
  nanosleep(&time, NULL);
}

/* Whether a new version of a file is being written in the run's folder. */
static bool is_writing(const char *name) {
  static const char *const whole[] = {
      "config.json", "checkpoint.safetensors", "backbone.safetensors", "metrics.jsonl", "samples", ".", ".."};
  char path[400];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  DIR *open_folder = opendir(path);
  bool writing = false;
  for (struct dirent *entry = open_folder ? readdir(open_folder) : NULL; entry; entry = readdir(open_folder)) {
    bool known = false;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
      known |= strcmp(entry->d_name, whole[i]) == 0;
    }
    writing |= !known;
  }
  if (open_folder) {
    closedir(open_folder);
  }
  return writing;
}

/* Kills the child and says whether it was still running. */
static bool kill_it(pid_t child) {
  kill(child, SIGKILL);
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status);
}

static bool is_running(pid_t child) {
  siginfo_t about = {0};
  assert_int_equal(waitid(P_PID, (id_t)child, &about, WEXITED | WNOHANG | WNOWAIT), 0);
  return about.si_pid == 0;
}

static void wait_for_checkpoint(const char *name, pid_t child) {
  while (!exists(name, "checkpoint.safetensors") && is_running(child)) {
    pause_for(500);
  }
}

static void compare(const char *a, const char *b) {
  static const char *const files[] = {"checkpoint.safetensors", "backbone.safetensors"};
  for (int f = 0; f < 2; f++) {
    char *bytes[2];
    size_t sizes[2];
    const char *names[] = {a, b};
    for (int i = 0; i < 2; i++) {
      char path[500];
      ss_error error = {""};
      snprintf(path, sizeof path, "%s/%s/%s", folder, names[i], files[f]);
      if (ss_file_read(path, (size_t)1 << 28, &bytes[i], &sizes[i], &error) != SS_OK) {
        fail_msg("%s", error.message);
      }
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
  }
}

static void test_killed_at_random_moments(void **state) {
  (void)state;
  finish(start("whole"));
  ss_random random = ss_random_stream((uint64_t)getpid(), SS_RANDOM_METHOD, 0, 0, 0);
  int killed = 0;
  for (int i = 0; i < 10; i++) {
    const pid_t child = start("killed");
    wait_for_checkpoint("killed", child);
    pause_for((long)ss_random_below(&random, 60000));
    killed += kill_it(child);
  }
  assert_true(killed > 0);
  finish(start("killed"));
  compare("whole", "killed");
}

static void test_killed_while_a_checkpoint_is_written(void **state) {
  (void)state;
  int during = 0;
  for (int i = 0; i < 40 && during < 5; i++) {
    const pid_t child = start("writing");
    while (is_writing("writing") && is_running(child)) { /* what the last one left is taken up by the first write */
    }
    while (!is_writing("writing") && is_running(child)) {
    }
    during += kill_it(child) && is_writing("writing"); /* the temporary file was left behind */
  }
  assert_true(during > 0);
  finish(start("writing"));
  compare("whole", "writing");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed_at_random_moments),
                                     cmocka_unit_test(test_killed_while_a_checkpoint_is_written)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
