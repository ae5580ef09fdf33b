#include "cli/child.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;
static volatile sig_atomic_t child;

/* A terminal sends Ctrl-C to the child too; asked twice, it would not save its run. */
static void on_signal(int number) {
  stopped = 1;
  if (number == SIGTERM && child > 0) {
    kill(child, SIGTERM);
  }
}

void ss_child_watch_signals(void) {
  const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

static ss_status read_all(int from, ss_text *text, ss_error *error) {
  char buffer[4096];
  for (;;) {
    const ssize_t count = read(from, buffer, sizeof buffer);
    if (count == 0) {
      return ss_text_check(text, error);
    }
    if (count < 0 && errno != EINTR) {
      return ss_fail_file(error, "read", "what a command printed", errno);
    }
    ss_text_append_bytes(text, buffer, count > 0 ? (size_t)count : 0);
  }
}

static ss_status start(const char *const *words, int output, pid_t *process, ss_error *error) {
  size_t count = 0;
  while (words[count]) {
    count++;
  }
  char **arguments = calloc(count + 2, sizeof *arguments);
  if (!arguments) {
    return ss_fail_memory(error, count, "a command");
  }
  static char name[] = "selfsup";
  arguments[0] = name;
  for (size_t i = 0; i < count; i++) {
    arguments[i + 1] = (char *)(uintptr_t)words[i]; /* posix_spawn changes none */
  }
  posix_spawn_file_actions_t actions;
  int problem = posix_spawn_file_actions_init(&actions);
  if (problem == 0) {
    problem = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    problem = problem ? problem : posix_spawn(process, "/proc/self/exe", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
  }
  free(arguments);
  return problem ? ss_fail(error, SS_FAILED, "cannot start %s: %s", words[0], strerror(problem)) : SS_OK;
}

static ss_status wait_for(pid_t process, const char *command, ss_error *error) {
  int outcome = 0;
  while (waitpid(process, &outcome, 0) < 0) {
    if (errno != EINTR) {
      return ss_fail(error, SS_FAILED, "lost sight of %s: %s", command, strerror(errno));
    }
  }
  if (WIFSIGNALED(outcome)) {
    return ss_fail(error, SS_FAILED, "%s was ended by signal %d", command, WTERMSIG(outcome));
  }
  return WEXITSTATUS(outcome) == 0
             ? SS_OK
             : ss_fail(error, SS_FAILED, "%s failed with status %d", command, WEXITSTATUS(outcome));
}

/* The object on the last line. */
static ss_status last_object(const ss_text *text, const char *command, cJSON **json, ss_error *error) {
  size_t end = text->length;
  while (end > 0 && text->data[end - 1] == '\n') {
    end--;
  }
  size_t begin = end;
  while (begin > 0 && text->data[begin - 1] != '\n') {
    begin--;
  }
  return begin < end ? ss_json_parse(json, text->data + begin, text->length - begin, command, error)
                     : ss_fail(error, SS_FAILED, "%s printed no result", command);
}

ss_status ss_child_run(const char *const *words, cJSON **json, ss_error *error) {
  *json = NULL;
  if (stopped) {
    return ss_fail(error, SS_INTERRUPTED, "stopped");
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return ss_fail(error, SS_FAILED, "cannot make a pipe: %s", strerror(errno));
  }
  pid_t process = 0;
  ss_status status = start(words, ends[1], &process, error);
  close(ends[1]);
  ss_text text = {0};
  if (status == SS_OK) {
    child = process;
    const ss_status read_status = read_all(ends[0], &text, error);
    status = wait_for(process, words[0], error);
    child = 0;
    status = status == SS_OK ? read_status : status;
  }
  close(ends[0]);
  if (status == SS_OK) {
    status = last_object(&text, words[0], json, error);
  } else if (stopped) {
    status = ss_fail(error, SS_INTERRUPTED, "stopped");
  }
  ss_text_free(&text);
  return status;
}
