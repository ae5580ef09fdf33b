#include "support.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

char support_folder[256];
char support_output[65536];

int support_set_up(void **state) {
  (void)state;
  const char *base = getenv("TMPDIR");
  snprintf(support_folder, sizeof support_folder, "%.200s/selfsup-commands-XXXXXX", base && *base ? base : P_tmpdir);
  if (!mkdtemp(support_folder)) {
    return -1;
  }
  setenv("XDG_CACHE_HOME", support_folder, 1);
  setenv("OMP_WAIT_POLICY", "passive", 1);
  return 0;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about;
  (void)kind;
  (void)where;
  return remove(path);
}

int support_tear_down(void **state) {
  (void)state;
  return nftw(support_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int support_run(const char *words) {
  char command[2000];
  snprintf(command, sizeof command, "cd '%s' && '%s' %s 2>&1", support_folder, SS_PROGRAM, words);
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  const size_t length = fread(support_output, 1, sizeof support_output - 1, pipe);
  support_output[length] = '\0';
  const int status = pclose(pipe);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

void support_expect(const char *words, int status, const char *text) {
  const int got = support_run(words);
  if (got != status || !strstr(support_output, text)) {
    fail_msg("selfsup %s: status %d, not %d, or no \"%s\" in: %s", words, got, status, text, support_output);
  }
}

cJSON *support_last_line(void) {
  size_t length = strlen(support_output);
  assert_true(length > 0 && support_output[length - 1] == '\n');
  support_output[--length] = '\0';
  const char *line = strrchr(support_output, '\n');
  line = line ? line + 1 : support_output;
  cJSON *json = NULL;
  ss_error error = {""};
  if (ss_json_parse(&json, line, strlen(line), "the last line", &error) != SS_OK) {
    fail_msg("%s: %s", error.message, line);
  }
  return json;
}

double support_number(const cJSON *json, const char *key) {
  double value = NAN;
  assert_int_equal(ss_json_get_float(json, "the last line", key, &value, NULL), SS_OK);
  return value;
}
