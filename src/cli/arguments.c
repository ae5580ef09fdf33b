#include "cli/arguments.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_names = 200 };

/* Names are equal when underscores and dashes count as the same. */
static bool same_name(const char *a, const char *b, size_t b_length) {
  if (strlen(a) != b_length) {
    return false;
  }
  for (size_t i = 0; i < b_length; i++) {
    const char x = a[i] == '_' ? '-' : a[i], y = b[i] == '_' ? '-' : b[i];
    if (x != y) {
      return false;
    }
  }
  return true;
}

static ss_status unknown(const ss_command *command, const char *word, size_t length, ss_error *error) {
  const char *names[most_names];
  size_t count = 0;
  for (const ss_flag *flag = command->flags; flag && flag->name && count < most_names; flag++) {
    names[count++] = flag->name;
  }
  for (const ss_option *option = command->options; option && option->name && count < most_names; option++) {
    names[count++] = option->name;
  }
  char *name = strndup(word, length);
  const char *nearest = name ? ss_text_nearest(name, names, count) : NULL;
  free(name);
  return ss_fail(error, SS_USAGE, "unknown option: --%.*s; %s%s%s", (int)length, word,
                 nearest ? "did you mean --" : "see selfsup ", nearest ? nearest : command->name,
                 nearest ? "" : " --help");
}

typedef enum takes {
  TAKES_NOTHING,
  TAKES_VALUE,
  TAKES_SWITCH
} takes; /* a switch: --name, or --name=0 to turn it off */

/* Finds --word (or -w) in the tables: its name there, and what it takes. */
static ss_status look_up(const ss_command *command, const char *word, size_t length, bool letter, const char **name,
                         takes *what, ss_error *error) {
  for (const ss_flag *flag = command->flags; flag && flag->name; flag++) {
    if (letter ? flag->letter == *word : same_name(flag->name, word, length)) {
      *name = flag->name;
      *what = flag->value ? TAKES_VALUE : TAKES_NOTHING;
      return SS_OK;
    }
  }
  for (const ss_option *option = command->options; !letter && option && option->name; option++) {
    if (same_name(option->name, word, length)) {
      *name = option->name;
      *what = option->kind == SS_OPTION_BOOL ? TAKES_SWITCH : TAKES_VALUE;
      return SS_OK;
    }
  }
  if (letter) {
    return ss_fail(error, SS_USAGE, "unknown option: -%c; see selfsup %s --help", *word, command->name);
  }
  return unknown(command, word, length, error);
}

static ss_status read_word(const ss_command *command, int argc, char **argv, int *at, ss_arguments *out,
                           ss_error *error) {
  const char *word = argv[*at];
  const bool letter = word[1] != '-';
  const char *start = word + (letter ? 1 : 2);
  const char *equals = letter ? NULL : strchr(start, '=');
  const size_t length = equals ? (size_t)(equals - start) : letter ? 1 : strlen(start);
  const char *name = NULL;
  takes what = TAKES_NOTHING;
  SS_TRY(look_up(command, start, length, letter, &name, &what, error));
  const char *value = "";
  if (what == TAKES_SWITCH) {
    value = equals ? equals + 1 : "1";
  } else if (what == TAKES_VALUE) {
    value = equals ? equals + 1 : letter && start[1] ? start + 1 : *at + 1 < argc ? argv[++*at] : NULL;
    if (!value) {
      return ss_fail(error, SS_USAGE, "%s needs a value", word);
    }
  } else if (equals || (letter && start[1])) {
    return ss_fail(error, SS_USAGE, "%s takes no value", word);
  }
  out->names[out->count] = name;
  out->values[out->count++] = value;
  return SS_OK;
}

ss_status ss_arguments_read(const ss_command *command, int argc, char **argv, ss_arguments *out, ss_error *error) {
  *out = (ss_arguments){.command = command};
  const size_t room = (size_t)argc + 1;
  ss_status status = ss_alloc((void **)&out->operands, room, sizeof(char *), "the arguments", error);
  if (status == SS_OK) {
    status = ss_alloc((void **)&out->names, room, sizeof(char *), "the arguments", error);
  }
  if (status == SS_OK) {
    status = ss_alloc((void **)&out->values, room, sizeof(char *), "the arguments", error);
  }
  bool only_operands = false;
  for (int i = 0; i < argc && status == SS_OK; i++) {
    if (!only_operands && strcmp(argv[i], "--") == 0) {
      only_operands = true;
    } else if (only_operands || argv[i][0] != '-' || argv[i][1] == '\0') {
      out->operands[out->operand_count++] = argv[i];
    } else {
      status = read_word(command, argc, argv, &i, out, error);
    }
  }
  if (status == SS_OK && !ss_arguments_has(out, "help") &&
      (out->operand_count < command->least || out->operand_count > command->most)) {
    status = ss_fail(error, SS_USAGE, "usage: selfsup %s %s [options]; see selfsup %s --help", command->name,
                     command->operands, command->name);
  }
  if (status != SS_OK) {
    ss_arguments_free(out);
  }
  return status;
}

