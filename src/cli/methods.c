/* selfsup methods [METHOD] */
#include "cli/json_output.h"
#include "methods/method.h"
#include "train/config.h"

#include <stdio.h>
#include <string.h>

static const ss_flag flags[] = {{"json", 0, NULL, "print one JSON object"}, {"help", 'h', NULL, "this text"}, {0}};

static void print_option(const ss_option *option) {
  printf("  %-20s %-10s %s\n", option->name, option->standard ? option->standard : "-", option->help);
}

/* Words of a paragraph, in lines of at most 100 characters; later lines are indented by two. */
static void print_wrapped(const char *label, const char *text) {
  enum { most = 100 };
  int column = printf("%s", label);
  while (*text) {
    const int length = (int)strcspn(text, " ");
    if (column > 2 && column + 1 + length > most) {
      column = printf("\n  ") - 1;
    } else if (column > 2) {
      column += printf(" ");
    }
    column += printf("%.*s", length, text);
    text += length;
    text += strspn(text, " ");
  }
  printf("\n");
}

static void print_method(const ss_method *method) {
  char label[64];
  snprintf(label, sizeof label, "%s:", method->name);
  print_wrapped(label, method->summary);
  printf("\n  %s.\n  %s. %s.\n\n", method->paper.title, method->paper.authors, method->paper.venue);
  if (method->options && method->options->name) {
    printf("Options (--set key=value):\n");
    for (const ss_option *option = method->options; option->name; option++) {
      print_option(option);
    }
    printf("\n");
  }
  if (method->recipes) {
    printf("Recipes (--set recipe=NAME):\n");
    for (const ss_recipe *recipe = method->recipes; recipe->name; recipe++) {
      printf("  %-20s %s\n  %-20s %s\n", recipe->name, recipe->what, "", recipe->pairs);
    }
    printf("\n");
  }
  if (method->defaults) {
    printf("Training defaults: %s\n", method->defaults);
  }
  if (method->changes) {
    print_wrapped("Changed from the paper for small images:", method->changes);
  }
  if (method->score.what) {
    print_wrapped("Pretext score:", method->score.what);
  }
}

static ss_status add_options(cJSON *json, const ss_method *method, ss_error *error) {
  cJSON *list = NULL;
  SS_TRY(ss_json_add_array(json, "options", &list, error));
  for (const ss_option *option = method->options; option && option->name; option++) {
    cJSON *item = NULL;
    SS_TRY(ss_json_add_object(list, NULL, &item, error));
    SS_TRY(ss_json_add_string(item, "name", option->name, error));
    if (option->standard) {
      SS_TRY(ss_json_add_string(item, "default", option->standard, error));
    }
    SS_TRY(ss_json_add_string(item, "help", option->help, error));
  }
  return SS_OK;
}

static ss_status add_method(cJSON *list, const ss_method *method, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(ss_json_add_object(list, NULL, &json, error));
  SS_TRY(ss_json_add_string(json, "name", method->name, error));
  SS_TRY(ss_json_add_string(json, "summary", method->summary, error));
  SS_TRY(ss_json_add_string(json, "title", method->paper.title, error));
  SS_TRY(ss_json_add_string(json, "authors", method->paper.authors, error));
  SS_TRY(ss_json_add_string(json, "venue", method->paper.venue, error));
  return add_options(json, method, error);
}

/* All methods, or the one that `context` is. */
static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const ss_method *only = context;
  cJSON *list = NULL;
  SS_TRY(ss_json_add_array(json, "methods", &list, error));
  for (const ss_method *const *method = ss_methods(); *method; method++) {
    if (!only || only == *method) {
      SS_TRY(add_method(list, *method, error));
    }
  }
  return SS_OK;
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  const ss_method *only = NULL;
  if (arguments->operand_count == 1) {
    const ss_status status = ss_method_find(arguments->operands[0], &only, &error);
    if (status != SS_OK) {
      return ss_complain(status, &error);
    }
  }
  if (ss_arguments_has(arguments, "json")) {
    return ss_complain(ss_json_output(arguments, fill_json, only, &error), &error);
  }
  if (only) {
    print_method(only);
    return 0;
  }
  for (const ss_method *const *method = ss_methods(); *method; method++) {
    printf("%-14s %s (%s)\n", (*method)->name, (*method)->summary, (*method)->paper.venue);
  }
  return 0;
}

const ss_command ss_command_methods = {.name = "methods",
                                       .operands = "[METHOD]",
                                       .summary = "the methods; one method's paper, options and defaults",
                                       .least = 0,
                                       .most = 1,
                                       .flags = flags,
                                       .run = run};
