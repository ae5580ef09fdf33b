/* selfsup: self-supervised visual learning, from unlabelled pictures to a measured feature extractor. */
#include "base/clock.h"
#include "base/text.h"
#include "cli/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SS_COMMAND(name) extern const ss_command ss_command_##name;
#include "cli/commands.h"
#undef SS_COMMAND

static const ss_command *const commands[] = {
#define SS_COMMAND(name) &ss_command_##name,
#include "cli/commands.h"
#undef SS_COMMAND
};
enum { command_count = sizeof commands / sizeof *commands };

static void print_help(void) {
  printf("usage: selfsup COMMAND ...\n\nLearns features from pictures that nobody labelled, and measures them.\n\n");
  for (int i = 0; i < command_count; i++) {
    printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
  }
  printf("\n'selfsup COMMAND --help' explains a command; 'selfsup --version' tells the version.\n");
}

/* How often a waiting OpenMP thread of GNU's library looks again before it sleeps, for `seconds` of waiting. A look
 * takes from one to some fifty nanoseconds, as the processor's pause does. */
static int looks_in(double seconds) {
  enum { looks = 512, most = 1000000 };
  const double start = ss_clock_seconds();
  for (int i = 0; i < looks; i++) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("" ::: "memory");
#endif
  }
  const double look = (ss_clock_seconds() - start) / looks;
  return look * most > seconds ? (int)(seconds / look) : most;
}

/* OpenMP's threads spin for milliseconds at barriers unless told otherwise before they start, and two programs that
 * spin on the same processors slow each other manyfold; threads that sleep at once take longer to wake than a small
 * loop takes. So the program starts itself again with a short spin before sleep, unless the user has set how to wait
 * (docs/performance.md, "Beside other programs"). */
static void wait_politely(char **argv) {
  if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) {
    return;
  }
  char looks[16];
  snprintf(looks, sizeof looks, "%d", looks_in(15e-6));
  if (setenv("OMP_WAIT_POLICY", "passive", 1) == 0 && setenv("GOMP_SPINCOUNT", looks, 1) == 0) {
    execv("/proc/self/exe", argv); /* goes on below if there is no /proc */
  }
}

static int run(const ss_command *command, int argc, char **argv) {
  ss_arguments arguments;
  ss_error error = {""};
  const ss_status status = ss_arguments_read(command, argc, argv, &arguments, &error);
  if (status != SS_OK) {
    return ss_complain(status, &error);
  }
  int exit_status = 0;
  if (ss_arguments_has(&arguments, "help")) {
    ss_command_help(command);
  } else {
    exit_status = command->run(&arguments);
  }
  ss_arguments_free(&arguments);
  return exit_status;
}

/* What was printed must have arrived: a full disk behind standard output is a failure. */
static int finish(int exit_status) {
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fprintf(stderr, "selfsup: cannot write to standard output\n");
    return exit_status ? exit_status : 1;
  }
  return exit_status;
}

int main(int argc, char **argv) {
  wait_politely(argv);
  if (argc < 2) {
    print_help();
    return finish(2);
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
    print_help();
    return finish(0);
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("selfsup %s\n", SS_VERSION);
    return finish(0);
  }
  const char *names[command_count];
  for (int i = 0; i < command_count; i++) {
    names[i] = commands[i]->name;
    if (strcmp(argv[1], names[i]) == 0) {
      return finish(run(commands[i], argc - 2, argv + 2));
    }
  }
  const char *nearest = ss_text_nearest(argv[1], names, command_count);
  fprintf(stderr, "selfsup: unknown command: %s; %s%s\n", argv[1], nearest ? "did you mean " : "see selfsup --help",
          nearest ? nearest : "");
  return 2;
}