void ss_arguments_free(ss_arguments *arguments) {
  free(arguments->operands);
  free(arguments->names);
  free(arguments->values);
  memset(arguments, 0, sizeof *arguments);
}

bool ss_arguments_has(const ss_arguments *arguments, const char *name) {
  return ss_arguments_value(arguments, name, NULL) != NULL;
}

const char *ss_arguments_value(const ss_arguments *arguments, const char *name, const char *fallback) {
  for (int i = arguments->count; i-- > 0;) {
    if (strcmp(arguments->names[i], name) == 0) {
      return arguments->values[i];
    }
  }
  return fallback;
}

ss_status ss_arguments_int(const ss_arguments *arguments, const char *name, int64_t low, int64_t high, int64_t fallback,
                           int64_t *value, ss_error *error) {
  const char *text = ss_arguments_value(arguments, name, NULL);
  *value = fallback;
  if (!text) {
    return SS_OK;
  }
  char what[64];
  snprintf(what, sizeof what, "--%s", name);
  return ss_text_int(text, what, low, high, value, error);
}

ss_status ss_arguments_apply(const ss_arguments *arguments, ss_settings *settings, ss_error *error) {
  for (int i = 0; i < arguments->count; i++) {
    if (strcmp(arguments->names[i], "set") == 0) {
      SS_TRY(ss_settings_set_pair(settings, arguments->values[i], error));
    } else if (ss_settings_has(settings, arguments->names[i])) {
      SS_TRY(ss_settings_set(settings, arguments->names[i], arguments->values[i], true, error));
    }
  }
  return SS_OK;
}

ss_status ss_arguments_settings(const ss_arguments *arguments, ss_settings **settings, ss_error *error) {
  SS_TRY(ss_settings_new(arguments->command->options, NULL, settings, error));
  return ss_arguments_apply(arguments, *settings, error);
}

/* One line of --help: the option in a column of its own, the help wrapped beside it. */
static void print_option(const char *left, const char *help) {
  enum { column = 26, width = 80 };
  printf("  %-*s", column - 2, left);
  if (strlen(left) > column - 4) {
    printf("\n%*s", column, "");
  }
  int used = column;
  while (*help) {
    const int length = (int)strcspn(help, " ");
    if (used > column && used + length > width) {
      printf("\n%*s", column, "");
      used = column;
    }
    printf("%.*s ", length, help);
    used += length + 1;
    help += length;
    help += *help == ' ';
  }
  printf("\n");
}

static const char *kind_name(ss_option_kind kind) {
  static const char *const names[] = {"N", "X", "FRACTION", "0|1", "TEXT", ""};
  return names[kind];
}

void ss_command_help(const ss_command *command) {
  printf("usage: selfsup %s %s [options]\n\n%s\n\n", command->name, command->operands, command->summary);
  for (const ss_flag *flag = command->flags; flag && flag->name; flag++) {
    char left[80];
    char letter[6] = "";
    if (flag->letter) {
      snprintf(letter, sizeof letter, "-%c, ", flag->letter);
    }
    snprintf(left, sizeof left, "%s--%s%s%s", letter, flag->name, flag->value ? " " : "",
             flag->value ? flag->value : "");
    print_option(left, flag->help);
  }
  for (const ss_option *option = command->options; option && option->name; option++) {
    char left[80], help[400], name[40];
    snprintf(name, sizeof name, "%s", option->name);
    for (char *at = name; *at; at++) {
      *at = *at == '_' ? '-' : *at;
    }
    const bool is_switch = option->kind == SS_OPTION_BOOL;
    snprintf(left, sizeof left, "--%s%s%s", name, is_switch ? "[=0]" : " ",
             is_switch                          ? ""
             : option->kind == SS_OPTION_CHOICE ? option->choices
                                                : kind_name(option->kind));
    const bool shown = option->standard && *option->standard;
    snprintf(help, sizeof help, "%s%s%s%s", option->help, shown ? " (default " : "", shown ? option->standard : "",
             shown ? ")" : "");
    print_option(left, help);
  }
  if (command->more) {
    printf("\n%s\n", command->more);
  }
}

int ss_complain(ss_status status, const ss_error *error) {
  if (status == SS_OK) {
    return 0;
  }
  fprintf(stderr, "selfsup: %s\n", error->message);
  return status == SS_USAGE ? 2 : 1;
}
