/* Reading the command line: GNU long options, a few letters, --help. */
#ifndef SS_CLI_ARGUMENTS_H
#define SS_CLI_ARGUMENTS_H

#include "methods/option.h"

/* An option of a command. Tables end with a zeroed one. */
typedef struct ss_flag {
  const char *name;  /* "out" for --out */
  char letter;       /* 'o' for -o, or 0 */
  const char *value; /* what its value is called in --help: "FILE"; NULL: it takes none */
  const char *help;
} ss_flag;

struct ss_arguments;

/* A command of the program. */
typedef struct ss_command {
  const char *name;
  const char *operands; /* "METHOD DATA" */
  const char *summary;  /* one line */
  const char *more;     /* paragraphs for --help, after the options; may be NULL */
  int least, most;      /* operands */
  const ss_flag *flags;
  const ss_option *options; /* more options, set by name; underscores may be written as dashes; NULL: none */
  int (*run)(const struct ss_arguments *arguments); /* returns the exit status */
} ss_command;

/* A command line that has been read. */
typedef struct ss_arguments {
  const ss_command *command;
  const char **operands;
  int operand_count;
  const char **names;  /* of the flags and options that were given, in order; as in the tables */
  const char **values; /* "" for those that take none */
  int count;
} ss_arguments;

/* Reads the words after the command's name. SS_USAGE with a line that names the nearest known option. The strings are
 * argv's and the tables'. */
ss_status ss_arguments_read(const ss_command *command, int argc, char **argv, ss_arguments *out, ss_error *error);
void ss_arguments_free(ss_arguments *arguments);

bool ss_arguments_has(const ss_arguments *arguments, const char *name);
/* The last value given for a flag, or `fallback`. */
const char *ss_arguments_value(const ss_arguments *arguments, const char *name, const char *fallback);
/* The last value as a whole number from low to high. */
ss_status ss_arguments_int(const ss_arguments *arguments, const char *name, int64_t low, int64_t high, int64_t fallback,
                           int64_t *value, ss_error *error);

/* Sets the options among the arguments that `settings` has, and the pairs of --set, in the order of the command line.
 */
ss_status ss_arguments_apply(const ss_arguments *arguments, ss_settings *settings, ss_error *error);

/* The command's options, as the command line sets them. */
ss_status ss_arguments_settings(const ss_arguments *arguments, ss_settings **settings, ss_error *error);

/* Prints --help of a command to standard output. */
void ss_command_help(const ss_command *command);

/* Prints "selfsup: MESSAGE" to standard error and returns the exit status that goes with the status: 1, or 2 for wrong
 * usage. */
int ss_complain(ss_status status, const ss_error *error);

#endif
